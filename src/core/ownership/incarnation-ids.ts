/** What must be unique: drawn from the incarnation's own name and randomness, and counted. */
import type { LogId } from "../log/record.js";
import { NONCE_BYTES } from "../log/record-codec.js";
import { segmentName } from "./segment-name.js";

const COUNTER_BYTES = 4;

export class IncarnationIds {
  readonly #incarnation: LogId;
  readonly #nonceSeed: Uint8Array;
  #tokens = 0;
  #nonces = 0;
  #requests = 0;
  #objects = 0;

  constructor(incarnation: LogId, nonceSeed: Uint8Array) {
    this.#incarnation = incarnation;
    this.#nonceSeed = nonceSeed;
  }

  /** Of a version of a document; never used twice (RULES.md 7). */
  nextToken(): string {
    return `${this.#incarnation}.${++this.#tokens}`;
  }

  /** Of a record's content (RULES.md 15g). */
  nextNonce(): Uint8Array {
    const nonce = new Uint8Array(NONCE_BYTES);
    nonce.set(this.#nonceSeed.subarray(0, NONCE_BYTES - COUNTER_BYTES));
    new DataView(nonce.buffer).setUint32(NONCE_BYTES - COUNTER_BYTES, ++this.#nonces);
    return nonce;
  }

  nextRequest(): number {
    return ++this.#requests;
  }

  /** Carries shard and epoch, so that a later owner knows whose it was (RULES.md 11). */
  nextObjectName(shard: number, epoch: number): string {
    return segmentName(shard, epoch, `${this.#incarnation}-${++this.#objects}`);
  }
}
