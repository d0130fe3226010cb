/** `serve`: definitions as an HTTP function. The server itself is loaded when it is asked for, so that bundles go without. */
import type { Definition } from "./definition.js";
import type { FunctionServer, ServeOptions } from "./http-server.js";
import { servedOf } from "./invocation.js";

/**
 * Serves the definitions over HTTP on any path: answers stream as NDJSON, one entity as it finishes, or come as one JSON
 * document where the caller asks for that; protobuf is understood too. Rejects where the port cannot be taken.
 */
export async function serve(definitions: readonly Definition[], options: ServeOptions): Promise<FunctionServer> {
  const served = servedOf(definitions);
  const { listen } = await import("./http-server.js");
  return listen(served, options);
}
