/** The merge thread: the CPU work of compactions. It does no IO; the main thread reads and writes for it (merge-thread.ts). */
import { parentPort } from "node:worker_threads";
import { mergeCells } from "../../core/store/key-spaces/cell.js";
import { SegmentMerge } from "../../core/store/segment-merge.js";
import type { CompactionJob, ObjectRead } from "../../core/store/store-io.js";
import { segmentTools } from "./segment-tools.js";

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread");

let merge: SegmentMerge | null = null;

export type ToMergeThread =
  | { readonly kind: "begin"; readonly job: CompactionJob }
  | { readonly kind: "supplied"; readonly input: number; readonly result: ObjectRead }
  /** The last chunk is taken. */
  | { readonly kind: "goOn" };

port.on("message", (message: ToMergeThread) => {
  if (message.kind === "begin") merge = new SegmentMerge(message.job, mergeCells, segmentTools);
  if (message.kind === "supplied") merge?.supply(message.input, message.result);
  advance();
});

function advance(): void {
  if (merge === null) return;
  for (;;) {
    const step = merge.step();
    if (step.kind === "chunk" && step.bytes.length === 0) continue;
    if (step.kind === "chunk") {
      const bytes = step.bytes.slice();
      port?.postMessage({ kind: "chunk", bytes }, [bytes.buffer]);
      return;
    }
    port?.postMessage(step);
    if (step.kind !== "read") merge = null;
    return;
  }
}
