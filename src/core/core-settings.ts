/** What a core is made with: settings are plain data, tools are pure functions that the core must not import. */
import type { AdmissionLimits } from "./admission/admission.js";
import type { TypePlacement } from "./input.js";
import type { LogLimits } from "./log/log-limits.js";
import type { LogId } from "./log/record.js";
import type { RecordCodec } from "./log/record-codec.js";
import type { RefusedCommands } from "./log/refused-commands.js";
import type { DocumentCodec } from "./ownership/documents.js";
import type { LeaseLimits } from "./ownership/lease.js";
import type { OrphanLimits } from "./ownership/orphan-sweep.js";
import type { NodeSettings } from "./ownership/own-node.js";
import type { UpkeepLimits } from "./ownership/upkeep.js";
import type { ShardLimits } from "./shard/shard-host.js";
import type { SegmentTools } from "./store/segment-tools.js";
import type { StoreLimits } from "./store/store-options.js";

export interface CoreSettings {
  readonly incarnation: LogId;
  readonly clusterName: string;
  readonly shards: number;
  readonly node: NodeSettings;
  /** 16 random bytes: the id of the cluster if it is made now. */
  readonly freshClusterId: Uint8Array;
  /** At least 8 random bytes: what makes this incarnation's nonces its own. */
  readonly nonceSeed: Uint8Array;
  readonly placements: readonly TypePlacement[];
  /** Logs that an operator allows to be taken over although some of their records may have expired. */
  readonly acceptLossOf: readonly LogId[];
  readonly log: LogLimits;
  readonly shard: ShardLimits;
  readonly store: StoreLimits;
  readonly upkeep: UpkeepLimits;
  readonly orphans: OrphanLimits;
  /** Null where a lock proves that no other incarnation runs. */
  readonly lease: LeaseLimits | null;
  readonly admission: AdmissionLimits;
  /** The cache's limit is part of the total; the reserve is what accepted work may still need. */
  readonly memory: { readonly totalBytes: number; readonly reserveBytes: number; readonly cacheBytes: number };
}

export interface CoreTools extends SegmentTools {
  readonly documentCodec: DocumentCodec;
  recordCodec(clusterId: Uint8Array): RecordCodec;
  /** The process's memory of them, from one incarnation to the next. */
  readonly refusedCommands: RefusedCommands;
}
