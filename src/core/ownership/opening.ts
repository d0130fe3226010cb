/** From nothing to open shards: claims them, opens their stores, replays what the segments do not hold, and resumes them. */
import type { CoreSettings, CoreTools } from "../core-settings.js";
import type { EntityType } from "../entity/entity-type.js";
import { type LogLimits, LogWriter } from "../log/log-writer.js";
import type { LogId } from "../log/record.js";
import { Shard } from "../shard/shard.js";
import type { ShardHost } from "../shard/shard-host.js";
import { ShardState } from "../shard/shard-state.js";
import type { CacheBudget } from "../store/cache-budget.js";
import { mergeCells } from "../store/key-spaces/cell.js";
import { ShardStore } from "../store/shard-store.js";
import { type Claimed, claim, RECORD_FORMAT_WITH_VALUES } from "./claim.js";
import type { DirectoryClient } from "./directory-client.js";
import type { IncarnationIds } from "./incarnation-ids.js";
import type { OwnNode } from "./own-node.js";
import { type ReplaySize, replay } from "./replay.js";

export interface OpeningParts {
  readonly settings: CoreSettings;
  readonly tools: CoreTools;
  readonly client: DirectoryClient;
  readonly ids: IncarnationIds;
  readonly cache: CacheBudget;
  readonly ownNode: OwnNode;
  hostOn(log: LogWriter): ShardHost;
  refuse(code: string, message: string): void;
  standingBy(incarnation: LogId): void;
}

export interface Opened {
  readonly claimed: Claimed;
  readonly log: LogWriter;
  readonly shards: readonly Shard[];
}

/** `claimed` is called when the shards are ours and begin to replay; `resumed` when all of them are open. */
export function openShards(
  parts: OpeningParts,
  claimed: (opened: Opened) => void,
  resumed: (opened: Opened, replayed: ReplaySize) => void,
): void {
  const { settings, tools, client, ids, ownNode, refuse } = parts;
  const { incarnation, clusterName, shards, freshClusterId, lease, acceptLossOf } = settings;
  const { recordTtlMs } = settings.upkeep;
  claim(
    { incarnation, clusterName, shards, freshClusterId, lease, recordTtlMs, acceptLossOf },
    {
      client,
      codec: tools.documentCodec,
      ownNode,
      recordCodec: tools.recordCodec,
      nextToken: () => ids.nextToken(),
      nextNonce: () => ids.nextNonce(),
      refuse,
      standingBy: (other) => parts.standingBy(other),
    },
    (result) => {
      const opened = makeShards(parts, result);
      claimed(opened);
      all(
        opened.shards,
        (shard, done) => shard.open(done),
        () => replayAll(parts, opened, resumed),
      );
    },
  );
}

function makeShards(parts: OpeningParts, claimed: Claimed): Opened {
  const { settings, tools, ids } = parts;
  const { clusterId } = claimed.cluster;
  const codec = tools.recordCodec(clusterId);
  const log = new LogWriter(settings.incarnation, codec, logLimits(settings, claimed), () => ids.nextNonce(), tools.checksum);
  const host = parts.hostOn(log);
  const typeOf = (name: string): EntityType | null => host.typeOf(name)?.type ?? null;
  const shards = claimed.shards.map(({ descriptor: { shard, epoch, segments } }) => {
    const store = new ShardStore({
      shard,
      segments,
      clusterId,
      nextRequest: () => ids.nextRequest(),
      nextObjectName: () => ids.nextObjectName(shard, epoch),
      checksum: tools.checksum,
      deflate: tools.deflate,
      inflate: tools.inflate,
      merge: mergeCells,
      cache: parts.cache,
      limits: settings.store,
    });
    return new Shard(shard, epoch, new ShardState(shard, store, host.hashOf, typeOf, host.limits.timerWindowMax), host);
  });
  return { claimed, log, shards };
}

/** Records that refer to values are of a format that every node of the cluster has to know first (RULES.md 15d). */
function logLimits({ log }: CoreSettings, { cluster }: Claimed): LogLimits {
  return cluster.recordFormatFloor >= RECORD_FORMAT_WITH_VALUES ? log : { ...log, spillBytesMin: Infinity };
}

function replayAll(parts: OpeningParts, opened: Opened, resumed: (opened: Opened, replayed: ReplaySize) => void): void {
  const { claimed, shards } = opened;
  const targets = shards.map((shard, index) => ({
    shard: shard.shard,
    ranges: claimed.shards[index]?.descriptor.ranges ?? [],
    replay: (entry: Parameters<Shard["replay"]>[0]) => shard.replay(entry),
    refuse: (message: string) => shard.refuse(message),
  }));
  const { tools, client } = parts;
  replay(tools.recordCodec(claimed.cluster.clusterId), client, tools.checksum, targets, (size) => {
    all(
      shards,
      (shard, done) => shard.resume(done),
      () => resumed(opened, size),
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
