/** Reads what `ByteWriter` wrote. Everything read is untrusted: whatever is no such thing throws `MalformedBytes`. */
import { MalformedText, readUtf8 } from "./utf8.js";

export class MalformedBytes extends Error {
  override readonly name = "MalformedBytes";
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, from = 0, to: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  get offset(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    this.#need(1);
    return this.#bytes[this.#at++] as number;
  }

  /** A byte that is 0 or 1. */
  flag(): boolean {
    const byte = this.u8();
    if (byte > 1) throw new MalformedBytes(`a flag of ${byte}`);
    return byte === 1;
  }

  u32(): number {
    this.#need(4);
    const bytes = this.#bytes;
    const at = this.#at;
    this.#at = at + 4;
    return (
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24)) >>>
      0
    );
  }

  u32Ordered(): number {
    this.#need(4);
    const bytes = this.#bytes;
    const at = this.#at;
    this.#at = at + 4;
    return (
      (((bytes[at] as number) << 24) |
        ((bytes[at + 1] as number) << 16) |
        ((bytes[at + 2] as number) << 8) |
        (bytes[at + 3] as number)) >>>
      0
    );
  }

  u48Ordered(): number {
    const high = this.u8() * 256 + this.u8();
    return high * 2 ** 32 + this.u32Ordered();
  }

  varint(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    let scale = 128;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
      if (scale > 2 ** 49) throw new MalformedBytes("a varint is longer than 8 bytes");
    }
    if (value > Number.MAX_SAFE_INTEGER) throw new MalformedBytes("a varint is above 2^53 - 1");
    return value;
  }

  skip(length: number): void {
    this.#need(length);
    this.#at += length;
  }

  /** A view, not a copy. */
  raw(length: number): Uint8Array {
    this.#need(length);
    const view = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return view;
  }

  /** A view, not a copy. */
  block(): Uint8Array {
    return this.raw(this.varint());
  }

  text(): string {
    return this.rawText(this.varint());
  }

  rawText(length: number): string {
    this.#need(length);
    try {
      const text = readUtf8(this.#bytes, this.#at, this.#at + length);
      this.#at += length;
      return text;
    } catch (error) {
      if (error instanceof MalformedText) throw new MalformedBytes(`a text of ${length} bytes: ${error.message}`);
      throw error;
    }
  }

  #need(length: number): void {
    if (!(length >= 0) || this.#at + length > this.#end) {
      throw new MalformedBytes(`${length} bytes wanted at ${this.#at}, ${this.#end - this.#at} are left`);
    }
  }
}
