/** The core's settings: the limits that a router runs with, each with its reason. */
import { DEFAULT_ADMISSION_LIMITS } from "../core/admission/admission.js";
import type { CoreSettings } from "../core/core-settings.js";
import type { LogId } from "../core/log/record.js";
import type { LeaseLimits } from "../core/ownership/lease.js";
import type { NodeSettings } from "../core/ownership/own-node.js";
import { DEFAULT_STORE_LIMITS } from "../core/store/store-options.js";
import type { JournalLimits } from "../ports/journal.js";
import type { DirectorySettings, JournalSettings, Settings, SnapshotSettings } from "./config/settings.js";

export type LocalCoreSettings = Omit<CoreSettings, "incarnation" | "freshClusterId" | "nonceSeed" | "placements">;

/** What depends on where the journal is. */
interface JournalTuning {
  readonly appendsInFlightMax: number;
  readonly recordBytesTarget: number;
  readonly tailBytesTarget: number;
  readonly tailRecordsTarget: number;
  readonly standstillMaxMs: number;
}

/** A sync of the disk takes well under a millisecond and serves whatever is there. */
const LOCAL_TUNING: JournalTuning = {
  // Two: one is synced while the next gathers. More would only make groups smaller.
  appendsInFlightMax: 2,
  recordBytesTarget: 256 << 10,
  // A restart reads the tail: 64 MB are read and applied in under two seconds.
  tailBytesTarget: 64 << 20,
  tailRecordsTarget: 100_000,
  standstillMaxMs: 60_000,
};

/** An append is one conditional write of about 5 ms, charged by the kilobyte; a restart reads records one by one. */
const DYNAMO_TUNING: JournalTuning = {
  // Four: entries wait about a millisecond for a free place, and a record gathers what arrives meanwhile.
  appendsInFlightMax: 4,
  // One partition takes 1,000 write units a second: a record of 300 KB would take a third of it, and the log waits for it.
  recordBytesTarget: 64 << 10,
  tailBytesTarget: 64 << 20,
  // 10,000 records are 100 batched reads: under a second, and at most a cent.
  tailRecordsTarget: 10_000,
  // A table that is throttled for a minute costs a minute, and no restart.
  standstillMaxMs: 180_000,
};

const TUNING: Readonly<Record<JournalSettings["kind"], JournalTuning>> = {
  local: LOCAL_TUNING,
  memory: LOCAL_TUNING,
  dynamodb: DYNAMO_TUNING,
};

/**
 * Where the lock of a data folder proves that nobody else runs there is none. Else others wait for three seconds, twice the
 * read lease, as clocks may differ; two beats fit into a lease, and a write and a look at each beat into the three requests a
 * second that an idle node may cost.
 */
const LEASE: LeaseLimits = { heartbeatEveryMs: 750, leaseMs: 1_500, observeMs: 3_000 };

/** A router that nobody else can reach. */
const ALONE: NodeSettings = { address: "", capacity: 1 };

/** `limits` are what the journal that was opened says of itself. */
export function coreSettings(
  settings: Pick<Settings, "cluster" | "shards" | "memory"> & {
    readonly journal: Pick<JournalSettings, "kind">;
    readonly snapshots: Pick<SnapshotSettings, "kind">;
    readonly directory: Pick<DirectorySettings, "kind">;
  },
  limits: JournalLimits,
  acceptLossOf: readonly LogId[] = [],
  node: NodeSettings = ALONE,
): LocalCoreSettings {
  const { cacheBytes, totalBytes } = settings.memory;
  const { appendsInFlightMax, recordBytesTarget, tailBytesTarget, tailRecordsTarget, standstillMaxMs } =
    TUNING[settings.journal.kind];
  return {
    clusterName: settings.cluster,
    shards: settings.shards,
    node,
    acceptLossOf,
    log: {
      appendsInFlightMax,
      recordBytesTarget,
      recordBytesMax: limits.recordBytesMax,
      spillBytesMin: limits.spillBytesMin,
      // A state of 4 MB with its events and messages, and what a record on local disk holds.
      valueBytesMax: 16 << 20,
      // A usual upload takes a tenth of it.
      spillPatienceMs: 1_000,
      retryMinMs: 20,
      retryMaxMs: 2_000,
      standstillMaxMs,
    },
    shard: {
      attemptsOfCallMax: 3,
      attemptsOfMessageMax: 10,
      retryMinMs: 50,
      retryMaxMs: 10_000,
      ownResultRetentionMs: 10 * 60_000,
      foldEventsMax: 1_000,
      delayMaxMs: 366 * 86_400_000,
      payloadBytesMax: 1 << 20,
      sendsPerInvocationMax: 1_000,
      // About 200 bytes each on disk: four gigabytes.
      resultsMax: 20_000_000,
      messageWindow: 1_024,
    },
    // On the local disk packing would cost more time than it saves.
    store: { ...DEFAULT_STORE_LIMITS, isDeflated: settings.snapshots.kind === "s3" },
    upkeep: {
      tailBytesTarget,
      tailRecordsTarget,
      tailAgeMaxMs: 10 * 60_000,
      dirtyBytesMax: Math.max(4 << 20, Math.floor(cacheBytes / 4)),
      flushesMax: 1,
      recordTtlMs: limits.ttlMs,
    },
    // Orphans cost space and nothing else.
    orphans: { sweepEveryMs: 10 * 60_000 },
    lease: settings.directory.kind === "dynamodb" ? LEASE : null,
    admission: { ...DEFAULT_ADMISSION_LIMITS, recordAgeMaxMs: limits.ttlMs / 2 },
    memory: { totalBytes, reserveBytes: Math.floor(totalBytes / 10), cacheBytes },
  };
}
