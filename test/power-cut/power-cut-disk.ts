/**
 * The file port over memory, with everything that a disk may do to its user: power cuts (`cut`), processes killed while
 * the cache lives on (`kill`), full disks and failing syncs. A seed decides all of it, the moment of the cut included.
 * `plugIn` gives the file port of one process; after a cut or a kill that process's calls fail, whatever comes later.
 */
import { parentOf } from "../../src/ports/durable-folder.js";
import { type AppendFile, type FilePort, FileProblem, type ReadFile } from "../../src/ports/files.js";
import { CachedFile } from "./cached-file.js";
import type { Counters } from "./counters.js";
import { Names } from "./names.js";
import type { Random } from "./random.js";

export interface FaultRates {
  readonly full: number;
  readonly failedSync: number;
  readonly failedFolderSync: number;
  /** After any of these the power goes soon: what an adapter does about a fault is the moment to look at. */
  readonly cutSoon: number;
}

export const NO_FAULTS: FaultRates = { full: 0, failedSync: 0, failedFolderSync: 0, cutSoon: 0 };

export class PowerCutDisk {
  readonly #random: Random;
  readonly #counters: Counters;
  readonly #names = new Names();
  /** Files that are in use have changes also when no name leads to them any more. */
  readonly #files = new Set<CachedFile>();
  #process = 0;
  #stepsLeft = Number.POSITIVE_INFINITY;
  #endsBy: "cut" | "kill" = "cut";
  faults: FaultRates = NO_FAULTS;

  constructor(random: Random, counters: Counters) {
    this.#random = random;
    this.#counters = counters;
  }

  /** The file port of a process that starts now. */
  plugIn(): { files: FilePort; isRunning: () => boolean } {
    const process = ++this.#process;
    return { files: new ProcessFiles(this, process), isRunning: () => process === this.#process };
  }

  /** The power goes, or the process is killed, during the `steps`-th operation from now. */
  endAfter(steps: number, by: "cut" | "kill"): void {
    this.#stepsLeft = steps;
    this.#endsBy = by;
  }

  #end(): void {
    if (this.#endsBy === "cut") this.cut();
    else this.kill();
  }

  cut(): void {
    this.kill();
    this.#counters.add("cuts");
    for (const file of this.#files) file.losePower(this.#random, this.#counters);
    this.#names.losePower(this.#random, this.#counters);
    this.#files.clear();
    for (const [, file] of this.#names.files()) this.#files.add(file);
  }

  /** The process ends as by SIGKILL; the cache stays. */
  kill(): void {
    this.#process++;
    this.#stepsLeft = Number.POSITIVE_INFINITY;
  }

  filesSeen(): [string, CachedFile][] {
    return this.#names.files();
  }

  /**
   * One operation of a process. `perform` gets the random generator when it may fail; it runs a second time never.
   * At the moment of the cut the operation is there, or not, as any other unsynced one.
   */
  async step<T>(process: number, path: string, perform: (names: Names, files: Set<CachedFile>) => T): Promise<T> {
    for (let hops = this.#random.below(4); hops >= 0; hops--) await undefined;
    if (process !== this.#process) throw new FileProblem("failed", path, "the power is off");
    const isLast = --this.#stepsLeft <= 0;
    if (isLast && this.#random.chance(0.3)) {
      this.#end();
      throw new FileProblem("failed", path, "the power went off");
    }
    try {
      return perform(this.#names, this.#files);
    } finally {
      if (isLast) this.#end();
    }
  }

  failsBecauseFull(): boolean {
    return this.#isFault("full", "fault: disk full");
  }

  failsFolderSync(): boolean {
    return this.#isFault("failedFolderSync", "fault: folder sync failed");
  }

  sync(file: CachedFile, path: string): void {
    if (!this.#isFault("failedSync", "fault: sync failed")) {
      file.sync();
      return;
    }
    if (this.#random.chance(0.7)) {
      this.#counters.add("fault: sync failed and forgot its pages");
      file.failSyncAndForget(this.#random);
    }
    throw new FileProblem("failed", path, "EIO: i/o error, fdatasync");
  }

  /** A write that finds the disk full leaves any part of itself behind. */
  append(file: CachedFile, path: string, chunks: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(chunks);
    if (!this.failsBecauseFull()) {
      // In pieces, as a large write reaches a disk.
      for (let at = 0; at < bytes.length; ) {
        const end = at + this.#random.between(1, bytes.length - at);
        file.append(bytes.subarray(at, end));
        at = end;
      }
      return;
    }
    const part = this.#random.below(bytes.length + 1);
    if (part > 0) file.append(bytes.subarray(0, part));
    throw new FileProblem("full", path, "ENOSPC: no space left on device, write");
  }

  #isFault(kind: "full" | "failedSync" | "failedFolderSync", name: string): boolean {
    if (!this.#random.chance(this.faults[kind])) return false;
    this.#counters.add(name);
    if (this.#stepsLeft > 0 && this.#random.chance(this.faults.cutSoon)) this.endAfter(this.#random.between(1, 6), "cut");
    return true;
  }
}

class ProcessFiles implements FilePort {
  readonly #disk: PowerCutDisk;
  readonly #process: number;

  constructor(disk: PowerCutDisk, process: number) {
    this.#disk = disk;
    this.#process = process;
  }

  makeFolder(path: string): Promise<void> {
    return this.#disk.step(this.#process, path, (names) => {
      const missing: string[] = [];
      for (let at: string | null = path; at !== null && names.get(at) === null; at = parentOf(at)) missing.unshift(at);
      for (const folder of missing) names.create(folder, "folder");
    });
  }

  listFolder(path: string): Promise<readonly string[]> {
    return this.#disk.step(this.#process, path, (names) => names.list(path));
  }

  syncFolder(path: string): Promise<void> {
    return this.#disk.step(this.#process, path, (names) => {
      if (names.get(path) !== "folder") throw new FileProblem("failed", path, "ENOENT: no such folder");
      if (this.#disk.failsFolderSync()) throw new FileProblem("failed", path, "EIO: i/o error, fsync");
      names.syncFolder(path);
    });
  }

  openAppend(path: string): Promise<AppendFile> {
    return this.#disk.step(this.#process, path, (names, files) => {
      let file = names.get(path);
      if (file === "folder") throw new FileProblem("failed", path, "EISDIR: a folder");
      if (file === null) {
        if (names.get(parentOf(path) ?? "/") !== "folder") throw new FileProblem("failed", path, "ENOENT: no such folder");
        if (this.#disk.failsBecauseFull()) throw new FileProblem("full", path, "ENOSPC: no space left on device, open");
        files.add((file = new CachedFile()));
        names.create(path, file);
      }
      return new ProcessAppendFile(this.#disk, this.#process, path, file);
    });
  }

  openRead(path: string): Promise<ReadFile | null> {
    return this.#disk.step(this.#process, path, (names) => {
      const file = names.get(path);
      if (file === null || file === "folder") return null;
      return {
        read: (offset, length) => this.#disk.step(this.#process, path, () => file.read(offset, length)),
        close: async () => undefined,
      };
    });
  }

  read(path: string, offset = 0, length = Number.POSITIVE_INFINITY): Promise<Uint8Array | null> {
    return this.#disk.step(this.#process, path, (names) => {
      const file = names.get(path);
      return file === null || file === "folder" ? null : file.read(offset, length);
    });
  }

  size(path: string): Promise<number | null> {
    return this.#disk.step(this.#process, path, (names) => {
      const file = names.get(path);
      return file === null || file === "folder" ? null : file.length;
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.step(this.#process, from, (names) => {
      if (names.get(from) === null) throw new FileProblem("failed", from, "ENOENT: no such file");
      if (names.get(parentOf(to) ?? "/") !== "folder") throw new FileProblem("failed", to, "ENOENT: no such folder");
      names.rename(from, to);
    });
  }

