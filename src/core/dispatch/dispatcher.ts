/**
 * Decides which entities share an invocation and when it starts, and what the end of an invocation means for those it
 * left without a result. One per router, over all its shards.
 *
 *   offer ─> lane ─> plan: batch ─> in flight ──finished──> gone (its shard may offer it again)
 *              │                        └───────ended────> verdict: faulted, suspected or unavailable
 *              └─withdraw─> gone
 *
 * Invariants: an entity is in at most one lane or one attempt; an offer is planned at most once; what counts of the open
 * attempts stays within the endpoint's limit (see Endpoint), and their number within a multiple of it.
 */
import type { InvocationEnd } from "../entity/invocation.js";
import type { ActiveDeployment } from "../input.js";
import { assert } from "../unreachable.js";
import type { Batch, DispatcherPort, Runnable, Verdict } from "./dispatch.js";
import { Attempt, Endpoint, FULL_WEIGHT } from "./endpoint.js";
import { fillBatch } from "./fill-batch.js";
import { DECIDED, type Lane, type LaneKind, Offer, WAITING } from "./lane.js";
import type { DispatcherSnapshot } from "./snapshot.js";
import { Suspects } from "./suspects.js";
import { DISPATCH_TUNING, type DispatchTuning } from "./tuning.js";
import { TypeLanes } from "./type-lanes.js";
import { verdictOf } from "./verdict.js";

interface MemberVerdict {
  readonly runnable: Runnable;
  readonly verdict: Verdict;
}

const NO_BATCHES: readonly Batch[] = [];
const NO_VERDICTS: readonly MemberVerdict[] = [];

export class Dispatcher implements DispatcherPort {
  readonly #tuning: DispatchTuning;
  readonly #suspects: Suspects;
  readonly #typeByName = new Map<string, TypeLanes>();
  /** The active ones, and retired ones that still have attempts open. */
  readonly #endpointById = new Map<string, Endpoint>();
  #active: readonly Endpoint[] = [];
  readonly #offerByKey = new Map<string, Offer>();
  readonly #attemptByNumber = new Map<number, Attempt>();
  #attempts = 0;

  constructor(tuning: Partial<DispatchTuning> = {}) {
    this.#tuning = { ...DISPATCH_TUNING, ...tuning };
    this.#suspects = new Suspects(this.#tuning.suspectsMax);
  }

