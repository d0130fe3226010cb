/** Everything that routers say to one another, as fast-check draws it. A new kind does not compile before it is here. */
import fc from "fast-check";
import type { Answer } from "../../src/core/answer.js";
import type { HistoryEvent } from "../../src/core/entity/invocation.js";
import type { PeerEnvelope, PeerFrame, StreamId } from "../../src/core/peers/frames.js";
import type { Asked } from "../../src/core/request.js";
import {
  anyAddress,
  anyBytes,
  anyDeadLetter,
  anyMessage,
  anyMetadata,
  anyNumber,
  anyOutcome,
  anyText,
  anyTimer,
} from "../record/arbitraries.js";

type ByKind<Union extends { readonly kind: string }> = {
  readonly [Kind in Union["kind"]]: fc.Arbitrary<Extract<Union, { readonly kind: Kind }>>;
};

function record<Model>(model: { [Key in keyof Model]: fc.Arbitrary<Model[Key]> }): fc.Arbitrary<Model> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<Model>;
}

const few = <Item>(item: fc.Arbitrary<Item>): fc.Arbitrary<Item[]> => fc.array(item, { maxLength: 3 });
const orNull = <Item>(item: fc.Arbitrary<Item>): fc.Arbitrary<Item | null> => fc.option(item, { nil: null });
const kind = <Kind extends string>(name: Kind): fc.Arbitrary<Kind> => fc.constant(name);
const anyDeadline = fc.oneof(anyNumber, fc.constant(Infinity));
const anyLog = anyText.filter((text) => text !== "");

const anyHistory: fc.Arbitrary<readonly HistoryEvent[]> = few(
  record({ version: anyNumber, atMs: anyNumber, name: anyText, eventVersion: anyNumber, data: anyBytes }),
);

export const anyAskedByKind: ByKind<Asked> = {
  commandArrived: record({
    kind: kind("commandArrived"),
    request: anyNumber,
    to: anyAddress,
    name: anyText,
    // Also longer ones, which are copied in another way.
    input: fc.oneof(anyBytes, fc.uint8Array({ minLength: 60, maxLength: 300 })),
    id: anyText,
    hasKey: fc.boolean(),
    bodyHash: anyText,
    acceptedAtMs: anyNumber,
    deadlineMs: anyDeadline,
    metadata: anyMetadata,
    mode: fc.constantFrom("call" as const, "send" as const),
    delayMs: anyNumber,
    isAdmin: fc.boolean(),
    isRepeat: fc.boolean(),
    isStrict: fc.boolean(),
  }),
  stateAsked: record({
    kind: kind("stateAsked"),
    request: anyNumber,
    of: anyAddress,
    isAdmin: fc.boolean(),
    isStrict: fc.boolean(),
    deadlineMs: anyDeadline,
  }),
  eventsAsked: record({
    kind: kind("eventsAsked"),
    request: anyNumber,
    of: anyAddress,
    after: anyNumber,
    limit: anyNumber,
    follow: fc.boolean(),
    isAdmin: fc.boolean(),
  }),
  outcomeAsked: record({
    kind: kind("outcomeAsked"),
    request: anyNumber,
    of: anyAddress,
    commandId: anyText,
    untilMs: anyDeadline,
  }),
  timersAsked: record({ kind: kind("timersAsked"), request: anyNumber, of: anyAddress, limit: anyNumber }),
  deadLettersAsked: record({ kind: kind("deadLettersAsked"), request: anyNumber, of: orNull(anyAddress), limit: anyNumber }),
  deadLetterEnded: record({
    kind: kind("deadLetterEnded"),
    request: anyNumber,
    of: anyAddress,
    commandId: anyText,
    action: fc.constantFrom("retry" as const, "drop" as const),
  }),
  purgeAsked: record({ kind: kind("purgeAsked"), request: anyNumber, of: anyAddress }),
};

export const anyAnswerByKind: ByKind<Answer> = {
  outcome: record({
    kind: kind("outcome"),
    commandId: anyText,
    version: anyNumber,
    outcome: anyOutcome,
    isDuplicate: fc.boolean(),
  }),
  accepted: record({ kind: kind("accepted"), commandId: anyText }),
  pending: record({
    kind: kind("pending"),
    commandId: anyText,
    status: fc.constantFrom("accepted" as const, "scheduled" as const, "running" as const),
  }),
  state: record({ kind: kind("state"), version: anyNumber, state: orNull(anyBytes) }),
  events: record({ kind: kind("events"), version: anyNumber, events: anyHistory, next: orNull(anyNumber) }),
  timers: record({ kind: kind("timers"), timers: few(anyTimer) }),
  deadLetters: record({
    kind: kind("deadLetters"),
    deadLetters: few(record({ entity: anyAddress, deadLetter: anyDeadLetter })),
  }),
  done: fc.constant({ kind: "done" }),
  problem: record({
    kind: kind("problem"),
    problem: record({
      code: fc.constantFrom("overloaded" as const, "unstorable" as const),
      message: anyText,
      retryAfterMs: orNull(anyNumber),
    }),
  }),
};

const anyStream: fc.Arbitrary<StreamId> = record({ epoch: anyNumber, number: anyNumber });

export const anyFrameByKind: ByKind<PeerFrame> = {
  asked: record({
    kind: kind("asked"),
    shard: anyNumber,
    epoch: anyNumber,
    asked: fc.oneof(...Object.values<fc.Arbitrary<Asked>>(anyAskedByKind)),
  }),
  askerLeft: record({ kind: kind("askerLeft"), request: anyNumber }),
  answered: record({
    kind: kind("answered"),
    request: anyNumber,
    answer: fc.oneof(...Object.values<fc.Arbitrary<Answer>>(anyAnswerByKind)),
  }),
  fed: record({
    kind: kind("fed"),
    request: anyNumber,
    events: anyHistory,
    ended: fc.constantFrom(null, "stopping" as const, "moved" as const, "slow" as const, "purged" as const),
  }),
  turnedAway: record({ kind: kind("turnedAway"), request: anyNumber, shard: anyNumber }),
  messageSent: record({ kind: kind("messageSent"), message: anyMessage, stream: anyStream, previous: anyNumber }),
  streamBroken: record({
    kind: kind("streamBroken"),
    sourceShard: anyNumber,
    targetShard: anyNumber,
    stream: anyStream,
  }),
  messagesAcknowledged: record({
    kind: kind("messagesAcknowledged"),
    sourceShard: anyNumber,
    targetShard: anyNumber,
    numbers: few(anyNumber),
  }),
  shardMoved: record({ kind: kind("shardMoved"), shard: anyNumber, epoch: anyNumber, owner: orNull(anyLog) }),
  handOffAsked: record({ kind: kind("handOffAsked"), shard: anyNumber, epoch: anyNumber }),
  shardShown: record({ kind: kind("shardShown"), shard: anyNumber, token: anyText, descriptor: anyBytes }),
  handOffAwaited: record({ kind: kind("handOffAwaited"), shard: anyNumber, epoch: anyNumber }),
  notHere: record({ kind: kind("notHere"), incarnation: anyText }),
};

export function envelopeOf(frame: fc.Arbitrary<PeerFrame>): fc.Arbitrary<PeerEnvelope> {
  return record({ from: anyText, to: anyText, frame });
}

export const anyEnvelope: fc.Arbitrary<PeerEnvelope> = envelopeOf(
  fc.oneof(...Object.values<fc.Arbitrary<PeerFrame>>(anyFrameByKind)),
);
