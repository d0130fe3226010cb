/** UTF-8 bytes to text. Short ASCII, which nearly all names are, is found again instead of made again. */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes are known to be UTF-8. */
export function decodeText(bytes: Uint8Array, from: number, to: number): string {
  return decoder.decode(bytes.subarray(from, to));
}

const INTERNED_SLOTS = 1024;
const INTERNED_BYTES_MAX = 48;
const interned: string[] = new Array<string>(INTERNED_SLOTS).fill("");

/** The same as `decodeText`, for names that come again and again: types, commands, events, codes. */
export function internedText(bytes: Uint8Array, from: number, to: number): string {
  const length = to - from;
  if (length > INTERNED_BYTES_MAX) return decodeText(bytes, from, to);
  let hash = length;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte >= 0x80) return decodeText(bytes, from, to);
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  const slot = (hash ^ (hash >>> 15)) & (INTERNED_SLOTS - 1);
  const known = interned[slot] as string;
  if (known.length === length && isAscii(known, bytes, from)) return known;
  const text = String.fromCharCode.apply(null, bytes.subarray(from, to) as unknown as number[]);
  interned[slot] = text;
  return text;
}

function isAscii(text: string, bytes: Uint8Array, from: number): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) !== bytes[from + index]) return false;
  return true;
}