  setDeployments(deployments: readonly ActiveDeployment[]): void {
    const active: Endpoint[] = [];
    const endpointByType = new Map<string, Endpoint>();
    const canaryByType = new Map<string, Endpoint>();
    for (const { id, limits, types, weight } of deployments) {
      const endpoint = this.#endpointById.get(id) ?? new Endpoint(id, limits, this.#tuning);
      endpoint.setLimits(limits);
      this.#endpointById.set(id, endpoint);
      active.push(endpoint);
      for (const type of types) {
        (weight === undefined ? endpointByType : canaryByType).set(type.name, endpoint);
        this.#typeLanes(type.name);
      }
    }
    for (const endpoint of this.#active) endpoint.isActive = false;
    for (const endpoint of active) endpoint.isActive = true;
    this.#active = active;
    for (const [name, lanes] of this.#typeByName) {
      const endpoint = endpointByType.get(name) ?? null;
      lanes.moveTo(endpoint);
      lanes.setCanary(canaryByType.get(name) ?? null);
      if (endpoint === null && lanes.canary === null && lanes.queued === 0) this.#typeByName.delete(name);
    }
    for (const endpoint of this.#endpointById.values()) this.#forgetIfRetired(endpoint);
  }

  /** @throws BrokenInvariant when the entity is offered or running already. */
  offer(runnable: Runnable, nowMs: number): void {
    assert(!this.#offerByKey.has(runnable.key), `${runnable.key} is offered twice`);
    const type = servingLanes(this.#typeLanes(runnable.type), runnable.isCanary === true);
    const kind = type.kindOf(runnable.commandName);
    const lane = type.lanes[this.#laneKind(runnable, kind.isSlow)];
    const offer = new Offer(runnable, lane, kind, nowMs);
    this.#offerByKey.set(runnable.key, offer);
    lane.push(offer);
    type.endpoint?.laneGrew(lane, 1);
  }

  withdraw(runnable: Runnable): void {
    const offer = this.#offerByKey.get(runnable.key);
    if (offer === undefined || offer.attempt !== WAITING) return;
    this.#offerByKey.delete(runnable.key);
    offer.attempt = DECIDED;
    offer.lane.remove(offer);
    const type = this.#typeLanes(offer.runnable.type);
    servingLanes(type, offer.lane.isCanary).endpoint?.laneShrank(offer.lane, 1);
    if (type.endpoint === null && type.canary === null && type.queued === 0) this.#typeByName.delete(type.type);
  }

  abandon(runnable: Runnable): void {
    this.withdraw(runnable);
    const offer = this.#offerByKey.get(runnable.key);
    if (offer === undefined || offer.runnable !== runnable) return;
    // It still counts in its attempt: as load, and as one of those who may be to blame.
    this.#offerByKey.delete(runnable.key);
    offer.attempt = DECIDED;
  }

  plan(nowMs: number): readonly Batch[] {
    let batches: Batch[] | null = null;
    for (const endpoint of this.#active) {
      endpoint.wakeAtMs = Number.POSITIVE_INFINITY;
      if (endpoint.queued === 0) continue;
      endpoint.releaseOverdue(nowMs);
      for (let batch = this.#start(endpoint, nowMs); batch !== null; batch = this.#start(endpoint, nowMs)) {
        batches ??= [];
        batches.push(batch);
      }
      if (endpoint.queued > 0) endpoint.wakeAtMs = this.#wakeOf(endpoint, nowMs);
    }
    return batches ?? NO_BATCHES;
  }

  leftOut(attempt: number, runnable: Runnable): void {
    this.#leave(attempt, runnable);
  }

  finished(attempt: number, runnable: Runnable, nowMs: number): void {
    const offer = this.#leave(attempt, runnable);
    if (offer === null) return;
    const running = this.#attemptByNumber.get(attempt) as Attempt;
    this.#suspects.succeeded(runnable.key, offer.commandsMax);
    if (!running.hasOutcome) {
      running.hasOutcome = true;
      running.endpoint.health.outcome(running.isProbe);
    }
    this.#measure(running, offer, nowMs);
  }

  ended(attempt: number, end: InvocationEnd, nowMs: number): readonly MemberVerdict[] {
    const running = this.#attemptByNumber.get(attempt);
    if (running === undefined) return NO_VERDICTS;
    this.#attemptByNumber.delete(attempt);
    const { endpoint } = running;
    const verdict = verdictOf(running, end, nowMs);
    endpoint.ended(running);
    this.#forgetIfRetired(endpoint);
    if (verdict === null) return NO_VERDICTS;
    const verdicts: MemberVerdict[] = [];
    for (const offer of running.members) {
      if (offer.attempt !== attempt) continue;
      const { runnable } = offer;
      offer.attempt = DECIDED;
      this.#offerByKey.delete(runnable.key);
      if (verdict.kind === "suspected") this.#suspects.failed(runnable.key, running.unfinished, offer.commandsMax);
      verdicts.push({ runnable, verdict });
    }
    return verdicts;
  }

  outageOf(type: string, isCanary = false): string | null {
    const lanes = this.#typeByName.get(type);
    return lanes === undefined ? null : (servingLanes(lanes, isCanary).endpoint?.health.outage ?? null);
  }

  wakeAtMs(): number | null {
    let earliest = Number.POSITIVE_INFINITY;
    for (const endpoint of this.#active) if (endpoint.wakeAtMs < earliest) earliest = endpoint.wakeAtMs;
    return earliest === Number.POSITIVE_INFINITY ? null : earliest;
  }

  /** What the metrics show: a copy. */
  snapshot(): DispatcherSnapshot {
    return {
      suspects: this.#suspects.size,
      deployments: [...this.#endpointById.values()].map((endpoint) => ({
        deployment: endpoint.id,
        attempts: endpoint.attemptCount,
        inFlight: endpoint.load / FULL_WEIGHT,
        limit: endpoint.health.limit,
        backoffUntilMs: endpoint.health.backoffUntilMs,
        queued: endpoint.queued,
      })),
      types: [...this.#typeByName.values()].map((type) => ({
        type: type.type,
        deployment: type.endpoint?.id ?? null,
        queued: type.queued,
        suspected: type.lanes.suspect.length,
        usualMs: type.usualMs,
      })),
    };
  }

  /** Takes a member out of its attempt; null when it is not in it (any more). */
  #leave(attempt: number, runnable: Runnable): Offer | null {
    const offer = this.#offerByKey.get(runnable.key);
    if (offer === undefined || offer.attempt !== attempt) return null;
    const running = this.#attemptByNumber.get(attempt) as Attempt;
    this.#offerByKey.delete(runnable.key);
    offer.attempt = DECIDED;
    running.endpoint.memberDone(running);
    return offer;
  }

  /** Starts one invocation of that endpoint; null when none may start now. */
  #start(endpoint: Endpoint, nowMs: number): Batch | null {
    if (endpoint.queued === 0) return null;
    const mode = endpoint.health.mode(nowMs);
    if (mode === "closed" || endpoint.attemptCount >= endpoint.attemptsMax) return null;
    const isProbe = mode === "probe";
    if (!isProbe && !endpoint.hasRoom) return null;
    const lane = endpoint.nextLane((candidate) => this.#mayStart(endpoint, candidate, isProbe, nowMs));
    if (lane === null) return null;
    const members = fillBatch(lane, endpoint.limits, this.#tuning, this.#suspects, isProbe);
    endpoint.laneShrank(lane, members.length);
    const attempt = new Attempt(++this.#attempts, endpoint, lane, members, nowMs, this.#tuning);
    for (const offer of members) offer.attempt = attempt.attempt;
    this.#attemptByNumber.set(attempt.attempt, attempt);
    endpoint.started(attempt);
    if (isProbe) endpoint.health.probed(nowMs);
    return attempt;
  }

  #mayStart(endpoint: Endpoint, lane: Lane, isProbe: boolean, nowMs: number): boolean {
    if (lane.kind === "suspect") return endpoint.bisects === 0;
    if (isProbe) return true;
    if (lane.kind !== "normal" && !hasSlowRoom(endpoint, lane)) return false;
    // Send at once when idle. Else gather, for a short time, until as many wait as invocations are in flight.
    if (lane.counted === 0 || lane.kind === "alone") return true;
    const isCost = endpoint.limits.prefer === "cost";
    if (lane.length >= (isCost ? endpoint.limits.entitiesMax : lane.counted)) return true;
    return lane.head !== null && nowMs >= lane.head.offeredAtMs + this.#gatherMs(endpoint);
  }

  #gatherMs(endpoint: Endpoint): number {
    return endpoint.limits.prefer === "cost" ? this.#tuning.gatherCostMs : this.#tuning.gatherLatencyMs;
  }

  /** When an endpoint whose offers wait has to be looked at again; whatever else ends its wait is an input. */
  #wakeOf(endpoint: Endpoint, nowMs: number): number {
    if (endpoint.attemptCount >= endpoint.attemptsMax) return Number.POSITIVE_INFINITY;
    const backoffUntilMs = endpoint.health.backoffUntilMs;
    if (backoffUntilMs !== null) return backoffUntilMs > nowMs ? backoffUntilMs : Number.POSITIVE_INFINITY;
    const gatherUntilMs = endpoint.hasRoom ? endpoint.gatherUntilMs(this.#gatherMs(endpoint), nowMs) : Number.POSITIVE_INFINITY;
    return Math.min(endpoint.nextOverdueAtMs, gatherUntilMs);
  }

  #measure(running: Attempt, offer: Offer, nowMs: number): void {
    const tookMs = nowMs - running.startedAtMs;
    const { lane } = running;
    const type = this.#typeByName.get(offer.runnable.type);
    if (type !== undefined) servingLanes(type, lane.isCanary).took(tookMs / offer.commandsMax, offer.kind, lane);
    if (running.isMeasured || running.unfinished > running.members.length >> 2) return;
    // Taken when three quarters are through, so that one straggler says nothing about the price of a command.
    running.isMeasured = true;
    if (running.isSingle) lane.single.record(tookMs);
    // A single command says only what more of them cannot exceed: it includes what the invocation costs by itself.
    if (running.isSingle && lane.perCommand.isKnown) lane.perCommand.record(Math.min(tookMs, lane.perCommand.ms));
    else lane.perCommand.record(tookMs / running.commandCount);
  }

