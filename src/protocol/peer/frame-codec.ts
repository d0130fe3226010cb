/**
 * Frames between routers as bytes. Sent, not kept: docs/formats.md, "Frames between routers"; golden file frames-1.json.
 *
 * Head: version, from, to, kind; then the frame's fields in order.
 *
 * What was decoded shares no memory with the frame, payloads neither: a frame may be a piece of a larger chunk, which one
 * small command that waits would keep in memory, uncounted. What was encoded is a view of an array that other frames share;
 * nobody writes into it again, and it must not be transferred.
 */
import { ByteReader, MalformedBytes } from "../../core/bytes/byte-reader.js";
import { ByteWriter } from "../../core/bytes/byte-writer.js";
import { decodeMessage, encodeMessage } from "../../core/entity/command-codec.js";
import { NewerFormat } from "../../core/ownership/documents.js";
import type { PeerCodec, PeerEnvelope, PeerFrame, StreamId } from "../../core/peers/frames.js";
import { unreachable } from "../../core/unreachable.js";
import { decodeAnswer, encodeAnswer } from "./answer-codec.js";
import { decodeAsked, encodeAsked } from "./asked-codec.js";
import { decodeEvents, decodeFeedEnd, encodeEvents, encodeFeedEnd } from "./feed-codec.js";
import { decodeList, encodeList } from "./list-codec.js";

export const PEER_FORMAT_VERSION = 1;

/** Numbers are never given again. */
const KIND = {
  asked: 1,
  askerLeft: 2,
  answered: 3,
  fed: 4,
  turnedAway: 5,
  messageSent: 6,
  streamBroken: 7,
  messagesAcknowledged: 8,
  shardMoved: 9,
  handOffAsked: 10,
  notHere: 11,
  shardShown: 12,
  handOffAwaited: 13,
} as const satisfies Record<PeerFrame["kind"], number>;

/**
 * Frames are written one behind the other into one writer and handed out as views of it, so that a small one costs no array
 * of its own. Nothing handed out is written over: a writer with this much in it is left to its frames, and a new one begun.
 */
const SHARED_BYTES = 16 * 1024;
/** Longer frames are copied out: their own array is cheap by comparison, and keeps nothing else in memory. */
const SHARED_FRAME_BYTES_MAX = 4 * 1024;

/** One for all: the codec is synchronous. */
let writer = newWriter();

/** With room for a last frame, so that it seldom grows. */
function newWriter(): ByteWriter {
  return new ByteWriter(SHARED_BYTES + SHARED_FRAME_BYTES_MAX);
}

export const peerCodec: PeerCodec = {
  encode(envelope: PeerEnvelope): Uint8Array {
    const start = writer.length;
    try {
      encodeEnvelope(writer, envelope);
    } catch (error) {
      writer.truncate(start);
      throw error;
    }
    const bytes = writer.view(start);
    if (bytes.length > SHARED_FRAME_BYTES_MAX) {
      const copy = bytes.slice();
      writer.truncate(start);
      // What it has grown to for a frame of megabytes is not kept for good.
      if (copy.length > SHARED_BYTES) writer = newWriter();
      return copy;
    }
    if (writer.length > SHARED_BYTES) writer = newWriter();
    return bytes;
  },

  decode(bytes: Uint8Array): PeerEnvelope {
    const reader = new ByteReader(plain(bytes));
    const version = reader.u8();
    if (version > PEER_FORMAT_VERSION) throw new NewerFormat(`a frame of format ${version}`);
    if (version === 0) throw new MalformedBytes("not a frame: there is no format 0");
    const envelope = { from: reader.text(), to: reader.text(), frame: decodeFrame(reader.u8(), reader) };
    if (reader.remaining > 0) throw new MalformedBytes("a frame has more behind its end");
    return envelope;
  },
};

