/** The first request of a start: what may pass within a second or two is no reason to refuse it. */
import type { ClockPort } from "../ports/clock.js";
import type { AwsFailure } from "./failure.js";

const TRIES = 5;
const WAIT_MIN_MS = 100;

/** Asks until there is an answer, or a failure that waiting does not mend; null: all is well. About two seconds at most, and the requests' own time. */
export async function firstAnswer(clock: ClockPort, ask: () => Promise<AwsFailure | null>): Promise<AwsFailure | null> {
  for (let tried = 1; ; tried++) {
    const failure = await ask();
    if (failure === null || !mayPass(failure) || tried === TRIES) return failure;
    await clock.sleep(WAIT_MIN_MS * 2 ** (tried - 1));
  }
}

function mayPass({ kind }: AwsFailure): boolean {
  return kind === "throttled" || kind === "ambiguous" || kind === "notSent";
}
