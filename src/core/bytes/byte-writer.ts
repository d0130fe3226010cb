/**
 * A growing buffer that codecs write into. One writer serves a whole turn: `take` hands out a copy of what was
 * written and starts again, so nothing is allocated per field.
 *
 * Integers are little-endian except where a name says `Ordered`: those are big-endian, so that byte order is number order.
 */
import { utf8Length, writeUtf8 } from "./utf8.js";

const SHORT_TEXT = 0x80;
const MAX_SAFE = Number.MAX_SAFE_INTEGER;

export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Forgets everything written at or after `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    const bytes = this.#bytes;
    bytes[this.#length++] = value;
    bytes[this.#length++] = value >>> 8;
    bytes[this.#length++] = value >>> 16;
    bytes[this.#length++] = value >>> 24;
  }

  u32Ordered(value: number): void {
    this.#reserve(4);
    const bytes = this.#bytes;
    bytes[this.#length++] = value >>> 24;
    bytes[this.#length++] = value >>> 16;
    bytes[this.#length++] = value >>> 8;
    bytes[this.#length++] = value;
  }

  /** An unsigned integer below 2^48 whose byte order is its number order. */
  u48Ordered(value: number): void {
    if (!(value >= 0 && value < 2 ** 48)) throw new RangeError(`not an unsigned 48-bit integer: ${value}`);
    this.#reserve(6);
    const high = Math.floor(value / 2 ** 32);
    this.#bytes[this.#length++] = high >>> 8;
    this.#bytes[this.#length++] = high;
    this.u32Ordered(value >>> 0);
  }

  /** An unsigned integer up to 2^53 - 1 in 1 to 8 bytes, 7 bits a byte, lowest first (LEB128). */
  varint(value: number): void {
    if (!(value >= 0 && value <= MAX_SAFE)) throw new RangeError(`not an unsigned safe integer: ${value}`);
    this.#reserve(8);
    const bytes = this.#bytes;
    let at = this.#length;
    // Beyond 31 bits by division, and without the remainder of a fraction, which is slow; below by shifts.
    while (value > 0x7fffffff) {
      const rest = Math.floor(value / 128);
      bytes[at++] = (value - rest * 128) | 0x80;
      value = rest;
    }
    let small = value | 0;
    while (small > 0x7f) {
      bytes[at++] = (small & 0x7f) | 0x80;
      small >>>= 7;
    }
    bytes[at++] = small;
    this.#length = at;
  }

  /** The bytes as they are, without a length. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** A varint length, then the bytes. */
  block(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }

  /** A varint length in bytes, then the text in UTF-8. Lone surrogates are refused. */
  text(value: string): void {
    if (value.length < SHORT_TEXT) {
      // Written behind room for a length of one byte, which is right for all but the rarest short texts.
      this.#reserve(1 + value.length * 3);
      const from = this.#length + 1;
      const to = writeUtf8(value, this.#bytes, from);
      if (to - from <= 0x7f) {
        this.#bytes[this.#length] = to - from;
        this.#length = to;
        return;
      }
    }
    const length = utf8Length(value);
    this.varint(length);
    this.#reserve(length);
    this.#length = writeUtf8(value, this.#bytes, this.#length);
  }

  /** The text in UTF-8 without a length. */
  rawText(value: string): void {
    this.#reserve(value.length * 3);
    this.#length = writeUtf8(value, this.#bytes, this.#length);
  }

  /** Writes over a byte that was written before. */
  setU8(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  /** Writes over four bytes that were written before. */
  setU32(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  /** What was written, as a view that the next write may overwrite. */
  view(from = 0): Uint8Array {
    return this.#bytes.subarray(from, this.#length);
  }

  /** A copy of what was written; the writer is empty afterwards. */
  take(): Uint8Array {
    const copy = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return copy;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
