import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Answer, ProblemCode } from "../../src/core/answer.js";
import { MalformedBytes } from "../../src/core/bytes/byte-reader.js";
import { ByteWriter } from "../../src/core/bytes/byte-writer.js";
import { NewerFormat } from "../../src/core/ownership/documents.js";
import type { PeerEnvelope, PeerFrame } from "../../src/core/peers/frames.js";
import type { Asked, CommandArrived } from "../../src/core/request.js";
import { PEER_FORMAT_VERSION, peerCodec } from "../../src/protocol/peer/frame-codec.js";
import { spoiled } from "../record/arbitraries.js";
import { anyAnswerByKind, anyAskedByKind, anyEnvelope, anyFrameByKind, envelopeOf } from "./arbitraries.js";
import { FRAMES } from "./samples.js";

const sent = (envelope: PeerEnvelope): PeerEnvelope => peerCodec.decode(peerCodec.encode(envelope));
const between = (frame: PeerFrame): PeerEnvelope => ({ from: "a", to: "b", frame });

function survives(anyFrame: fc.Arbitrary<PeerFrame>): void {
  fc.assert(fc.property(envelopeOf(anyFrame), (envelope) => assert.deepEqual(sent(envelope), envelope)));
}

describe("frames survive their codec", () => {
  for (const [kind, frame] of Object.entries<fc.Arbitrary<PeerFrame>>(anyFrameByKind))
    test(`every frame of kind ${kind}`, () => survives(frame));
  for (const [kind, anyAsked] of Object.entries<fc.Arbitrary<Asked>>(anyAskedByKind))
    test(`every request of kind ${kind}`, () =>
      survives(anyAsked.map((asked) => ({ kind: "asked", shard: 200, epoch: 7, asked }))));
  for (const [kind, anyAnswer] of Object.entries<fc.Arbitrary<Answer>>(anyAnswerByKind))
    test(`every answer of kind ${kind}`, () => survives(anyAnswer.map((answer) => ({ kind: "answered", request: 1, answer }))));
});

test("frames stay as they were when others are encoded and decoded behind them", () => {
  fc.assert(
    fc.property(fc.array(anyEnvelope, { minLength: 2, maxLength: 30 }), (envelopes) => {
      const bytes = envelopes.map((envelope) => peerCodec.encode(envelope));
      const decoded = bytes.map((frame) => peerCodec.decode(frame));
      assert.deepEqual(decoded, envelopes);
      assert.deepEqual(
        bytes.map((frame) => peerCodec.decode(frame)),
        envelopes,
      );
    }),
  );
});

test("what was decoded does not share memory with its frame, also where the frame is a Buffer, whose slices are views", () => {
  fc.assert(
    fc.property(anyEnvelope, (envelope) => {
      const frame = peerCodec.encode(envelope);
      for (const bytes of [frame.slice(), Buffer.from(frame)]) {
        const decoded = peerCodec.decode(bytes);
        bytes.fill(0xff);
        assert.deepEqual(decoded, envelope);
      }
    }),
  );
});

test("frames of any length stay as they were, whatever is encoded behind them", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 30, 200, 4_000, 4_096, 9_000, 17_000, 3 << 20), { maxLength: 40 }), (lengths) => {
      const envelopes = lengths.map((length, index) => {
        const state = new Uint8Array(length).fill(index);
        return between({ kind: "answered", request: index, answer: { kind: "state", version: 1, state } });
      });
      const frames = envelopes.map((envelope) => peerCodec.encode(envelope));
      for (const [index, frame] of frames.entries()) {
        const { frame: decoded } = peerCodec.decode(frame);
        assert.ok(decoded.kind === "answered" && decoded.answer.kind === "state" && decoded.answer.state !== null);
        assert.equal(decoded.request, index);
        assert.equal(decoded.answer.state.length, lengths[index]);
        assert.ok(decoded.answer.state.every((byte) => byte === index));
      }
    }),
    { numRuns: 15 },
  );
});

function arrived(change: Partial<CommandArrived>): CommandArrived {
  const [command] = fc.sample(anyAskedByKind.commandArrived, { numRuns: 1, seed: 1 });
  assert.ok(command !== undefined);
  return { ...command, ...change };
}

function askedAfterwards(asked: Asked): Asked {
  const { frame } = sent(between({ kind: "asked", shard: 1, epoch: 1, asked }));
  assert.ok(frame.kind === "asked");
  return frame.asked;
}

test("of times that are no whole numbers, waits become longer and never shorter; what happened happened before", () => {
  const command = arrived({ acceptedAtMs: 1_763_625_600_123.7, deadlineMs: 1_763_625_600_500.2, delayMs: 0.4 });
  const whole = { ...command, acceptedAtMs: 1_763_625_600_123, deadlineMs: 1_763_625_600_501, delayMs: 1 };
  assert.deepEqual(askedAfterwards(command), whole);
  const problem = { code: "overloaded", message: "", retryAfterMs: 7_000.5 } as const;
  const { frame } = sent(between({ kind: "answered", request: 1, answer: { kind: "problem", problem } }));
  assert.deepEqual(frame, {
    kind: "answered",
    request: 1,
    answer: { kind: "problem", problem: { ...problem, retryAfterMs: 7_001 } },
  });
});

