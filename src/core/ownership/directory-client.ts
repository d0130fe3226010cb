/**
 * The core's way to the directory and to logs of others: each ask goes out as an effect, and is tried again until its
 * answer is definite. What comes back is handed to the asker, in the step in which it arrives.
 *
 * A swap has three ends only: `happened`, or `lost` with what stands there now. An unknown one is looked at: our token means
 * happened, the expected one means try again, any other means lost (RULES.md 7).
 */
import type { Effect } from "../effect.js";
import type { DocumentFound, DocumentsFound, SwapEnded } from "../input.js";
import type { AppendOutcome, LogId, ReadOutcome } from "../log/record.js";
import type { ObjectRead } from "../store/store-io.js";
import { MomentHeap } from "../time/moment-heap.js";

export interface FoundDocument {
  readonly token: string;
  readonly body: Uint8Array;
}

interface Swap {
  readonly key: string;
  readonly expected: string | null;
  readonly document: FoundDocument;
  readonly then: (end: "happened" | "lost") => void;
  readonly isOnce: boolean;
  failures: number;
}

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 2_000;

export class DirectoryClient {
  readonly #effects: Effect[];
  readonly #refuse: (code: string, message: string) => void;
  readonly #readsByKey = new Map<string, ((found: FoundDocument | null) => void)[]>();
  readonly #listsByPrefix = new Map<
    string,
    ((found: readonly { readonly key: string; readonly document: FoundDocument }[]) => void)[]
  >();
  readonly #swapByKey = new Map<string, Swap>();
  readonly #recordReads = new Map<
    string,
    { readonly countMax: number; readonly bytesMax: number; readonly askers: ((bodies: readonly Uint8Array[]) => void)[] }
  >();
  readonly #valueReads = new Map<string, { readonly length: number; readonly then: (bytes: Uint8Array | null) => void }>();
  readonly #appends = new Map<string, (outcome: AppendOutcome) => void>();
  readonly #later = new MomentHeap<() => void>();
  #tickMs = 0;
  #failures = 0;

  /** Effects are pushed to `effects`, which the owner drains. `refuse`: what is stored is beyond waiting for. */
  constructor(effects: Effect[], refuse: (code: string, message: string) => void) {
    this.#effects = effects;
    this.#refuse = refuse;
  }

  read(key: string, then: (found: FoundDocument | null) => void): void {
    const waiting = this.#readsByKey.get(key);
    if (waiting !== undefined) {
      waiting.push(then);
      return;
    }
    this.#readsByKey.set(key, [then]);
    this.#effects.push({ kind: "readDocument", key });
  }

  /** As `read`, but never joins one that is on its way already: what happened before this call is seen. */
  readAnew(key: string, then: (found: FoundDocument | null) => void): void {
    const waiting = this.#readsByKey.get(key);
    if (waiting === undefined) this.read(key, then);
    else waiting.push(() => this.read(key, then));
  }

  list(prefix: string, then: (found: readonly { readonly key: string; readonly document: FoundDocument }[]) => void): void {
    const waiting = this.#listsByPrefix.get(prefix);
    if (waiting !== undefined) {
      waiting.push(then);
      return;
    }
    this.#listsByPrefix.set(prefix, [then]);
    this.#effects.push({ kind: "listDocuments", prefix });
  }

  /** As `list`, but never joins one that is on its way already. */
  listAnew(prefix: string, then: (found: readonly { readonly key: string; readonly document: FoundDocument }[]) => void): void {
    const waiting = this.#listsByPrefix.get(prefix);
    if (waiting === undefined) this.list(prefix, then);
    else waiting.push(() => this.list(prefix, then));
  }

  /** One swap of a document at a time. */
  swap(key: string, expected: string | null, document: FoundDocument, then: (end: "happened" | "lost") => void): void {
    this.#swap({ key, expected, document, then, isOnce: false, failures: 0 });
  }

  /**
   * Makes a document that others may remove. It is sent once: found absent behind an unknown end it counts as lost, because
   * it may have stood and been removed. It may still come to stand.
   */
  create(key: string, document: FoundDocument, then: (end: "happened" | "lost") => void): void {
    this.#swap({ key, expected: null, document, then, isOnce: true, failures: 0 });
  }

  #swap(swap: Swap): void {
    const { key, expected, document } = swap;
    if (this.#swapByKey.has(key)) throw new Error(`a swap of ${key} is under way already`);
    this.#swapByKey.set(key, swap);
    this.#effects.push({ kind: "swapDocument", key, expected, document });
  }

  /** Records of any log from a position on, as many as are read at once; empty where it is absent. */
  readRecords(
    log: LogId,
    position: number,
    countMax: number,
    bytesMax: number,
    then: (bodies: readonly Uint8Array[]) => void,
  ): void {
    const key = recordKey(log, position);
    const waiting = this.#recordReads.get(key);
    if (waiting !== undefined) {
      waiting.askers.push(then);
      return;
    }
    this.#recordReads.set(key, { countMax, bytesMax, askers: [then] });
    this.#effects.push({ kind: "readRecords", log, position, countMax, bytesMax });
  }

