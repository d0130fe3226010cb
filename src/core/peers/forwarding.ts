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
  /** Serves the request here; its shard is. */
  serve(asked: Asked): void;
  /** Sends a request of another node back to it: nothing was begun. */
  turnAway(request: number, shard: number): void;
  send(to: LogId, frame: PeerFrame): void;
  reread(shard: number): void;
  nowMs(): number;
  tickMs(): number;
}

interface Forwarded {
  readonly shard: number;
  readonly asked: Asked;
  readonly sinceMs: number;
  /** For whoever gathers answers of several nodes; null in place of one that will not come. */
  readonly gathered: ((answer: Answer | null) => void) | null;
  to: LogId | null;
  wasSent: boolean;
  retryAtMs: number;
}

/** Requests on their way to other nodes, or waiting for their shard, at most: each holds its body. */
const FORWARDED_MAX = 20_000;
/** What has no deadline of its own waits so long for its shard. */
const WAIT_MS_MAX = 10_000;
/** A shard's descriptor is read again so long after that was in vain. */
const RETRY_MS = 100;
/** Asked of a node, and not of a shard. */
const NO_SHARD = -1;
/** Numbers of requests that this node makes itself: below those of peers' requests, which count down from -1. */
const OWN_REQUESTS_FROM = -(2 ** 50);

export class Forwarding {
  readonly #parts: ForwardingParts;
  readonly #forwardedByRequest = new Map<number, Forwarded>();
  readonly #waitingByShard = new Map<number, Set<number>>();
  #ownRequests = 0;
  #retryAtMs = Infinity;
  #sentCount = 0;

  constructor(parts: ForwardingParts) {
    this.#parts = parts;
  }

  /** Requests that are under way elsewhere, or wait for their shard. */
  get open(): number {
    return this.#forwardedByRequest.size;
  }

  /** Requests that were sent to other nodes. */
  get sent(): number {
    return this.#sentCount;
  }

