/** Asks a function what it serves. Rare, so it is written for clearness. */
import type { Dispatcher } from "undici";
import type { DiscoverOutcome } from "../../ports/invoker.js";
import { CONTENT_TYPE } from "../../protocol/function/contract.js";
import { endOfStatus } from "../../protocol/function/http-binding.js";
import { encodeJsonDiscovery } from "../../protocol/function/json-request.js";
import { jsonProblem } from "../../protocol/function/json-scanner.js";

export const MANIFEST_BYTES_MAX = 4 << 20;
const DISCOVERY_TIMEOUT_MS = 10_000;

export async function discoverOverHttp(
  dispatcher: Dispatcher,
  path: string,
  headers: readonly string[],
  signal: AbortSignal,
): Promise<DiscoverOutcome> {
  try {
    const response = await dispatcher.request({
      path,
      method: "POST",
      headers: ["content-type", CONTENT_TYPE.json, "accept", CONTENT_TYPE.json, ...headers],
      body: encodeJsonDiscovery(),
      signal,
      headersTimeout: DISCOVERY_TIMEOUT_MS,
      bodyTimeout: DISCOVERY_TIMEOUT_MS,
    });
    const bytes = await readBody(response.body);
    if (bytes === null) return { kind: "malformed", message: `the manifest is longer than ${MANIFEST_BYTES_MAX} bytes` };
    if (response.statusCode !== 200) return statusOutcome(response.statusCode, response.headers["location"], bytes);
    const problem = jsonProblem(bytes);
    if (problem === null) return { kind: "discovered", manifest: bytes };
    return { kind: "malformed", message: `the manifest is no JSON: ${problem.message}, at byte ${problem.offset}` };
  } catch (error) {
    return { kind: "unavailable", message: (error as Error).message };
  }
}

function statusOutcome(status: number, location: string | string[] | undefined, bytes: Uint8Array): DiscoverOutcome {
  const head = { location: typeof location === "string" ? location : null, retryAfterMs: null };
  const end = endOfStatus(status, head, Buffer.from(bytes.subarray(0, 2_048)).toString("utf8"));
  if (end.kind === "complete") throw new Error("a status other than 200 is no complete answer");
  return { kind: end.kind === "malformed" ? "malformed" : "unavailable", message: end.message };
}

/** Null: it is longer than allowed. */
async function readBody(body: AsyncIterable<Buffer> & { destroy(): void }): Promise<Uint8Array | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MANIFEST_BYTES_MAX) return null; // leaving the loop destroys the body
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
