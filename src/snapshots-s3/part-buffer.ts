/** Gathers chunks until they are a part, with their CRC-32 in the form that S3 takes. Grows as it is filled. */
import { crc32 } from "node:zlib";

const BYTES_MIN = 64 * 1024;

export class PartBuffer {
  readonly #bytesMax: number;
  #bytes = new Uint8Array(BYTES_MIN);
  #length = 0;
  #crc = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.#length === this.#bytesMax;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** The bytes so far; valid until the next `add`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What S3 calls ChecksumCRC32: big-endian, in base64. */
  get checksum(): string {
    const four = Buffer.alloc(4);
    four.writeUInt32BE(this.#crc);
    return four.toString("base64");
  }

  /** Takes as much of the chunk as there is room for, and says how much. */
  add(chunk: Uint8Array): number {
    const taken = Math.min(chunk.length, this.#bytesMax - this.#length);
    if (this.#length + taken > this.#bytes.length) this.#grow(this.#length + taken);
    const piece = chunk.subarray(0, taken);
    this.#bytes.set(piece, this.#length);
    this.#length += taken;
    this.#crc = crc32(piece, this.#crc);
    return taken;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.min(this.#bytesMax, Math.max(needed, 2 * this.#bytes.length)));
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}
