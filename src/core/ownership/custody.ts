/**
 * Custody of one shard: its descriptor, and the changes to it while this incarnation owns it. A flush freezes what has been
 * applied up to a position, writes it, waits until that position is durable, and only then names it (RULES.md 15a). One
 * swap of a descriptor is under way at a time.
 */
import type { LogWriter } from "../log/log-writer.js";
import type { LogId } from "../log/record.js";
import type { Shard } from "../shard/shard.js";
import { assert } from "../unreachable.js";
import type { DirectoryClient } from "./directory-client.js";
import { type DocumentCodec, type ShardDescriptor, shardKey } from "./documents.js";

export interface CustodyTools {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly clusterId: Uint8Array;
  readonly log: LogWriter;
  nextToken(): string;
  /** The published base of our log. */
  base(): number;
  /** The shard is no longer ours, or its descriptor says what it must not. */
  lost(shard: number): void;
}

export class Custody {
  readonly shard: Shard;
  readonly #tools: CustodyTools;
  #descriptor: ShardDescriptor;
  #token: string;
  #isSwapping = false;
  /** It is being handed over: no flush and no merge is begun. */
  isLeaving = false;

  constructor(shard: Shard, descriptor: ShardDescriptor, token: string, tools: CustodyTools) {
    this.shard = shard;
    this.#descriptor = descriptor;
    this.#token = token;
    this.#tools = tools;
  }

  get token(): string {
    return this.#token;
  }

  get descriptor(): ShardDescriptor {
    return this.#descriptor;
  }

  /** The lowest position of our own log that a restart would have to read for this shard. */
  get neededFrom(): number {
    return this.#descriptor.covered + 1;
  }

  /** The shard serves nobody: its descriptor stays as it is, and so does everything that it names. */
  get isRefused(): boolean {
    return this.shard.refusal !== null;
  }

  get isIdle(): boolean {
    return !this.#isSwapping && this.shard.state.store.isThawed && this.shard.state.store.pendingManifest() === null;
  }

  /** Whether logs of former owners are still needed, or any entry was applied, or anything written, since the last flush. */
  get isDirty(): boolean {
    const { state } = this.shard;
    return this.#descriptor.ranges.length > 0 || state.isUnsaved || state.store.dirtyCount > 0;
  }

  get dirtyBytes(): number {
    return this.shard.state.store.dirtyBytes;
  }

  /** Begins a flush of everything applied so far. The open record must be closed: no entry at `position` follows. */
  flush(position: number): void {
    assert(this.isIdle, `shard ${this.shard.shard} is being flushed already`);
    const { state, storeEffects } = this.shard;
    if (state.isUnsaved) state.saveBookkeeping();
    state.store.freeze(position);
    state.store.startFlush(storeEffects);
  }

  /** Names what has been written, as soon as it may be named; starts a merge where one is due. Once a turn. */
  turn(): void {
    const { store } = this.shard.state;
    if (this.#isSwapping) return;
    if (!store.isThawed) store.startFlush(this.shard.storeEffects);
    if (!this.isLeaving) store.startCompaction(this.shard.storeEffects);
    const manifest = store.pendingManifest();
    if (manifest === null) return;
    if (manifest.coveredTo !== null && manifest.coveredTo > this.#tools.log.durable) return;
    const isFlush = manifest.coveredTo !== null;
    this.#swap(
      {
        ...this.#descriptor,
        covered: manifest.coveredTo ?? this.#descriptor.covered,
        ranges: isFlush ? [] : this.#descriptor.ranges,
        segments: manifest.segments,
      },
      () => store.manifestConfirmed(),
    );
  }

  /** Gives the shard up, at an orderly stop: everything is flushed, so whoever claims it next needs no log. */
  release(then: () => void): void {
    assert(this.isIdle, `shard ${this.shard.shard} is being flushed`);
    this.#swap({ ...this.#descriptor, owner: null, ranges: [] }, then);
  }

  /**
   * Names the next owner, at a planned hand-off: nothing of the shard follows `lastPosition`, and everything up to there is
   * durable. What no segment holds lies in a range of our log; gives where it begins, null where there is nothing
   * (RULES.md 8). An older range than needed costs reads, so it begins behind what is covered and at the base.
   */
  handOver(to: LogId, lastPosition: number, then: () => void): number | null {
    assert(this.isIdle, `shard ${this.shard.shard} is being flushed`);
    const { covered, epoch, ranges } = this.#descriptor;
    const { log } = this.#tools.log;
    const from = Math.max(covered + 1, this.#tools.base());
    const isAny = lastPosition >= from;
    const own = isAny ? [{ log, epoch, from, to: lastPosition + 1 }] : [];
    this.#swap({ ...this.#descriptor, epoch: epoch + 1, owner: to, covered: 0, ranges: [...ranges, ...own] }, then);
    return isAny ? from : null;
  }

  #swap(next: ShardDescriptor, then: () => void): void {
    this.#isSwapping = true;
    const token = this.#tools.nextToken();
    const document = { token, body: this.#tools.codec.encodeDescriptor(next, this.#tools.clusterId) };
    this.#tools.client.swap(shardKey(this.shard.shard), this.#token, document, (end) => {
      this.#isSwapping = false;
      if (end === "lost") return this.#tools.lost(this.shard.shard);
      this.#token = token;
      this.#descriptor = next;
      then();
    });
  }
}

/** What an owner of a closed log still needs of it, for all shards together: the lowest position, or null. */
export function neededOf(log: LogId, descriptors: readonly ShardDescriptor[]): number | null {
  const needed = descriptors.flatMap((descriptor) =>
    descriptor.ranges.filter((range) => range.log === log).map((range) => range.from),
  );
  return needed.length === 0 ? null : Math.min(...needed);
}
