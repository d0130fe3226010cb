/** The core's settings: the limits that a router runs with, each with its reason. */
import { DEFAULT_ADMISSION_LIMITS } from "../core/admission/admission.js";
import type { CoreSettings } from "../core/core-settings.js";
import { DEFAULT_STORE_LIMITS } from "../core/store/store-options.js";
import type { JournalLimits } from "../ports/journal.js";
import type { Settings } from "./config/settings.js";

export type LocalCoreSettings = Omit<CoreSettings, "incarnation" | "freshClusterId" | "nonceSeed" | "placements">;

export function coreSettings(
  settings: Pick<Settings, "cluster" | "shards" | "memory">,
  journal: JournalLimits,
): LocalCoreSettings {
  const { cacheBytes, totalBytes } = settings.memory;
  return {
    clusterName: settings.cluster,
    shards: settings.shards,
    log: {
      // Two: one is synced while the next gathers. More would only make groups smaller.
      appendsInFlightMax: 2,
      recordBytesTarget: 256 << 10,
      recordBytesMax: journal.recordBytesMax,
      retryMinMs: 20,
      retryMaxMs: 2_000,
      standstillMaxMs: 60_000,
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
    store: DEFAULT_STORE_LIMITS,
    upkeep: {
      // A restart reads the tail: 64 MB are read and applied in under two seconds.
      tailBytesTarget: 64 << 20,
      tailRecordsTarget: 100_000,
      tailAgeMaxMs: 10 * 60_000,
      dirtyBytesMax: Math.max(4 << 20, Math.floor(cacheBytes / 4)),
      flushesMax: 1,
    },
    // Orphans cost space and nothing else.
    orphans: { sweepEveryMs: 10 * 60_000 },
    admission: DEFAULT_ADMISSION_LIMITS,
    memory: { totalBytes, reserveBytes: Math.floor(totalBytes / 10), cacheBytes },
  };
}
