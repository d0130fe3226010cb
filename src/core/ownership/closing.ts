/**
 * The orderly stop (RULES.md 3):
 *
 *   draining ──calls answered──> closing ──all flushed──> shards released ──> log sealed ──> document closed
 */
import type { Invoking } from "../invoking.js";
import type { Gate } from "../log/gate.js";
import type { LogWriter } from "../log/log-writer.js";
import type { RecordCodec } from "../log/record-codec.js";
import type { Forwarding } from "../peers/forwarding.js";
import type { DirectoryClient } from "./directory-client.js";
import type { Holdings } from "./holdings.js";
import type { IncarnationIds } from "./incarnation-ids.js";
import type { OwnNode } from "./own-node.js";
import type { Upkeep } from "./upkeep.js";

export interface ClosingParts {
  readonly log: LogWriter;
  readonly gate: Gate;
  readonly holdings: Holdings;
  readonly upkeep: Upkeep;
  readonly ownNode: OwnNode;
  readonly invoking: Invoking;
  readonly forwarding: Forwarding;
  readonly client: DirectoryClient;
  readonly ids: IncarnationIds;
  readonly recordCodec: RecordCodec;
  done(): void;
}

export class Closing {
  readonly #parts: ClosingParts;
  #isDrained = false;
  #isReleasing = false;

  constructor(parts: ClosingParts) {
    this.#parts = parts;
  }

  /** Every call has its answer: nothing new is started from now on. */
  get isDrained(): boolean {
    return this.#isDrained;
  }

  /** Everything is written that will ever be: no entry, no flush, no base from now on. */
  get isReleasing(): boolean {
    return this.#isReleasing;
  }

  turn(tickMs: number): void {
    const { holdings, gate, invoking, forwarding, upkeep, ownNode, log } = this.#parts;
    if (!holdings.isResting) return;
    // What other nodes still do for clients of ours is theirs to finish, and ours to pass on.
    this.#isDrained ||= !forwarding.isWaitedFor && gate.held === 0 && holdings.all.every(({ shard }) => shard.callsWaiting === 0);
    if (!this.#isDrained || this.#isReleasing || invoking.open > 0) return;
    if (!upkeep.flushAll(tickMs) || ownNode.isPublishing || log.durable < log.last) return;
    this.#isReleasing = true;
    // A timer that came due now would be in a log that nobody reads again.
    for (const { shard } of holdings.all) shard.close();
    this.#release(tickMs);
  }

  #release(tickMs: number): void {
    const serving = this.#parts.holdings.all.map(({ custody }) => custody).filter((custody) => !custody.isRefused);
    let left = serving.length;
    if (left === 0) return this.#seal(tickMs);
    for (const custody of serving) {
      custody.release(() => {
        if (--left === 0) this.#seal(tickMs);
      });
    }
  }

  #seal(tickMs: number): void {
    const { log, ownNode, client, holdings, ids, recordCodec, done } = this.#parts;
    const seal = log.cut(tickMs) + 1;
    client.append(log.log, seal, recordCodec.encodeSeal(log.log, ids.nextNonce()), (outcome) => {
      // Without a sure seal the document stays alive: the next start finds the log's end itself.
      if (outcome.kind !== "happened") return done();
      // A shard that was refused still needs what lies behind its last flush.
      const base = holdings.all.some(({ custody }) => custody.isRefused) ? ownNode.document.base : seal;
      ownNode.close(seal, base, done);
    });
  }
}
