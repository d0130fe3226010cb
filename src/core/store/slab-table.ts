/**
 * A table from key to versioned value whose content is bytes in slabs: no object and no buffer per key.
 *
 * Index: extendible hashing. A directory, addressed by the upper bits of a key's hash, names pages of at most 4096 slots;
 * a full page splits in two, so that growing never moves more than one page (some 50 µs), however many keys there are.
 * Records lie in slabs of 4 KB that double up to 1 MB, 8-byte aligned:
 *
 *     u32 value length | u32 capacity, flags in the upper 4 bits | u16 key length, u16 expiry high | u32 expiry low | key | value
 *
 * A put overwrites in place where the value fits, else appends and leaves garbage. Nothing is ever removed or moved: a
 * removal is a tombstone, and the whole table is dropped at once. A location is slab << 17 | offset / 8, never 0.
 */
import { KeyOrder } from "./key-order.js";

export const KEY_BYTES_MAX = 0xffff;
/** Larger than any state (4 MB) with what a codec adds around it. */
export const VALUE_BYTES_MAX = 8 * 1024 * 1024;

const HEADER_BYTES = 16;
const SLAB_BYTES_MIN = 4096;
const SLAB_BYTES_MAX = 1024 * 1024;
/** A record above this size gets a slab of its own, so that it wastes no end of a shared one. */
const SHARED_BYTES_MAX = SLAB_BYTES_MAX / 4;
const SLABS_MAX = 1 << 15;
const OFFSET_BITS = 17;
const OFFSET_MASK = (1 << OFFSET_BITS) - 1;
const CAPACITY_MASK = 0x0fffffff;
const PAGE_SLOTS_MIN = 16;
const PAGE_SLOTS_MAX = 4096;
/**
 * Keys whose hashes agree further than so many keys would by chance are not told apart by splitting: their page grows
 * instead, for else a few thousand chosen keys would blow up the directory.
 */
const DEPTH_MAX = 20;
const KEYS_PER_PAGE_MIN = PAGE_SLOTS_MAX / 16;

interface Slab {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

interface IndexPage {
  /** Pairs of hash and location; location 0 is a free slot. */
  slots: Uint32Array;
  mask: number;
  count: number;
  /** How many upper hash bits all keys of this page share. */
  readonly depth: number;
}

export class SlabTable {
  readonly #slabs: Slab[] = [];
  #current = 0;
  #offset = 0;
  #nextSlabBytes = SLAB_BYTES_MIN;
  #directory: IndexPage[];
  #shift = 31;
  #order: KeyOrder | null;
  #count = 0;
  #recordBytes = 0;
  #slabBytes = 0;
  #indexBytes = 0;

  constructor(isOrdered: boolean) {
    const page = newPage(PAGE_SLOTS_MIN, 0);
    this.#directory = [page, page];
    this.#indexBytes = page.slots.byteLength;
    this.#order = isOrdered ? new KeyOrder(this) : null;
  }

  /** The number of keys, tombstones included. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of all records, garbage included. */
  get recordBytes(): number {
    return this.#recordBytes;
  }

  /** What the table holds of the machine's memory. */
  get bytes(): number {
    return this.#slabBytes + this.#indexBytes + (this.#order === null ? 0 : this.#order.bytes);
  }

