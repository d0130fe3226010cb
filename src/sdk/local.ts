/** A function in this very process, for embedded routers and tests: the same contract, byte for byte, without a network. */
import { answerRequest, type CarriedAnswer, type CarriedRequest } from "./answer-request.js";
import type { Definition } from "./definition.js";
import { type RunOptions, servedOf } from "./invocation.js";

/** Takes one request of the contract and answers as the same definitions would over HTTP. Never rejects. */
export type LocalFunction = (request: CarriedRequest) => Promise<CarriedAnswer>;

/** The definitions as a function that is called in process: `local([cart, inventory])`. */
export function local(definitions: readonly Definition[], options: RunOptions = {}): LocalFunction {
  const served = servedOf(definitions);
  return (request) => answerRequest(served, options, request);
}
