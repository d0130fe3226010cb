/**
 * Requests for shards that are not served here. Each waits until somebody serves its shard, goes there, and is answered from
 * there; when that node is lost, or has given the shard away, it goes on to the next owner, with the same id, so that it
 * still runs once (RULES.md 10).
 *
 *   waiting ──owner known──> sent ──answered──> over
 *      ^  └──open here──> served here
 *      └── turned away, owner lost, shard moved ── sent
 */
import type { Answer, Problem } from "../answer.js";
import type { Effect } from "../effect.js";
import type { LogId } from "../log/record.js";
import type { Asked } from "../request.js";
import type { PeerFrame } from "./frames.js";

export interface ForwardingParts {
  readonly effects: Effect[];
  /** The living owner of a shard that is elsewhere; null where it is not known. */
  ownerOf(shard: number): LogId | null;
  epochOf(shard: number): number;
  isServedHere(shard: number): boolean;
  /** The shard is ours, or about to be. */
  isComing(shard: number): boolean;
  /** The shard is ours, and is not going to be opened: this node stops. */
  isStranded(shard: number): boolean;
  /** Serves the request here; its shard is. */
  serve(asked: Asked): void;
  /** The shard that holds what is asked for, as far as is known now; null where no entity is named. */
  shardOf(asked: Asked): number | null;
  /** Sends a request of another node back to it: nothing was begun. */
  turnAway(request: number, shard: number): void;
  send(to: LogId, frame: PeerFrame): void;
  reread(shard: number): void;
  nowMs(): number;
  tickMs(): number;
}

interface Forwarded {
  /** Under which it goes to other nodes. */
  readonly number: number;
  /** Changes where that was split. */
  shard: number;
  readonly asked: Asked;
  readonly sinceMs: number;
  /** For whoever gathers answers of several nodes; null in place of one that will not come. */
  readonly gathered: ((answer: Answer | null) => void) | null;
  to: LogId | null;
  wasSent: boolean;
  retryAtMs: number;
  /** How often it was turned away. */
  refusals: number;
}

/** Requests that wait for a shard, and when its descriptor is read again. */
interface Waiting {
  readonly all: Set<Forwarded>;
  rereadAtMs: number;
  everyMs: number;
}

/** Requests on their way to other nodes, or waiting for their shard, at most: each holds its body. */
const FORWARDED_MAX = 20_000;
/** What has no deadline of its own waits so long for its shard. */
const WAIT_MS_MAX = 10_000;
/** A shard's descriptor is read again so long after that was in vain, and ever more seldom: a take-over lasts some seconds. */
const RETRY_MS = 100;
const REREAD_MS_MAX = 1_000;
/** An owner that turns requests away may be about to stop: it is asked ever more seldom, until there is news of the shard. */
const REFUSED_RETRY_MS_MAX = 800;
/** Asked of a node, whatever shards it has: no owner and no epoch is looked at. */
const ANY_SHARD = 0;

export class Forwarding {
  readonly #parts: ForwardingParts;
  readonly #forwardedByNumber = new Map<number, Forwarded>();
  readonly #numberByRequest = new Map<number, number>();
  readonly #waitingByShard = new Map<number, Waiting>();
  #numbers = 0;
  #retryAtMs = Infinity;
  #sentCount = 0;

  constructor(parts: ForwardingParts) {
    this.#parts = parts;
  }

  /** Requests that are under way elsewhere, or wait for their shard. */
  get open(): number {
    return this.#forwardedByNumber.size;
  }