  /** The keys in order. Only for tables that were made ordered and have not forgotten it. */
  get order(): KeyOrder {
    if (this.#order === null) throw new Error("this table keeps no order");
    return this.#order;
  }

  /** A table that only answers single keys from now on needs no order. */
  forgetOrder(): void {
    this.#order = null;
  }

  /** The location of a key's record, 0 where there is none. `hash` must be `keyHash(key)`. */
  find(key: Uint8Array, hash: number): number {
    const page = this.#directory[hash >>> this.#shift] as IndexPage;
    const { slots, mask } = page;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const location = slots[2 * slot + 1] as number;
      if (location === 0) return 0;
      if (slots[2 * slot] === hash && this.#hasKey(location, key)) return location;
    }
  }

  /** Writes a version over whatever the key had here. */
  put(key: Uint8Array, hash: number, value: Uint8Array, flags: number, expiresAtMs: number): void {
    if (key.length > KEY_BYTES_MAX) throw new RangeError(`a key of ${key.length} bytes, ${KEY_BYTES_MAX} are allowed`);
    if (value.length > VALUE_BYTES_MAX) throw new RangeError(`a value of ${value.length} bytes, ${VALUE_BYTES_MAX} are allowed`);
    const location = this.find(key, hash);
    if (location === 0) this.#insert(key, hash, this.#append(key, value, flags, expiresAtMs, value.length));
    else if (!this.#overwrite(location, value, flags, expiresAtMs))
      this.#relocate(location, key, hash, value, flags, expiresAtMs);
  }

  flagsAt(location: number): number {
    return (this.#word(location, 1) >>> 28) & 0xf;
  }

  expiresAtMsAt(location: number): number {
    return (this.#word(location, 2) >>> 16) * 2 ** 32 + this.#word(location, 3);
  }

  /** A view, valid until this key is put again. */
  valueAt(location: number): Uint8Array {
    const slab = this.#slabs[location >>> OFFSET_BITS] as Slab;
    const offset = (location & OFFSET_MASK) << 3;
    const word = offset >>> 2;
    const from = offset + HEADER_BYTES + ((slab.words[word + 2] as number) & 0xffff);
    return slab.bytes.subarray(from, from + (slab.words[word] as number));
  }

  /** A view, valid as long as the table. */
  keyAt(location: number): Uint8Array {
    const slab = this.#slabs[location >>> OFFSET_BITS] as Slab;
    const offset = (location & OFFSET_MASK) << 3;
    const from = offset + HEADER_BYTES;
    return slab.bytes.subarray(from, from + ((slab.words[(offset >>> 2) + 2] as number) & 0xffff));
  }

  /** As `compareBytes` of the record's key with `key`. */
  compareKeyAt(location: number, key: Uint8Array): number {
    const slab = this.#slabs[location >>> OFFSET_BITS] as Slab;
    const offset = (location & OFFSET_MASK) << 3;
    const from = offset + HEADER_BYTES;
    const bytes = slab.bytes;
    const keyLength = (slab.words[(offset >>> 2) + 2] as number) & 0xffff;
    const shared = Math.min(keyLength, key.length);
    for (let at = 0; at < shared; at++) {
      const difference = (bytes[from + at] as number) - (key[at] as number);
      if (difference !== 0) return difference;
    }
    return keyLength - key.length;
  }

  /** Every location, in no order. */
  *locations(): Generator<number> {
    for (let at = 0; at < this.#directory.length; ) {
      const page = this.#directory[at] as IndexPage;
      for (let slot = 0; slot <= page.mask; slot++) {
        const location = page.slots[2 * slot + 1] as number;
        if (location !== 0) yield location;
      }
      at += 1 << (32 - this.#shift - page.depth);
    }
  }

  #word(location: number, word: number): number {
    const slab = this.#slabs[location >>> OFFSET_BITS] as Slab;
    return slab.words[((location & OFFSET_MASK) << 1) + word] as number;
  }

  #hasKey(location: number, key: Uint8Array): boolean {
    const slab = this.#slabs[location >>> OFFSET_BITS] as Slab;
    const offset = (location & OFFSET_MASK) << 3;
    const length = key.length;
    if (((slab.words[(offset >>> 2) + 2] as number) & 0xffff) !== length) return false;
    const bytes = slab.bytes;
    const from = offset + HEADER_BYTES;
    for (let at = 0; at < length; at++) if (bytes[from + at] !== key[at]) return false;
    return true;
  }

  #overwrite(location: number, value: Uint8Array, flags: number, expiresAtMs: number): boolean {
    const slab = this.#slabs[location >>> OFFSET_BITS] as Slab;
    const offset = (location & OFFSET_MASK) << 3;
    const word = offset >>> 2;
    const capacity = (slab.words[word + 1] as number) & CAPACITY_MASK;
    if (value.length > capacity) return false;
    const keyLength = (slab.words[word + 2] as number) & 0xffff;
    writeHeader(slab.words, word, value.length, capacity, flags, keyLength, expiresAtMs);
    copyInto(slab.bytes, offset + HEADER_BYTES + keyLength, value);
    return true;
  }

  /** The new place is an eighth larger than asked, so that a value which grows a little each time does not move each time. */
  #relocate(old: number, key: Uint8Array, hash: number, value: Uint8Array, flags: number, expiresAtMs: number): void {
    const location = this.#append(key, value, flags, expiresAtMs, value.length + (value.length >>> 3));
    const page = this.#directory[hash >>> this.#shift] as IndexPage;
    let slot = hash & page.mask;
    while (page.slots[2 * slot + 1] !== old) slot = (slot + 1) & page.mask;
    page.slots[2 * slot + 1] = location;
    this.#order?.replace(key, location);
  }

  #append(key: Uint8Array, value: Uint8Array, flags: number, expiresAtMs: number, roomWanted: number): number {
    const length = (HEADER_BYTES + key.length + roomWanted + 7) & ~7;
    this.#recordBytes += length;
    let index = this.#current;
    let offset = this.#offset;
    if (length > SHARED_BYTES_MAX) {
      index = this.#addSlab(length);
      offset = 0;
    } else {
      if (this.#slabs.length === 0 || offset + length > (this.#slabs[index] as Slab).bytes.length) {
        index = this.#current = this.#addSlab(Math.max(this.#nextSlabBytes, length + 8));
        this.#nextSlabBytes = Math.min(this.#nextSlabBytes * 2, SLAB_BYTES_MAX);
        offset = 8;
      }
      this.#offset = offset + length;
    }
    const slab = this.#slabs[index] as Slab;
    const capacity = length - HEADER_BYTES - key.length;
    writeHeader(slab.words, offset >>> 2, value.length, capacity, flags, key.length, expiresAtMs);
    copyInto(slab.bytes, offset + HEADER_BYTES, key);
    copyInto(slab.bytes, offset + HEADER_BYTES + key.length, value);
    return ((index << OFFSET_BITS) | (offset >>> 3)) >>> 0;
  }

