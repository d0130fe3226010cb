/**
 * A growing buffer that JSON text is written into. One writer serves every request of a process: texts are written one
 * behind the other into blocks, and `take` hands out a view of a block, so that neither a field nor a small text costs an
 * allocation. Payloads are spliced in as they are.
 */

/** A block is held as long as any text in it is: small enough that a few slow calls do not hold much. */
const BLOCK_BYTES = 64 << 10;

/** A longer text gets bytes of its own, so that it does not use up the block. */
const SHARED_BYTES_MAX = BLOCK_BYTES / 4;

/** A buffer that one huge text made larger than this is not kept. */
const KEPT_BYTES_MAX = 1 << 20;

/** Below this length a loop is faster than `Uint8Array.set`. */
const LOOP_BYTES_MAX = 24;

export class JsonWriter {
  #bytes = new Uint8Array(BLOCK_BYTES);
  /** Where the text that is being written began: what lies before was handed out and is never written again. */
  #start = 0;
  #length = 0;

  /** Bytes that are JSON text already: a payload, or punctuation prepared with `jsonText`. */
  raw(value: Uint8Array): void {
    const length = value.length;
    if (this.#length + length > this.#bytes.length) this.#grow(length);
    const bytes = this.#bytes;
    const at = this.#length;
    if (length > LOOP_BYTES_MAX) bytes.set(value, at);
    else for (let index = 0; index < length; index++) bytes[at + index] = value[index] as number;
    this.#length = at + length;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** A safe integer; any other number becomes `null`, as JSON.stringify has it for what JSON cannot say. */
  integer(value: number): void {
    if (value >= 0 && value < 10) this.byte(0x30 + value);
    else if (Number.isFinite(value)) this.#ascii(String(value));
    else this.#ascii("null");
  }

  /** The text in quotes. A lone surrogate has no UTF-8 form and is written as its escape, so this never throws. */
  string(text: string): void {
    // 6 bytes is the longest that one UTF-16 unit becomes (\u001f).
    if (this.#length + text.length * 6 + 2 > this.#bytes.length) this.#grow(text.length * 6 + 2);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = 0x22;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x20 && unit < 0x80 && unit !== 0x22 && unit !== 0x5c) bytes[at++] = unit;
      else {
        at = writeSpecial(bytes, at, text, index);
        if (unit >= 0xd800 && unit < 0xdc00 && isLow(text.charCodeAt(index + 1))) index++;
      }
    }
    bytes[at++] = 0x22;
    this.#length = at;
  }

  /** `"2026-11-20T08:00:00.000Z"`, quotes included. */
  time(ms: number): void {
    const second = Math.floor(ms / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = new Date(second * 1000).toISOString().slice(0, -4);
    }
    const fraction = Math.floor(ms) - second * 1000;
    this.byte(0x22);
    this.#ascii(this.#secondText);
    this.byte(0x30 + Math.floor(fraction / 100));
    this.byte(0x30 + (Math.floor(fraction / 10) % 10));
    this.byte(0x30 + (fraction % 10));
    this.byte(0x5a);
    this.byte(0x22);
  }

  #second = Number.NaN;
  #secondText = "";

  /** What was written since the last `take`; nobody writes to it again. */
  take(): Uint8Array {
    if (this.#length - this.#start > SHARED_BYTES_MAX) {
      const copy = this.#bytes.slice(this.#start, this.#length);
      this.clear();
      return copy;
    }
    const view = this.#bytes.subarray(this.#start, this.#length);
    this.#start = this.#length;
    return view;
  }

  /** Forgets what was written since the last `take`. */
  clear(): void {
    this.#length = this.#start;
    if (this.#bytes.length <= KEPT_BYTES_MAX) return;
    this.#bytes = new Uint8Array(BLOCK_BYTES);
    this.#start = this.#length = 0;
  }

  #ascii(text: string): void {
    if (this.#length + text.length > this.#bytes.length) this.#grow(text.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index);
    this.#length = at;
  }

  /** Goes on in a new block, with what was written of this text. */
  #grow(more: number): void {
    const written = this.#length - this.#start;
    const grown = new Uint8Array(Math.max(BLOCK_BYTES, (written + more) * 2));
    grown.set(this.#bytes.subarray(this.#start, this.#length));
    this.#bytes = grown;
    this.#start = 0;
    this.#length = written;
  }
}

/** Text in ASCII as bytes for `raw`. */
export function jsonText(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const SHORT_ESCAPE: Readonly<Record<number, number>> = {
  8: 0x62, // \b
  9: 0x74, // \t
  10: 0x6e, // \n
  12: 0x66, // \f
  13: 0x72, // \r
  34: 0x22,
  92: 0x5c,
};

/** Writes the character at `index`, which is not plain ASCII; both units of a pair. */
function writeSpecial(bytes: Uint8Array, at: number, text: string, index: number): number {
  const unit = text.charCodeAt(index);
  if (unit < 0x80) {
    bytes[at++] = 0x5c;
    const short = SHORT_ESCAPE[unit];
    if (short === undefined) return writeUnitEscape(bytes, at, unit);
    bytes[at++] = short;
  } else if (unit < 0x800) {
    bytes[at++] = 0xc0 | (unit >> 6);
    bytes[at++] = 0x80 | (unit & 0x3f);
  } else if (unit < 0xd800 || unit > 0xdfff) {
    bytes[at++] = 0xe0 | (unit >> 12);
    bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
    bytes[at++] = 0x80 | (unit & 0x3f);
  } else if (unit < 0xdc00 && isLow(text.charCodeAt(index + 1))) {
    const point = text.codePointAt(index) as number;
    bytes[at++] = 0xf0 | (point >> 18);
    bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
    bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
    bytes[at++] = 0x80 | (point & 0x3f);
  } else {
    bytes[at++] = 0x5c;
    return writeUnitEscape(bytes, at, unit);
  }
  return at;
}

/** `uXXXX`, behind a backslash. */
function writeUnitEscape(bytes: Uint8Array, at: number, unit: number): number {
  bytes[at++] = 0x75;
  for (let shift = 12; shift >= 0; shift -= 4) {
    const digit = (unit >> shift) & 0xf;
    bytes[at++] = digit < 10 ? 0x30 + digit : 0x57 + digit;
  }
  return at;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
