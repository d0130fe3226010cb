/**
 * What stands in the directory of shards: their descriptors, all listed now and then or one read anew, made known to the shard
 * map, and told to others when we have written one. One that cannot be read refuses its shard alone; what none of them names any
 * more is removed.
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import type { Effect } from "../effect.js";
import type { LogId } from "../log/record.js";
import type { PeerFrame } from "../peers/frames.js";
import { type CustodyTools, rangesOf } from "./custody.js";
import type { DirectoryClient, FoundDocument, ListedDocument } from "./directory-client.js";
import { type DocumentCodec, nodeKey, SHARD_PREFIX, type ShardDescriptor, shardKey, shardOfKey } from "./documents.js";
import type { FormerLogs } from "./former-logs.js";
import type { HeldShards } from "./held-shards.js";
import type { Membership } from "./membership.js";
import type { ShardMap } from "./shard-map.js";

export interface DescriptorsParts {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly custody: CustodyTools;
  readonly incarnation: LogId;
  readonly membership: Membership;
  readonly formers: FormerLogs;
  readonly map: ShardMap;
  readonly effects: Effect[];
  readonly held: HeldShards;
  tickMs(): number;
  send(to: LogId, frame: PeerFrame): void;
  /** The shard is refused: what waits for it gets its answer here. */
  kept(shard: number): void;
  /** All descriptors, as they stand now. */
  listed(descriptors: readonly ShardDescriptor[]): void;
  /** Something was read: it may be different from what was known. */
  changed(): void;
}

/** All descriptors are read again, whatever else shows: what nobody told is found. */
const SWEEP_EVERY_MS = 30_000;

export class Descriptors {
  readonly #parts: DescriptorsParts;
  readonly #reading = new Set<number>();
  #isListed = false;
  #isListing = false;
  #sweepAtMs = Infinity;

  constructor(parts: DescriptorsParts) {
    this.#parts = parts;
  }

  /** All were listed, once at least. */
  get isListed(): boolean {
    return this.#isListed;
  }

  /** Lists all, makes them known, and forgets what they do not name. */
  list(): void {
    if (this.#isListing) return;
    this.#isListing = true;
    const { client, formers, membership } = this.#parts;
    // Known to be over before the listing: what it does not name, nobody will need again.
    const ended = formers.all;
    let isWhole = true;
    const listed = (found: readonly ListedDocument[]): void => {
      this.#isListing = false;
      this.#isListed = true;
      const descriptors: ShardDescriptor[] = [];
      for (const { key, document } of found) {
        const descriptor = this.#seen(key, document);
        if (descriptor === null) isWhole = false;
        else descriptors.push(descriptor);
      }
      // What a damaged one names nobody knows.
      if (isWhole) {
        this.#forget(ended, descriptors);
        this.#parts.listed(descriptors);
      }
      // Alone for sure, nobody changes a descriptor but this node; only what is damaged is mended by somebody else.
      const isSteady = membership.wakeAtMs === Infinity && !this.#parts.map.isAnyDamaged;
      this.#sweepAtMs = isSteady ? Infinity : this.#parts.tickMs() + SWEEP_EVERY_MS;
      this.#parts.changed();
    };
    client.listAnew(SHARD_PREFIX, listed, (key, message) => {
      isWhole = false;
      this.#damaged(key, message);
    });
  }

  /** Lists all again when it is time. Once a turn. */
  turn(tickMs: number): void {
    if (this.#isListed && tickMs >= this.#sweepAtMs) this.list();
  }

  wakeAtMs(): number {
    return this.#isListing ? Infinity : this.#sweepAtMs;
  }

  /** All descriptors as they stand, read anew; nothing comes of it where one is damaged. */
  readAll(then: (descriptors: readonly ShardDescriptor[]) => void): void {
    let isWhole = true;
    const listed = (found: readonly ListedDocument[]): void => {
      const descriptors = found.map(({ key, document }) => this.#seen(key, document));
      if (isWhole && descriptors.every((one) => one !== null)) then(descriptors);
    };
    this.#parts.client.listAnew(SHARD_PREFIX, listed, () => {
      isWhole = false;
    });
  }

  /** Reads the shard's descriptor: something that was said or seen does not fit what is known. */
  reread(shard: number): void {
    const { client } = this.#parts;
    if (this.#reading.has(shard)) return;
    this.#reading.add(shard);
    const key = shardKey(shard);
    const read = (): void => {
      this.#reading.delete(shard);
      this.#parts.changed();
    };
    client.readAnew(
      key,
      (found) => {
        if (found !== null) this.#seen(key, found);
        read();
      },
      (message) => {
        this.#damaged(key, message);
        read();
      },
    );
  }

  /** Whoever asks for the shard, or sends to it, need not find out by itself. */
  tell({ shard, epoch, owner }: ShardDescriptor): void {
    const { membership, incarnation } = this.#parts;
    for (const node of membership.living) {
      if (node.incarnation !== incarnation) this.#parts.send(node.incarnation, { kind: "shardMoved", shard, epoch, owner });
    }
  }

  /** Where all shards are here, what their descriptors name is all that anybody names. */
  forgetFormers(): void {
    const { formers, map, held } = this.#parts;
    if (formers.size === 0 || held.all.length < map.leaves.length) return;
    this.#forget(
      formers.all,
      held.all.map(({ custody }) => custody.descriptor),
    );
  }

  /** The descriptor that was read, made known; null where it is damaged. Of a newer format it ends the incarnation. */
  #seen(key: string, { token, body }: FoundDocument): ShardDescriptor | null {
    const { codec, custody, map } = this.#parts;
    try {
      const descriptor = codec.decodeDescriptor(body, custody.clusterId);
      map.seen(descriptor, token);
      return descriptor;
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      this.#damaged(key, error.message);
      return null;
    }
  }

  /** Refuses the shard alone. One that is here needs no descriptor until the next swap, which will tell. */
  #damaged(key: string, message: string): void {
    const { map, effects, held, kept } = this.#parts;
    const shard = shardOfKey(key);
    // A half that was never split off, or a shard that was split: nobody needs its descriptor.
    if (shard === null || !map.isLeaf(shard) || held.isOnItsWay(shard)) return;
    const told = `document_damaged: ${key}: ${message}`;
    if (!map.damaged(shard, told)) return;
    effects.push({ kind: "shardRefused", shard, message: told });
    kept(shard);
  }

  /** Removes what no descriptor names any more (RULES.md 15k): the records of logs that are over, and their documents. */
  #forget(ended: FormerLogs["all"], descriptors: readonly ShardDescriptor[]): void {
    const { effects, formers } = this.#parts;
    for (const { document, token } of ended) {
      const log = document.incarnation;
      const isNamed = descriptors.some((one) => one.owner === log || rangesOf(one).some((range) => range.log === log));
      if (isNamed) continue;
      effects.push({ kind: "trimLog", log, base: Number.MAX_SAFE_INTEGER });
      effects.push({ kind: "removeDocument", key: nodeKey(log), expected: token });
      formers.forget(log);
    }
  }
}
