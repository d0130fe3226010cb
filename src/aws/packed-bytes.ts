/**
 * Bytes as they lie in an attribute of an item (a persisted format, see docs/formats.md):
 *
 *     0  HFP
 *     3  u8 version (1)
 *     4  u8 codec: 0 as it is, 1 deflated (raw)
 *     5  u8 key id (0: not encrypted)
 *     6  crc32 of the content, little-endian
 *    10  content, packed
 *
 * Write units are charged by the kilobyte, so that packing what fits into one unit anyway would buy nothing.
 */
import { promisify } from "node:util";
import { constants, crc32, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from "node:zlib";

export const PACKED_HEADER_BYTES = 10;

export type Unpacked =
  | { readonly kind: "content"; readonly bytes: Uint8Array }
  /** Written by a newer program, or not what was written. */
  | { readonly kind: "format_newer" | "damaged"; readonly message: string };

const MAGIC = [0x48, 0x46, 0x50] as const;
const VERSION = 1;
const CODEC_PLAIN = 0;
const CODEC_DEFLATE = 1;
const NO_KEY = 0;

/** Below, an item fits into one write unit as it is. */
const PACK_BYTES_MIN = 900;
/** Up to this, packing takes a tenth of a millisecond: less than a way through the thread pool. */
const AT_ONCE_BYTES_MAX = 16 << 10;
/** Level 3 takes as long as level 1 on records and saves a little more; 6 takes a third longer for 2 %. */
const LEVEL = { level: 3 } as const;
/** Of the four threads that Node has for zlib, files and name look-ups. */
const THREADS_MAX = 3;

const deflateInThread = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw);
const inflateInThread = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflateRaw);

/** Packs and unpacks; what is large goes through a bounded number of threads, in the order it came. */
export class BytePacker {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  async pack(content: Uint8Array): Promise<Uint8Array> {
    if (content.length < PACK_BYTES_MIN) return withHeader(CODEC_PLAIN, content, content);
    const isLarge = content.length > AT_ONCE_BYTES_MAX;
    const deflated = isLarge ? await this.#inThread(() => deflateInThread(content, LEVEL)) : deflateRawSync(content, LEVEL);
    return deflated.length < content.length
      ? withHeader(CODEC_DEFLATE, deflated, content)
      : withHeader(CODEC_PLAIN, content, content);
  }

  /** The content, a copy of its own. `bytesMax` bounds what hostile bytes could swell to. Never throws. */
  async unpack(packed: Uint8Array, bytesMax: number): Promise<Unpacked> {
    if (packed.length < PACKED_HEADER_BYTES || MAGIC.some((byte, at) => packed[at] !== byte))
      return damaged("not in Holdfast's form");
    const [version, codec, keyId] = packed.subarray(3, 6);
    if (version !== VERSION) return { kind: "format_newer", message: `version ${version} of packed bytes` };
    if (codec !== CODEC_PLAIN && codec !== CODEC_DEFLATE) return { kind: "format_newer", message: `codec ${codec}` };
    if (keyId !== NO_KEY) return { kind: "format_newer", message: `encrypted with key ${keyId}` };
    const content = packed.subarray(PACKED_HEADER_BYTES);
    const bytes = codec === CODEC_PLAIN ? content.slice() : await this.#inflate(content, bytesMax);
    if (bytes === null || bytes.length > bytesMax) return damaged(`cannot be inflated to at most ${bytesMax} bytes`);
    if (crc32(bytes) !== new DataView(packed.buffer, packed.byteOffset).getUint32(6, true))
      return damaged("its checksum is wrong");
    return { kind: "content", bytes };
  }

  async #inflate(content: Uint8Array, bytesMax: number): Promise<Uint8Array | null> {
    const options = { maxOutputLength: bytesMax, finishFlush: constants.Z_FINISH };
    try {
      const isLarge = content.length > AT_ONCE_BYTES_MAX / 2;
      const bytes = isLarge ? await this.#inThread(() => inflateInThread(content, options)) : inflateRawSync(content, options);
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    } catch {
      // Whatever zlib says of bytes that it cannot inflate: they are not what was written.
      return null;
    }
  }

  async #inThread<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= THREADS_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await work();
    } finally {
      // The place goes to who waits longest, so that nobody who comes later gets in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

function withHeader(codec: number, packed: Uint8Array, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PACKED_HEADER_BYTES + packed.length);
  bytes.set(MAGIC);
  bytes.set([VERSION, codec, NO_KEY], 3);
  new DataView(bytes.buffer).setUint32(6, crc32(content), true);
  bytes.set(packed, PACKED_HEADER_BYTES);
  return bytes;
}

function damaged(message: string): Unpacked {
  return { kind: "damaged", message };
}
