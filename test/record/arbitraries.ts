/** Everything that records, documents and the store's values are made of, as fast-check draws it. */
import fc from "fast-check";
import type { EntityAddress } from "../../src/core/entity/address.js";
import type { Command, Message, Metadata, Outcome } from "../../src/core/entity/command.js";
import type { NewEvent } from "../../src/core/entity/invocation.js";
import type { Consumed, DeadLetter, Entry, EntryBody, Origin, StoredResult, Timer } from "../../src/core/log/entry.js";
import type {
  ClosedRange,
  ClusterDocument,
  Lineage,
  NodeDocument,
  PlanDocument,
  ShardDescriptor,
} from "../../src/core/ownership/documents.js";
import type { SegmentReference } from "../../src/core/store/segment-reference.js";

export const anyText: fc.Arbitrary<string> = fc.string({ unit: "binary", maxLength: 12 });
export const anyName: fc.Arbitrary<string> = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,6}$/);
export const anyBytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 20 });
export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  fc.nat({ max: 300 }),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
/** What a key holds of a number. */
export const anyOrderedNumber: fc.Arbitrary<number> = anyNumber.map((number) => number % 2 ** 48);
export const anyHash: fc.Arbitrary<number> = fc.nat({ max: 2 ** 32 - 1 });

/** As fc.record, of plain objects. */
function record<Model>(model: { [Key in keyof Model]: fc.Arbitrary<Model[Key]> }): fc.Arbitrary<Model> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<Model>;
}

const few = <Item>(item: fc.Arbitrary<Item>): fc.Arbitrary<Item[]> => fc.array(item, { maxLength: 3 });
const orNull = <Item>(item: fc.Arbitrary<Item>): fc.Arbitrary<Item | null> => fc.option(item, { nil: null });

export const anyAddress: fc.Arbitrary<EntityAddress> = record({
  type: fc.tuple(anyName, anyName).map(([namespace, name]) => `${namespace}/${name}`),
  id: fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
});

export const anyMetadata: fc.Arbitrary<Metadata> = few(fc.tuple(anyText, anyText));

export const anyOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  record({ kind: fc.constant("replied" as const), reply: anyBytes }),
  record({ kind: fc.constant("refused" as const), code: anyText, message: anyText, details: anyBytes }),
  record({ kind: fc.constant("failed" as const), code: anyText, message: anyText }),
);

export const anyCommand: fc.Arbitrary<Command> = record({
  id: anyText,
  name: anyText,
  isQuery: fc.boolean(),
  input: anyBytes,
  acceptedAtMs: anyNumber,
  deadlineMs: fc.oneof(anyNumber, fc.constant(Infinity)),
  caller: orNull(anyAddress),
  metadata: anyMetadata,
  answer: orNull(anyOutcome),
  replyTo: orNull(record({ to: anyAddress, handler: anyText, context: anyBytes })),
  bodyHash: anyText,
});

export const anyMessage: fc.Arbitrary<Message> = record({
  sourceShard: anyNumber,
  targetShard: anyNumber,
  number: anyNumber,
  to: anyAddress,
  command: anyCommand,
  timer: orNull(anyName),
});

export const anyTimer: fc.Arbitrary<Timer> = record({
  owner: anyAddress,
  name: anyName,
  dueAtMs: anyOrderedNumber,
  to: anyAddress,
  command: anyCommand,
});

export const anyResult: fc.Arbitrary<StoredResult> = record({
  bodyHash: anyText,
  outcome: orNull(anyOutcome),
  version: anyNumber,
  expiresAtMs: anyNumber,
});

export const anyDeadLetter: fc.Arbitrary<DeadLetter> = record({
  command: anyCommand,
  code: anyText,
  message: anyText,
  attempts: anyNumber,
  atMs: anyNumber,
});

export const anyEvent: fc.Arbitrary<NewEvent> = record({ name: anyText, eventVersion: anyNumber, data: anyBytes });

const anyOrigin: fc.Arbitrary<Origin> = fc.oneof(
  fc.constant({ kind: "client" as const }),
  record({ kind: fc.constant("message" as const), sourceShard: anyNumber, number: anyNumber }),
  record({ kind: fc.constant("inbox" as const), number: anyNumber }),
);

const anyConsumed: fc.Arbitrary<Consumed> = record({
  commandId: anyText,
  name: anyText,
  origin: anyOrigin,
  metadata: anyMetadata,
  result: orNull(anyResult),
  deadLetter: orNull(anyDeadLetter),
});

