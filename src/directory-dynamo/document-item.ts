/**
 * The item of one document (a persisted format, see docs/formats.md). Documents whose keys have the same first part lie
 * together, so that one Query reads, say, all node documents, and no others.
 *
 *     g  S  cluster#first part of the key ("node/" of node/abc; empty where there is no slash)
 *     k  S  the key
 *     t  S  the token
 *     b  B  the body, packed (src/aws/packed-bytes.ts)
 */
import { ITEM_BYTES_MAX, type Item } from "../aws/item-size.js";
import { DOCUMENT_BYTES_MAX } from "../ports/directory.js";

export const GROUP_ATTRIBUTE = "g";
export const KEY_ATTRIBUTE = "k";
export const TOKEN_ATTRIBUTE = "t";
export const BODY_ATTRIBUTE = "b";

/** What an item has beside the body: tokens longer than this and the longest document might not fit together. */
export const TOKEN_BYTES_MAX = ITEM_BYTES_MAX - DOCUMENT_BYTES_MAX - 2_048;

export function groupOf(cluster: string, key: string): string {
  const slash = key.indexOf("/");
  return `${cluster}#${slash < 0 ? "" : key.slice(0, slash + 1)}`;
}

/** The group in which all keys with this prefix lie; null where they may lie in several. */
export function groupOfPrefix(cluster: string, prefix: string): string | null {
  return prefix.includes("/") ? groupOf(cluster, prefix) : null;
}

export function keyOf(cluster: string, key: string): Item {
  return { [GROUP_ATTRIBUTE]: { S: groupOf(cluster, key) }, [KEY_ATTRIBUTE]: { S: key } };
}

export function documentItem(cluster: string, key: string, token: string, packed: Uint8Array): Item {
  return { ...keyOf(cluster, key), [TOKEN_ATTRIBUTE]: { S: token }, [BODY_ATTRIBUTE]: { B: packed } };
}
