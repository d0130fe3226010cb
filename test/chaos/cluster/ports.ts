/** Ports that a node keeps over its restarts: below those that the system gives to outgoing connections, so that none is lost to one. */
import { once } from "node:events";
import { createServer } from "node:net";

const FIRST = 18_000;
const LAST = 31_999;

const taken = new Set<number>();

export async function keptPort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (taken.has(port)) continue;
    taken.add(port);
    const server = createServer();
    const failed = once(server, "error").then(() => false);
    server.listen(port, "127.0.0.1");
    if (!(await Promise.race([once(server, "listening").then(() => true), failed]))) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
