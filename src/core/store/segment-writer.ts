/**
 * Turns entries in key order into a segment, chunk by chunk: flush and compaction both write through it.
 * Every call does bounded work, the building of the filter included.
 */
import { ByteWriter } from "../bytes/byte-writer.js";
import { compareBytes } from "../bytes/compare.js";
import { beginBlock, deflateBlock, writeEntry } from "./block.js";
import { addToFilter, FILTER_PROBES, filterBytesFor } from "./bloom-filter.js";
import { keyHash } from "./key-hash.js";
import { blockSeed, encodeFooter, encodeHeader, type SegmentIdentity, seedOf } from "./segment-format.js";
import type { SegmentReference } from "./segment-reference.js";
import type { SegmentTools } from "./segment-tools.js";
import { TOMBSTONE } from "./version-fold.js";

/** No chunk is larger than this. */
export const CHUNK_BYTES_MAX = 256 * 1024;
/** A chunk is handed out once it has this size, or was before it was deflated: some 0.3 ms of work, deflating 0.5 ms more. */
export const CHUNK_BYTES_WANTED = 64 * 1024;
export const BLOCK_BYTES_WANTED = 8 * 1024;
/** Before it is deflated: less would pack badly, more would make reads of one key dear. */
const DEFLATED_BLOCK_BYTES_WANTED = 16 * 1024;
/** How many keys' filter bits are set in one call. */
const FILTER_KEYS_PER_STEP = 16 * 1024;
/** Most segments of a quiet shard are small: buffers begin small and double. */
const FILTER_KEYS_FIRST = 256;
const INDEX_BYTES_FIRST = 512;

export class SegmentWriter {
  readonly #identity: SegmentIdentity;
  readonly #tools: SegmentTools;
  readonly #isDeflated: boolean;
  readonly #blockBytesWanted: number;
  readonly #level: number;
  readonly #seed: number;
  readonly #out = new ByteWriter(2 * BLOCK_BYTES_WANTED);
  readonly #ready: Uint8Array[] = [];
  readonly #offsets = new ByteWriter(INDEX_BYTES_FIRST);
  readonly #separatorEnds = new ByteWriter(INDEX_BYTES_FIRST);
  readonly #separators = new ByteWriter(INDEX_BYTES_FIRST);
  readonly #hashes: Uint32Array[] = [];
  #offset: number;
  /** What the deflating of this chunk's blocks has saved. */
  #saved = 0;
  #blockAt = -1;
  #blocks = 0;
  #count = 0;
  #tombstones = 0;
  #firstKey: Uint8Array | null = null;
  #lastKey = new Uint8Array(256);
  #lastKeyLength = 0;
  #filter: Uint8Array | null = null;
  #filterStep = 0;
  #tail: Uint8Array | null = null;
  #reference: SegmentReference | null = null;

  constructor(identity: SegmentIdentity, level: number, tools: SegmentTools, isDeflated: boolean) {
    this.#identity = identity;
    this.#level = level;
    this.#tools = tools;
    this.#isDeflated = isDeflated;
    this.#blockBytesWanted = isDeflated ? DEFLATED_BLOCK_BYTES_WANTED : BLOCK_BYTES_WANTED;
    const header = encodeHeader(identity, tools.checksum);
    this.#seed = seedOf(header, tools.checksum);
    this.#out.raw(header);
    this.#offset = 0;
  }

  get count(): number {
    return this.#count;
  }

  /** What the manifest shall hold; null before everything was pulled. */
  get reference(): SegmentReference | null {
    return this.#reference;
  }

  /** Index, filter and footer, so that the writer of a segment need not read it again; null before they were pulled. */
  get tail(): Uint8Array | null {
    return this.#reference === null ? null : this.#tail;
  }

  /** Whether a chunk of the wanted size is there: time to pull. */
  get isChunkReady(): boolean {
    return this.#ready.length > 0 || this.#out.length + this.#saved >= CHUNK_BYTES_WANTED;
  }

