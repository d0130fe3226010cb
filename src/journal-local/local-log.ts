/**
 * One log: group commit. Whatever was appended while a sync ran goes out with the next one, as one write and one sync.
 *
 *     open --append--> open      open --a sync failed--> failed      open --close--> closed
 *
 * `failed` is for good: every later append is refused, nothing is tried again (RULES.md: the incarnation ends).
 */
import type { AppendOutcome, ReadOutcome } from "../core/log/record.js";
import type { ClockPort } from "../ports/clock.js";
import { FileProblem } from "../ports/files.js";
import { type StorageProblem, storageProblem } from "../ports/storage-problem.js";
import { encodeFrameHeader, FRAME_HEADER_BYTES } from "./frame.js";
import { encodeFrames, LogFolder, type LogFolderOptions, type LogRecord, type OpenFile } from "./log-folder.js";
import type { Place } from "./position-index.js";

export interface LogOptions extends LogFolderOptions {
  readonly clock: ClockPort;
  /** A file that has reached this many bytes is followed by a new one. */
  readonly fileBytesMax: number;
}

/** One write: enough for everything that collects during a sync, small enough not to delay the next one. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024;
/** Beyond this the disk does not keep up, and appends are refused for a while. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** A log that was quiet for this long gets a mark, so that also its last records are protected against damage. */
const IDLE_MS = 1000;
/** The most that one read of a file takes, unless a single record is larger. */
const READ_BYTES_MAX = 4 * 1024 * 1024;
const RETRY_AFTER_MS = 1000;

interface Pending extends LogRecord {
  readonly answer: (outcome: AppendOutcome) => void;
  readonly answered: Promise<AppendOutcome>;
}

export class LocalLog {
  readonly #options: LogOptions;
  readonly #folder: LogFolder;
  #active: OpenFile | null;
  #queue: Pending[] = [];
  #queuedBytes = 0;
  readonly #pendingByPosition = new Map<number, Pending>();
  #flushing: Promise<void> | null = null;
  #trimming: Promise<void> = Promise.resolve();
  #problem: StorageProblem | null = null;
  #isClosed = false;
  /** For the mark of a quiet log: whether something was written since the timer last looked, and since the last mark. */
  #isTouched = false;
  #isMarked = true;
  #cancelTimer: (() => void) | null = null;

  private constructor(options: LogOptions, folder: LogFolder, active: OpenFile | null) {
    this.#options = options;
    this.#folder = folder;
    this.#active = active;
  }

  /** Throws StorageProblem. */
  static async open(options: LogOptions, log: string): Promise<LocalLog> {
    const { folder, tail } = await LogFolder.open(options, log);
    return new LocalLog(options, folder, tail);
  }

