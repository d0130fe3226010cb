/**
 * How keys become file names (a persisted format, see docs/formats.md). Two different keys have different names also on
 * a file system that ignores case, no name is special to any file system, and none begins with `~`: that is left to files
 * that are being written.
 *
 * The bytes `a-z 0-9 - _` and `.` (not in front) stand for themselves, every other byte is `%` and two lower-case hex
 * digits. A name longer than 200 characters is cut into folders of 200; these end in `+`.
 */
import { encodeUtf8, MalformedText, readUtf8 } from "../core/bytes/utf8.js";

const PIECE_CHARACTERS = 200;
const PLAIN = /^[a-z0-9_-]$/;

/** A relative path; its last part is the file's name. */
export function fileName(key: string): string {
  let name = "";
  for (const byte of encodeUtf8(key)) {
    const character = String.fromCharCode(byte);
    const isPlain = PLAIN.test(character) || (character === "." && name !== "");
    name += isPlain ? character : `%${byte.toString(16).padStart(2, "0")}`;
  }
  if (name === "") throw new RangeError("an empty key has no file name");
  let path = "";
  while (name.length > PIECE_CHARACTERS) {
    path += `${name.slice(0, PIECE_CHARACTERS)}+/`;
    name = name.slice(PIECE_CHARACTERS);
  }
  // A cut may put a dot in front of the rest: it is no special name as long as it is not alone.
  return path + (name === "." || name === ".." ? name.replaceAll(".", "%2e") : name);
}

/** The key of a path that `fileName` made, or null for any other. */
export function keyOfFileName(path: string): string | null {
  const name = path.replaceAll("+/", "");
  const bytes: number[] = [];
  for (let at = 0; at < name.length; at++) {
    const character = name.charAt(at);
    if (character === "%") {
      bytes.push(Number.parseInt(name.slice(at + 1, at + 3), 16));
      at += 2;
    } else if (PLAIN.test(character) || character === ".") {
      bytes.push(character.charCodeAt(0));
    } else {
      return null;
    }
  }
  try {
    const key = readUtf8(Uint8Array.from(bytes));
    return fileName(key) === path ? key : null;
  } catch (error) {
    if (error instanceof MalformedText || error instanceof RangeError) return null;
    throw error;
  }
}
