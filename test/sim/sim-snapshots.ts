/**
 * The snapshot store of src/ports/snapshots.ts under faults, and the driver of a shard store's effects above it. Merges
 * run here, in the moment in which they end. `onDelete` sees every object that vanishes.
 */

import { equalBytes } from "../../src/core/bytes/compare.js";
import type { ObjectsFound } from "../../src/core/input.js";
import { mergeCells } from "../../src/core/store/key-spaces/cell.js";
import { SegmentMerge } from "../../src/core/store/segment-merge.js";
import type { SegmentReference } from "../../src/core/store/segment-reference.js";
import type {
  Compacted,
  CompactionJob,
  ObjectRead,
  ObjectWritten,
  StoreEffect,
  StoreInput,
} from "../../src/core/store/store-io.js";
import { segmentTools } from "../../src/router/driver/segment-tools.js";
import type { Caller, Disk } from "./disk.js";

type Report = (input: StoreInput) => void;

export class SimSnapshots {
  readonly #disk: Disk;
  readonly #objects = new Map<string, Uint8Array>();
  readonly #onDelete: (object: string) => void;

  constructor(disk: Disk, onDelete: (object: string) => void) {
    this.#disk = disk;
    this.#onDelete = onDelete;
  }

  get objects(): ReadonlyMap<string, Uint8Array> {
    return this.#objects;
  }

  /** Somebody who must not has deleted it. */
  lose(object: string): void {
    this.#objects.delete(object);
  }

