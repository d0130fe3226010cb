/** UTF-8 (RFC 3629) without any host object, because the core has none. Lone surrogates throw, they are never replaced. */

export class MalformedText extends Error {
  override readonly name = "MalformedText";
}

/** The number of bytes that `writeUtf8` writes for `text`. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else if (unit < 0xd800 || unit > 0xdfff) length += 2;
    else {
      if (!isPair(text, at)) throw new MalformedText(`a lone surrogate at ${at}`);
      length += 2; // two units become four bytes
      at++;
    }
  }
  return length;
}

/** Whether every surrogate in `text` belongs to a pair, so that it has a UTF-8 form. */
export function isWellFormed(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    if (!isPair(text, at)) return false;
    at++;
  }
  return true;
}

/** Writes `text` at `at`; the caller has made room. Returns the offset behind it. */
export function writeUtf8(text: string, bytes: Uint8Array, at: number): number {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      bytes[at++] = unit;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes[at++] = 0xe0 | (unit >> 12);
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else {
      if (!isPair(text, index)) throw new MalformedText(`a lone surrogate at ${index}`);
      const point = text.codePointAt(index) as number;
      index++;
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    }
  }
  return at;
}

export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(text, bytes, 0);
  return bytes;
}

const CHUNK = 4096;

/** Reads the text between two offsets; anything that is not UTF-8 throws. */
export function readUtf8(bytes: Uint8Array, from = 0, to: number = bytes.length): string {
  if (to - from <= SHORT) {
    const ascii = readShortAscii(bytes, from, to);
    if (ascii !== null) return ascii;
  }
  let text = "";
  let units: number[] = [];
  for (let at = from; at < to; ) {
    const first = bytes[at] as number;
    if (first < 0x80) {
      units.push(first);
      at++;
    } else {
      const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
      const point = codePoint(bytes, at, at + length <= to ? length : 0);
      at += length;
      if (point < 0x10000) units.push(point);
      else units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
    }
    if (units.length >= CHUNK) {
      text += String.fromCharCode(...units);
      units = [];
    }
  }
  return text + String.fromCharCode(...units);
}

/** What most texts of frames and records are: names and ids. Longer ones would be of too many pieces. */
const SHORT = 64;

/** Several letters at once, without an array; null where one is not ASCII. */
function readShortAscii(bytes: Uint8Array, at: number, to: number): string | null {
  let text = "";
  for (; at + 8 <= to; at += 8) {
    const a = bytes[at] as number;
    const b = bytes[at + 1] as number;
    const c = bytes[at + 2] as number;
    const d = bytes[at + 3] as number;
    const e = bytes[at + 4] as number;
    const f = bytes[at + 5] as number;
    const g = bytes[at + 6] as number;
    const h = bytes[at + 7] as number;
    if ((a | b | c | d | e | f | g | h) > 0x7f) return null;
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  if (at + 4 <= to) {
    const a = bytes[at] as number;
    const b = bytes[at + 1] as number;
    const c = bytes[at + 2] as number;
    const d = bytes[at + 3] as number;
    if ((a | b | c | d) > 0x7f) return null;
    text += String.fromCharCode(a, b, c, d);
    at += 4;
  }
  for (; at < to; at++) {
    const a = bytes[at] as number;
    if (a > 0x7f) return null;
    text += String.fromCharCode(a);
  }
  return text;
}

const SMALLEST = [0, 0, 0x80, 0x800, 0x10000];

function codePoint(bytes: Uint8Array, at: number, length: number): number {
  const first = bytes[at] as number;
  if (length === 0 || first < 0xc2 || first > 0xf4) throw new MalformedText(`not UTF-8 at ${at}`);
  let point = first & (0x7f >> length);
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index] as number;
    if ((byte & 0xc0) !== 0x80) throw new MalformedText(`not UTF-8 at ${at + index}`);
    point = (point << 6) | (byte & 0x3f);
  }
  const isSurrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < (SMALLEST[length] as number) || point > 0x10ffff || isSurrogate) throw new MalformedText(`not UTF-8 at ${at}`);
  return point;
}

function isPair(text: string, at: number): boolean {
  const first = text.charCodeAt(at);
  const second = text.charCodeAt(at + 1);
  return first <= 0xdbff && second >= 0xdc00 && second <= 0xdfff;
}
