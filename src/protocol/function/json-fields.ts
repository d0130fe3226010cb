/** Reads the contract's own fields out of JSON text: members, items, texts, whole numbers, and payloads as slices. */
import { ShapeProblem } from "./answer-problem.js";
import { keyName, keyOfBytes, keyOfText, UNKNOWN_KEY } from "./json-keys.js";
import type { JsonScanner } from "./json-scanner.js";
import { decodeText, internedText } from "./text.js";

/** Steps into an object; false when it is empty, and then behind it. */
export function beginObject(scanner: JsonScanner, what: string): boolean {
  return begin(scanner, 0x7b, 0x7d, what, "an object");
}

/** Steps into a list; false when it is empty, and then behind it. */
export function beginList(scanner: JsonScanner, what: string): boolean {
  return begin(scanner, 0x5b, 0x5d, what, "a list");
}

function begin(scanner: JsonScanner, open: number, close: number, what: string, kind: string): boolean {
  if (scanner.peek() !== open) wrongKind(scanner, what, kind);
  scanner.at++;
  scanner.skipSpace();
  if (scanner.peek() !== close) return true;
  scanner.at++;
  return false;
}

/** Behind a member's value: true when another member follows, false when the object has ended. */
export function nextMember(scanner: JsonScanner): boolean {
  return next(scanner, 0x7d);
}

export function nextItem(scanner: JsonScanner): boolean {
  return next(scanner, 0x5d);
}

function next(scanner: JsonScanner, close: number): boolean {
  let byte = scanner.peek();
  if (byte !== 0x2c && byte !== close) {
    scanner.skipSpace();
    byte = scanner.peek();
  }
  if (byte !== 0x2c && byte !== close) scanner.fail(`',' or '${String.fromCharCode(close)}' expected`);
  scanner.at++;
  if (byte === close) return false;
  if (scanner.peek() <= 0x20) scanner.skipSpace();
  return true;
}

/** The number of the key at the next byte; behind it, its colon and space. */
export function readKey(scanner: JsonScanner): number {
  const from = scanner.at + 1;
  const hasEscape = scanner.skipString();
  const to = scanner.at - 1;
  if (scanner.peek() !== 0x3a) scanner.skipSpace();
  scanner.expect(0x3a);
  if (scanner.peek() <= 0x20) scanner.skipSpace();
  return hasEscape ? keyOfText(unescaped(scanner, from, to)) : keyOfBytes(scanner.bytes, from, to);
}

/** The name of the key that begins at `at`, for a message. */
export function keyTextAt(scanner: JsonScanner, at: number): string {
  scanner.at = at;
  scanner.skipString();
  return unescaped(scanner, at + 1, scanner.at - 1).slice(0, 64);
}

/** Notes that `key` was met; twice in one object is refused, because which one counts would be a guess. */
export function once(seen: number, key: number): number {
  if (key === UNKNOWN_KEY) return seen;
  const bit = 1 << (key & 31);
  if ((seen & bit) !== 0) throw new ShapeProblem(`'${keyName(key)}' is given twice`);
  return seen | bit;
}

/** Names and ids: longer ones are refused here, before anything is made of them. */
export const NAME_BYTES_MAX = 1024;

/** A text that is a name or an id. */
export function readName(scanner: JsonScanner, what: string): string {
  if (scanner.peek() !== 0x22) wrongKind(scanner, what, "a text");
  const from = scanner.at + 1;
  const hasEscape = scanner.skipString();
  const to = scanner.at - 1;
  if (to - from > NAME_BYTES_MAX) throw new ShapeProblem(`'${what}' is longer than ${NAME_BYTES_MAX} bytes`);
  if (!hasEscape) return internedText(scanner.bytes, from, to);
  const text = unescaped(scanner, from, to);
  if (!isWellFormed(text)) throw new ShapeProblem(`'${what}' has a lone surrogate, so it has no UTF-8 form`);
  return text;
}

/** Messages are for people; what is longer is cut. */
const MESSAGE_LENGTH_MAX = 4096;

/** A text for people: cut where it is too long, and lone surrogates are replaced. */
export function readMessage(scanner: JsonScanner, what: string): string {
  if (scanner.peek() !== 0x22) wrongKind(scanner, what, "a text");
  const from = scanner.at + 1;
  const hasEscape = scanner.skipString();
  const to = scanner.at - 1;
  return messageText(hasEscape ? unescaped(scanner, from, to) : decodeText(scanner.bytes, from, to));
}

export function messageText(text: string): string {
  return wellFormed(text.length > MESSAGE_LENGTH_MAX ? text.slice(0, MESSAGE_LENGTH_MAX) : text);
}

/** Every number of so many digits is a safe integer. */
const PLAIN_DIGITS_MAX = 15;

/** A whole number from 0 to 2^53 - 1, in any of JSON's spellings (`2`, `2.0`, `2e0`). */
export function readWhole(scanner: JsonScanner, what: string): number {
  const byte = scanner.peek();
  if (byte !== 0x2d && !(byte >= 0x30 && byte <= 0x39)) wrongKind(scanner, what, "a whole number");
  const from = scanner.at;
  scanner.skipNumber();
  if (scanner.at - from <= PLAIN_DIGITS_MAX) {
    let value = 0;
    let at = from;
    for (let digit = byte; digit >= 0x30 && digit <= 0x39; digit = scanner.bytes[at] as number) {
      value = value * 10 + digit - 0x30;
      if (++at === scanner.at) return value;
    }
  }
  const value = Number(decodeText(scanner.bytes, from, scanner.at));
  if (!Number.isSafeInteger(value) || value < 0) throw new ShapeProblem(`'${what}' must be a whole number that is not negative`);
  return value;
}

/** A slice, not a copy. It is checked to be JSON. */
export function readPayload(scanner: JsonScanner): Uint8Array {
  const from = scanner.at;
  scanner.skipValue();
  return scanner.bytes.subarray(from, scanner.at);
}

/** Steps over `null`, and tells whether it was there. */
export function skipNull(scanner: JsonScanner): boolean {
  if (scanner.peek() !== 0x6e) return false;
  scanner.skipValue();
  return true;
}

/** Steps over a value, and tells whether it was neither null nor false. */
export function readFlag(scanner: JsonScanner): boolean {
  const byte = scanner.peek();
  scanner.skipValue();
  return byte !== 0x6e && byte !== 0x66;
}

/** A value of the wrong kind, or no JSON at all, which is the worse of the two and found by stepping over it. */
function wrongKind(scanner: JsonScanner, what: string, kind: string): never {
  scanner.skipValue();
  throw new ShapeProblem(`'${what}' must be ${kind}`);
}

/** The text between two quotes that was found to be well-formed JSON. */
function unescaped(scanner: JsonScanner, from: number, to: number): string {
  return JSON.parse(decodeText(scanner.bytes, from - 1, to + 1)) as string;
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function isWellFormed(text: string): boolean {
  return text.search(LONE_SURROGATE) < 0;
}

function wellFormed(text: string): string {
  return text.replace(LONE_SURROGATE, "\ufffd");
}
