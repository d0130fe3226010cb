/** What names an entity, which names are allowed, and where on the ring an entity lies. */
import { ByteWriter } from "../bytes/byte-writer.js";
import { murmur3 } from "../bytes/murmur3.js";
import { isWellFormed, utf8Length } from "../bytes/utf8.js";

export const ID_BYTES_MAX = 256;
export const NAME_BYTES_MAX = 128;

/** One entity: `type` is `namespace/name`; `id` any text that `idProblem` accepts. */
export interface EntityAddress {
  readonly type: string;
  readonly id: string;
}

/** `shop/cart/c1`: the one address syntax. A type has exactly one slash, so the id begins behind the second. */
export function addressText(address: EntityAddress): string {
  return `${address.type}/${address.id}`;
}

export function parseAddress(text: string): EntityAddress | null {
  const first = text.indexOf("/");
  const second = text.indexOf("/", first + 1);
  if (first < 0 || second < 0) return null;
  return { type: text.slice(0, second), id: text.slice(second + 1) };
}

export function isSameAddress(left: EntityAddress, right: EntityAddress): boolean {
  return left.id === right.id && left.type === right.type;
}

/** Why an id is refused, in words for the caller; null when it is fine. Ids are the bytes of their UTF-8, never normalised. */
export function idProblem(id: string): string | null {
  if (id === "") return "it is empty";
  if (id === "." || id === "..") return "'.' and '..' are path segments, not ids";
  if (!isWellFormed(id)) return "it has a lone surrogate, so it has no UTF-8 form";
  for (let at = 0; at < id.length; at++) {
    const unit = id.charCodeAt(at);
    if (unit < 0x20 || unit === 0x7f || (unit >= 0x80 && unit < 0xa0)) return `it has a control character at offset ${at}`;
  }
  const length = utf8Length(id);
  return length > ID_BYTES_MAX ? `it is ${length} bytes long, ${ID_BYTES_MAX} are allowed` : null;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** Why the name of a command, query, event or timer is refused; null when it is fine. `$` starts names of the router's own. */
export function nameProblem(name: string): string | null {
  if (name.startsWith("$")) return "names that begin with '$' are the router's";
  if (!NAME.test(name)) return "it must begin with a letter or '_' and hold only letters, digits, '_', '-' and '.'";
  return name.length > NAME_BYTES_MAX ? `it is longer than ${NAME_BYTES_MAX} characters` : null;
}

/** Why an entity type is refused; null when it is fine. */
export function typeProblem(type: string): string | null {
  const parts = type.split("/");
  if (parts.length !== 2) return "an entity type is written 'namespace/name'";
  return nameProblem(parts[0] as string) ?? nameProblem(parts[1] as string);
}

/**
 * Which entities of a type lie together. `entity`: each by its own type and id. `prefix`: by the id up to the first
 * `separator` (the whole id where there is none), whatever the type, so that types which share prefixes share shards.
 */
export type Colocation = { readonly kind: "entity" } | { readonly kind: "prefix"; readonly separator: string };

export const BY_ENTITY: Colocation = { kind: "entity" };

/** The 32-bit hash of the colocation key. Frozen: stored keys and shard ranges depend on it. */
export function placementHash(address: EntityAddress, colocation: Colocation): number {
  scratch.clear();
  if (colocation.kind === "entity") {
    scratch.rawText(address.type);
    scratch.u8(SLASH);
    scratch.rawText(address.id);
  } else {
    const end = address.id.indexOf(colocation.separator);
    scratch.rawText(end < 0 ? address.id : address.id.slice(0, end));
  }
  return murmur3(scratch.view());
}

const scratch = new ByteWriter(512);
const SLASH = 0x2f;

/** The shard whose range holds `hash`, when the ring is cut into `shards` equal ranges. */
export function shardOfHash(hash: number, shards: number): number {
  return Math.floor((hash * shards) / 2 ** 32);
}