  /** Slab 0 is never a record's own slab at offset 0, or that record's location would be 0. */
  #addSlab(length: number): number {
    if (this.#slabs.length === 0 && length > SHARED_BYTES_MAX) this.#addSlab(8);
    if (this.#slabs.length >= SLABS_MAX) throw new RangeError("a table is full: flush it before it holds 32 GB");
    const bytes = new Uint8Array(length);
    this.#slabs.push({ bytes, words: new Uint32Array(bytes.buffer) });
    this.#slabBytes += length;
    return this.#slabs.length - 1;
  }

  #insert(key: Uint8Array, hash: number, location: number): void {
    let page = this.#directory[hash >>> this.#shift] as IndexPage;
    while (4 * (page.count + 1) > 3 * (page.mask + 1)) {
      this.#grow(page, hash);
      page = this.#directory[hash >>> this.#shift] as IndexPage;
    }
    addSlot(page, hash, location);
    this.#count += 1;
    this.#order?.insert(key, location);
  }

  #grow(page: IndexPage, hash: number): void {
    if (page.mask + 1 !== PAGE_SLOTS_MAX || page.depth >= DEPTH_MAX || 2 ** page.depth * KEYS_PER_PAGE_MIN > this.#count) {
      const grown = newPage(2 * (page.mask + 1), page.depth);
      moveSlots(page, () => grown);
      this.#indexBytes += grown.slots.byteLength - page.slots.byteLength;
      page.slots = grown.slots;
      page.mask = grown.mask;
      return;
    }
    if (page.depth === 32 - this.#shift) {
      this.#directory = this.#directory.flatMap((each) => [each, each]);
      this.#shift -= 1;
    }
    const lower = newPage(PAGE_SLOTS_MAX, page.depth + 1);
    const upper = newPage(PAGE_SLOTS_MAX, page.depth + 1);
    const bit = 31 - page.depth;
    moveSlots(page, (each) => (((each >>> bit) & 1) === 0 ? lower : upper));
    this.#indexBytes += upper.slots.byteLength;
    const span = 1 << (32 - this.#shift - page.depth);
    const first = Math.floor((hash >>> this.#shift) / span) * span;
    for (let at = 0; at < span; at++) this.#directory[first + at] = at < span / 2 ? lower : upper;
  }
}

function newPage(slotCount: number, depth: number): IndexPage {
  return { slots: new Uint32Array(2 * slotCount), mask: slotCount - 1, count: 0, depth };
}

function addSlot(page: IndexPage, hash: number, location: number): void {
  const { slots, mask } = page;
  let slot = hash & mask;
  while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
  slots[2 * slot] = hash;
  slots[2 * slot + 1] = location;
  page.count += 1;
}

function moveSlots(page: IndexPage, target: (hash: number) => IndexPage): void {
  for (let slot = 0; slot <= page.mask; slot++) {
    const location = page.slots[2 * slot + 1] as number;
    if (location === 0) continue;
    const hash = page.slots[2 * slot] as number;
    addSlot(target(hash), hash, location);
  }
}

function writeHeader(
  words: Uint32Array,
  word: number,
  valueLength: number,
  capacity: number,
  flags: number,
  keyLength: number,
  expiresAtMs: number,
): void {
  words[word] = valueLength;
  words[word + 1] = capacity | (flags << 28);
  words[word + 2] = keyLength | (Math.floor(expiresAtMs / 2 ** 32) << 16);
  words[word + 3] = expiresAtMs >>> 0;
}

/** For short content a loop beats the call to `set`. */
function copyInto(target: Uint8Array, at: number, source: Uint8Array): void {
  const length = source.length;
  if (length > 48) target.set(source, at);
  else for (let index = 0; index < length; index++) target[at + index] = source[index] as number;
}
