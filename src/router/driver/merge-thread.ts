/**
 * Merges segments in a thread of its own, so that a compaction takes no time from the loop that answers commands. The
 * thread computes; reading and writing go through the snapshot port here, whatever lies behind it. One merge at a time.
 */
import { Worker } from "node:worker_threads";
import type { MergeStep } from "../../core/store/segment-merge.js";
import type { Compacted, CompactionJob } from "../../core/store/store-io.js";
import type { ObjectWriter, SnapshotPort } from "../../ports/snapshots.js";
import type { ToMergeThread } from "./merge-worker.js";
import type { CompactorPort } from "./object-io.js";

interface Merging {
  readonly job: CompactionJob;
  readonly resolve: (result: Compacted) => void;
  writer: ObjectWriter | null;
}

export class MergeThread implements CompactorPort {
  readonly #snapshots: SnapshotPort;
  readonly #queue: Merging[] = [];
  #worker: Worker | null = null;
  #current: Merging | null = null;
  #isClosed = false;

  constructor(snapshots: SnapshotPort) {
    this.#snapshots = snapshots;
  }

  compact(job: CompactionJob): Promise<Compacted> {
    return new Promise((resolve) => {
      this.#queue.push({ job, resolve, writer: null });
      this.#begin();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#fail("the router is stopping");
    await worker?.terminate();
  }

  #begin(): void {
    if (this.#current !== null) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    if (this.#isClosed) return next.resolve({ kind: "failed", message: "the router is stopping" });
    this.#current = next;
    this.#worker ??= this.#start();
    this.#tell({ kind: "begin", job: next.job });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./merge-worker.js", import.meta.url), { name: "holdfast-merge" });
    worker.unref();
    worker.on("message", (step: MergeStep) => {
      this.#perform(step).catch((error: unknown) => this.#fail(error instanceof Error ? error.message : String(error)));
    });
    worker.on("error", (error) => this.#fail(error instanceof Error ? error.message : String(error)));
    worker.on("exit", () => this.#fail("the merge thread has ended"));
    return worker;
  }

  async #perform(step: MergeStep): Promise<void> {
    const merging = this.#current;
    if (merging === null) return;
    switch (step.kind) {
      case "read": {
        const result = await this.#snapshots.read(step.object, step.offset, step.length);
        return this.#tell({ kind: "supplied", input: step.input, result });
      }
      case "chunk":
        merging.writer ??= this.#snapshots.create(merging.job.object);
        await merging.writer.write(step.bytes);
        return this.#tell({ kind: "goOn" });
      case "failed":
        await merging.writer?.abort();
        return this.#end(merging, step);
      case "done": {
        const outcome = merging.writer === null ? null : await merging.writer.finish();
        if (outcome === null || outcome.kind === "happened")
          return this.#end(merging, { kind: "happened", segment: step.segment });
        return this.#end(merging, { kind: "failed", message: outcome.message });
      }
    }
  }

  #tell(message: ToMergeThread): void {
    this.#worker?.postMessage(message);
  }

  #end(merging: Merging, result: Compacted): void {
    if (this.#current !== merging) return;
    this.#current = null;
    merging.resolve(result);
    this.#begin();
  }

  /** The thread is of no use any more: what it was doing has failed, the next merge starts another. */
  #fail(message: string): void {
    this.#worker?.removeAllListeners();
    this.#worker = null;
    const merging = this.#current;
    if (merging === null) return;
    void merging.writer?.abort();
    this.#end(merging, { kind: "failed", message });
  }
}