test("a deadline before all time is past, one behind what a number holds is far away, and none is none", () => {
  assert.deepEqual(askedAfterwards(arrived({ deadlineMs: -5 })), arrived({ deadlineMs: 0 }));
  assert.deepEqual(askedAfterwards(arrived({ deadlineMs: 1e300 })), arrived({ deadlineMs: Number.MAX_SAFE_INTEGER }));
  assert.deepEqual(askedAfterwards(arrived({ deadlineMs: Infinity })), arrived({ deadlineMs: Infinity }));
});

test("a problem's code arrives as it was sent, also one that this version does not know", () => {
  const code = "invented_later" as ProblemCode;
  const answer: Answer = { kind: "problem", problem: { code, message: "m", retryAfterMs: null } };
  const envelope = between({ kind: "answered", request: 1, answer });
  assert.deepEqual(sent(envelope), envelope);
});

test("metadata of any names are pairs, not members of an object", () => {
  const metadata = [
    ["__proto__", "1"],
    ["constructor", "2"],
  ] as const;
  assert.deepEqual(askedAfterwards(arrived({ metadata })), arrived({ metadata }));
});

test("a frame that cannot be encoded leaves nothing behind in the next one", () => {
  const broken = between({ kind: "asked", shard: 1, epoch: 1, asked: arrived({ id: "\ud800" }) });
  assert.throws(() => peerCodec.encode(broken));
  const next = between({ kind: "askerLeft", request: 1 });
  assert.deepEqual(sent(next), next);
});

test("a newer version is told as such, whatever follows; there is no version 0", () => {
  const bytes = peerCodec.encode(between({ kind: "askerLeft", request: 1 }));
  bytes[0] = PEER_FORMAT_VERSION + 1;
  assert.throws(() => peerCodec.decode(bytes), NewerFormat);
  assert.throws(() => peerCodec.decode(bytes.subarray(0, 1)), NewerFormat);
  bytes[0] = 0;
  assert.throws(() => peerCodec.decode(bytes), MalformedBytes);
});

function decodesOrSaysWhy(bytes: Uint8Array): void {
  try {
    peerCodec.decode(bytes);
  } catch (error) {
    assert.ok(error instanceof MalformedBytes || error instanceof NewerFormat, String(error));
  }
}

test("a frame that is cut off anywhere, or has more behind its end, is refused", () => {
  for (const frame of FRAMES) {
    const bytes = peerCodec.encode(between(frame));
    for (let length = 0; length < bytes.length; length++)
      assert.throws(() => peerCodec.decode(bytes.subarray(0, length)), MalformedBytes, `${frame.kind} ${length}`);
    assert.throws(() => peerCodec.decode(Uint8Array.from([...bytes, 0])), MalformedBytes, frame.kind);
  }
});

test("spoiled frames are other frames, MalformedBytes or NewerFormat, never another error", () => {
  fc.assert(
    fc.property(anyEnvelope, fc.nat(), fc.nat({ max: 255 }), (envelope, place, byte) =>
      decodesOrSaysWhy(spoiled(peerCodec.encode(envelope), place, byte)),
    ),
    { numRuns: 3_000 },
  );
});

test("every bit of every kind of frame may be the other way", () => {
  for (const frame of FRAMES) {
    const bytes = peerCodec.encode(between(frame));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const at = bit >> 3;
      decodesOrSaysWhy(bytes.map((old, index) => (index === at ? old ^ (1 << (bit & 7)) : old)));
    }
  }
});

test("any bytes behind a sound head are a frame or refused", () => {
  fc.assert(
    fc.property(fc.nat({ max: 12 }), fc.nat({ max: 10 }), fc.uint8Array({ maxLength: 60 }), (kind, inner, rest) =>
      decodesOrSaysWhy(Uint8Array.from([PEER_FORMAT_VERSION, 0, 0, kind, inner, ...rest])),
    ),
    { numRuns: 3_000 },
  );
});

test("a count of more items than the rest of the frame can hold is refused before any is read", () => {
  const head = (writer: ByteWriter, kind: number): void => {
    for (const byte of [PEER_FORMAT_VERSION, 0, 0, kind]) writer.u8(byte);
  };
  const acknowledged = new ByteWriter();
  head(acknowledged, 8);
  for (const number of [1, 1, Number.MAX_SAFE_INTEGER]) acknowledged.varint(number);
  assert.throws(() => peerCodec.decode(acknowledged.take()), /9007199254740991 items do not fit/);
  const fed = new ByteWriter();
  head(fed, 4);
  for (const number of [1, 3]) fed.varint(number);
  fed.raw(new Uint8Array(14));
  assert.throws(() => peerCodec.decode(fed.take()), /3 items do not fit/);
});

test("kinds, flags and numbers that version 1 does not have are refused", () => {
  const head = [PEER_FORMAT_VERSION, 0, 0];
  const cases: readonly (readonly [readonly number[], RegExp])[] = [
    [[0], /frame of unknown kind 0/],
    [[14], /frame of unknown kind 14/],
    [[1, 1, 1, 9, 1], /request of unknown kind 9/],
    [[1, 1, 1, 1, 1, 32], /unknown flags 32/],
    [[3, 1, 10], /answer of unknown kind 10/],
    [[3, 1, 3, 0, 3], /unknown status 3/],
    [[4, 1, 0, 5], /unknown reason 5/],
    [[1, 1, 1, 7, 1, 0, 0, 0, 2], /flag of 2/],
  ];
  for (const [rest, why] of cases) {
    assert.throws(() => peerCodec.decode(Uint8Array.from([...head, ...rest])), why);
    assert.throws(() => peerCodec.decode(Uint8Array.from([...head, ...rest])), MalformedBytes);
  }
});
