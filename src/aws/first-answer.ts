/** The first request of a start: what may pass within a second or two is not worth a word. */
import type { ClockPort } from "../ports/clock.js";
import { AwsProblem, type AwsProblemCode } from "./aws-problem.js";
import type { AwsFailure } from "./failure.js";

const TRIES = 5;
const WAIT_MIN_MS = 100;
/** No try begins later: whoever swallows requests would otherwise keep a start from listening for a quarter of a minute. */
const PATIENCE_MS = 2_000;

/** Asks until there is an answer, or a failure that waiting does not mend; null: all is well. */
export async function firstAnswer(clock: ClockPort, ask: () => Promise<AwsProblem | null>): Promise<AwsProblem | null> {
  const untilMs = clock.monotonicMs() + PATIENCE_MS;
  for (let tried = 1; ; tried++) {
    const problem = await ask();
    if (problem === null || !mayPass(problem.code)) return problem;
    if (tried === TRIES || clock.monotonicMs() >= untilMs) return problem;
    await clock.sleep(WAIT_MIN_MS * 2 ** (tried - 1));
  }
}

/** Whether time alone may mend it: nobody has said that the request is wrong. A router waits for that, however long it lasts. */
export function mayPass(code: string | undefined): boolean {
  return PASSING.some((passing) => passing === code);
}

const PASSING: readonly AwsProblemCode[] = ["aws_throttled", "aws_no_answer", "aws_unreachable"];

/** Of a table that was asked for the first time. */
export function tableProblem({ code, message }: AwsFailure): AwsProblem {
  return new AwsProblem(code === "aws_request_invalid" ? "aws_table_unfit" : code, message);
}
