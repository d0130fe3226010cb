/** Takes the frames out of one stream's messages. Everything is untrusted: what is no such message throws `MalformedBytes`. */
import { ByteReader, MalformedBytes } from "../core/bytes/byte-reader.js";
import { FRAME_BYTES_MAX } from "../ports/peers.js";
import { BEAT, FRAMES, LARGE_BEGUN, LARGE_CONTINUED } from "./frame-queue.js";

export class FrameReader {
  /** The large frame of which pieces are missing, and how much of it is there. */
  #large: Uint8Array | null = null;
  #filled = 0;

  /** Calls `onFrame` with each frame that is whole; it answers false when no more are wanted. */
  read(message: Uint8Array, onFrame: (frame: Uint8Array) => boolean): void {
    const reader = new ByteReader(message);
    const kind = reader.u8();
    switch (kind) {
      case FRAMES:
        if (this.#large !== null) throw new MalformedBytes("frames between the pieces of a large one");
        while (reader.remaining > 0) if (!onFrame(reader.block())) return;
        return;
      case LARGE_BEGUN: {
        const length = reader.u32();
        if (this.#large !== null) throw new MalformedBytes("a large frame between the pieces of another");
        if (length > FRAME_BYTES_MAX) throw new MalformedBytes(`a frame of ${length} bytes`);
        this.#large = new Uint8Array(length);
        this.#filled = 0;
        this.#take(reader, onFrame);
        return;
      }
      case LARGE_CONTINUED:
        this.#take(reader, onFrame);
        return;
      case BEAT:
        if (reader.remaining > 0) throw new MalformedBytes("a beat with something in it");
        return;
      default:
        throw new MalformedBytes(`a message of kind ${kind}`);
    }
  }

  #take(reader: ByteReader, onFrame: (frame: Uint8Array) => boolean): void {
    const large = this.#large;
    if (large === null) throw new MalformedBytes("a piece of no frame");
    const piece = reader.raw(reader.remaining);
    if (piece.length === 0 || piece.length > large.length - this.#filled)
      throw new MalformedBytes("a piece that does not fit its frame");
    large.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled < large.length) return;
    this.#large = null;
    onFrame(large);
  }
}
