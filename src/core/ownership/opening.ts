/** Opens shards that are ours by their descriptors: their stores, then the replay of what the segments do not hold, then what has to go on. */
import type { CoreSettings, CoreTools } from "../core-settings.js";
import type { EntityType } from "../entity/entity-type.js";
import type { LogWriter } from "../log/log-writer.js";
import type { RecordCodec } from "../log/record-codec.js";
import { Shard } from "../shard/shard.js";
import type { ShardHost } from "../shard/shard-host.js";
import { ShardState } from "../shard/shard-state.js";
import type { CacheBudget } from "../store/cache-budget.js";
import { mergeCells } from "../store/key-spaces/cell.js";
import { ShardStore } from "../store/shard-store.js";
import type { DirectoryClient } from "./directory-client.js";
import type { ShardDescriptor } from "./documents.js";
import type { IncarnationIds } from "./incarnation-ids.js";
import { type ReplaySize, replay } from "./replay.js";
import type { WalkedRecords } from "./walked-records.js";

export interface OpeningParts {
  readonly settings: CoreSettings;
  readonly tools: CoreTools;
  readonly client: DirectoryClient;
  readonly ids: IncarnationIds;
  readonly cache: CacheBudget;
  readonly clusterId: Uint8Array;
  readonly recordCodec: RecordCodec;
  readonly walked: WalkedRecords;
  readonly log: LogWriter;
  readonly host: ShardHost;
}

export interface OpeningShard {
  readonly shard: Shard;
  readonly descriptor: ShardDescriptor;
}

/** The shard of a descriptor, not yet open. `store`: its own, where it was read ahead. */
export function makeShard(parts: OpeningParts, descriptor: ShardDescriptor, store: ShardStore | null): Shard {
  const { host } = parts;
  const { shard, epoch } = descriptor;
  const typeOf = (name: string): EntityType | null => host.typeOf(name)?.type ?? null;
  const parent = host.ids.parentOf(shard);
  const its = store ?? makeStore(parts, descriptor);
  const state = new ShardState(shard, its, host.hashOf, typeOf, host.limits.timerWindowMax, parent);
  return new Shard(shard, epoch, state, host);
}

/** The store of a descriptor's segments, not yet open. */
export function makeStore(parts: OpeningParts, { shard, epoch, segments }: ShardDescriptor): ShardStore {
  const { settings, tools, ids, host, clusterId, cache } = parts;
  return new ShardStore({
    shard,
    segments,
    clusterId,
    hashes: host.ids.parentOf(shard) === null ? null : host.ids.hashesOf(shard),
    nextRequest: () => ids.nextRequest(),
    nextObjectName: () => ids.nextObjectName(shard, epoch),
    checksum: tools.checksum,
    deflate: tools.deflate,
    inflate: tools.inflate,
    merge: mergeCells,
    cache,
    limits: settings.store,
  });
}

/** `opened` when all of them are open, or refused. Together they read each log that they need once. */
export function openTogether(parts: OpeningParts, opening: readonly OpeningShard[], opened: (size: ReplaySize) => void): void {
  const shards = opening.map(({ shard }) => shard);
  all(
    shards,
    (shard, done) => shard.open(done),
    () => replayAll(parts, opening, opened),
  );
}

function replayAll(parts: OpeningParts, opening: readonly OpeningShard[], opened: (size: ReplaySize) => void): void {
  const { tools, client, recordCodec, walked } = parts;
  const targets = opening.map(({ shard, descriptor }) => ({
    shard: shard.shard,
    ranges: descriptor.ranges,
    replay: (entry: Parameters<Shard["replay"]>[0]) => shard.replay(entry),
    refuse: (message: string) => shard.doubt(message),
  }));
  replay(recordCodec, client, walked, tools.checksum, targets, (size) => {
    all(
      opening,
      ({ shard }, done) => shard.resume(done),
      () => opened(size),
    );
  });
}

/** Begins the same with each, and goes on when the last is done. */
function all<Item>(items: readonly Item[], begin: (item: Item, done: () => void) => void, then: () => void): void {
  let left = items.length;
  for (const item of items) {
    begin(item, () => {
      if (--left === 0) then();
    });
  }
}