  list(caller: Caller, prefix: string, report: (outcome: ObjectsFound) => void): void {
    const isFailed = caller.isCutOff || this.#isReadFailed();
    this.#disk.read(
      caller,
      (): ObjectsFound =>
        isFailed
          ? { kind: "failed", message: "simulated" }
          : { kind: "listed", names: [...this.#objects.keys()].filter((name) => name.startsWith(prefix)).sort() },
      report,
    );
  }

  perform(caller: Caller, effect: StoreEffect, report: Report): void {
    const { request } = effect;
    switch (effect.kind) {
      case "readObject":
        return this.#read(caller, effect, report);
      case "writeObject": {
        const chunks: Uint8Array[] = [];
        for (let chunk = effect.source.next(); chunk !== null; chunk = effect.source.next()) chunks.push(chunk);
        return this.#write(caller, "writeObject", effect.object, joined(chunks), (result) =>
          report({ kind: "objectWritten", request, result }),
        );
      }
      case "compact":
        this.#disk.world.after(this.#disk.delayMs() * 3, () => {
          if (caller.isAlive) this.#compact(caller, request, effect.job, report);
        });
        return;
      case "deleteObject":
        return this.#remove(caller, "deleteObject", effect.object, (isDone) =>
          report({ kind: "objectDeleted", request, isDone }),
        );
    }
  }

  writeValue(caller: Caller, object: string, bytes: Uint8Array, report: (result: ObjectWritten) => void): void {
    this.#write(caller, "writeValue", object, bytes, report);
  }

  readValue(caller: Caller, object: string, length: number, report: (result: ObjectRead) => void): void {
    const isFailed = caller.isCutOff || this.#isReadFailed();
    if (isFailed) this.#disk.world.count("fault.readValue.failed");
    this.#disk.read(caller, () => (isFailed ? FAILED : this.#bytes(object, 0, length)), report);
  }

  deleteValue(caller: Caller, object: string, report: () => void): void {
    this.#remove(caller, "deleteValue", object, report);
  }

  #read(caller: Caller, effect: StoreEffect & { readonly kind: "readObject" }, report: Report): void {
    const { request, object, offset, length } = effect;
    const isFailed = caller.isCutOff || this.#isReadFailed();
    this.#disk.read(
      caller,
      () => (isFailed ? FAILED : this.#bytes(object, offset, length)),
      (result) => report({ kind: "objectRead", request, result }),
    );
  }

  #bytes(object: string, offset: number, length: number): ObjectRead {
    const bytes = this.#objects.get(object);
    return bytes === undefined ? { kind: "absent" } : { kind: "found", bytes: bytes.slice(offset, offset + length) };
  }

  #write(
    caller: Caller,
    what: "writeObject" | "writeValue",
    object: string,
    bytes: Uint8Array,
    report: (result: ObjectWritten) => void,
  ): void {
    const disk = this.#disk;
    const { refused, torn } = disk.mix.snapshot;
    if (disk.random.chance(torn)) {
      // A torn object was begun, never finished, and never seen: its writer cannot know.
      disk.world.count(`fault.${what}.torn`);
      disk.world.after(disk.delayMs(), () => caller.isAlive && report({ kind: "unknown", message: "torn" }));
      return;
    }
    if (disk.random.chance(refused) || (disk.isFull && !disk.isHealed)) {
      disk.world.count(`fault.${what}.refused`);
      disk.world.after(disk.delayMs(), () => caller.isAlive && report({ kind: "refused", message: "simulated" }));
      return;
    }
    const fate = disk.fateOf(disk.mix.snapshot, what);
    const land = (): ObjectWritten => {
      const standing = this.#objects.get(object);
      if (standing !== undefined) {
        // A value is put again as long as nobody knows what came of it: always the same bytes.
        if (what === "writeObject" || !equalBytes(standing, bytes)) throw new Error(`${object} is written a second time`);
        disk.world.count("landed.valueTwice");
        return { kind: "refused", message: "it exists" };
      }
      this.#objects.set(object, bytes);
      disk.world.count(what === "writeObject" ? "landed.object" : "landed.value");
      return { kind: "happened" };
    };
    disk.write(caller, what, fate, land, (result) => report(result ?? { kind: "unknown", message: "simulated" }));
  }

  #compact(caller: Caller, request: number, job: CompactionJob, report: Report): void {
    const merged = this.#merge(job);
    const end = (result: Compacted): void => report({ kind: "compacted", request, result });
    if (merged.kind === "failed") return end(merged);
    const { segment, bytes } = merged;
    if (segment === null) return end({ kind: "happened", segment: null });
    this.#write(caller, "writeObject", job.object, bytes, (written) => {
      end(
        written.kind === "happened" ? { kind: "happened", segment } : { kind: "failed", message: written.message, problem: null },
      );
    });
  }

  #merge(job: CompactionJob): Merged {
    const merge = new SegmentMerge(job, mergeCells, segmentTools);
    const chunks: Uint8Array[] = [];
    for (;;) {
      const step = merge.step();
      if (step.kind === "read") {
        // A merge reads many times, and one failure fails it whole.
        const isFailed = this.#disk.random.chance(0.2) && this.#isReadFailed();
        merge.supply(step.input, isFailed ? FAILED : this.#bytes(step.object, step.offset, step.length));
      } else if (step.kind === "chunk") chunks.push(step.bytes);
      else if (step.kind === "failed") return step;
      else return { kind: "merged", segment: step.segment, bytes: joined(chunks) };
    }
  }

  #remove(caller: Caller, what: string, object: string, report: (isDone: boolean) => void): void {
    const disk = this.#disk;
    const isFailed = caller.isCutOff || disk.random.chance(disk.mix.snapshot.deleteFailed);
    const isGone = !isFailed || disk.random.chance(0.5);
    if (isFailed) disk.world.count(`fault.${what}.failed`);
    disk.write(
      caller,
      what,
      "ok",
      () => {
        if (!isGone || !this.#objects.delete(object)) return;
        disk.world.count(what === "deleteObject" ? "landed.delete" : "landed.deleteValue");
        this.#onDelete(object);
      },
      () => report(!isFailed),
    );
  }

  #isReadFailed(): boolean {
    const isFailed = this.#disk.random.chance(this.#disk.mix.snapshot.readFailed);
    if (isFailed) this.#disk.world.count("fault.readObject.failed");
    return isFailed;
  }
}

type Merged =
  | (Compacted & { readonly kind: "failed" })
  | { readonly kind: "merged"; readonly segment: SegmentReference | null; readonly bytes: Uint8Array };

const FAILED: ObjectRead = { kind: "failed", message: "simulated" };

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
