/**
 * Walks over JSON text (RFC 8259) in UTF-8 without building values: finds where a value ends, and whether it is one. Written
 * by hand because payloads must come out byte for byte, and because every byte here comes from outside: no recursion, a
 * depth limit, strict UTF-8, and nothing read behind the end.
 */

/** How deep arrays and objects may nest inside one payload. */
export const JSON_DEPTH_MAX = 128;

/** The text is no JSON. Never leaves this folder's decoders. */
export class JsonSyntax extends Error {
  override readonly name = "JsonSyntax";
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** Null when `bytes` is one JSON value with nothing but white space around it; else what is wrong with it and where. */
export function jsonProblem(bytes: Uint8Array): { readonly offset: number; readonly message: string } | null {
  try {
    const scanner = new JsonScanner(bytes, 0, bytes.length);
    scanner.skipSpace();
    scanner.skipValue();
    scanner.expectEnd();
    return null;
  } catch (error) {
    if (error instanceof JsonSyntax) return { offset: error.offset, message: error.message };
    throw error;
  }
}

// What a byte means inside a string: 0 plain, 1 quote, 2 backslash, 3 control character, 4 begins a longer UTF-8 sequence.
const IN_STRING = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0x22) return 1;
  if (byte === 0x5c) return 2;
  if (byte < 0x20) return 3;
  return byte >= 0x80 ? 4 : 0;
});

const IS_OBJECT = new Uint8Array(JSON_DEPTH_MAX);