  remove(path: string): Promise<void> {
    return this.#disk.step(this.#process, path, (names) => {
      if (names.get(path) === null) return;
      if (names.list(path).length > 0) throw new FileProblem("failed", path, "ENOTEMPTY: the folder is not empty");
      names.remove(path);
    });
  }
}

class ProcessAppendFile implements AppendFile {
  readonly #disk: PowerCutDisk;
  readonly #process: number;
  readonly #path: string;
  readonly #file: CachedFile;
  #whyUnusable: string | null = null;

  constructor(disk: PowerCutDisk, process: number, path: string, file: CachedFile) {
    this.#disk = disk;
    this.#process = process;
    this.#path = path;
    this.#file = file;
  }

  append(chunks: readonly Uint8Array[]): Promise<void> {
    return this.#do(() => this.#disk.append(this.#file, this.#path, chunks));
  }

  sync(): Promise<void> {
    return this.#do(() => this.#sync());
  }

  async appendAndSync(chunks: readonly Uint8Array[]): Promise<void> {
    await this.append(chunks);
    await this.sync();
  }

  truncate(length: number): Promise<void> {
    return this.#do(() => this.#file.truncate(length));
  }

  async close(): Promise<void> {
    this.#whyUnusable = "the file is closed";
  }

  #do(perform: () => void): Promise<void> {
    return this.#disk.step(this.#process, this.#path, () => {
      if (this.#whyUnusable !== null) throw new FileProblem("failed", this.#path, this.#whyUnusable);
      perform();
    });
  }

  #sync(): void {
    try {
      this.#disk.sync(this.#file, this.#path);
    } catch (error) {
      this.#whyUnusable = "an earlier sync of this file failed; it is not tried again";
      throw error;
    }
  }
}