/** One for each kind: a new kind of entry does not compile before it is here. */
const anyBodyByKind: { readonly [Kind in EntryBody["kind"]]: fc.Arbitrary<Extract<EntryBody, { readonly kind: Kind }>> } = {
  effects: record({
    kind: fc.constant("effects" as const),
    entity: anyAddress,
    previousVersion: anyNumber,
    version: anyNumber,
    stateVersion: anyNumber,
    deployment: anyText,
    state: fc.oneof(anyBytes, fc.constant(null), fc.constant(undefined)),
    expiresAtMs: anyNumber,
    events: few(anyEvent),
    consumed: few(anyConsumed),
    born: few(anyMessage),
    timersSet: few(anyTimer),
    timersCancelled: few(anyName),
    timersPast: few(record({ name: anyName, dueAtMs: anyNumber })),
    withdrawn: few(anyNumber),
    withdrawnInbox: few(anyNumber),
  }),
  accepted: record({
    kind: fc.constant("accepted" as const),
    entity: anyAddress,
    command: anyCommand,
    result: anyResult,
    place: fc.oneof(
      record({ kind: fc.constant("inbox" as const), number: anyNumber }),
      record({ kind: fc.constant("timer" as const), timer: anyTimer }),
    ),
  }),
  parked: record({ kind: fc.constant("parked" as const), message: anyMessage, inboxNumber: anyNumber }),
  due: record({
    kind: fc.constant("due" as const),
    owner: anyAddress,
    name: anyName,
    dueAtMs: anyNumber,
    born: orNull(anyMessage),
  }),
  acknowledged: record({ kind: fc.constant("acknowledged" as const), targetShard: anyNumber, numbers: few(anyNumber) }),
  deadLetter: record({
    kind: fc.constant("deadLetter" as const),
    entity: anyAddress,
    commandId: anyText,
    retried: orNull(record({ inboxNumber: anyNumber, command: anyCommand })),
  }),
  purged: record({
    kind: fc.constant("purged" as const),
    entity: anyAddress,
    keys: few(anyBytes),
    inboxCount: anyNumber,
  }),
};

export const ENTRY_KINDS = Object.keys(anyBodyByKind) as EntryBody["kind"][];

export function anyEntryOf(kind: EntryBody["kind"]): fc.Arbitrary<Entry> {
  const body: fc.Arbitrary<EntryBody> = anyBodyByKind[kind];
  return record({ shard: anyNumber, epoch: anyNumber, sequence: anyNumber, atMs: anyNumber, body });
}

export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(...ENTRY_KINDS.map(anyEntryOf));

export const anyClusterId: fc.Arbitrary<Uint8Array> = fc.uint8Array({ minLength: 16, maxLength: 16 });

export const anyCluster: fc.Arbitrary<ClusterDocument> = record({
  clusterId: anyClusterId,
  name: anyText,
  shards: anyNumber,
  recordFormatFloor: anyNumber,
});

const anyPosition = anyNumber.map((number) => Math.max(1, number));

export const anyNode: fc.Arbitrary<NodeDocument> = record({
  incarnation: anyText,
  status: fc.constantFrom("alive" as const, "dead" as const, "closed" as const),
  counter: anyNumber,
  base: anyPosition,
  seal: orNull(anyPosition),
  startedAtMs: anyNumber,
  heardAtMs: anyNumber,
  address: anyText,
  capacity: anyNumber,
  isLeaving: fc.boolean(),
  recordFormat: anyNumber,
});

export const anyPlan: fc.Arbitrary<PlanDocument> = record({
  drained: few(anyText),
  placed: few(fc.tuple(anyNumber, anyText)),
}).chain((plan) => fc.option(fc.integer({ min: 1, max: 16 })).map((splits) => (splits === null ? plan : { ...plan, splits })));

const anyRange: fc.Arbitrary<ClosedRange> = record({ log: anyText, epoch: anyNumber, from: anyPosition, to: anyPosition });

const anySegment: fc.Arbitrary<SegmentReference> = record({
  object: fc.stringMatching(/^segments\/[0-9]{1,3}\/[a-z0-9-]{1,20}$/),
  bytes: fc.integer({ min: 100, max: 2 ** 40 }),
  tailBytes: fc.nat({ max: 99 }),
  count: fc.integer({ min: 50, max: 2 ** 40 }),
  tombstones: fc.nat({ max: 50 }),
  level: fc.nat({ max: 20 }),
  checksum: anyHash,
  firstKey: anyBytes,
  lastKey: anyBytes,
}).map((segment) => ({ ...segment, lastKey: Uint8Array.from([...segment.firstKey, ...segment.lastKey]) }));

const anyLineage: fc.Arbitrary<Lineage> = record({
  parentEpoch: orNull(fc.integer({ min: 1, max: 2 ** 40 })),
  isSplit: fc.boolean(),
});

export const anyDescriptor: fc.Arbitrary<ShardDescriptor> = record({
  shard: anyNumber,
  epoch: anyNumber,
  owner: orNull(anyText.filter((text) => text !== "")),
  covered: anyNumber,
  ranges: few(anyRange),
  segments: few(anySegment),
  previous: orNull(record({ ranges: few(anyRange), segments: few(anySegment) })),
}).chain((descriptor) => fc.option(anyLineage).map((lineage) => (lineage === null ? descriptor : { ...descriptor, lineage })));

/** The same bytes with one thing wrong: a byte changed, the end cut off, something put in or behind. */
export function spoiled(bytes: Uint8Array, place: number, byte: number): Uint8Array {
  const at = Math.floor(place / 4) % bytes.length;
  switch (place % 4) {
    case 0:
      return bytes.map((old, index) => (index === at ? old ^ (byte === 0 ? 1 : byte) : old));
    case 1:
      return bytes.slice(0, at);
    case 2:
      return Uint8Array.from([...bytes.subarray(0, at), byte, ...bytes.subarray(at)]);
    default:
      return Uint8Array.from([...bytes, byte]);
  }
}
