/**
 * The key spaces of a shard: which kinds of things its store holds, and how their keys begin.
 *
 * A key is a space byte and, in spaces of entities, the entity's prefix: the 32-bit placement hash (big-endian, so that a
 * shard splits by ranges), then the length and the text of `type/id`. What follows is the space's own. The space comes
 * first, not the hash, so that what opening a shard must read (bookkeeping, outbox, inbox, head of timers) is a few short ranges.
 *
 * Persisted: numbers are never given again.
 */
import type { ByteReader } from "../../bytes/byte-reader.js";
import { MalformedBytes } from "../../bytes/byte-reader.js";
import { ByteWriter } from "../../bytes/byte-writer.js";
import { addressText, type EntityAddress, parseAddress } from "../../entity/address.js";

export const CELL_SPACE = 1;
export const EVENT_SPACE = 2;
export const RESULT_SPACE = 3;
export const INBOX_SPACE = 4;
export const DEAD_LETTER_SPACE = 5;
export const TIMER_SPACE = 6;
export const TIMER_DUE_SPACE = 7;
export const OUTBOX_SPACE = 8;
export const BOOKKEEPING_SPACE = 9;

/** What every key of one entity begins with, behind the space byte. */
export type EntityPrefix = Uint8Array & { readonly brand?: "EntityPrefix" };

const scratch = new ByteWriter(512);
const viewScratch = new ByteWriter(512);

export function entityPrefix(address: EntityAddress, hash: number): EntityPrefix {
  scratch.clear();
  writeEntityPrefix(scratch, address, hash);
  return scratch.take();
}

export function writeEntityPrefix(writer: ByteWriter, address: EntityAddress, hash: number): void {
  writer.u32Ordered(hash);
  writer.text(addressText(address));
}

/** Reads what `writeEntityPrefix` wrote; the reader stands behind it then. */
export function readEntityPrefix(reader: ByteReader): { readonly address: EntityAddress; readonly hash: number } {
  const hash = reader.u32Ordered();
  const address = parseAddress(reader.text());
  if (address === null) throw new MalformedBytes("a key's entity is no address");
  return { address, hash };
}

/** The smallest key that does not begin with `prefix`, to end a range of all that do. */
export function rangeEnd(prefix: Uint8Array): Uint8Array {
  for (let length = prefix.length; length > 0; length--) {
    const last = prefix[length - 1] as number;
    if (last === 0xff) continue;
    const end = prefix.slice(0, length);
    end[length - 1] = last + 1;
    return end;
  }
  throw new RangeError("a key of 0xff bytes alone ends no range");
}

/** As `entityKey`, but a view that the next call overwrites: for a key that is used at once and not kept. */
export function entityKeyView(space: number, prefix: EntityPrefix, name = ""): Uint8Array {
  viewScratch.clear();
  viewScratch.u8(space);
  viewScratch.raw(prefix);
  if (name !== "") viewScratch.rawText(name);
  return viewScratch.view();
}

/** A key of one entity: the space, the prefix, and what `tail` writes. A new array each. */
export function entityKey(space: number, prefix: EntityPrefix, tail?: (writer: ByteWriter) => void): Uint8Array {
  scratch.clear();
  scratch.u8(space);
  scratch.raw(prefix);
  tail?.(scratch);
  return scratch.take();
}
