/** The journal port in memory, for tests, simulation and embedding without a disk. Nothing survives the process. */
import { type AppendOutcome, FIRST_POSITION, type LogId, type ReadOutcome } from "../core/log/record.js";
import { type JournalPort, WHOLE_LOG } from "../ports/journal.js";

const RECORD_BYTES_MAX = 1024 * 1024;

interface MemoryLog {
  readonly bodyByPosition: Map<number, Uint8Array>;
  trimmedBelow: number;
}

export class MemoryJournal implements JournalPort {
  readonly recordBytesMax: number = RECORD_BYTES_MAX;
  readonly spillBytesMin: number = Infinity;
  readonly ttlMs: number = Infinity;
  readonly #logById = new Map<LogId, MemoryLog>();
  #isClosed = false;

  async append(log: LogId, position: number, body: Uint8Array): Promise<AppendOutcome> {
    if (this.#isClosed) return refused("the journal is closed");
    if (!Number.isSafeInteger(position) || position < FIRST_POSITION) return refused(`${position} is no position`);
    if (body.length === 0 || body.length > RECORD_BYTES_MAX) {
      return refused(`a record of ${body.length} bytes; 1 to ${RECORD_BYTES_MAX} are allowed`);
    }
    const { bodyByPosition, trimmedBelow } = this.#log(log);
    const standing = bodyByPosition.get(position);
    if (standing !== undefined) return { kind: "taken", body: standing.slice() };
    if (position < trimmedBelow) return refused(`position ${position} has been trimmed`);
    bodyByPosition.set(position, body.slice());
    return { kind: "happened" };
  }

  async read(log: LogId, position: number, countMax: number, bytesMax: number): Promise<ReadOutcome> {
    if (this.#isClosed) return { kind: "failed", message: "the journal is closed" };
    const { bodyByPosition } = this.#log(log);
    const bodies: Uint8Array[] = [];
    for (let bytes = 0; bodies.length < countMax && (bytes < bytesMax || bodies.length === 0); ) {
      const body = bodyByPosition.get(position + bodies.length);
      if (body === undefined) break;
      bodies.push(body.slice());
      bytes += body.length;
    }
    return { kind: "records", bodies };
  }

  async trim(log: LogId, base: number): Promise<void> {
    if (this.#isClosed) throw new Error("the journal is closed");
    const found = this.#log(log);
    found.trimmedBelow = Math.max(found.trimmedBelow, base);
    if (base === WHOLE_LOG) found.bodyByPosition.clear();
    else for (const position of found.bodyByPosition.keys()) if (position < base) found.bodyByPosition.delete(position);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #log(id: LogId): MemoryLog {
    let log = this.#logById.get(id);
    if (log === undefined) this.#logById.set(id, (log = { bodyByPosition: new Map(), trimmedBelow: 0 }));
    return log;
  }
}

function refused(message: string): AppendOutcome {
  return { kind: "refused", isPermanent: true, retryAfterMs: null, message };
}
