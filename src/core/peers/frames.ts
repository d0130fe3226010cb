/**
 * What routers of one cluster say to one another. Every frame is between two incarnations; links keep the order of what
 * they carry and tell when something may be lost (src/ports/peers.ts). The byte form is src/protocol/peer/frame-codec.ts.
 */
import type { Answer, FeedEnd } from "../answer.js";
import type { Message } from "../entity/command.js";
import type { HistoryEvent } from "../entity/invocation.js";
import type { LogId } from "../log/record.js";
import type { Asked } from "../request.js";

export type PeerFrame =
  /** A request of the sender's client for a shard of the receiver's. Its `request` is a number of the sender's. */
  | { readonly kind: "asked"; readonly shard: number; readonly epoch: number; readonly asked: Asked }
  /** Nobody waits for the answer any more. */
  | { readonly kind: "askerLeft"; readonly request: number }
  | { readonly kind: "answered"; readonly request: number; readonly answer: Answer }
  | { readonly kind: "fed"; readonly request: number; readonly events: readonly HistoryEvent[]; readonly ended: FeedEnd | null }
  /** The receiver of a request does not serve the shard, or not yet what was asked: nothing was begun. */
  | { readonly kind: "turnedAway"; readonly request: number; readonly shard: number }
  | {
      readonly kind: "messageSent";
      readonly message: Message;
      readonly stream: StreamId;
      /** The number sent before it in this stream; 0: it is the first. */
      readonly previous: number;
    }
  /** The stream cannot go on: it has a gap, the target is elsewhere, or has no room. The sender begins a new one. */
  | { readonly kind: "streamBroken"; readonly sourceShard: number; readonly targetShard: number; readonly stream: StreamId }
  | {
      readonly kind: "messagesAcknowledged";
      readonly sourceShard: number;
      readonly targetShard: number;
      readonly numbers: readonly number[];
    }
  /** The shard has a new owner. A hint: the descriptor decides. */
  | { readonly kind: "shardMoved"; readonly shard: number; readonly epoch: number; readonly owner: LogId | null }
  /** The sender should own the shard by the placement, and asks for it (RULES.md 8). */
  | { readonly kind: "handOffAsked"; readonly shard: number; readonly epoch: number }
  /** What the directory says of a shard since the sender has written it, to its next owner: it need not read that (RULES.md 8). */
  | { readonly kind: "shardShown"; readonly shard: number; readonly token: string; readonly descriptor: Uint8Array }
  /** The sender has read ahead what it was shown of the shard, and waits for it. */
  | { readonly kind: "handOffAwaited"; readonly shard: number; readonly epoch: number }
  /** The incarnation that a frame was for is not here any more. */
  | { readonly kind: "notHere"; readonly incarnation: LogId };

/**
 * A stream of messages between two shards. Of two streams the one of the higher epoch, then of the higher number, is the
 * later one; what comes of an earlier one is dropped.
 */
export interface StreamId {
  /** Of the source shard. */
  readonly epoch: number;
  readonly number: number;
}

export interface PeerEnvelope {
  readonly from: LogId;
  readonly to: LogId;
  readonly frame: PeerFrame;
}

/** How the core sees the byte form of frames; throws MalformedBytes, or NewerFormat for what a newer version has sent. */
export interface PeerCodec {
  encode(envelope: PeerEnvelope): Uint8Array;
  decode(bytes: Uint8Array): PeerEnvelope;
}
