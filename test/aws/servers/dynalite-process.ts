/** The process that `startDynalite` starts: listens on any port and tells which. */
import type { Server } from "node:http";
import { createRequire } from "node:module";

type Dynalite = (options: { readonly createTableMs: number; readonly deleteTableMs: number }) => Server;

const dynalite = createRequire(import.meta.url)("dynalite") as Dynalite;
const server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.send?.({ port: address.port });
});
// The end of whoever started it, however that ended.
process.on("disconnect", () => process.exit(0));