  /** A spilled value, whole; null where no such object is. One byte more is asked for than it should have: a longer one shows. */
  readValue(object: string, length: number, then: (bytes: Uint8Array | null) => void): void {
    this.#valueReads.set(object, { length: length + 1, then });
    this.#effects.push({ kind: "readValue", object, length: length + 1 });
  }

  append(log: LogId, position: number, body: Uint8Array, then: (outcome: AppendOutcome) => void): void {
    this.#appends.set(recordKey(log, position), then);
    this.#effects.push({ kind: "append", log, position, body });
  }

  after(ms: number, then: () => void): void {
    this.#later.push(this.#tickMs + ms, then);
  }

  /** The monotonic time of the step. */
  get tickMs(): number {
    return this.#tickMs;
  }

  /** Once at the beginning of a step, before anything else. */
  moveTo(tickMs: number): void {
    this.#tickMs = tickMs;
  }

  wake(tickMs: number): void {
    this.#tickMs = tickMs;
    for (let then = this.#later.popDue(tickMs); then !== undefined; then = this.#later.popDue(tickMs)) then();
  }

  get wakeAtMs(): number | null {
    return this.#later.first;
  }

  documentRead(key: string, outcome: DocumentFound): void {
    if (outcome.kind === "failed") {
      if (isForGood(outcome.code)) return this.#refuse(outcome.code, outcome.message);
      if (this.#readsByKey.has(key)) this.#again(() => this.#effects.push({ kind: "readDocument", key }));
      return;
    }
    const waiting = this.#readsByKey.get(key) ?? [];
    this.#readsByKey.delete(key);
    this.#failures = 0;
    for (const then of waiting) then(outcome.kind === "found" ? outcome.document : null);
  }

  documentsListed(prefix: string, outcome: DocumentsFound): void {
    const waiting = this.#listsByPrefix.get(prefix);
    if (waiting === undefined) return;
    if (outcome.kind === "failed") {
      if (isForGood(outcome.code)) return this.#refuse(outcome.code, outcome.message);
      return this.#again(() => this.#effects.push({ kind: "listDocuments", prefix }));
    }
    this.#listsByPrefix.delete(prefix);
    this.#failures = 0;
    for (const then of waiting) then(outcome.documents);
  }

  documentSwapped(key: string, token: string, outcome: SwapEnded): void {
    const swap = this.#swapByKey.get(key);
    if (swap === undefined || swap.document.token !== token) return;
    if (outcome.kind === "happened") return this.#settle(swap, "happened");
    // A conflict may be with our own swap, if an earlier try of it landed without our knowing.
    this.read(key, (found) => {
      const standing = found?.token ?? null;
      if (standing === swap.document.token) this.#settle(swap, "happened");
      else if (standing !== swap.expected || swap.isOnce) this.#settle(swap, "lost");
      else {
        swap.failures++;
        this.after(Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** swap.failures), () => {
          const { expected, document } = swap;
          this.#effects.push({ kind: "swapDocument", key, expected, document });
        });
      }
    });
  }

  /** False where nobody here has asked. */
  recordsRead(log: LogId, position: number, outcome: ReadOutcome): boolean {
    const key = recordKey(log, position);
    const read = this.#recordReads.get(key);
    if (read === undefined) return false;
    const { countMax, bytesMax } = read;
    if (outcome.kind === "failed") {
      if (isForGood(outcome.code)) {
        this.#refuse(outcome.code, outcome.message);
        return true;
      }
      this.#again(() => this.#effects.push({ kind: "readRecords", log, position, countMax, bytesMax }));
      return true;
    }
    this.#recordReads.delete(key);
    this.#failures = 0;
    for (const then of read.askers) then(outcome.bodies);
    return true;
  }

  /** False where nobody here has asked. */
  valueRead(object: string, result: ObjectRead): boolean {
    const read = this.#valueReads.get(object);
    if (read === undefined) return false;
    if (result.kind === "failed") {
      this.#again(() => this.#effects.push({ kind: "readValue", object, length: read.length }));
      return true;
    }
    this.#valueReads.delete(object);
    this.#failures = 0;
    read.then(result.kind === "found" ? result.bytes : null);
    return true;
  }

  appendEnded(log: LogId, position: number, outcome: AppendOutcome): boolean {
    const key = recordKey(log, position);
    const then = this.#appends.get(key);
    if (then === undefined) return false;
    this.#appends.delete(key);
    then(outcome);
    return true;
  }

  #settle(swap: Swap, end: "happened" | "lost"): void {
    this.#swapByKey.delete(swap.key);
    swap.then(end);
  }

  #again(then: () => void): void {
    this.#failures++;
    this.after(Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.#failures, 10)), then);
  }
}

/** Codes of stored data that no waiting mends: an operator has to (docs/errors.md). */
const FOR_GOOD: readonly string[] = ["journal_damaged", "document_damaged", "format_newer", "data_unreadable"];

function isForGood(code: string | undefined): code is string {
  return code !== undefined && FOR_GOOD.includes(code);
}

function recordKey(log: LogId, position: number): string {
  return `${log}#${position}`;
}