  async append(position: number, body: Uint8Array): Promise<AppendOutcome> {
    for (;;) {
      const place = this.#folder.find(position);
      if (place !== null) return this.#taken(place);
      const earlier = this.#pendingByPosition.get(position);
      if (earlier === undefined) break;
      // Whether the position is free is not known before the earlier append is answered.
      await earlier.answered;
    }
    if (this.#isClosed) return refusedForEver("the journal is closed");
    if (this.#problem !== null) return refusedForEver(this.#problem.message, this.#problem.code);
    if (position < this.#folder.trimmedBelow) return refusedForEver(`position ${position} has been trimmed`);
    if (this.#queuedBytes + body.length > QUEUE_BYTES_MAX) {
      return { kind: "refused", isPermanent: false, retryAfterMs: RETRY_AFTER_MS, message: "the disk does not keep up" };
    }
    return this.#enqueue(position, body);
  }

  async read(position: number, countMax: number, bytesMax: number): Promise<ReadOutcome> {
    const bodies: Uint8Array[] = [];
    let bytes = 0;
    try {
      while (bodies.length < countMax && (bytes < bytesMax || bodies.length === 0)) {
        const run = this.#run(position + bodies.length, countMax - bodies.length, bytesMax - bytes);
        const read = run.length === 0 ? null : await this.#folder.read(run);
        if (read === null) break;
        for (const body of read) {
          bodies.push(body);
          bytes += body.length;
        }
      }
    } catch (error) {
      const { message, code } = storageProblem(error, "");
      return { kind: "failed", message, code };
    }
    return { kind: "records", bodies };
  }

  trim(base: number): Promise<void> {
    const trimmed = this.#trimming.then(() => this.#folder.trim(base));
    this.#trimming = trimmed.catch(() => undefined);
    return trimmed;
  }

  /** Answers what is under way, marks the log's end, and lets the file go. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer?.();
    while (this.#flushing !== null) await this.#flushing;
    await this.#trimming;
    if (!this.#isMarked && this.#problem === null) await this.#mark();
    await this.#active?.file.close().catch(() => undefined);
    this.#active = null;
  }

  #enqueue(position: number, body: Uint8Array): Promise<AppendOutcome> {
    let answer: (outcome: AppendOutcome) => void = () => undefined;
    const answered = new Promise<AppendOutcome>((resolve) => (answer = resolve));
    const pending = { position, body, answer, answered };
    this.#queue.push(pending);
    this.#queuedBytes += body.length;
    this.#pendingByPosition.set(position, pending);
    // Not at once: the other appends of this turn belong into the same group.
    this.#flushing ??= Promise.resolve().then(() => this.#flush());
    return answered;
  }

  /** Never rejects. */
  async #flush(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#commitGroup(this.#takeGroup());
      this.#isTouched = true;
      this.#isMarked = false;
    }
    this.#flushing = null;
    if (this.#isMarked || this.#isClosed || this.#problem !== null) return;
    this.#cancelTimer ??= this.#options.clock.after(IDLE_MS, () => this.#wake());
  }

  #takeGroup(): Pending[] {
    let count = 0;
    let bytes = 0;
    while (count < this.#queue.length && (count === 0 || bytes < GROUP_BYTES_MAX)) {
      bytes += (this.#queue[count++] as Pending).body.length;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  async #commitGroup(group: readonly Pending[]): Promise<void> {
    if (this.#problem !== null) return this.#answerAll(group, refusedForEver(this.#problem.message, this.#problem.code));
    let active: OpenFile;
    try {
      active = await this.#activeFile();
    } catch (error) {
      // Nothing of the group has been written.
      return this.#answerAll(group, this.#refusal(error));
    }
    const frames = encodeFrames(group, active.length, active.length, active.seed);
    try {
      await active.file.appendAndSync(frames.chunks);
    } catch (error) {
      return this.#answerAll(group, await this.#afterFailedWrite(active, error));
    }
    active.length = frames.end;
    this.#folder.add(active.number, frames.placed);
    this.#answerAll(group, HAPPENED);
  }

  async #activeFile(): Promise<OpenFile> {
    const full = this.#active;
    if (full !== null && full.length < this.#options.fileBytesMax) return full;
    this.#active = await this.#folder.beginFile(full?.length ?? null);
    await full?.file.close().catch(() => undefined);
    return this.#active;
  }

  #answerAll(group: readonly Pending[], outcome: AppendOutcome): void {
    for (const pending of group) {
      this.#pendingByPosition.delete(pending.position);
      pending.answer(outcome);
    }
  }

  /** What a failure before any byte of a group means. */
  #refusal(error: unknown): AppendOutcome {
    const problem = storageProblem(error, "");
    if (problem.code !== "disk_full") {
      this.#problem = problem;
      return refusedForEver(problem.message, problem.code);
    }
    const { message, code } = problem;
    return { kind: "refused", isPermanent: false, retryAfterMs: RETRY_AFTER_MS, message, code };
  }

  /**
   * A full disk takes back what was written of the group, and is certain only when that is synced. Everything else,
   * a failed sync above all, leaves the group unknown and ends the log.
   */
  async #afterFailedWrite(active: OpenFile, error: unknown): Promise<AppendOutcome> {
    if (error instanceof FileProblem && error.kind === "full") {
      try {
        await active.file.truncate(active.length);
        await active.file.sync();
        return this.#refusal(error);
      } catch (second) {
        error = second;
      }
    }
    this.#problem = storageProblem(error, "");
    return { kind: "unknown", message: this.#problem.message };
  }

  #wake(): void {
    this.#cancelTimer = null;
    if (this.#isClosed || this.#flushing !== null || this.#problem !== null || this.#isMarked) return;
    if (this.#isTouched) {
      this.#isTouched = false;
      this.#cancelTimer = this.#options.clock.after(IDLE_MS, () => this.#wake());
    } else {
      this.#flushing = this.#mark().then(() => this.#flush());
    }
  }

  /** Says, in the file, that everything in front is synced. Never rejects. */
  async #mark(): Promise<void> {
    const active = this.#active;
    if (active === null) return;
    const head = Buffer.alloc(FRAME_HEADER_BYTES);
    encodeFrameHeader(head, 0, active.seed, { position: null, syncedBelow: active.length, offset: active.length }, NO_BODY);
    try {
      await active.file.appendAndSync([head]);
      active.length += head.length;
      this.#isMarked = true;
    } catch (error) {
      await this.#afterFailedWrite(active, error);
    }
  }

  async #taken(place: Place): Promise<AppendOutcome> {
    try {
      const body = (await this.#folder.read([place]))?.[0];
      if (body !== undefined) return { kind: "taken", body };
      return refusedForEver("the position has been trimmed");
    } catch (error) {
      return { kind: "unknown", message: storageProblem(error, "").message };
    }
  }

  /** The places from `position` on that one read can take: in one file, one behind the other. */
  #run(position: number, countMax: number, bytesMax: number): Place[] {
    const run: Place[] = [];
    let bytes = 0;
    for (let last: Place | null = null; run.length < countMax; ) {
      const place = this.#folder.find(position + run.length);
      if (place === null || (last !== null && !isNext(last, place))) break;
      run.push(place);
      last = place;
      bytes += place.length;
      if (bytes >= bytesMax || bytes >= READ_BYTES_MAX) break;
    }
    return run;
  }
}

function isNext(last: Place, place: Place): boolean {
  return place.file === last.file && place.offset === last.offset + FRAME_HEADER_BYTES + last.length;
}

const HAPPENED: AppendOutcome = { kind: "happened" };
const NO_BODY = new Uint8Array(0);

export function refusedForEver(message: string, code?: string): AppendOutcome {
  const refused = { kind: "refused", isPermanent: true, retryAfterMs: null, message } as const;
  return code === undefined ? refused : { ...refused, code };
}