  /** Keys must come in ascending order, each once. */
  add(key: Uint8Array, flags: number, expiresAtMs: number, value: Uint8Array): void {
    const out = this.#out;
    let shared = 0;
    const fresh = this.#blockAt < 0;
    if (this.#count > 0) shared = this.#sharedWithLast(key);
    if (fresh) {
      this.#blockAt = out.length;
      beginBlock(out);
      this.#addSeparator(key, shared);
      shared = 0;
    }
    writeEntry(out, key, shared, flags, expiresAtMs, value);
    this.#remember(key, flags);
    if (out.length - this.#blockAt >= this.#blockBytesWanted) this.#endBlock();
  }

  /** A chunk, or null where none is ready. */
  takeChunk(): Uint8Array | null {
    if (this.#ready.length === 0 && this.isChunkReady) {
      this.#endBlock();
      this.#cut(this.#takeOut());
    }
    return this.#ready.shift() ?? null;
  }

  /**
   * After the last `add`: the rest of the segment, chunk by chunk, null at the end. A chunk may be empty: then the
   * call did its share of the filter. Needs at least one entry.
   */
  takeRest(): Uint8Array | null {
    if (this.#count === 0) throw new Error("a segment without entries");
    this.#endBlock();
    if (this.#out.length > 0) this.#cut(this.#takeOut());
    const chunk = this.#ready.shift();
    if (chunk !== undefined) return chunk;
    if (this.#reference !== null) return null;
    if (!this.#isFilterBuilt()) return new Uint8Array(0);
    this.#endSegment();
    return this.#ready.shift() ?? null;
  }

  #takeOut(): Uint8Array {
    const bytes = this.#out.take();
    this.#saved = 0;
    this.#offset += bytes.length;
    return bytes;
  }

  #cut(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += CHUNK_BYTES_MAX)
      this.#ready.push(bytes.subarray(from, from + CHUNK_BYTES_MAX));
  }

  /** Keys at or behind a block's separator and before the next one's are in that block: the shortest such key is kept. */
  #addSeparator(key: Uint8Array, shared: number): void {
    const offset = this.#offset + this.#blockAt;
    writeU48(this.#offsets, offset);
    this.#separators.raw(key.subarray(0, Math.min(key.length, shared + 1)));
    this.#separatorEnds.u32(this.#separators.length);
    this.#blocks += 1;
  }

  #endBlock(): void {
    if (this.#blockAt < 0) return;
    if (this.#isDeflated) this.#deflateBlock();
    const seed = blockSeed(this.#seed, this.#offset + this.#blockAt);
    this.#out.u32(this.#tools.checksum(this.#out.view(this.#blockAt), seed));
    this.#blockAt = -1;
  }

  #deflateBlock(): void {
    const { length } = this.#out;
    deflateBlock(this.#out, this.#blockAt, this.#tools);
    this.#saved += length - this.#out.length;
  }

  #sharedWithLast(key: Uint8Array): number {
    const last = this.#lastKey;
    const length = Math.min(this.#lastKeyLength, key.length);
    let shared = 0;
    while (shared < length && last[shared] === key[shared]) shared++;
    const isAbove = shared < length ? (key[shared] as number) > (last[shared] as number) : key.length > this.#lastKeyLength;
    if (!isAbove) throw new Error("the keys of a segment must ascend");
    return shared;
  }

  #remember(key: Uint8Array, flags: number): void {
    if (this.#firstKey === null) this.#firstKey = key.slice();
    if (key.length > this.#lastKey.length) this.#lastKey = new Uint8Array(2 * key.length);
    this.#lastKey.set(key);
    this.#lastKeyLength = key.length;
    this.#addHash(keyHash(key));
    this.#count += 1;
    if ((flags & TOMBSTONE) !== 0) this.#tombstones += 1;
  }

  #addHash(hash: number): void {
    const slot = this.#count % FILTER_KEYS_PER_STEP;
    if (slot === 0) this.#hashes.push(new Uint32Array(FILTER_KEYS_FIRST));
    const last = this.#hashes.length - 1;
    let hashes = this.#hashes[last] as Uint32Array;
    if (slot === hashes.length) {
      const grown = new Uint32Array(2 * slot);
      grown.set(hashes);
      this.#hashes[last] = grown;
      hashes = grown;
    }
    hashes[slot] = hash;
  }

  #isFilterBuilt(): boolean {
    if (this.#filterStep === this.#hashes.length) return true;
    this.#filter ??= new Uint8Array(filterBytesFor(this.#count));
    const keys = Math.min(FILTER_KEYS_PER_STEP, this.#count - this.#filterStep * FILTER_KEYS_PER_STEP);
    addToFilter(this.#filter, this.#hashes[this.#filterStep] as Uint32Array, 0, keys);
    this.#filterStep += 1;
    return false;
  }

  #endSegment(): void {
    const filter = this.#filter as Uint8Array;
    writeU48(this.#offsets, this.#offset);
    const tail = new ByteWriter(
      this.#offsets.length + this.#separatorEnds.length + this.#separators.length + filter.length + 256,
    );
    tail.u32(this.#blocks);
    tail.raw(this.#offsets.view());
    tail.raw(this.#separatorEnds.view());
    tail.raw(this.#separators.view());
    const indexBytes = tail.length;
    tail.raw(filter);
    const { count, tombstones } = { count: this.#count, tombstones: this.#tombstones };
    const fields = { count, tombstones, indexBytes, filterBytes: filter.length, filterProbes: FILTER_PROBES };
    tail.raw(encodeFooter(this.#identity, fields));
    const checksum = this.#tools.checksum(tail.view());
    tail.u32(checksum);
    this.#tail = tail.take();
    this.#cut(this.#tail);
    const firstKey = this.#firstKey as Uint8Array;
    const lastKey = this.#lastKey.slice(0, this.#lastKeyLength);
    if (compareBytes(firstKey, lastKey) > 0) throw new Error("the keys of a segment must ascend");
    this.#reference = {
      object: this.#identity.object,
      bytes: this.#offset + this.#tail.length,
      tailBytes: this.#tail.length,
      count,
      tombstones,
      level: this.#level,
      checksum,
      firstKey,
      lastKey,
    };
  }
}

function writeU48(writer: ByteWriter, value: number): void {
  writer.u32(value >>> 0);
  const high = Math.floor(value / 2 ** 32);
  writer.u8(high);
  writer.u8(high >>> 8);
}
