/**
 * The live side of a deployment: which invocations are open, how much they count against the in-flight limit, and which
 * lanes wait for a place.
 *
 * An attempt counts by the share of its members that have no result yet, so that a batch with one straggler left holds
 * next to nothing; and not at all once it is overdue. The number of open attempts is bounded nevertheless.
 */
import type { DeploymentLimits } from "../input.js";
import type { Batch } from "./dispatch.js";
import { EndpointHealth } from "./endpoint-health.js";
import type { Lane, Offer } from "./lane.js";
import type { DispatchTuning } from "./tuning.js";

/** The weight of an attempt without results. An integer, so that sums stay exact. */
export const FULL_WEIGHT = 1 << 20;

/** One invocation, from its start to its end. */
export class Attempt implements Batch {
  readonly attempt: number;
  readonly endpoint: Endpoint;
  readonly lane: Lane;
  readonly members: readonly Offer[];
  readonly commandCount: number;
  readonly timeoutMs: number;
  readonly startedAtMs: number;
  readonly overdueAtMs: number;
  readonly isProbe: boolean;
  readonly generation: number;
  /** Number of attempts that the endpoint had started when this one was, and whether some of them were still open. */
  readonly startedBefore: number;
  readonly hadCompany: boolean;
  weight = 0;
  unfinished: number;
  hasOutcome = false;
  isMeasured = false;
  index = -1;

  constructor(attempt: number, endpoint: Endpoint, lane: Lane, members: readonly Offer[], nowMs: number, tuning: DispatchTuning) {
    this.attempt = attempt;
    this.endpoint = endpoint;
    this.lane = lane;
    this.members = members;
    this.timeoutMs = endpoint.limits.timeoutMs;
    this.startedAtMs = nowMs;
    let commandCount = 0;
    let commandsOfOne = 1;
    for (const { commandsMax } of members) {
      commandCount += commandsMax;
      if (commandsMax > commandsOfOne) commandsOfOne = commandsMax;
    }
    this.commandCount = commandCount;
    this.overdueAtMs = nowMs + Math.max(tuning.overdueFloorMs, tuning.overdueFactor * lane.usual.ms * commandsOfOne);
    this.isProbe = endpoint.health.backoffUntilMs !== null;
    this.generation = endpoint.health.generation;
    this.startedBefore = endpoint.startedCount;
    this.hadCompany = endpoint.attemptCount > 0;
    this.unfinished = members.length;
  }

  get deployment(): string {
    return this.endpoint.id;
  }

  /** One entity with one command: if it fails, nobody else can be at fault. */
  get isSingle(): boolean {
    return this.commandCount === 1;
  }

  /** Whether another invocation was open at the same time, whose crash may have taken this one with it. */
  get wasAccompanied(): boolean {
    return this.hadCompany || this.endpoint.startedCount > this.startedBefore + 1;
  }
}

export class Endpoint {
  readonly id: string;
  readonly health: EndpointHealth;
  limits: DeploymentLimits;
  /** Whether it serves types now; else it only finishes what was begun. */
  isActive = true;
  /** Offers that wait in its lanes. */
  queued = 0;
  load = 0;
  startedCount = 0;
  /** Open attempts of suspect lanes: at most one. */
  bisects = 0;
  nextOverdueAtMs = Number.POSITIVE_INFINITY;
  wakeAtMs = Number.POSITIVE_INFINITY;
  readonly #tuning: DispatchTuning;
  readonly #attempts: Attempt[] = [];
  readonly #ready: Lane[] = [];
  #cursor = 0;

  constructor(id: string, limits: DeploymentLimits, tuning: DispatchTuning) {
    this.id = id;
    this.limits = limits;
    this.#tuning = tuning;
    this.health = new EndpointHealth(tuning, limits.inFlightMax);
  }

  get attemptCount(): number {
    return this.#attempts.length;
  }

  get attemptsMax(): number {
    return this.limits.inFlightMax * this.#tuning.attemptsFactor;
  }

  /** Half an attempt over the limit is allowed: a batch most of whose members have finished gives its place away. */
  get hasRoom(): boolean {
    return this.load + FULL_WEIGHT / 2 <= this.health.limit * FULL_WEIGHT && this.#attempts.length < this.attemptsMax;
  }

