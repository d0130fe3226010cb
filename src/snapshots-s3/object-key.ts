/**
 * How names of objects become keys in the bucket, a persisted format (docs/formats.md): prefix and name, where a folder
 * that is empty, `.` or `..` gets a `=` in front, because clients and proxies resolve such paths. Names have no `=`.
 */

/** Keys have at most 1,024 bytes (S3 user guide, "Naming Amazon S3 objects"). */
const KEY_BYTES_MAX = 1024;
const SPECIAL = /^\.{0,2}$/;
const ESCAPED = /^=\.{0,2}$/;

/** Throws a RangeError where the key would be too long: that takes a long prefix, or hundreds of empty folders. */
export function keyOfName(prefix: string, name: string): string {
  const key = prefix + name.split("/").map(escapeFolder).join("/");
  if (key.length > KEY_BYTES_MAX) throw new RangeError(`the key of object ${name} is longer than ${KEY_BYTES_MAX} bytes`);
  return key;
}

/** Null where no name has that key. */
export function nameOfKey(prefix: string, key: string): string | null {
  if (!key.startsWith(prefix)) return null;
  const folders = key.slice(prefix.length).split("/");
  if (folders.some((folder) => SPECIAL.test(folder) || (folder.includes("=") && !ESCAPED.test(folder)))) return null;
  return folders.map((folder) => (ESCAPED.test(folder) ? folder.slice(1) : folder)).join("/");
}

/** A prefix of the keys of all names that begin with `namePrefix`; other keys may have it too. */
export function keyPrefixOf(prefix: string, namePrefix: string): string {
  const folders = namePrefix.split("/");
  const begun = folders.pop() ?? "";
  const whole = folders.map((folder) => `${escapeFolder(folder)}/`).join("");
  return prefix + whole + (SPECIAL.test(begun) ? "" : begun);
}

function escapeFolder(folder: string): string {
  return SPECIAL.test(folder) ? `=${folder}` : folder;
}
