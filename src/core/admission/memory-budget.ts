/**
 * One budget for all bytes that the router holds, in named accounts, so that no two parts can each believe that the
 * memory is theirs. Taking never fails: it records what is held already. Who lets new work in asks `pressure` first.
 *
 *     0 ────────────── none ─────────────┬── shed ──┬── full
 *                                 total - reserve  total
 *
 * The cache is counted apart: it can be dropped at any time, so alone it leads to `evict` and never to a refusal.
 */
import { assert } from "../unreachable.js";

/**
 * `state`: changed since the last flush. `mailboxes`: commands that wait. `uncommitted`: entries that are not durable yet.
 * `responses`: answers behind their gate or on their way to a client. `cache`: clean, can be read again. `feeds`: live feeds.
 */
export const MEMORY_ACCOUNTS = ["state", "mailboxes", "uncommitted", "responses", "cache", "feeds"] as const;
export type MemoryAccount = (typeof MEMORY_ACCOUNTS)[number];

/**
 * `evict`: drop `cacheExcessBytes` of the cache, go on. `shed`: refuse new client commands; what is accepted, and messages,
 * go on in the reserve. `full`: hold messages and timers back too.
 */
export type Pressure = "none" | "evict" | "shed" | "full";

/** The drain rate is measured over at least this long, so that a burst of small gifts does not look like a flood. */
const RATE_WINDOW_MS = 100;

export class MemoryBudget {
  readonly totalBytesMax: number;
  readonly #shedAboveBytes: number;
  readonly #bytesByAccount: Record<MemoryAccount, number> = {
    state: 0,
    mailboxes: 0,
    uncommitted: 0,
    responses: 0,
    cache: 0,
    feeds: 0,
  };
  #bytes = 0;
  #drainedBytes = 0;
  #windowBeganAtMs: number | null = null;
  #drainBytesPerMs = 0;

  /** `reserveBytes` is what accepted work may still need to finish. */
  constructor(totalBytesMax: number, reserveBytes: number) {
    assert(reserveBytes >= 0 && reserveBytes < totalBytesMax, "the reserve has to be smaller than the whole budget");
    this.totalBytesMax = totalBytesMax;
    this.#shedAboveBytes = totalBytesMax - reserveBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  bytesOf(account: MemoryAccount): number {
    return this.#bytesByAccount[account];
  }

  take(account: MemoryAccount, bytes: number): void {
    this.#bytesByAccount[account] += bytes;
    this.#bytes += bytes;
  }

  /** @throws BrokenInvariant when the account holds less: somebody gives twice, and every later figure would be wrong. */
  give(account: MemoryAccount, bytes: number): void {
    const left = this.#bytesByAccount[account] - bytes;
    assert(left >= 0, `memory account ${account} would hold ${left} bytes`);
    this.#bytesByAccount[account] = left;
    this.#bytes -= bytes;
    if (account !== "cache") this.#drainedBytes += bytes;
  }

  /** The pressure if `moreBytes` were taken now, in any account but the cache. */
  pressure(moreBytes = 0): Pressure {
    const bytes = this.#bytes + moreBytes;
    if (bytes <= this.#shedAboveBytes) return "none";
    const fixed = bytes - this.#bytesByAccount.cache;
    if (fixed > this.totalBytesMax) return "full";
    return fixed > this.#shedAboveBytes ? "shed" : "evict";
  }

  /** How much of the cache has to go now. */
  get cacheExcessBytes(): number {
    return Math.min(this.#bytesByAccount.cache, Math.max(0, this.#bytes - this.#shedAboveBytes));
  }

  /** Time passed: call it about once a turn. Measures how fast held bytes are given back. */
  passed(nowMs: number): void {
    if (this.#windowBeganAtMs === null) {
      this.#windowBeganAtMs = nowMs;
      return;
    }
    const windowMs = nowMs - this.#windowBeganAtMs;
    if (windowMs < RATE_WINDOW_MS) return;
    // The longer the window, the more it says: after a long quiet time the old rate is forgotten.
    const share = windowMs / (windowMs + 4 * RATE_WINDOW_MS);
    this.#drainBytesPerMs += (this.#drainedBytes / windowMs - this.#drainBytesPerMs) * share;
    this.#drainedBytes = 0;
    this.#windowBeganAtMs = nowMs;
  }

  /**
   * How long it takes, at the rate of late, until `moreBytes` fit again; null while nothing drains. While the router
   * sheds it takes nothing new, so that the rate of giving is the rate of draining.
   */
  reliefMs(moreBytes: number): number | null {
    const excess = this.#bytes - this.#bytesByAccount.cache + moreBytes - this.#shedAboveBytes;
    if (excess <= 0) return 0;
    return this.#drainBytesPerMs > 0 ? excess / this.#drainBytesPerMs : null;
  }
}
