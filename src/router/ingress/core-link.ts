/**
 * The seam between whoever asks (ingress, admin) and the core. Inputs are queued and taken by the core at the end of the
 * event-loop turn; what comes back goes to the listener that `open` was given.
 */
import type { Answer, FeedEnd } from "../../core/answer.js";
import type { HistoryEvent } from "../../core/entity/invocation.js";
import type { AdminAsked, CommandArrived, ReadAsked } from "../../core/request.js";

export type RequestInput = CommandArrived | ReadAsked | AdminAsked;

/** Who waits for one request. Called by the driver, never inside `submit`; must not throw. */
export interface RequestListener {
  /** At most once; only `fed` may follow it, and only for a followed request. */
  answered(answer: Answer): void;
  /** Events of a followed request, in order. Nothing follows once `ended` is given. */
  fed(events: readonly HistoryEvent[], ended: FeedEnd | null): void;
}

export interface CoreLink {
  /** Gives a request its number, and remembers its listener until it is answered (or its feed ended) or left. */
  open(listener: RequestListener, isFollowed: boolean): number;
  /** Queues an input whose `request` came from `open`. */
  submit(input: RequestInput): void;
  /** The client is gone: the listener is forgotten, and the core is told. No effect when nothing is open any more. */
  leave(request: number): void;
  nowMs(): number;
}