/** Subclasses of Uint8Array may `slice` without a copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function encodeEnvelope(writer: ByteWriter, { from, to, frame }: PeerEnvelope): void {
  writer.u8(PEER_FORMAT_VERSION);
  writer.text(from);
  writer.text(to);
  writer.u8(KIND[frame.kind]);
  encodeFrame(writer, frame);
}

function encodeFrame(writer: ByteWriter, frame: PeerFrame): void {
  switch (frame.kind) {
    case "asked":
      writer.varint(frame.shard);
      writer.varint(frame.epoch);
      return encodeAsked(writer, frame.asked);
    case "askerLeft":
      return writer.varint(frame.request);
    case "answered":
      writer.varint(frame.request);
      return encodeAnswer(writer, frame.answer);
    case "fed":
      writer.varint(frame.request);
      encodeEvents(writer, frame.events);
      return encodeFeedEnd(writer, frame.ended);
    case "turnedAway":
      writer.varint(frame.request);
      return writer.varint(frame.shard);
    case "messageSent":
      encodeMessage(writer, frame.message);
      encodeStream(writer, frame.stream);
      return writer.varint(frame.previous);
    case "streamBroken":
      writer.varint(frame.sourceShard);
      writer.varint(frame.targetShard);
      return encodeStream(writer, frame.stream);
    case "messagesAcknowledged":
      writer.varint(frame.sourceShard);
      writer.varint(frame.targetShard);
      return encodeList(writer, frame.numbers, encodeNumber);
    case "shardMoved":
      writer.varint(frame.shard);
      writer.varint(frame.epoch);
      // No incarnation has an empty name.
      return writer.text(frame.owner ?? "");
    case "handOffAsked":
    case "handOffAwaited":
      writer.varint(frame.shard);
      return writer.varint(frame.epoch);
    case "shardShown":
      writer.varint(frame.shard);
      writer.text(frame.token);
      return writer.block(frame.descriptor);
    case "notHere":
      return writer.text(frame.incarnation);
    default:
      return unreachable(frame);
  }
}

function decodeFrame(kind: number, reader: ByteReader): PeerFrame {
  switch (kind) {
    case KIND.asked:
      return { kind: "asked", shard: reader.varint(), epoch: reader.varint(), asked: decodeAsked(reader) };
    case KIND.askerLeft:
      return { kind: "askerLeft", request: reader.varint() };
    case KIND.answered:
      return { kind: "answered", request: reader.varint(), answer: decodeAnswer(reader) };
    case KIND.fed:
      return { kind: "fed", request: reader.varint(), events: decodeEvents(reader), ended: decodeFeedEnd(reader) };
    case KIND.turnedAway:
      return { kind: "turnedAway", request: reader.varint(), shard: reader.varint() };
    case KIND.messageSent:
      return {
        kind: "messageSent",
        message: decodeMessage(reader),
        stream: decodeStream(reader),
        previous: reader.varint(),
      };
    case KIND.streamBroken:
      return {
        kind: "streamBroken",
        sourceShard: reader.varint(),
        targetShard: reader.varint(),
        stream: decodeStream(reader),
      };
    case KIND.messagesAcknowledged:
      return {
        kind: "messagesAcknowledged",
        sourceShard: reader.varint(),
        targetShard: reader.varint(),
        numbers: decodeList(reader, 1, decodeNumber),
      };
    case KIND.shardMoved:
      return { kind: "shardMoved", shard: reader.varint(), epoch: reader.varint(), owner: reader.text() || null };
    case KIND.handOffAsked:
      return { kind: "handOffAsked", shard: reader.varint(), epoch: reader.varint() };
    case KIND.shardShown:
      return { kind: "shardShown", shard: reader.varint(), token: reader.text(), descriptor: reader.block().slice() };
    case KIND.handOffAwaited:
      return { kind: "handOffAwaited", shard: reader.varint(), epoch: reader.varint() };
    case KIND.notHere:
      return { kind: "notHere", incarnation: reader.text() };
    default:
      throw new MalformedBytes(`a frame of unknown kind ${kind}`);
  }
}

function encodeStream(writer: ByteWriter, stream: StreamId): void {
  writer.varint(stream.epoch);
  writer.varint(stream.number);
}

function decodeStream(reader: ByteReader): StreamId {
  return { epoch: reader.varint(), number: reader.varint() };
}

function encodeNumber(writer: ByteWriter, number: number): void {
  writer.varint(number);
}

function decodeNumber(reader: ByteReader): number {
  return reader.varint();
}
