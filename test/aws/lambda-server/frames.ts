/**
 * What the server and a function's process say to each other: one byte of kind, four of length (big-endian), the bytes.
 * Also spoken by bootstrap.py.
 */

/** To the process: `context`, then `event`. From it: `ready` or `failed` once; for an event chunks, then `done` or `failed`. */
export const FRAME = {
  context: 0x49,
  event: 0x45,
  ready: 0x52,
  contentType: 0x54,
  chunk: 0x43,
  done: 0x5a,
  /** JSON: `{"errorType", "errorMessage", "trace"}`. */
  failed: 0x58,
} as const;

const HEAD_BYTES = 5;

export function frame(kind: number, bytes: Uint8Array | string): Buffer {
  const body = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
  const whole = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  whole[0] = kind;
  whole.writeUInt32BE(body.length, 1);
  whole.set(body, HEAD_BYTES);
  return whole;
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  readonly #onFrame: (kind: number, bytes: Buffer) => void;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(onFrame: (kind: number, bytes: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= HEAD_BYTES) {
      const first = this.#chunks[0] as Buffer;
      const head = first.length >= HEAD_BYTES ? first : this.#joined();
      const whole = HEAD_BYTES + head.readUInt32BE(1);
      if (this.#length < whole) return;
      const bytes = this.#joined();
      this.#length -= whole;
      this.#chunks = this.#length === 0 ? [] : [bytes.subarray(whole)];
      this.#onFrame(bytes[0] as number, bytes.subarray(HEAD_BYTES, whole));
    }
  }

  #joined(): Buffer {
    const whole = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#chunks = [whole];
    return whole;
  }
}