  #laneKind(runnable: Runnable, isSlow: boolean): LaneKind {
    if (this.#suspects.has(runnable.key)) return "suspect";
    if (runnable.isSuspect) return "alone";
    return isSlow ? "slow" : "normal";
  }

  #typeLanes(name: string): TypeLanes {
    let lanes = this.#typeByName.get(name);
    if (lanes === undefined) {
      lanes = new TypeLanes(name, this.#tuning);
      this.#typeByName.set(name, lanes);
    }
    return lanes;
  }

  #forgetIfRetired(endpoint: Endpoint): void {
    if (endpoint.attemptCount === 0 && !endpoint.isActive) this.#endpointById.delete(endpoint.id);
  }
}

/** The lanes of whatever serves the entity; its type's own where no canary is left. */
function servingLanes(type: TypeLanes, isCanary: boolean): TypeLanes {
  return isCanary && type.canary !== null ? type.canary : type;
}

/** Slow commands and those that run alone leave a quarter of the places to the others. */
function hasSlowRoom(endpoint: Endpoint, lane: Lane): boolean {
  const { limit } = endpoint.health;
  const places = Math.max(1, limit - Math.max(1, limit >> 2));
  return lane.load + FULL_WEIGHT / 2 <= places * FULL_WEIGHT;
}
