/**
 * Who else is there. Looks at all node documents once a beat, and tells those whose document has stood still for so long that
 * no lease of theirs can hold any more (RULES.md 4):
 *
 *   living ──stands still for `observeMs`──> silent ──somebody's dead-mark──> over ──nobody needs it──> (no document)
 *      └──────────── its own orderly stop ─────────────────────────────────────^
 *
 * The wait begins at the first sight of a version, and anew for all when a look took long or the own lease lapsed: who cannot
 * see well must not judge (RULES.md 15c). Where a lock proves that nobody else runs there is one look, and no wait.
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import type { LogId } from "../log/record.js";
import type { DirectoryClient, FoundDocument } from "./directory-client.js";
import { type DocumentCodec, NO_PLAN, NODE_PREFIX, type NodeDocument, PLAN_KEY, type PlanDocument } from "./documents.js";
import type { LeaseLimits } from "./lease.js";
import type { OwnNode } from "./own-node.js";

export interface MembershipTools {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly ownNode: OwnNode;
  refuse(code: string, message: string): void;
  /** Something may be different now. Called behind every look. */
  looked(): void;
}

/** Another incarnation, as it was seen last. */
export interface Member {
  readonly document: NodeDocument;
  readonly token: string;
  /** Monotonic moment of the first sight of this version. */
  readonly sinceMs: number;
  /** It has been seen to renew its document: it lives, or did a moment ago. */
  readonly hasRenewed: boolean;
  /** Two beats of it are missing. Nothing follows from that but what is read ahead of its end. */
  readonly isLate: boolean;
  /** It stood still for long enough to be marked dead. */
  readonly isSilent: boolean;
}

export class Membership {
  readonly #lease: LeaseLimits | null;
  readonly #tools: MembershipTools;
  #clusterId: Uint8Array | null = null;
  #memberByLog: ReadonlyMap<LogId, Member> = new Map();
  #plan: PlanDocument = NO_PLAN;
  #planToken: string | null = null;
  #isLooking = false;
  #hasLooked = false;
  #nextLookMs = Infinity;

  constructor(lease: LeaseLimits | null, tools: MembershipTools) {
    this.#lease = lease;
    this.#tools = tools;
  }

  /** Looks for the first time, and then again and again. Once the own document is there. */
  begin(clusterId: Uint8Array): void {
    this.#clusterId = clusterId;
    this.#look();
  }

  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  get wakeAtMs(): number {
    return this.#isLooking ? Infinity : this.#nextLookMs;
  }

  /** All others that have a document. */
  get others(): readonly Member[] {
    return [...this.#memberByLog.values()];
  }

  /** Those that are taken to live, this one included. */
  get living(): readonly NodeDocument[] {
    const others = this.others.filter(({ document, isSilent }) => document.status === "alive" && !isSilent);
    return [this.#tools.ownNode.document, ...others.map(({ document }) => document)];
  }

  get plan(): PlanDocument {
    return this.#plan;
  }

  get planToken(): string | null {
    return this.#planToken;
  }

  of(log: LogId): Member | null {
    return this.#memberByLog.get(log) ?? null;
  }

  isLiving(log: LogId): boolean {
    const member = this.#memberByLog.get(log);
    return member !== undefined && member.document.status === "alive" && !member.isSilent;
  }

  /** Everybody who looks alive has shown it, or has been judged: what the others own is known to be served. */
  get isSettled(): boolean {
    return this.others.every(({ document, hasRenewed, isSilent }) => document.status !== "alive" || hasRenewed || isSilent);
  }

  /** Looks again before the next beat: something was said that a look will show. */
  lookSoon(): void {
    if (this.#hasLooked) this.#nextLookMs = Math.min(this.#nextLookMs, this.#tools.client.tickMs);
  }

  /** Once a turn. */
  turn(tickMs: number): void {
    if (tickMs >= this.wakeAtMs) this.#look();
  }

  #look(): void {
    this.#isLooking = true;
    const { client } = this.#tools;
    const askedAtMs = client.tickMs;
    client.list(NODE_PREFIX, (found) => this.#looked(found, askedAtMs));
  }

  #looked(found: readonly { readonly key: string; readonly document: FoundDocument }[], askedAtMs: number): void {
    const { client, ownNode } = this.#tools;
    const nowMs = client.tickMs;
    const lease = this.#lease;
    const isClear = lease === null || (nowMs - askedAtMs <= lease.heartbeatEveryMs && ownNode.isLeased);
    const members = new Map<LogId, Member>();
    this.#plan = NO_PLAN;
    this.#planToken = null;
    for (const { key, document: standing } of found) {
      const document = this.#decoded(key, standing);
      if (document === null) return;
      if (document === PLAN_KEY || document.incarnation === ownNode.document.incarnation) continue;
      members.set(document.incarnation, this.#seen(document, standing.token, isClear, nowMs));
    }
    this.#memberByLog = members;
    this.#isLooking = false;
    this.#hasLooked = true;
    this.#nextLookMs = this.#nextLook(nowMs);
    this.#tools.looked();
  }

  /** A node, or that it was the plan, which is kept. Null: who is there cannot be told. */
  #decoded(key: string, { token, body }: FoundDocument): NodeDocument | typeof PLAN_KEY | null {
    const { codec, refuse } = this.#tools;
    const clusterId = this.#clusterId as Uint8Array;
    try {
      if (key !== PLAN_KEY) return codec.decodeNode(body, clusterId);
      this.#plan = codec.decodePlan(body, clusterId);
      this.#planToken = token;
      return PLAN_KEY;
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      refuse("document_damaged", `${key}: ${error.message}`);
      return null;
    }
  }

  #seen(document: NodeDocument, token: string, isClear: boolean, nowMs: number): Member {
    const before = this.#memberByLog.get(document.incarnation);
    const lease = this.#lease;
    if (before === undefined) {
      return { document, token, sinceMs: nowMs, hasRenewed: false, isLate: false, isSilent: lease === null };
    }
    if (before.token !== token) return { document, token, sinceMs: nowMs, hasRenewed: true, isLate: false, isSilent: false };
    if (before.isSilent || lease === null) return before;
    const sinceMs = isClear ? before.sinceMs : nowMs;
    const stillMs = nowMs - sinceMs;
    const isLate = before.hasRenewed && stillMs >= LATE_BEATS * lease.heartbeatEveryMs;
    return { ...before, sinceMs, isLate, isSilent: stillMs >= lease.observeMs };
  }

  /** A beat from now, or when somebody's wait is over. */
  #nextLook(nowMs: number): number {
    const lease = this.#lease;
    if (lease === null) return Infinity;
    let next = nowMs + lease.heartbeatEveryMs;
    for (const { document, sinceMs, isSilent } of this.#memberByLog.values()) {
      if (document.status === "alive" && !isSilent)
        next = Math.min(next, Math.max(nowMs + LOOKS_APART_MS, sinceMs + lease.observeMs));
    }
    return next;
  }
}

/** However many waits end: looks are requests. */
const LOOKS_APART_MS = 100;
const LATE_BEATS = 2;
