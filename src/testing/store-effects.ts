/** The IO of shard stores on a snapshot port; merges run where they are asked for. */
import { crc32 } from "../core/store/crc32.js";
import { mergeCells } from "../core/store/key-spaces/cell.js";
import { SegmentMerge } from "../core/store/segment-merge.js";
import type { Compacted, CompactionJob, ObjectRead, ObjectWritten, StoreEffect, StoreInput } from "../core/store/store-io.js";
import type { SnapshotPort } from "../ports/snapshots.js";

export async function performStoreEffect(snapshots: SnapshotPort, effect: StoreEffect): Promise<StoreInput> {
  const { request } = effect;
  switch (effect.kind) {
    case "readObject":
      return { kind: "objectRead", request, result: await read(snapshots, effect.object, effect.offset, effect.length) };
    case "writeObject":
      return { kind: "objectWritten", request, result: await write(snapshots, effect.object, () => effect.source.next()) };
    case "compact":
      return { kind: "compacted", request, result: await compact(snapshots, effect.job) };
    case "deleteObject":
      return { kind: "objectDeleted", request, isDone: (await snapshots.delete(effect.object)).kind === "happened" };
  }
}

async function read(snapshots: SnapshotPort, object: string, offset: number, length: number): Promise<ObjectRead> {
  return snapshots.read(object, offset, length);
}

async function write(snapshots: SnapshotPort, object: string, next: () => Uint8Array | null): Promise<ObjectWritten> {
  const writer = snapshots.create(object);
  for (let chunk = next(); chunk !== null; chunk = next()) await writer.write(chunk);
  return writer.finish();
}

async function compact(snapshots: SnapshotPort, job: CompactionJob): Promise<Compacted> {
  const merge = new SegmentMerge(job, mergeCells, crc32);
  const writer = snapshots.create(job.object);
  for (;;) {
    const step = merge.step();
    switch (step.kind) {
      case "read":
        merge.supply(step.input, await read(snapshots, step.object, step.offset, step.length));
        break;
      case "chunk":
        await writer.write(step.bytes);
        break;
      case "failed":
        await writer.abort();
        return step;
      case "done": {
        if (step.segment === null) {
          await writer.abort();
          return { kind: "happened", segment: null };
        }
        const written = await writer.finish();
        return written.kind === "happened"
          ? { kind: "happened", segment: step.segment }
          : { kind: "failed", message: written.message };
      }
    }
  }
}
