/** The real core with settings for tests: one shard, short back-offs, little memory. */
import { randomBytes } from "node:crypto";
import { DEFAULT_ADMISSION_LIMITS } from "../core/admission/admission.js";
import type { EntityType } from "../core/entity/entity-type.js";
import type { ActiveDeployment } from "../core/input.js";
import { RouterCore } from "../core/router-core.js";
import { crc32 } from "../core/store/crc32.js";
import { DEFAULT_STORE_LIMITS } from "../core/store/store-options.js";
import { documentCodec } from "../protocol/record/document-codec.js";
import { recordCodec } from "../protocol/record/record-codec.js";
import { DEFAULT_DEPLOYMENT_LIMITS } from "../router/config/settings.js";

export function newCore(incarnation: string, recordBytesMax: number): RouterCore {
  return new RouterCore(
    {
      incarnation,
      clusterName: "test",
      shards: 1,
      freshClusterId: randomBytes(16),
      nonceSeed: randomBytes(12),
      placements: [],
      log: {
        appendsInFlightMax: 4,
        recordBytesTarget: 64 << 10,
        recordBytesMax,
        retryMinMs: 10,
        retryMaxMs: 1_000,
        standstillMaxMs: 30_000,
      },
      shard: {
        attemptsOfCallMax: 3,
        attemptsOfMessageMax: 10,
        retryMinMs: 50,
        retryMaxMs: 2_000,
        ownResultRetentionMs: 3_600_000,
        foldEventsMax: 1_000,
        delayMaxMs: 366 * 86_400_000,
        payloadBytesMax: 1 << 20,
        sendsPerInvocationMax: 10_000,
        messageWindow: 1_000,
      },
      store: DEFAULT_STORE_LIMITS,
      upkeep: {
        tailBytesTarget: 16 << 20,
        tailRecordsTarget: 20_000,
        tailAgeMaxMs: 7 * 86_400_000,
        dirtyBytesMax: 16 << 20,
        flushesMax: 1,
      },
      admission: DEFAULT_ADMISSION_LIMITS,
      memory: { totalBytes: 256 << 20, reserveBytes: 16 << 20, cacheBytes: 16 << 20 },
    },
    { documentCodec, recordCodec, checksum: crc32 },
  );
}

/** One deployment for each definition, so that one can be out of reach and the others not. */
export function deploymentOf(id: string, types: readonly EntityType[]): ActiveDeployment {
  return { id, types, limits: DEFAULT_DEPLOYMENT_LIMITS };
}