  /** Clients of ours wait for answers of other nodes. Feeds do not count: they have no end of their own. */
  get isWaitedFor(): boolean {
    for (const { asked } of this.#forwardedByNumber.values()) if (!isFollowing(asked)) return true;
    return false;
  }

  /** The node stops: who follows is told. */
  endFeeds(): void {
    for (const forwarded of [...this.#forwardedByNumber.values()]) {
      const { asked, to, number } = forwarded;
      if (!isFollowing(asked)) continue;
      this.#forget(forwarded);
      if (to !== null) this.#parts.send(to, { kind: "askerLeft", request: number });
      this.#parts.effects.push({ kind: "feed", request: asked.request, events: [], ended: "stopping" });
    }
  }

  /** Requests that were sent to other nodes. */
  get sent(): number {
    return this.#sentCount;
  }

  /** Sends a request of another node back to it: nothing was begun. */
  turnAway(request: number, shard: number): void {
    this.#parts.turnAway(request, shard);
  }

  /** Takes a request whose shard is not served here at this moment. */
  route(shard: number, asked: Asked): void {
    const { request } = asked;
    if (request < 0 && !this.#parts.isComing(shard)) return this.#parts.turnAway(request, shard);
    if (this.#forwardedByNumber.size >= FORWARDED_MAX) {
      const message = "too many requests wait for other routers";
      return this.#problem(request, { code: "overloaded", message, retryAfterMs: 1_000 });
    }
    const forwarded = this.#begin(shard, asked, null);
    this.#numberByRequest.set(request, forwarded.number);
    this.#go(forwarded);
  }

  /** Asks a node for what it has, whatever shards that are; null where it cannot say. */
  askNode(to: LogId, asked: Asked, gathered: (answer: Answer | null) => void): void {
    const forwarded = this.#begin(ANY_SHARD, asked, gathered);
    forwarded.to = to;
    this.#parts.send(to, { kind: "asked", shard: ANY_SHARD, epoch: 0, asked: { ...asked, request: forwarded.number } });
    this.#retryAtMs = Math.min(this.#retryAtMs, forwarded.sinceMs + WAIT_MS_MAX);
  }

  /** The shard is served here now, or elsewhere than before: what waits for it goes on. */
  moved(shard: number): void {
    const waiting = this.#waitingByShard.get(shard);
    if (waiting !== undefined) for (const forwarded of [...waiting.all]) this.#go(forwarded);
  }

  answered(from: LogId, { request: number, answer }: PeerFrame & { readonly kind: "answered" }): void {
    const forwarded = this.#forwardedByNumber.get(number);
    if (forwarded === undefined) return;
    // What an earlier owner has done is as true; that it has done nothing says nothing of the one that was asked since.
    if (forwarded.to !== from && (!forwarded.wasSent || answer.kind === "problem")) return;
    const { asked, gathered } = forwarded;
    const isFollowed = isFollowing(asked) && answer.kind !== "problem";
    if (!isFollowed) this.#forget(forwarded);
    if (gathered !== null) gathered(answer);
    else this.#parts.effects.push({ kind: "answer", request: asked.request, answer });
  }

  fed(from: LogId, { request: number, events, ended }: PeerFrame & { readonly kind: "fed" }): void {
    const forwarded = this.#forwardedByNumber.get(number);
    if (forwarded === undefined || forwarded.to !== from) return;
    if (ended !== null) this.#forget(forwarded);
    this.#parts.effects.push({ kind: "feed", request: forwarded.asked.request, events, ended });
  }

  turnedAway(from: LogId, { request: number, shard }: PeerFrame & { readonly kind: "turnedAway" }): void {
    const forwarded = this.#forwardedByNumber.get(number);
    if (forwarded === undefined || forwarded.to !== from) return;
    if (forwarded.gathered !== null) {
      this.#forget(forwarded);
      return forwarded.gathered(null);
    }
    forwarded.refusals++;
    this.#wait(forwarded);
    // It has given the shard away, and we know already to whom. What is back here waits until it is open.
    const owner = this.#parts.ownerOf(forwarded.shard);
    if (shard === forwarded.shard && owner !== from && (owner !== null || this.#parts.isComing(shard))) {
      return this.#go(forwarded);
    }
    this.#parts.reread(shard);
    // Its owner may know of a split that we do not know of: then it names a half.
    if (shard !== forwarded.shard) this.#parts.reread(forwarded.shard);
  }

  /** Whether the request was one of these. Nobody waits for it any more. */
  left(request: number): boolean {
    const number = this.#numberByRequest.get(request);
    const forwarded = number === undefined ? undefined : this.#forwardedByNumber.get(number);
    if (forwarded === undefined) return false;
    this.#forget(forwarded);
    if (forwarded.to !== null) this.#parts.send(forwarded.to, { kind: "askerLeft", request: forwarded.number });
    return true;
  }

  /** What went to that node may have arrived, or its answer may be lost. */
  lost(peer: LogId): void {
    for (const forwarded of [...this.#forwardedByNumber.values()]) {
      if (forwarded.to !== peer) continue;
      const { asked, gathered } = forwarded;
      if (gathered !== null) {
        this.#forget(forwarded);
        gathered(null);
      } else if (isFollowing(asked)) {
        this.#forget(forwarded);
        // What it has shown ends somewhere: the reader comes back and says where.
        this.#parts.effects.push({ kind: "feed", request: asked.request, events: [], ended: "moved" });
      } else this.#wait(forwarded);
    }
  }

  /** Tries again what waits, and ends what has waited for too long. Once a turn. */
  turn(): void {
    const tickMs = this.#parts.tickMs();
    if (tickMs < this.#retryAtMs) return;
    this.#retryAtMs = Infinity;
    let isAnyWaiting = false;
    for (const forwarded of [...this.#forwardedByNumber.values()]) {
      this.#look(forwarded, tickMs);
      isAnyWaiting ||= forwarded.to === null || forwarded.gathered !== null;
    }
    for (const [shard, waiting] of this.#waitingByShard) {
      if (waiting.rereadAtMs > tickMs) continue;
      waiting.everyMs = Math.min(2 * waiting.everyMs, REREAD_MS_MAX);
      waiting.rereadAtMs = tickMs + waiting.everyMs;
      this.#parts.reread(shard);
    }
    if (isAnyWaiting) this.#retryAtMs = tickMs + RETRY_MS;
  }

  get wakeAtMs(): number {
    return this.#retryAtMs;
  }

  #begin(shard: number, asked: Asked, gathered: Forwarded["gathered"]): Forwarded {
    const number = ++this.#numbers;
    const wasSent = "isRepeat" in asked && asked.isRepeat;
    const forwarded: Forwarded = {
      number,
      shard,
      asked,
      sinceMs: this.#parts.tickMs(),
      gathered,
      to: null,
      wasSent,
      retryAtMs: 0,
      refusals: 0,
    };
    this.#forwardedByNumber.set(number, forwarded);
    return forwarded;
  }

  #look(forwarded: Forwarded, tickMs: number): void {
    const { asked, sinceMs, to, gathered } = forwarded;
    if (gathered !== null) {
      if (tickMs - sinceMs < WAIT_MS_MAX) return;
      this.#forget(forwarded);
      return gathered(null);
    }
    const isOverdue = "deadlineMs" in asked ? asked.deadlineMs <= this.#parts.nowMs() : tickMs - sinceMs > WAIT_MS_MAX;
    // What is under way elsewhere the driver ends, when nobody should wait any longer.
    if (to !== null) return;
    if (!isOverdue) {
      if (forwarded.retryAtMs <= tickMs) this.#go(forwarded);
      return;
    }
    this.#giveUp(forwarded, "has not arrived in time");
  }

  #giveUp(forwarded: Forwarded, why: string): void {
    const { asked, wasSent } = forwarded;
    this.#forget(forwarded);
    if (asked.request < 0) return this.#parts.turnAway(asked.request, forwarded.shard);
    if (wasSent && asked.kind === "commandArrived") {
      const message =
        "the router that had it is lost, and the next owner was not there in time: it may have taken effect, or still may";
      return this.#problem(asked.request, { code: "outcome_unknown", message, retryAfterMs: null });
    }
    const message = `the shard is on its way from one router to another, and ${why}; nothing was begun`;
    this.#problem(asked.request, { code: "shard_moving", message, retryAfterMs: 1_000 });
  }

  #go(forwarded: Forwarded): void {
    const { asked, number } = forwarded;
    const shard = this.#settle(forwarded);
    if (this.#parts.isServedHere(shard)) {
      this.#forget(forwarded);
      return this.#parts.serve(forwarded.wasSent ? repeated(asked) : asked);
    }
    if (asked.request < 0) {
      if (this.#parts.isComing(shard)) return this.#wait(forwarded);
      this.#forget(forwarded);
      return this.#parts.turnAway(asked.request, shard);
    }
    const owner = this.#parts.ownerOf(shard);
    if (owner === null) {
      if (this.#parts.isStranded(shard)) return this.#giveUp(forwarded, "this one stops");
      return this.#wait(forwarded);
    }
    this.#stopWaiting(forwarded);
    forwarded.to = owner;
    this.#sentCount++;
    const sent = { ...(forwarded.wasSent ? repeated(asked) : asked), request: number };
    this.#parts.send(owner, { kind: "asked", shard, epoch: this.#parts.epochOf(shard), asked: sent });
    forwarded.wasSent = true;
  }

  /** Its shard, which may have been split since. */
  #settle(forwarded: Forwarded): number {
    const shard = this.#parts.shardOf(forwarded.asked) ?? forwarded.shard;
    if (shard !== forwarded.shard) {
      this.#stopWaiting(forwarded);
      forwarded.shard = shard;
    }
    return shard;
  }

  #wait(forwarded: Forwarded): void {
    forwarded.to = null;
    const retryMs = Math.min(RETRY_MS * 2 ** Math.max(0, forwarded.refusals - 1), REFUSED_RETRY_MS_MAX);
    forwarded.retryAtMs = this.#parts.tickMs() + retryMs;
    this.#retryAtMs = Math.min(this.#retryAtMs, forwarded.retryAtMs);
    const waiting = this.#waitingByShard.get(forwarded.shard);
    if (waiting !== undefined) return void waiting.all.add(forwarded);
    const rereadAtMs = this.#parts.tickMs() + RETRY_MS;
    this.#waitingByShard.set(forwarded.shard, { all: new Set([forwarded]), rereadAtMs, everyMs: RETRY_MS });
  }

  #forget(forwarded: Forwarded): void {
    const { number, asked, gathered } = forwarded;
    this.#forwardedByNumber.delete(number);
    if (gathered === null) this.#numberByRequest.delete(asked.request);
    this.#stopWaiting(forwarded);
  }

  #stopWaiting(forwarded: Forwarded): void {
    const waiting = this.#waitingByShard.get(forwarded.shard);
    waiting?.all.delete(forwarded);
    if (waiting?.all.size === 0) this.#waitingByShard.delete(forwarded.shard);
  }

  #problem(request: number, problem: Problem): void {
    this.#parts.effects.push({ kind: "answer", request, answer: { kind: "problem", problem } });
  }
}

function isFollowing(asked: Asked): boolean {
  return asked.kind === "eventsAsked" && asked.follow;
}

function repeated(asked: Asked): Asked {
  return asked.kind === "commandArrived" ? { ...asked, isRepeat: true } : asked;
}
