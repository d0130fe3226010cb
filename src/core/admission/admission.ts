/**
 * Whether new work is let in. A client's command is admitted or refused at once, with the time after which a retry can
 * help; back-pressure is an answer, not a longer wait. Messages and timers are promises already made: they are held
 * back where they are durable and come again, never refused.
 *
 * Asked after a duplicate was recognised: the outcome of a command that is done is given out under any load.
 */
import type { Problem } from "../answer.js";
import { unreachable } from "../unreachable.js";
import type { MemoryBudget, Pressure } from "./memory-budget.js";

export type Admission =
  | { readonly kind: "admit" }
  /** Leave it where it is stored, and ask again when something has drained. */
  | { readonly kind: "hold" }
  | { readonly kind: "refuse"; readonly problem: Problem };

/** `starting`: not all shards are open. `stopping`: what is accepted is finished, nothing new is taken. */
export type Phase = "starting" | "open" | "stopping";

/** What wants in. */
export interface Arrival {
  readonly origin: "client" | "message" | "timer";
  /** Of another router's client: what is open here serves it, while the rest is still being opened. */
  readonly isForwarded: boolean;
  /** Queries append nothing, so slow storage does not keep them out. */
  readonly isQuery: boolean;
  readonly bytes: number;
  readonly mailboxLength: number;
  readonly mailboxMax: number;
}

/** What a shard, and the log it writes to, have ahead of them. May be kept and changed in place. */
export interface ShardLoad {
  /** Of the log, not yet covered by a flush. */
  readonly tailBytes: number;
  readonly tailRecords: number;
  /** How long the oldest entry waits to become durable; 0: none waits. */
  readonly durableLagMs: number;
  /** How old the oldest record may be that is not covered by a flush. */
  readonly recordAgeMs: number;
}

export interface AdmissionLimits {
  /** Replay after a crash reads the tail: its length is the time that a restart takes. Flushes begin far below. */
  readonly tailBytesMax: number;
  readonly tailRecordsMax: number;
  /** With entries older than this the storage is slow or stands still: more of them would only wait longer. */
  readonly durableLagMaxMs: number;
  /** With records older than this, flushes have failed for so long that what is accepted could expire before the next (RULES.md 1). */
  readonly recordAgeMaxMs: number;
}

export const DEFAULT_ADMISSION_LIMITS: AdmissionLimits = {
  tailBytesMax: 256 << 20,
  tailRecordsMax: 200_000,
  durableLagMaxMs: 5_000,
  recordAgeMaxMs: Infinity,
};

/** A Retry-After counts whole seconds; nobody should come back earlier, nor wait longer on a guess. */
const RETRY_AFTER_MS_MIN = 1_000;
const RETRY_AFTER_MS_MAX = 30_000;

const ADMIT: Admission = { kind: "admit" };
const HOLD: Admission = { kind: "hold" };

/** Why an arrival is not let in; the order is that of the checks. */
export type Obstacle = "starting" | "stopping" | "mailbox_full" | "storage_slow" | "overloaded";

export function obstacleOf(
  arrival: Arrival,
  phase: Phase,
  shard: ShardLoad,
  pressure: Pressure,
  limits: AdmissionLimits,
): Obstacle | null {
  if (phase !== "open" && !(phase === "starting" && arrival.isForwarded)) return phase;
  if (arrival.mailboxLength >= arrival.mailboxMax) return "mailbox_full";
  if (!arrival.isQuery) {
    if (shard.durableLagMs > limits.durableLagMaxMs) return "storage_slow";
    if (shard.recordAgeMs > limits.recordAgeMaxMs) return "storage_slow";
    if (shard.tailBytes >= limits.tailBytesMax || shard.tailRecords >= limits.tailRecordsMax) return "storage_slow";
  }
  // Clients are kept out of the reserve, so that messages between entities, which free memory, still go on.
  if (pressure === "full" || (pressure === "shed" && arrival.origin === "client")) return "overloaded";
  return null;
}

export class AdmissionControl {
  readonly #limits: AdmissionLimits;
  readonly #budget: MemoryBudget;
  #phase: Phase = "starting";

  constructor(budget: MemoryBudget, limits: AdmissionLimits = DEFAULT_ADMISSION_LIMITS) {
    this.#budget = budget;
    this.#limits = limits;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** All shards are open. No effect once the router stops. */
  opened(): void {
    if (this.#phase === "starting") this.#phase = "open";
  }

  stopped(): void {
    this.#phase = "stopping";
  }

  decide(arrival: Arrival, shard: ShardLoad): Admission {
    const obstacle = obstacleOf(arrival, this.#phase, shard, this.#budget.pressure(arrival.bytes), this.#limits);
    if (obstacle === null) return ADMIT;
    if (arrival.origin !== "client") return HOLD;
    return { kind: "refuse", problem: this.#problem(obstacle, arrival, shard) };
  }

  #problem(obstacle: Obstacle, arrival: Arrival, shard: ShardLoad): Problem {
    switch (obstacle) {
      case "starting":
        return problem(obstacle, "the router is starting: its shards are not open yet", RETRY_AFTER_MS_MIN);
      case "stopping":
        return problem(obstacle, "the router is stopping and takes nothing new", RETRY_AFTER_MS_MIN);
      case "mailbox_full":
        return problem(obstacle, `${arrival.mailboxMax} commands wait for this entity already`, RETRY_AFTER_MS_MIN);
      case "storage_slow":
        // As long as it has stood still already it may well go on doing so.
        return problem(obstacle, "the storage does not keep up with what is accepted", shard.durableLagMs);
      case "overloaded":
        return problem(obstacle, "the router holds as many bytes as it may", this.#budget.reliefMs(arrival.bytes));
      default:
        return unreachable(obstacle);
    }
  }
}

function problem(code: Obstacle, message: string, retryAfterMs: number | null): Problem {
  const wished = retryAfterMs ?? RETRY_AFTER_MS_MAX;
  return { code, message, retryAfterMs: Math.ceil(Math.min(RETRY_AFTER_MS_MAX, Math.max(RETRY_AFTER_MS_MIN, wished))) };
}
