/** A function in this very process, for embedded routers and tests: the same contract, text for text, without a network. */
import { endLine, entityLine, manifestText, parseFunctionRequest } from "../protocol/function/server-json.js";
import type { Definition } from "./definition.js";
import { manifestOf } from "./discovery.js";
import { type RunOptions, runInvocation, servedOf } from "./invocation.js";

/**
 * Takes the bytes of one request in the contract's JSON form and hands over the answer chunk by chunk: for an invocation
 * one line of NDJSON for each entity as it finishes and an end line, for a discovery the manifest. Resolves when the answer
 * is complete; rejects where the request is none of the contract's.
 */
export type LocalFunction = (request: Uint8Array, onChunk: (chunk: Uint8Array) => void, signal?: AbortSignal) => Promise<void>;

/** The definitions as a function that is called in process: `local([cart, inventory])`. */
export function local(definitions: readonly Definition[], options: RunOptions = {}): LocalFunction {
  const served = servedOf(definitions);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  return async (bytes, onChunk, signal) => {
    const request = parseFunctionRequest(decoder.decode(bytes));
    switch (request.kind) {
      case "discover":
        onChunk(encoder.encode(manifestText(manifestOf(served, ["json"]))));
        return;
      case "invoke":
        await runInvocation(served, request.invocation, { ...options, signal }, (result) =>
          onChunk(encoder.encode(entityLine(result))),
        );
        onChunk(encoder.encode(endLine(request.invocation.entities.length)));
    }
  };
}
