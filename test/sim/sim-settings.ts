/** Settings of a simulated router: small limits, so that everything that happens at a limit happens often. */

import type { CoreSettings } from "../../src/core/core-settings.js";
import type { EntityType } from "../../src/core/entity/entity-type.js";
import type { ActiveDeployment } from "../../src/core/input.js";
import type { LeaseLimits } from "../../src/core/ownership/lease.js";
import { PLACEMENTS } from "./business/catalog.js";
import type { Random } from "./random.js";
import type { SeedShape } from "./seed-shape.js";

export const TIMEOUT_MS = 1_500;

/** Large entries go to the snapshot store in one seed of so many; in every second of these, most do, and many fit nowhere else. */
const SPILLING_OF = 4;
/** Segments are deflated in one seed of so many. */
const DEFLATING_OF = 3;

const LEASE = { heartbeatEveryMs: 300, leaseMs: 3_000, observeMs: 6_000 };
/** Where routers are often taken for dead, or shards are often on their way, in the same time. */
const QUICK_LEASE = { heartbeatEveryMs: 75, leaseMs: 750, observeMs: 1_500 };

export function leaseOf({ temper }: SeedShape): LeaseLimits {
  return temper === "sleepy" || temper === "restless" ? QUICK_LEASE : LEASE;
}

export type SharedSettings = Omit<CoreSettings, "incarnation" | "nonceSeed">;

export function drawSettings(random: Random, seed: number, shape: SeedShape): SharedSettings {
  const { kind, shards, temper } = shape;
  // Seed 1 too: mutants begin with it.
  const isSpilling = seed === 1 || seed % SPILLING_OF === 0 || temper === "upgrading";
  const isTight = seed === 1 || seed % (2 * SPILLING_OF) === 0;
  return {
    clusterName: "sim",
    shards,
    node: { address: "", capacity: 1 },
    acceptLossOf: [],
    freshClusterId: random.bytes(16),
    placements: PLACEMENTS,
    log: {
      appendsInFlightMax: random.pick([1, 2, 4, 8]),
      recordBytesTarget: random.pick([300, 2_000, 16_000]),
      recordBytesMax: isSpilling && isTight ? 4_000 : 256_000,
      spillBytesMin: isSpilling ? (isTight ? 300 : 1_000) : Infinity,
      valueBytesMax: 256_000,
      spillPatienceMs: isTight ? 1_000 : 100,
      retryMinMs: 5,
      retryMaxMs: 500,
      standstillMaxMs: 8_000,
    },
    shard: {
      attemptsOfCallMax: 3,
      attemptsOfMessageMax: random.pick([2, 4]),
      retryMinMs: 10,
      retryMaxMs: 1_000,
      ownResultRetentionMs: 600_000,
      foldEventsMax: random.pick([2, 5, 1_000]),
      delayMaxMs: 3_600_000,
      payloadBytesMax: 64_000,
      sendsPerInvocationMax: 1_000,
      timerWindowMax: random.pick([4, 4_096]),
      messageWindow: random.pick([3, 8, 64]),
      resultsMax: 1_000_000,
    },
    store: {
      isDeflated: seed % DEFLATING_OF === 0,
      compactionReadBytes: random.pick([4_096, 65_536]),
      deletionGraceMs: random.pick([0, 200, 2_000]),
      scanPinnedBytesMax: random.pick([65_536, 8 << 20]),
      scanVisitedMax: random.pick([8, 64, 4_096]),
    },
    upkeep: {
      tailBytesTarget: random.pick([8_000, 64_000]),
      // A shard that comes back to a log before it is flushed has the entries of its former stay there in front of it.
      tailRecordsTarget: random.pick(temper === "restless" ? [200] : [10, 40, 200]),
      tailAgeMaxMs: random.pick(temper === "restless" ? [10_000] : [1_000, 10_000]),
      dirtyBytesMax: random.pick([16_000, 1 << 20]),
      flushesMax: random.pick([1, 3]),
      recordTtlMs: Infinity,
    },
    orphans: { sweepEveryMs: random.pick([500, 20_000]) },
    admission: { tailBytesMax: 8 << 20, tailRecordsMax: 20_000, durableLagMaxMs: 5_000, recordAgeMaxMs: Infinity },
    // Half of the single routers have a lock that proves that nobody else runs; the others go by leases.
    lease: random.pick(kind === "cluster" ? [leaseOf(shape)] : [null, LEASE]),
    memory: { totalBytes: 32 << 20, reserveBytes: 4 << 20, cacheBytes: random.pick([64_000, 512_000, 8 << 20]) },
  };
}

/** All types by one deployment, or each half by one of two. */
export function deploymentsOf(types: readonly EntityType[], isSplit: boolean): ActiveDeployment[] {
  const limits = {
    inFlightMax: 8,
    entitiesMax: 16,
    commandsMax: 64,
    bytesMax: 400_000,
    timeoutMs: TIMEOUT_MS,
    prefer: isSplit ? "cost" : "latency",
  } as const;
  if (!isSplit) return [{ id: "all-1", types, limits }];
  const half = types.length >> 1;
  return [
    { id: "first-1", types: types.slice(0, half), limits },
    { id: "second-1", types: types.slice(half), limits },
  ];
}
