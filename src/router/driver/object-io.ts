/** Performs what the shard stores ask of the snapshot store: one IO for each effect, one report of what came of it. */
import type { CompactionJob, ObjectWritten, StoreEffect, StoreInput } from "../../core/store/store-io.js";
import { unreachable } from "../../core/unreachable.js";
import type { SnapshotPort } from "../../ports/snapshots.js";

/** Merges segments where it does not hold up the loop. */
export interface CompactorPort {
  compact(job: CompactionJob): Promise<(StoreInput & { readonly kind: "compacted" })["result"]>;
  close(): Promise<void>;
}

export async function performStoreEffect(
  effect: StoreEffect,
  snapshots: SnapshotPort,
  compactor: CompactorPort,
): Promise<StoreInput> {
  const { request } = effect;
  switch (effect.kind) {
    case "readObject":
      return { kind: "objectRead", request, result: await snapshots.read(effect.object, effect.offset, effect.length) };
    case "writeObject": {
      const writer = snapshots.create(effect.object);
      for (let chunk = effect.source.next(); chunk !== null; chunk = effect.source.next()) {
        await writer.write(chunk);
        await turn();
      }
      return { kind: "objectWritten", request, result: await writer.finish() };
    }
    case "compact":
      return { kind: "compacted", request, result: await compactor.compact(effect.job) };
    case "deleteObject": {
      const outcome = await snapshots.delete(effect.object);
      return { kind: "objectDeleted", request, isDone: outcome.kind === "happened" };
    }
    default:
      return unreachable(effect);
  }
}

/** Writes a spilled value, which is in memory anyway. */
export async function writeValue(object: string, bytes: Uint8Array, snapshots: SnapshotPort): Promise<ObjectWritten> {
  const writer = snapshots.create(object);
  await writer.write(bytes);
  return writer.finish();
}

/** Lets the event loop take its other work, whatever the store behind the port does. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
