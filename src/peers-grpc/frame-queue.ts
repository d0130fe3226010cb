/** Frames that wait to be sent to one node, and the messages they make. Wire format: docs/formats.md, "Peer links". */
import { MESSAGE_BYTES } from "./limits.js";

export const FRAMES = 1;
export const LARGE_BEGUN = 2;
export const LARGE_CONTINUED = 3;
export const BEAT = 4;

/** Bytes that wait, over all queues of the port. */
export interface QueueTotal {
  bytes: number;
}

export class FrameQueue {
  readonly #total: QueueTotal;
  #frames: Uint8Array[] = [];
  /** The frames before it are gone. */
  #first = 0;
  /** How much of the first frame is gone. */
  #offset = 0;
  #bytes = 0;

  constructor(total: QueueTotal) {
    this.#total = total;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#first === this.#frames.length;
  }

  push(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#count(costOf(frame));
  }

  clear(): void {
    this.#frames = [];
    this.#first = 0;
    this.#offset = 0;
    this.#count(-this.#bytes);
  }

  /** The next message, as a buffer of its own: as many frames as fit, or the next piece of a large one. The queue is not empty. */
  nextMessage(): Buffer {
    const frame = this.#frames[this.#first] as Uint8Array;
    return frame.length > MESSAGE_BYTES ? this.#piece(frame) : this.#batch();
  }

  #batch(): Buffer {
    let end = this.#first;
    let length = 1;
    for (; end < this.#frames.length; end++) {
      const size = (this.#frames[end] as Uint8Array).length;
      if (size > MESSAGE_BYTES || (length > 1 && length + size > MESSAGE_BYTES)) break;
      length += size + varintLength(size);
    }
    const message = Buffer.allocUnsafeSlow(length);
    message[0] = FRAMES;
    let at = 1;
    for (let index = this.#first; index < end; index++) {
      const frame = this.#frames[index] as Uint8Array;
      let size = frame.length;
      while (size > 0x7f) {
        message[at++] = (size & 0x7f) | 0x80;
        size >>>= 7;
      }
      message[at++] = size;
      message.set(frame, at);
      at += frame.length;
      this.#count(-costOf(frame));
    }
    this.#drop(end);
    return message;
  }

  #piece(frame: Uint8Array): Buffer {
    const isFirst = this.#offset === 0;
    const head = isFirst ? 5 : 1;
    const piece = frame.subarray(this.#offset, this.#offset + MESSAGE_BYTES);
    const message = Buffer.allocUnsafeSlow(head + piece.length);
    message[0] = isFirst ? LARGE_BEGUN : LARGE_CONTINUED;
    if (isFirst) message.writeUInt32LE(frame.length, 1);
    message.set(piece, head);
    this.#offset += piece.length;
    if (this.#offset === frame.length) {
      this.#offset = 0;
      this.#count(-costOf(frame));
      this.#drop(this.#first + 1);
    }
    return message;
  }

  /** Forgets the frames before `end`; the room they took is given back now and then, so that a queue that never empties stays small. */
  #drop(end: number): void {
    if (end === this.#frames.length) {
      this.#frames = [];
      this.#first = 0;
      return;
    }
    this.#frames.fill(EMPTY, this.#first, end);
    this.#first = end;
    if (end > 1024 && end * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(end);
      this.#first = 0;
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#total.bytes += bytes;
  }
}

const EMPTY = new Uint8Array(0);

/** What a frame takes in memory besides its bytes, about: many tiny ones must not slip under the limit. */
const FRAME_OVERHEAD_BYTES = 128;

export function costOf(frame: Uint8Array): number {
  return frame.length + FRAME_OVERHEAD_BYTES;
}

function varintLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : 3;
}
