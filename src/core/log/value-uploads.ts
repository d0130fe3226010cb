/**
 * Uploads of spilled values: each comes to lie in the snapshot store, whole, before the record that refers to it is issued
 * (RULES.md 11).
 *
 *   queued ──put──> uploading ──happened──────────────────────> confirmed
 *     ^               │    └──unknown, or refused although it may stand──> looking ──our bytes──> confirmed
 *     │ time is up    v refused                                              │ absent, failed
 *     └──────────── waiting <────────────────────────────────────────────────┘
 *
 * What must hold: only an answer confirms, never time; a name is only ever written with the same bytes.
 */
import { equalBytes } from "../bytes/compare.js";
import type { Effect } from "../effect.js";
import type { ObjectRead, ObjectWritten } from "../store/store-io.js";
import { unreachable } from "../unreachable.js";

/** Uploads and looks under way at once. More would only hold more sockets: a record waits for all of its own. */
const UNDER_WAY_MAX = 8;

interface RetryLimits {
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

type UploadStatus = "queued" | "uploading" | "looking" | "waiting" | "confirmed";

export interface ValueUpload {
  readonly object: string;
  readonly bytes: Uint8Array;
  /** Where in the record's body the reference stands, and how long it is. */
  readonly referenceAt: number;
  readonly referenceLength: number;
  status: UploadStatus;
  failures: number;
  retryAtMs: number;
  /** An earlier put ended unknown: it may have landed, or land at any time. */
  mayStand: boolean;
}

export class ValueUploads {
  readonly #limits: RetryLimits;
  /** Not confirmed, in the order of their records. */
  #open: ValueUpload[] = [];
  #underWay = 0;

  constructor(limits: RetryLimits) {
    this.#limits = limits;
  }

  add(upload: ValueUpload): void {
    this.#open.push(upload);
  }

  /** Puts what is queued or due, as many at once as are allowed. */
  start(nowMs: number, effects: Effect[]): void {
    for (const upload of this.#open) {
      if (this.#underWay >= UNDER_WAY_MAX) return;
      if (upload.status === "waiting" && upload.retryAtMs <= nowMs) upload.status = "queued";
      if (upload.status !== "queued") continue;
      upload.status = "uploading";
      this.#underWay++;
      effects.push({ kind: "writeValue", object: upload.object, bytes: upload.bytes });
    }
  }

  /** What became of a put. Answers for what is confirmed or given up mean nothing. */
  written(object: string, result: ObjectWritten, nowMs: number, effects: Effect[]): void {
    const upload = this.#find(object, "uploading");
    if (upload === undefined) return;
    switch (result.kind) {
      case "happened":
        return this.#confirm(upload);
      case "refused":
        // Perhaps because it stands there: an earlier put that nobody knew the end of.
        if (upload.mayStand) return this.#look(upload, effects);
        return this.#wait(upload, nowMs);
      case "unknown":
        upload.mayStand = true;
        return this.#look(upload, effects);
      default:
        return unreachable(result);
    }
  }

  /** What a look found. False: other bytes than ours stand there, so somebody else writes under this log's name. */
  read(object: string, result: ObjectRead, nowMs: number): boolean {
    const upload = this.#find(object, "looking");
    if (upload === undefined) return true;
    if (result.kind === "found") {
      if (!equalBytes(result.bytes, upload.bytes)) return false;
      this.#confirm(upload);
      return true;
    }
    this.#wait(upload, nowMs);
    return true;
  }

  /** Nothing refers to them any more. Puts that are under way may still land: garbage collection finds them. */
  giveUp(uploads: readonly ValueUpload[]): void {
    for (const upload of uploads) if (isUnderWay(upload)) this.#underWay--;
    this.#open = this.#open.filter((upload) => !uploads.includes(upload));
  }

  /** The next moment at which something is tried again; Infinity: none, or not before one that is under way has ended. */
  get wakeAtMs(): number {
    if (this.#underWay >= UNDER_WAY_MAX) return Infinity;
    let wakeAtMs = Infinity;
    for (const { status, retryAtMs } of this.#open) if (status === "waiting" && retryAtMs < wakeAtMs) wakeAtMs = retryAtMs;
    return wakeAtMs;
  }

  #find(object: string, status: UploadStatus): ValueUpload | undefined {
    return this.#open.find((upload) => upload.object === object && upload.status === status);
  }

  #confirm(upload: ValueUpload): void {
    this.#underWay--;
    upload.status = "confirmed";
    this.#open.splice(this.#open.indexOf(upload), 1);
  }

  #look(upload: ValueUpload, effects: Effect[]): void {
    upload.status = "looking";
    // One byte more: a longer object is not ours.
    effects.push({ kind: "readValue", object: upload.object, length: upload.bytes.length + 1 });
  }

  #wait(upload: ValueUpload, nowMs: number): void {
    this.#underWay--;
    const { retryMinMs, retryMaxMs } = this.#limits;
    upload.retryAtMs = nowMs + Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(upload.failures, 20));
    upload.failures++;
    upload.status = "waiting";
  }
}

function isUnderWay({ status }: ValueUpload): boolean {
  return status === "uploading" || status === "looking";
}
