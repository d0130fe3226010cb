/** The numbers the dispatcher decides by, each with its reason. Tests and the simulator replace single ones. */
export interface DispatchTuning {
  /** An invocation older than this many times its lane's usual time no longer counts against the in-flight limit. */
  readonly overdueFactor: number;
  /** But never earlier than this: below it, noise of the network and of timers would make everything overdue. */
  readonly overdueFloorMs: number;
  /** Overdue or not, so many times `inFlightMax` invocations may be open at once: sockets and memory are finite. */
  readonly attemptsFactor: number;
  /** First pause after `unavailable`: short, since one throttled call among many should cost little. */
  readonly backoffMinMs: number;
  /** Longest pause: an endpoint that is back is found within this time. */
  readonly backoffMaxMs: number;
  /** A `retryAfterMs` is believed up to here. */
  readonly retryAfterMaxMs: number;
  /** A lowered limit grows by one per so many healthy completions at least; below that, trying for more costs more than it gains. */
  readonly growthCompletionsMin: number;
  /** So many different entities failing in a row, with no outcome in between, mean that the endpoint is sick, not they. */
  readonly sickAfter: number;
  /** How many suspected entities are remembered; the oldest is forgotten first and would have to fail again. */
  readonly suspectsMax: number;
  /** While more invocations are in flight than offers wait, offers gather for so long: larger batches cost less per command. */
  readonly gatherLatencyMs: number;
  /** The same where cost is preferred; there every offer waits for a full batch or an idle lane. */
  readonly gatherCostMs: number;
  /** Where latency is preferred a batch is predicted to take no longer than this, or than two single commands. */
  readonly batchTargetMs: number;
  /** No batch is predicted to take more than this share of the timeout. */
  readonly timeoutShare: number;
  /** A command kind this many times slower than its type gets into the slow lane... */
  readonly slowFactor: number;
  /** ...when it takes at least this long. It returns at half of both, so that it does not flap. */
  readonly slowFloorMs: number;
  /** So many commands of one entity share an invocation, since others wait meanwhile. */
  readonly commandsPerEntityMax: number;
  /** So many command kinds per type have times of their own; names are bounded by the contract, this bounds mistakes. */
  readonly kindsMax: number;
}

export const DISPATCH_TUNING: DispatchTuning = {
  overdueFactor: 2,
  overdueFloorMs: 20,
  attemptsFactor: 4,
  backoffMinMs: 20,
  backoffMaxMs: 10_000,
  retryAfterMaxMs: 60_000,
  growthCompletionsMin: 8,
  sickAfter: 4,
  suspectsMax: 4_096,
  gatherLatencyMs: 1,
  gatherCostMs: 5,
  batchTargetMs: 25,
  timeoutShare: 1 / 4,
  slowFactor: 4,
  slowFloorMs: 20,
  commandsPerEntityMax: 256,
  kindsMax: 256,
};