  get isLimitInUse(): boolean {
    return this.queued > 0 || this.load + FULL_WEIGHT / 2 > this.health.limit * FULL_WEIGHT;
  }

  setLimits(limits: DeploymentLimits): void {
    this.limits = limits;
    this.health.setLimitMax(limits.inFlightMax);
  }

  started(attempt: Attempt): void {
    attempt.index = this.#attempts.length;
    this.#attempts.push(attempt);
    this.startedCount++;
    attempt.lane.counted++;
    if (attempt.lane.kind === "suspect") this.bisects++;
    this.#weigh(attempt, FULL_WEIGHT);
    if (attempt.overdueAtMs < this.nextOverdueAtMs) this.nextOverdueAtMs = attempt.overdueAtMs;
  }

  /** One member less is unfinished. */
  memberDone(attempt: Attempt): void {
    attempt.unfinished--;
    if (attempt.weight === 0) return;
    this.#weigh(attempt, Math.floor((attempt.unfinished * FULL_WEIGHT) / attempt.members.length));
    if (attempt.weight === 0) attempt.lane.counted--;
  }

  ended(attempt: Attempt): void {
    this.#stopCounting(attempt);
    if (attempt.lane.kind === "suspect") this.bisects--;
    const last = this.#attempts.pop() as Attempt;
    if (this.#attempts.length === 0) this.nextOverdueAtMs = Number.POSITIVE_INFINITY;
    if (last === attempt) return;
    last.index = attempt.index;
    this.#attempts[attempt.index] = last;
  }

  /** Attempts that have become overdue stop counting. Rare: at most once per attempt that becomes overdue, or per earliest one that ended. */
  releaseOverdue(nowMs: number): void {
    if (nowMs < this.nextOverdueAtMs) return;
    let next = Number.POSITIVE_INFINITY;
    for (const attempt of this.#attempts) {
      if (attempt.weight === 0) continue;
      if (attempt.overdueAtMs <= nowMs) this.#stopCounting(attempt);
      else if (attempt.overdueAtMs < next) next = attempt.overdueAtMs;
    }
    this.nextOverdueAtMs = next;
  }

  laneGrew(lane: Lane, by: number): void {
    this.queued += by;
    if (lane.readyIndex >= 0) return;
    lane.readyIndex = this.#ready.length;
    this.#ready.push(lane);
  }

  laneShrank(lane: Lane, by: number): void {
    this.queued -= by;
    if (lane.length === 0) this.#unready(lane);
  }

  /** The lane goes to another endpoint, or to none, with what waits in it. */
  detach(lane: Lane): void {
    if (lane.readyIndex < 0) return;
    this.queued -= lane.length;
    this.#unready(lane);
  }

  /** Of the lanes that may start now the one that holds the least; among equals, in turn. */
  nextLane(mayStart: (lane: Lane) => boolean): Lane | null {
    const ready = this.#ready;
    const count = ready.length;
    let best: Lane | null = null;
    let bestAt = 0;
    for (let step = 0; step < count; step++) {
      const at = (this.#cursor + step) % count;
      const lane = ready[at] as Lane;
      if ((best !== null && lane.load >= best.load) || !mayStart(lane)) continue;
      best = lane;
      bestAt = at;
      if (lane.load === 0) break;
    }
    if (best !== null) this.#cursor = bestAt + 1;
    return best;
  }

  /** The next moment from which some lane gathers no longer. */
  gatherUntilMs(gatherMs: number, nowMs: number): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { head } of this.#ready) {
      if (head === null) continue;
      const untilMs = head.offeredAtMs + gatherMs;
      if (untilMs > nowMs && untilMs < earliest) earliest = untilMs;
    }
    return earliest;
  }

  #unready(lane: Lane): void {
    const last = this.#ready.pop() as Lane;
    if (last !== lane) {
      last.readyIndex = lane.readyIndex;
      this.#ready[lane.readyIndex] = last;
    }
    lane.readyIndex = -1;
  }

  #stopCounting(attempt: Attempt): void {
    if (attempt.weight === 0) return;
    this.#weigh(attempt, 0);
    attempt.lane.counted--;
  }

  #weigh(attempt: Attempt, weight: number): void {
    const change = weight - attempt.weight;
    attempt.weight = weight;
    this.load += change;
    attempt.lane.load += change;
  }
}
