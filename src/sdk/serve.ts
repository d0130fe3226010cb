/** `serve`: definitions as an HTTP function. */
import type { Definition } from "./definition.js";
import { type FunctionServer, listen, type ServeOptions } from "./http-server.js";
import { servedOf } from "./invocation.js";

/**
 * Serves the definitions over HTTP on any path: answers stream as NDJSON, one entity as it finishes, or come as one JSON
 * document where the caller asks for that; protobuf is understood too. Rejects where the port cannot be taken.
 */
export async function serve(definitions: readonly Definition[], options: ServeOptions): Promise<FunctionServer> {
  return listen(servedOf(definitions), options);
}
