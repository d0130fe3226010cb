/**
 * One key may have a version in every table and segment. This folds them, newest first, into what a reader sees:
 *
 *     none ──full──> value        none ──tombstone, expired──> absent        none ──partial──> partial
 *     partial ──full──> value     partial ──tombstone, expired──> value      partial ──partial──> partial
 *
 * A partial version says something new and keeps what is below it: the two are merged. Over a tombstone, or over
 * nothing at all, it is the value.
 */

/** What a version's flags byte holds, in tables and in segment blocks. */
export const TOMBSTONE = 1;
export const PARTIAL = 2;

/** `expiresAtMs` of what never expires. */
export const NEVER = 0;

/** Pure and associative. `older` may be partial itself; then so is the result. */
export type MergeValues = (newer: Uint8Array, older: Uint8Array) => Uint8Array;

/** The usual choice where no partial values are written: the newer one wins. */
export const newerWins: MergeValues = (newer) => newer;

export const NO_BYTES = new Uint8Array(0);

export type FoldKind = "none" | "partial" | "value" | "absent";

export class VersionFold {
  readonly #merge: MergeValues;
  #kind: FoldKind = "none";
  #value: Uint8Array = NO_BYTES;
  #expiresAtMs = NEVER;

  constructor(merge: MergeValues) {
    this.#merge = merge;
  }

  get kind(): FoldKind {
    return this.#kind;
  }

  get value(): Uint8Array {
    return this.#value;
  }

  get expiresAtMs(): number {
    return this.#expiresAtMs;
  }

  /** Whether nothing older matters any more. */
  get isSettled(): boolean {
    return this.#kind === "value" || this.#kind === "absent";
  }

  reset(): void {
    this.#kind = "none";
    this.#value = NO_BYTES;
    this.#expiresAtMs = NEVER;
  }

  /** Takes the next older version; true when nothing older matters any more. */
  add(flags: number, expiresAtMs: number, value: Uint8Array, nowMs: number): boolean {
    const isGone = (flags & TOMBSTONE) !== 0 || isExpired(expiresAtMs, nowMs);
    const isPartial = (flags & PARTIAL) !== 0;
    if (this.#kind === "none") {
      this.#kind = isGone ? "absent" : isPartial ? "partial" : "value";
      if (!isGone) {
        this.#value = value;
        this.#expiresAtMs = expiresAtMs;
      }
    } else if (isGone) {
      this.#kind = "value";
    } else {
      this.#value = this.#merge(this.#value, value);
      if (!isPartial) this.#kind = "value";
    }
    return this.isSettled;
  }

  /** Takes what another fold found below. */
  addFold(below: VersionFold): void {
    if (below.kind === "absent") this.#kind = this.#kind === "none" ? "absent" : "value";
    else if (below.kind !== "none") this.add(below.kind === "partial" ? PARTIAL : 0, below.expiresAtMs, below.value, -Infinity);
  }
}

export function isExpired(expiresAtMs: number, nowMs: number): boolean {
  return expiresAtMs !== NEVER && expiresAtMs <= nowMs;
}
