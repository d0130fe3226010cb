/**
 * The files of one log: `<folder>/0000000001.journal` and on, without a gap. Recovers them when the log is opened, adds
 * and removes whole files, and knows where each record lies.
 *
 * A file is built under a name beginning with `~`, synced, renamed and its folder synced before anything in it is
 * acknowledged; its header says where its predecessor ends. So adding a file is atomic, and cutting a torn tail is the
 * same act: nothing that was acknowledged is ever overwritten or truncated.
 */
import { makeDurableFolder } from "../ports/durable-folder.js";
import { fileName } from "../ports/file-name.js";
import type { AppendFile, FilePort } from "../ports/files.js";
import { StorageProblem, storageProblem } from "../ports/storage-problem.js";
import { encodeFileHeader } from "./file-header.js";
import { encodeFrameHeader, FRAME_HEADER_BYTES, frameSeed, readFrame } from "./frame.js";
import { type Place, PositionIndex } from "./position-index.js";
import { type ScannedFile, scanFile } from "./scan.js";

export interface LogFolderOptions {
  readonly files: FilePort;
  /** The folder of all logs. It is there, durably. */
  readonly logsPath: string;
  readonly randomU32: () => number;
}

export interface LogRecord {
  readonly position: number;
  readonly body: Uint8Array;
}

/** A file that can be appended to. */
export interface OpenFile {
  readonly file: AppendFile;
  readonly number: number;
  readonly seed: number;
  /** Where the next frame goes. Everything below is synced. */
  length: number;
}

interface KnownFile {
  readonly number: number;
  readonly salt: number;
  /** The highest position in it, 0 without a record. */
  highest: number;
}

export class LogFolder {
  readonly #files: FilePort;
  readonly #path: string;
  readonly #log: string;
  /** The folder of all logs. */
  readonly #durable: string;
  readonly #randomU32: () => number;
  readonly #index = new PositionIndex();
  /** Ascending. */
  #known: KnownFile[] = [];
  /** Where the last file ends for its successor, and the highest position of the whole log. */
  #lastEnd = 0;
  #highest = 0;
  #trimmedBelow = 0;

  private constructor({ files, logsPath, randomU32 }: LogFolderOptions, log: string) {
    this.#files = files;
    this.#durable = logsPath;
    this.#path = pathOfLog(logsPath, log);
    this.#log = log;
    this.#randomU32 = randomU32;
  }

