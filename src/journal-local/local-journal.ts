/** The journal port on local files: `<root>/logs/<log>/`. See docs/formats.md for what is in them. */
import { type AppendOutcome, FIRST_POSITION, type LogId, type ReadOutcome } from "../core/log/record.js";
import type { ClockPort } from "../ports/clock.js";
import { makeDurableFolder } from "../ports/durable-folder.js";
import type { FilePort } from "../ports/files.js";
import { type JournalPort, WHOLE_LOG } from "../ports/journal.js";
import { type StorageProblem, storageProblem } from "../ports/storage-problem.js";
import { LocalLog, type LogOptions, refusedForEver } from "./local-log.js";
import { LogFolder } from "./log-folder.js";

export interface LocalJournalOptions {
  readonly files: FilePort;
  readonly clock: ClockPort;
  /** A random unsigned 32-bit integer. */
  readonly randomU32: () => number;
  /** The data folder. One journal at a time may have it open: hold the data lock. */
  readonly root: string;
  /** In bytes; between 4 KB and 1 GB. */
  readonly fileBytesMax?: number;
}

/** Whole files are removed by `trim`: large enough that a new one is rare, small enough to free space and to scan fast. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
const RECORD_BYTES_MAX = 16 * 1024 * 1024;
/** Positions have six bytes in a frame. */
const POSITION_MAX = 2 ** 48 - 1;

export class LocalJournal implements JournalPort {
  readonly recordBytesMax: number = RECORD_BYTES_MAX;
  readonly spillBytesMin: number = Infinity;
  readonly ttlMs: number = Infinity;
  readonly #options: LogOptions;
  readonly #logsPath: string;
  readonly #logById = new Map<LogId, Promise<LocalLog>>();
  /** Logs that nobody needs any more, and their removal. They are never opened again. */
  readonly #removalByLog = new Map<LogId, Promise<void>>();
  #isClosed = false;

  private constructor(options: LocalJournalOptions, logsPath: string) {
    this.#options = { ...options, logsPath, fileBytesMax: options.fileBytesMax ?? FILE_BYTES_MAX };
    this.#logsPath = logsPath;
  }

  /** Makes the folders and proves that they can be read and written. Throws StorageProblem. */
  static async open(options: LocalJournalOptions): Promise<LocalJournal> {
    const { fileBytesMax = FILE_BYTES_MAX } = options;
    if (!(fileBytesMax >= 4096 && fileBytesMax <= 2 ** 30)) throw new RangeError(`files of ${fileBytesMax} bytes`);
    const logsPath = `${options.root}/logs`;
    const probe = `${logsPath}/~probe`;
    try {
      await makeDurableFolder(options.files, logsPath);
      await options.files.listFolder(logsPath);
      await (await options.files.openAppend(probe)).close();
      await options.files.remove(probe);
    } catch (error) {
      throw storageProblem(error, logsPath);
    }
    return new LocalJournal(options, logsPath);
  }

  async append(log: LogId, position: number, body: Uint8Array): Promise<AppendOutcome> {
    if (!Number.isInteger(position) || position < FIRST_POSITION || position > POSITION_MAX) {
      return refusedForEver(`${position} is no position`);
    }
    if (body.length === 0 || body.length > RECORD_BYTES_MAX) {
      return refusedForEver(`a record of ${body.length} bytes; 1 to ${RECORD_BYTES_MAX} are allowed`);
    }
    if (this.#removalByLog.has(log)) return refusedForEver(`the log ${log} has been removed`);
    try {
      return await (await this.#open(log)).append(position, body);
    } catch (error) {
      const { message, code } = storageProblem(error, this.#logsPath);
      const isPermanent = code !== "disk_full";
      return { kind: "refused", isPermanent, retryAfterMs: isPermanent ? null : 1000, message, code };
    }
  }

  async read(log: LogId, position: number, countMax: number, bytesMax: number): Promise<ReadOutcome> {
    if (this.#removalByLog.has(log) && !this.#isClosed) return { kind: "records", bodies: [] };
    try {
      return await (await this.#open(log)).read(position, countMax, bytesMax);
    } catch (error) {
      const { message, code } = storageProblem(error, this.#logsPath);
      return { kind: "failed", message, code };
    }
  }

  /** Throws StorageProblem when files that may go cannot be removed; the next trim tries again. */
  async trim(log: LogId, base: number): Promise<void> {
    try {
      if (base === WHOLE_LOG || this.#removalByLog.has(log)) await this.#remove(log);
      else await (await this.#open(log)).trim(base);
    } catch (error) {
      throw storageProblem(error, this.#logsPath);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#removalByLog.values());
    const logs = await Promise.allSettled(this.#logById.values());
    await Promise.all(logs.map((log) => (log.status === "fulfilled" ? log.value.close() : undefined)));
  }

  /** Behind an earlier removal, which may have failed half-way. */
  #remove(log: LogId): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error("the journal is closed"));
    const earlier = this.#removalByLog.get(log) ?? Promise.resolve();
    const opened = this.#logById.get(log);
    this.#logById.delete(log);
    const removal = earlier
      .catch(() => undefined)
      .then(() => opened)
      .then(
        (local) => local?.close(),
        () => undefined, // one that cannot be opened can be removed all the same
      )
      .then(() => LogFolder.removeAll(this.#options, log));
    this.#removalByLog.set(log, removal);
    return removal;
  }

  #open(log: LogId): Promise<LocalLog> {
    if (this.#isClosed) return Promise.reject(new Error("the journal is closed"));
    let opened = this.#logById.get(log);
    if (opened === undefined) {
      opened = LocalLog.open(this.#options, log);
      this.#logById.set(log, opened);
      // A full disk may have room again. Damage stays, and a sync that failed is not tried again.
      opened.catch((problem: StorageProblem) => {
        if (problem.code === "disk_full" || problem.code === "data_unreadable") this.#logById.delete(log);
      });
    }
    return opened;
  }
}