export class JsonScanner {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** The offset of the next byte. */
  at: number;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.bytes = bytes;
    this.at = from;
    this.end = to;
  }

  fail(message: string, at = this.at): never {
    throw new JsonSyntax(at, at >= this.end ? "the text ends too early" : message);
  }

  /** The next byte, or -1 at the end. */
  peek(): number {
    return this.at < this.end ? (this.bytes[this.at] as number) : -1;
  }

  skipSpace(): void {
    const { bytes, end } = this;
    let at = this.at;
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
      at++;
    }
    this.at = at;
  }

  expect(byte: number): void {
    if (this.peek() !== byte) this.fail(`'${String.fromCharCode(byte)}' expected`);
    this.at++;
  }

  expectEnd(): void {
    this.skipSpace();
    if (this.at < this.end) this.fail("more text behind the value");
  }

  /** Steps over the value that begins at the next byte. */
  skipValue(): void {
    let depth = 0;
    for (;;) {
      const byte = this.peek();
      if (byte === 0x22) {
        this.skipString();
      } else if (byte === 0x7b || byte === 0x5b) {
        if (depth === JSON_DEPTH_MAX) this.fail(`nested deeper than ${JSON_DEPTH_MAX} levels`);
        const isObject = byte === 0x7b;
        IS_OBJECT[depth++] = isObject ? 1 : 0;
        this.at++;
        this.skipSpace();
        if (this.peek() === (isObject ? 0x7d : 0x5d)) {
          this.at++;
          depth--;
        } else {
          if (isObject) this.#skipKey();
          continue;
        }
      } else {
        this.#skipScalar(byte);
      }
      // A value has ended; go up until there is a next one.
      for (;;) {
        if (depth === 0) return;
        const isObject = IS_OBJECT[depth - 1] === 1;
        let next = this.peek();
        if (next !== 0x2c && next !== 0x7d && next !== 0x5d) {
          this.skipSpace();
          next = this.peek();
        }
        if (next === 0x2c) {
          this.at++;
          if (this.peek() <= 0x20) this.skipSpace();
          if (isObject) this.#skipKey();
          break;
        }
        if (next !== (isObject ? 0x7d : 0x5d)) this.fail(isObject ? "',' or '}' expected" : "',' or ']' expected");
        this.at++;
        depth--;
      }
    }
  }

  /** Steps over the string whose quote is the next byte; true when it holds an escape. */
  skipString(): boolean {
    const { bytes, end } = this;
    if (this.peek() !== 0x22) this.fail("a string expected");
    let at = this.at + 1;
    let hasEscape = false;
    while (at < end) {
      const meaning = IN_STRING[bytes[at] as number] as number;
      if (meaning === 0) {
        at++;
      } else if (meaning === 1) {
        this.at = at + 1;
        return hasEscape;
      } else if (meaning === 2) {
        hasEscape = true;
        at = this.#escapeEnd(at);
      } else if (meaning === 3) {
        this.fail("a control character in a string", at);
      } else {
        at = this.#sequenceEnd(at);
      }
    }
    return this.fail("a string without an end", at);
  }

  /** A key, its colon and the space behind it. */
  #skipKey(): void {
    if (this.peek() !== 0x22) this.fail("a key in quotes expected");
    this.skipString();
    if (this.peek() !== 0x3a) {
      this.skipSpace();
      this.expect(0x3a);
    } else this.at++;
    if (this.peek() <= 0x20) this.skipSpace();
  }

  #skipScalar(byte: number): void {
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) this.skipNumber();
    else if (byte === 0x74) this.#skipWord("true");
    else if (byte === 0x66) this.#skipWord("false");
    else if (byte === 0x6e) this.#skipWord("null");
    else this.fail("a value expected");
  }

  #skipWord(word: string): void {
    for (let index = 0; index < word.length; index++) {
      if (this.at + index >= this.end || this.bytes[this.at + index] !== word.charCodeAt(index)) {
        this.fail("a value expected", this.at + index);
      }
    }
    this.at += word.length;
  }

  skipNumber(): void {
    if (this.peek() === 0x2d) this.at++;
    if (this.peek() === 0x30) this.at++;
    else this.#skipDigits();
    if (this.peek() === 0x2e) {
      this.at++;
      this.#skipDigits();
    }
    if ((this.peek() | 0x20) === 0x65) {
      this.at++;
      if (this.peek() === 0x2b || this.peek() === 0x2d) this.at++;
      this.#skipDigits();
    }
  }

  #skipDigits(): void {
    const { bytes, end } = this;
    let at = this.at;
    while (at < end && (bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x39) at++;
    if (at === this.at) this.fail("a digit expected");
    this.at = at;
  }

  /** The offset behind the escape whose backslash is at `at`. Lone surrogates are fine: JSON allows them. */
  #escapeEnd(at: number): number {
    const { bytes, end } = this;
    if (at + 1 >= end) return this.fail("", end);
    const byte = bytes[at + 1] as number;
    if (byte !== 0x75) {
      const isKnown =
        byte === 0x22 ||
        byte === 0x5c ||
        byte === 0x2f ||
        byte === 0x62 ||
        byte === 0x66 ||
        byte === 0x6e ||
        byte === 0x72 ||
        byte === 0x74;
      return isKnown ? at + 2 : this.fail("an unknown escape", at);
    }
    for (let index = at + 2; index < at + 6; index++) {
      if (index >= end) this.fail("", end);
      if (!isHexDigit(bytes[index] as number)) this.fail("four hexadecimal digits expected", index);
    }
    return at + 6;
  }

  /** The offset behind the UTF-8 sequence (RFC 3629) that begins at `at`. */
  #sequenceEnd(at: number): number {
    const { bytes, end } = this;
    const first = bytes[at] as number;
    const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4) this.fail("not UTF-8", at);
    for (let index = at + 1; index < at + length; index++) {
      if (index >= end) this.fail("", end);
      if (((bytes[index] as number) & 0xc0) !== 0x80) this.fail("not UTF-8", at);
    }
    const second = bytes[at + 1] as number;
    // Overlong forms, surrogates, and what lies above U+10FFFF.
    const isOutside =
      (first === 0xe0 && second < 0xa0) ||
      (first === 0xed && second > 0x9f) ||
      (first === 0xf0 && second < 0x90) ||
      (first === 0xf4 && second > 0x8f);
    return isOutside ? this.fail("not UTF-8", at) : at + length;
  }
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}