  get waitingShards(): readonly number[] {
    return [...this.#waitingByShard.keys()];
  }

  /** Sends a request of another node back to it: nothing was begun. */
  turnAway(request: number, shard: number): void {
    this.#parts.turnAway(request, shard);
  }

  /** Takes a request whose shard is not served here at this moment. */
  route(shard: number, asked: Asked): void {
    const { request } = asked;
    if (request < 0 && !this.#parts.isComing(shard)) return this.#parts.turnAway(request, shard);
    if (this.#forwardedByRequest.size >= FORWARDED_MAX) {
      const message = "too many requests wait for other routers";
      return this.#problem(request, { code: "overloaded", message, retryAfterMs: 1_000 });
    }
    const sinceMs = this.#parts.tickMs();
    const wasSent = "isRepeat" in asked && asked.isRepeat === true;
    const forwarded: Forwarded = { shard, asked, sinceMs, gathered: null, to: null, wasSent, retryAtMs: 0 };
    this.#forwardedByRequest.set(request, forwarded);
    this.#go(forwarded);
  }

  /** Asks a node for what it has, whatever shards that are; null where it cannot say. */
  askNode(to: LogId, asked: Asked, then: (answer: Answer | null) => void): void {
    const request = OWN_REQUESTS_FROM - ++this.#ownRequests;
    const sinceMs = this.#parts.tickMs();
    const own = { ...asked, request };
    const forwarded: Forwarded = { shard: NO_SHARD, asked: own, sinceMs, gathered: then, to, wasSent: true, retryAtMs: 0 };
    this.#forwardedByRequest.set(request, forwarded);
    this.#parts.send(to, { kind: "asked", shard: NO_SHARD, epoch: 0, asked: own });
    this.#retryAtMs = Math.min(this.#retryAtMs, sinceMs + WAIT_MS_MAX);
  }

  /** The shard is served here now, or elsewhere than before: what waits for it goes on. */
  moved(shard: number): void {
    const waiting = this.#waitingByShard.get(shard);
    if (waiting === undefined) return;
    for (const request of [...waiting]) {
      const forwarded = this.#forwardedByRequest.get(request);
      if (forwarded !== undefined) this.#go(forwarded);
    }
  }

  answered(from: LogId, { request, answer }: PeerFrame & { readonly kind: "answered" }): void {
    const forwarded = this.#forwardedByRequest.get(request);
    // What an earlier owner says of the same command is as true.
    if (forwarded === undefined || (forwarded.to !== from && !forwarded.wasSent)) return;
    const isFollowed = forwarded.asked.kind === "eventsAsked" && forwarded.asked.follow && answer.kind !== "problem";
    if (!isFollowed) this.#forget(request, forwarded);
    if (forwarded.gathered !== null) forwarded.gathered(answer);
    else this.#parts.effects.push({ kind: "answer", request, answer });
  }

  fed(from: LogId, { request, events, ended }: PeerFrame & { readonly kind: "fed" }): void {
    const forwarded = this.#forwardedByRequest.get(request);
    if (forwarded === undefined || forwarded.to !== from) return;
    if (ended !== null) this.#forget(request, forwarded);
    this.#parts.effects.push({ kind: "feed", request, events, ended });
  }

  turnedAway(from: LogId, { request, shard }: PeerFrame & { readonly kind: "turnedAway" }): void {
    const forwarded = this.#forwardedByRequest.get(request);
    if (forwarded === undefined || forwarded.to !== from) return;
    if (forwarded.gathered !== null) {
      this.#forget(request, forwarded);
      return forwarded.gathered(null);
    }
    this.#wait(request, forwarded);
    this.#parts.reread(shard);
  }

  /** Whether the request was one of these. Nobody waits for it any more. */
  left(request: number): boolean {
    const forwarded = this.#forwardedByRequest.get(request);
    if (forwarded === undefined) return false;
    this.#forget(request, forwarded);
    if (forwarded.to !== null) this.#parts.send(forwarded.to, { kind: "askerLeft", request });
    return true;
  }

  /** What went to that node may have arrived, or its answer may be lost. */
  lost(peer: LogId): void {
    for (const [request, forwarded] of [...this.#forwardedByRequest]) {
      if (forwarded.to !== peer) continue;
      const { asked, gathered } = forwarded;
      if (gathered !== null) {
        this.#forget(request, forwarded);
        gathered(null);
      } else if (asked.kind === "eventsAsked" && asked.follow) {
        this.#forget(request, forwarded);
        // What it has shown ends somewhere: the reader comes back and says where.
        this.#parts.effects.push({ kind: "feed", request, events: [], ended: "moved" });
      } else this.#wait(request, forwarded);
    }
  }

  /** Tries again what waits, and ends what has waited for too long. Once a turn. */
  turn(): void {
    const tickMs = this.#parts.tickMs();
    if (tickMs < this.#retryAtMs) return;
    this.#retryAtMs = Infinity;
    for (const [request, forwarded] of [...this.#forwardedByRequest]) this.#look(request, forwarded, tickMs);
    for (const shard of this.#waitingByShard.keys()) this.#parts.reread(shard);
    if (this.#forwardedByRequest.size > 0) this.#retryAtMs = Math.min(this.#retryAtMs, tickMs + RETRY_MS);
  }

  get wakeAtMs(): number {
    return this.#retryAtMs;
  }

  #look(request: number, forwarded: Forwarded, tickMs: number): void {
    const { asked, sinceMs, to, gathered, wasSent } = forwarded;
    if (gathered !== null) {
      if (tickMs - sinceMs < WAIT_MS_MAX) return;
      this.#forget(request, forwarded);
      return gathered(null);
    }
    const isOverdue = "deadlineMs" in asked ? asked.deadlineMs <= this.#parts.nowMs() : tickMs - sinceMs > WAIT_MS_MAX;
    // What has been sent may run: that its outcome is unknown the driver says, to whoever still waits.
    if (to !== null || (isOverdue && wasSent && asked.kind === "commandArrived" && asked.request >= 0)) return;
    if (!isOverdue) {
      if (forwarded.retryAtMs <= tickMs) this.#go(forwarded);
      return;
    }
    this.#forget(request, forwarded);
    if (request < 0) return this.#parts.turnAway(request, forwarded.shard);
    const message = "the shard is on its way from one router to another, and has not arrived in time; nothing was begun";
    this.#problem(request, { code: "shard_moving", message, retryAfterMs: 1_000 });
  }

  #go(forwarded: Forwarded): void {
    const { shard, asked } = forwarded;
    const { request } = asked;
    if (this.#parts.isServedHere(shard)) {
      this.#forget(request, forwarded);
      return this.#parts.serve(forwarded.wasSent ? repeated(asked) : asked);
    }
    const owner = request < 0 ? null : this.#parts.ownerOf(shard);
    if (owner === null) {
      if (request < 0 && !this.#parts.isComing(shard)) {
        this.#forget(request, forwarded);
        return this.#parts.turnAway(request, shard);
      }
      return this.#wait(request, forwarded);
    }
    const epoch = this.#parts.epochOf(shard);
    this.#waitingByShard.get(shard)?.delete(request);
    forwarded.to = owner;
    this.#sentCount++;
    this.#parts.send(owner, { kind: "asked", shard, epoch, asked: forwarded.wasSent ? repeated(asked) : asked });
    forwarded.wasSent = true;
  }

  #wait(request: number, forwarded: Forwarded): void {
    forwarded.to = null;
    forwarded.retryAtMs = this.#parts.tickMs() + RETRY_MS;
    this.#retryAtMs = Math.min(this.#retryAtMs, forwarded.retryAtMs);
    const waiting = this.#waitingByShard.get(forwarded.shard);
    if (waiting === undefined) this.#waitingByShard.set(forwarded.shard, new Set([request]));
    else waiting.add(request);
  }

  #forget(request: number, { shard }: Forwarded): void {
    this.#forwardedByRequest.delete(request);
    const waiting = this.#waitingByShard.get(shard);
    waiting?.delete(request);
    if (waiting?.size === 0) this.#waitingByShard.delete(shard);
  }

  #problem(request: number, problem: Problem): void {
    this.#parts.effects.push({ kind: "answer", request, answer: { kind: "problem", problem } });
  }
}

function repeated(asked: Asked): Asked {
  return asked.kind === "commandArrived" ? { ...asked, isRepeat: true } : asked;
}
