/**
 * Records that were read on the way to the end of a dead log, or while its owner only seemed to be dead: whoever walks or
 * replays them need not read them again. What stands at a position stays, so this is never wrong; it may only be behind. What is
 * kept is the beginning of each log; what does not fit is read a second time.
 */
import type { LogId } from "../log/record.js";

/** Of all logs together: about what two shards' tails come to. A take-over needs it for a second or two. */
const KEPT_BYTES_MAX = 8 << 20;

interface Walked {
  readonly from: number;
  readonly bodies: Uint8Array[];
  bytes: number;
  isCut: boolean;
}

export class WalkedRecords {
  readonly #walkedByLog = new Map<LogId, Walked>();
  #bytes = 0;

  /** Records that stand at `position` and behind it. */
  add(log: LogId, position: number, bodies: readonly Uint8Array[]): void {
    let walked = this.#walkedByLog.get(log);
    if (walked === undefined) {
      walked = { from: position, bodies: [], bytes: 0, isCut: false };
      this.#walkedByLog.set(log, walked);
    }
    // A walk that began anew, or behind what was left out.
    if (walked.isCut || walked.from + walked.bodies.length !== position) return;
    for (const body of bodies) {
      this.#makeRoom(log, body.length);
      if (this.#bytes + body.length > KEPT_BYTES_MAX) {
        walked.isCut = true;
        return;
      }
      walked.bodies.push(body);
      walked.bytes += body.length;
      this.#bytes += body.length;
    }
  }

  /** Those at `position` and behind it that are kept, `countMax` at most; none where that one is not. */
  from(log: LogId, position: number, countMax: number): readonly Uint8Array[] {
    const walked = this.#walkedByLog.get(log);
    if (walked === undefined || position < walked.from) return [];
    const at = position - walked.from;
    return walked.bodies.slice(at, at + countMax);
  }

  forget(log: LogId): void {
    this.#bytes -= this.#walkedByLog.get(log)?.bytes ?? 0;
    this.#walkedByLog.delete(log);
  }

  /** Logs that were walked before are replayed by now, or will be read again. */
  #makeRoom(log: LogId, bytes: number): void {
    for (const oldest of this.#walkedByLog.keys()) {
      if (oldest === log || this.#bytes + bytes <= KEPT_BYTES_MAX) return;
      this.forget(oldest);
    }
  }
}
