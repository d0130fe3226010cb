/**
 * A driver for shard stores over a plain map of objects, one IO at a time in the order that the caller picks, with the
 * failures that it asks for. Merges run inline.
 */
import { SegmentMerge } from "../../src/core/store/segment-merge.js";
import type { Compacted, ObjectRead, ObjectWritten, StoreEffect, StoreInput } from "../../src/core/store/store-io.js";
import type { MergeValues } from "../../src/core/store/version-fold.js";
import { segmentTools } from "../../src/router/driver/segment-tools.js";

/** `lost`: a write answers `unknown` and nothing is there; `ghost`: it answers `unknown` and the object is there all the same. */
export type Fate = "ok" | "fail" | "lost" | "ghost";

export class StoreDriver {
  readonly objects = new Map<string, Uint8Array>();
  readonly merge: MergeValues;
  queue: StoreEffect[] = [];

  constructor(merge: MergeValues) {
    this.merge = merge;
  }

  /** Performs one of the queued effects and returns what the store is told. */
  perform(index: number, fate: Fate = "ok"): StoreInput {
    const [effect] = this.queue.splice(index, 1);
    if (effect === undefined) throw new Error("nothing is queued there");
    const { request } = effect;
    switch (effect.kind) {
      case "readObject":
        return {
          kind: "objectRead",
          request,
          result: fate === "ok" ? this.read(effect.object, effect.offset, effect.length) : FAILED,
        };
      case "writeObject":
        return { kind: "objectWritten", request, result: this.#write(effect.object, pulled(effect.source), fate) };
      case "compact":
        return { kind: "compacted", request, result: this.#compact(effect.job, fate) };
      case "deleteObject":
        if (fate === "ok" || fate === "ghost") this.objects.delete(effect.object);
        return { kind: "objectDeleted", request, isDone: fate === "ok" };
    }
  }

  read(object: string, offset: number, length: number): ObjectRead {
    const bytes = this.objects.get(object);
    return bytes === undefined ? { kind: "absent" } : { kind: "found", bytes: bytes.subarray(offset, offset + length) };
  }

  #write(object: string, bytes: Uint8Array, fate: Fate): ObjectWritten {
    if (this.objects.has(object)) throw new Error(`${object} is written a second time`);
    if (fate === "ok" || fate === "ghost") this.objects.set(object, bytes);
    if (fate === "fail") return { kind: "refused", message: "scripted" };
    return fate === "ok" ? { kind: "happened" } : { kind: "unknown", message: "scripted" };
  }

  #compact(job: Extract<StoreEffect, { kind: "compact" }>["job"], fate: Fate): Compacted {
    const merge = new SegmentMerge(job, this.merge, segmentTools);
    const chunks: Uint8Array[] = [];
    for (;;) {
      const step = merge.step();
      if (step.kind === "read") merge.supply(step.input, this.read(step.object, step.offset, step.length));
      else if (step.kind === "chunk") chunks.push(step.bytes);
      else if (step.kind === "failed") return step;
      else {
        if (step.segment === null) return { kind: "happened", segment: null };
        const written = this.#write(job.object, concatenated(chunks), fate);
        if (written.kind === "happened") return { kind: "happened", segment: step.segment };
        return { kind: "failed", message: written.message, problem: null };
      }
    }
  }
}

const FAILED: ObjectRead = { kind: "failed", message: "scripted" };

export function pulled(source: { next(): Uint8Array | null }): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk = source.next(); chunk !== null; chunk = source.next()) chunks.push(chunk);
  return concatenated(chunks);
}

export function concatenated(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
