/** Runs a merge of segments against a snapshot store: in a worker thread in production, inline in tests. */
import { mergeCells } from "../../core/store/key-spaces/cell.js";
import { SegmentMerge } from "../../core/store/segment-merge.js";
import type { SegmentTools } from "../../core/store/segment-tools.js";
import type { CompactionJob, StoreInput } from "../../core/store/store-io.js";
import type { ObjectWriter, SnapshotPort } from "../../ports/snapshots.js";
import { type CompactorPort, turn } from "./object-io.js";

type Compacted = (StoreInput & { readonly kind: "compacted" })["result"];

export async function mergeSegments(job: CompactionJob, snapshots: SnapshotPort, tools: SegmentTools): Promise<Compacted> {
  const merge = new SegmentMerge(job, mergeCells, tools);
  let writer: ObjectWriter | null = null;
  for (;;) {
    const step = merge.step();
    switch (step.kind) {
      case "read":
        merge.supply(step.input, await snapshots.read(step.object, step.offset, step.length));
        break;
      case "chunk":
        if (step.bytes.length > 0) {
          writer ??= snapshots.create(job.object);
          await writer.write(step.bytes);
        }
        await turn();
        break;
      case "failed":
        await writer?.abort();
        return { kind: "failed", message: step.message, problem: step.problem };
      case "done": {
        if (writer === null) return { kind: "happened", segment: null };
        const outcome = await writer.finish();
        if (outcome.kind === "happened") return { kind: "happened", segment: step.segment };
        return { kind: "failed", message: outcome.message, problem: null };
      }
    }
  }
}

/** Merges on the caller's own event loop, a step at a time. */
export function inlineCompactor(snapshots: SnapshotPort, tools: SegmentTools): CompactorPort {
  return {
    compact: (job) => mergeSegments(job, snapshots, tools),
    close: () => Promise.resolve(),
  };
}
