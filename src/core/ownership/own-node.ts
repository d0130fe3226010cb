/**
 * This incarnation's own document: announced before anything is claimed, renewed by heartbeats, and closed by an orderly
 * stop. Each change is a swap of the version before, so a document that somebody else has marked dead stays dead: whoever
 * finds that is over (RULES.md 1, 4). One swap at a time.
 */

import type { LogId } from "../log/record.js";
import type { Moment } from "../time/moment.js";
import type { DirectoryClient } from "./directory-client.js";
import { type DocumentCodec, type NodeDocument, nodeKey } from "./documents.js";
import { Lease, type LeaseLimits } from "./lease.js";
import { RECORD_FORMAT_KNOWN } from "./record-formats.js";

export interface NodeSettings {
  /** `host:port` where other routers reach this one; empty: they do not, and it shares with nobody. */
  readonly address: string;
  /** Its share of the shards, compared with others'. */
  readonly capacity: number;
}

export interface OwnNodeTools {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  nextToken(): string;
  /** Somebody has declared this incarnation dead. */
  lost(): void;
}

export class OwnNode {
  readonly #incarnation: LogId;
  readonly #limits: LeaseLimits | null;
  readonly #tools: OwnNodeTools;
  readonly #lease: Lease;
  #clusterId: Uint8Array | null = null;
  #document: NodeDocument;
  #token: string | null = null;
  #isSwapping = false;
  #isClosed = false;
  #isLeaving = false;
  #base: number;
  #afterSwap: (() => void) | null = null;
  #now: Moment = { wallMs: 0, monotonicMs: 0 };
  #nextHeartbeatMs = Infinity;

  constructor(incarnation: LogId, node: NodeSettings, limits: LeaseLimits | null, tools: OwnNodeTools) {
    this.#incarnation = incarnation;
    this.#limits = limits;
    this.#tools = tools;
    this.#lease = new Lease(limits);
    const began = { status: "alive", counter: 0, base: 1, seal: null, startedAtMs: 0, heardAtMs: 0 } as const;
    this.#document = { incarnation, ...began, ...node, isLeaving: false, recordFormat: RECORD_FORMAT_KNOWN };
    this.#base = this.#document.base;
  }

  get document(): NodeDocument {
    return this.#document;
  }

  /** A swap is on its way. */
  get isPublishing(): boolean {
    return this.#isSwapping;
  }

  /** Wall time of the step. */
  get nowMs(): number {
    return this.#now.wallMs;
  }

  /** Whether nobody else can have taken over by now. */
  get isLeased(): boolean {
    return this.#lease.holdsAt(this.#now);
  }

  /** How long ago the last confirmed renewal was sent, in ms; null: there was none. */
  get heartbeatAgeMs(): number | null {
    return this.#lease.ageAt(this.#now);
  }

  /** Monotonic moment of the next heartbeat; Infinity where there is none. */
  get wakeAtMs(): number {
    return this.#isSwapping || this.#isClosed ? Infinity : this.#nextHeartbeatMs;
  }

  /** Once at the beginning of a step, before anything else. */
  moveTo(now: Moment): void {
    this.#now = now;
  }

  /** Once a turn. */
  turn(): void {
    if (this.#now.monotonicMs >= this.wakeAtMs) this.#renew(() => undefined);
  }

  announce(clusterId: Uint8Array, then: (end: "happened" | "lost") => void): void {
    this.#clusterId = clusterId;
    const nowMs = Math.floor(this.#now.wallMs);
    this.#document = { ...this.#document, startedAtMs: nowMs, heardAtMs: nowMs, isLeaving: this.#isLeaving };
    this.#swap(this.#document, then);
  }

  /** Makes known that this node is about to stop, so that others take its shards. */
  leave(): void {
    this.#isLeaving = true;
    if (this.#token !== null && !this.#isSwapping && !this.#isClosed) this.#renew(() => undefined);
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** Makes known that no shard needs what lies below `base`; `then` when that is sure. */
  publish(base: number, then: () => void): void {
    this.#base = base;
    this.#renew(then);
  }

  /** Nothing will be written to the log any more: it ends at `seal`. Waits for a swap that is on its way. */
  close(seal: number, base: number, then: () => void): void {
    this.#isClosed = true;
    if (this.#isSwapping) {
      this.#afterSwap = () => this.close(seal, base, then);
      return;
    }
    this.#swap({ ...this.#document, status: "closed", seal, base }, then);
  }

  #renew(then: () => void): void {
    const { counter, heardAtMs } = this.#document;
    const isLeaving = this.#isLeaving;
    const next = {
      counter: counter + 1,
      base: this.#base,
      isLeaving,
      heardAtMs: Math.max(heardAtMs, Math.floor(this.#now.wallMs)),
    };
    this.#swap({ ...this.#document, ...next }, (end) => {
      if (end === "lost") this.#tools.lost();
      else then();
    });
  }

  #swap(next: NodeDocument, then: (end: "happened" | "lost") => void): void {
    const { client, codec } = this.#tools;
    const clusterId = this.#clusterId;
    if (clusterId === null) throw new Error("the node has not been announced");
    const token = this.#tools.nextToken();
    const sent = this.#now;
    this.#isSwapping = true;
    const body = codec.encodeNode(next, clusterId);
    const ended = (end: "happened" | "lost"): void => {
      this.#isSwapping = false;
      if (end === "happened") {
        this.#document = next;
        this.#token = token;
        this.#lease.renew(sent);
        if (this.#limits !== null) this.#nextHeartbeatMs = sent.monotonicMs + this.#limits.heartbeatEveryMs;
      }
      then(end);
      const waiting = this.#afterSwap;
      this.#afterSwap = null;
      waiting?.();
    };
    const key = nodeKey(this.#incarnation);
    // A second announcement would bring back what others have ended and removed meanwhile, with its log.
    if (this.#token === null) client.create(key, { token, body }, ended);
    else client.swap(key, this.#token, { token, body }, ended);
  }
}