  /** Throws StorageProblem. `tail` is the file that a recovery had to begin; it can be appended to. */
  static async open(options: LogFolderOptions, log: string): Promise<{ folder: LogFolder; tail: OpenFile | null }> {
    const folder = new LogFolder(options, log);
    try {
      return { folder, tail: await folder.#recover() };
    } catch (error) {
      throw storageProblem(error, folder.#path);
    }
  }

  /** Positions below were removed. */
  get trimmedBelow(): number {
    return this.#trimmedBelow;
  }

  find(position: number): Place | null {
    return this.#index.get(position);
  }

  /** Notes records that are durable now. */
  add(file: number, records: readonly (LogRecord & { readonly offset: number })[]): void {
    const known = this.#known.find((candidate) => candidate.number === file);
    for (const { position, offset, body } of records) {
      this.#index.put(position, { file, offset, length: body.length });
      this.#highest = Math.max(this.#highest, position);
      if (known !== undefined) known.highest = Math.max(known.highest, position);
    }
  }

  /** Begins a new file behind the last, which ends at `previousEnd` (null: where it ended when the log was opened). */
  async beginFile(previousEnd: number | null, records: readonly LogRecord[] = []): Promise<OpenFile> {
    const last = this.#known.at(-1);
    if (last === undefined) await makeDurableFolder(this.#files, this.#path, this.#durable);
    const number = (last?.number ?? 0) + 1;
    const salt = this.#randomU32();
    const seed = frameSeed(salt);
    const contentBytes = records.reduce((sum, record) => sum + FRAME_HEADER_BYTES + record.body.length, 0);
    const fields = { log: this.#log, number, previousEnd: previousEnd ?? this.#lastEnd, highestBefore: this.#highest, salt };
    const header = encodeFileHeader(fields, contentBytes);
    const frames = encodeFrames(records, header.length, header.length, seed);
    const unnamed = `${this.#path}/~${number}-${salt.toString(16)}`;
    const file = await this.#files.openAppend(unnamed, "commit");
    try {
      await file.appendAndSync([header, ...frames.chunks]);
    } catch (error) {
      // The first error is the one that matters; what cannot be removed now is removed when the log is opened next.
      await file.close().catch(() => undefined);
      await this.#files.remove(unnamed).catch(() => undefined);
      throw error;
    }
    await this.#files.rename(unnamed, this.#pathOf(number));
    await this.#files.syncFolder(this.#path, "commit");
    this.#known.push({ number, salt, highest: 0 });
    this.add(number, frames.placed);
    return { file, number, seed, length: frames.end };
  }

  /** The bodies of places in one file, in their order. Throws StorageProblem; null if the file has been removed. */
  async read(places: readonly Place[]): Promise<Uint8Array[] | null> {
    const [first, last] = [places[0], places.at(-1)];
    if (first === undefined || last === undefined) return [];
    const known = this.#known.find((candidate) => candidate.number === first.file);
    if (known === undefined) return null;
    const path = this.#pathOf(first.file);
    const length = last.offset + FRAME_HEADER_BYTES + last.length - first.offset;
    const read = await this.#files.read(path, first.offset, length);
    if (read === null) return null;
    const bytes = Buffer.from(read.buffer, read.byteOffset, read.byteLength);
    const seed = frameSeed(known.salt);
    return places.map((place) => {
      const frame = readFrame(bytes, place.offset - first.offset, first.offset, seed);
      if (frame === null || frame.bodyLength !== place.length) {
        const what = `${path}: damaged at offset ${place.offset}: the record there was valid when the log was opened.`;
        throw new StorageProblem("journal_damaged", path, what);
      }
      const at = frame.bodyOffset - first.offset;
      return read.subarray(at, at + frame.bodyLength);
    });
  }

  /** Removes files whose records all lie below `base`, except the last. */
  async trim(base: number): Promise<void> {
    for (let lowest = this.#known[0]; lowest !== undefined && this.#known.length > 1; lowest = this.#known[0]) {
      if (lowest.highest >= base) break;
      await removeFile(this.#files, this.#path, lowest.number);
      this.#known.shift();
      this.#trimmedBelow = Math.max(this.#trimmedBelow, lowest.highest + 1);
      this.#index.forgetFilesBelow(lowest.number + 1);
    }
  }

  /** Removes everything, lowest file first: what a power cut leaves is a log without its beginning. */
  static async removeAll({ files, logsPath }: LogFolderOptions, log: string): Promise<void> {
    const path = pathOfLog(logsPath, log);
    const numbers = (await files.listFolder(path)).map(numberOf).filter((number) => number !== null);
    for (const number of numbers.sort((left, right) => left - right)) await removeFile(files, path, number);
    await removeUnnamed(files, path);
    await files.remove(path);
  }

  async #recover(): Promise<OpenFile | null> {
    const names = await this.#files.listFolder(this.#path);
    const numbers = names.map(numberOf).filter((number) => number !== null);
    numbers.sort((left, right) => right - left);
    if (numbers.length === 0) {
      await removeUnnamed(this.#files, this.#path);
      return null;
    }
    // Names and contents may be in memory only, left by a process that was killed before it synced.
    await makeDurableFolder(this.#files, this.#path, this.#durable);
    await this.#files.syncFolder(this.#path);
    await removeUnnamed(this.#files, this.#path);
    let tail: { scanned: ScannedFile; bytes: Buffer } | null = null;
    let end: number | null = null;
    for (const [at, number] of numbers.entries()) {
      if (at > 0 && number !== (numbers[at - 1] as number) - 1) throw this.#missing(number + 1);
      const { scanned, bytes } = await this.#scan(number, end);
      tail ??= { scanned, bytes };
      end = scanned.header.previousEnd;
      if (at === numbers.length - 1 && number > 1) this.#trimmedBelow = scanned.header.highestBefore + 1;
    }
    this.#known.reverse();
    return tail === null ? null : this.#cutTail(tail.scanned, tail.bytes);
  }

  async #scan(number: number, end: number | null): Promise<{ scanned: ScannedFile; bytes: Buffer }> {
    const path = this.#pathOf(number);
    const read = await this.#files.read(path);
    if (read === null) throw this.#missing(number);
    const bytes = Buffer.from(read.buffer, read.byteOffset, read.byteLength);
    const scanned = scanFile(bytes, path, { log: this.#log, number }, end);
    const known = { number, salt: scanned.header.salt, highest: 0 };
    this.#known.push(known);
    this.#highest = Math.max(this.#highest, scanned.header.highestBefore);
    for (const { position, bodyOffset, bodyLength } of scanned.records) {
      const offset = bodyOffset - FRAME_HEADER_BYTES;
      if (this.#index.get(position) !== null) {
        const what = `${path}: damaged at offset ${offset}: position ${position} is there twice.`;
        throw new StorageProblem("journal_damaged", path, what);
      }
      this.#index.put(position, { file: number, offset, length: bodyLength });
      known.highest = Math.max(known.highest, position);
      this.#highest = Math.max(this.#highest, position);
    }
    return { scanned, bytes };
  }

  /**
   * What lies behind the proven end may be in the operating system's memory only, also for ever if a sync failed before
   * the restart. So the records there are written again, into a new file; a torn write behind them stays behind.
   */
  async #cutTail(scanned: ScannedFile, bytes: Buffer): Promise<OpenFile | null> {
    this.#lastEnd = scanned.provenEnd;
    const unproven = scanned.records.filter((frame) => frame.bodyOffset > scanned.provenEnd);
    if (unproven.length === 0 && scanned.validEnd === bytes.length) return null;
    const records = unproven.map(({ position, bodyOffset, bodyLength }) => ({
      position,
      body: bytes.subarray(bodyOffset, bodyOffset + bodyLength),
    }));
    return this.beginFile(scanned.provenEnd, records);
  }

  #pathOf(number: number): string {
    return `${this.#path}/${nameOf(number)}`;
  }

  #missing(number: number): StorageProblem {
    const path = this.#pathOf(number);
    return new StorageProblem("journal_damaged", path, `${path}: this file is missing, files before and behind it are there.`);
  }
}

/** Lays frames one behind the other from `from` on. */
export function encodeFrames(
  records: readonly LogRecord[],
  from: number,
  syncedBelow: number,
  seed: number,
): { chunks: Uint8Array[]; placed: (LogRecord & { readonly offset: number })[]; end: number } {
  const heads = Buffer.allocUnsafe(records.length * FRAME_HEADER_BYTES);
  const chunks: Uint8Array[] = [];
  const placed: (LogRecord & { readonly offset: number })[] = [];
  let offset = from;
  for (const [at, { position, body }] of records.entries()) {
    const head = at * FRAME_HEADER_BYTES;
    encodeFrameHeader(heads, head, seed, { position, syncedBelow, offset }, body);
    chunks.push(heads.subarray(head, head + FRAME_HEADER_BYTES), body);
    placed.push({ position, body, offset });
    offset += FRAME_HEADER_BYTES + body.length;
  }
  return { chunks, placed, end: offset };
}

function pathOfLog(logsPath: string, log: string): string {
  return `${logsPath}/${fileName(log)}`;
}

/** Earlier removals become durable first, or a power cut could leave a gap, which would look like a lost file. */
async function removeFile(files: FilePort, path: string, number: number): Promise<void> {
  await files.syncFolder(path);
  await files.remove(`${path}/${nameOf(number)}`);
}

function nameOf(number: number): string {
  return `${String(number).padStart(10, "0")}.journal`;
}

function numberOf(name: string): number | null {
  const match = /^(\d{10})\.journal$/.exec(name);
  return match === null ? null : Number(match[1]);
}

/** Files that were being built when a process ended. */
async function removeUnnamed(files: FilePort, path: string): Promise<void> {
  for (const name of await files.listFolder(path)) if (name.startsWith("~")) await files.remove(`${path}/${name}`);
}
