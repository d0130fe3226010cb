/** One of everything that is persisted, with every field and every case in use: what the golden files hold. */

import { encodeUtf8 } from "../../src/core/bytes/utf8.js";
import type { Command, Message } from "../../src/core/entity/command.js";
import type { DeadLetter, Entry, EntryBody, StoredResult, Timer } from "../../src/core/log/entry.js";
import { type SpilledEntry, valueName } from "../../src/core/log/spilled-value.js";
import type { ClusterDocument, NodeDocument, PlanDocument, ShardDescriptor } from "../../src/core/ownership/documents.js";

const AT_MS = 1_763_625_600_123;

export const CLUSTER_ID: Uint8Array = Uint8Array.from({ length: 16 }, (_, index) => 0xc0 + index);
export const NONCE: Uint8Array = Uint8Array.from({ length: 12 }, (_, index) => 0x10 + index);
export const LOG = "n1-0198f3a2";

export const CART = { type: "shop/cart", id: "ü 1" };
export const TILL = { type: "shop/till", id: "t/2" };

const PLAIN: Command = {
  id: "c-1",
  name: "add",
  isQuery: false,
  input: encodeUtf8('{"sku":"1"}'),
  acceptedAtMs: AT_MS,
  deadlineMs: Infinity,
  caller: null,
  metadata: [],
  answer: null,
  replyTo: null,
  bodyHash: "",
};

/** A command with all that one can have. */
export const ASKED: Command = {
  ...PLAIN,
  id: "c-2",
  isQuery: true,
  deadlineMs: AT_MS + 30_000,
  caller: TILL,
  metadata: [
    ["principal", "p-1"],
    ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
  ],
  answer: { kind: "refused", code: "empty", message: "nothing is in it", details: encodeUtf8("{}") },
  replyTo: { to: TILL, handler: "priced", context: encodeUtf8("7") },
  bodyHash: "b-1",
};

export const MESSAGE: Message = { sourceShard: 3, targetShard: 200, number: 70_000, to: TILL, command: ASKED, timer: "remind" };
export const TIMER: Timer = { owner: CART, name: "remind", dueAtMs: AT_MS + 60_000, to: TILL, command: PLAIN };
export const RESULT: StoredResult = {
  bodyHash: "b-1",
  outcome: { kind: "replied", reply: encodeUtf8("[1]") },
  version: 42,
  expiresAtMs: AT_MS + 86_400_000,
};
export const DEAD_LETTER: DeadLetter = {
  command: ASKED,
  code: "function_faulted",
  message: "it broke",
  attempts: 5,
  atMs: AT_MS,
};

const EFFECTS: Extract<EntryBody, { readonly kind: "effects" }> = {
  kind: "effects",
  entity: CART,
  previousVersion: 40,
  version: 42,
  stateVersion: 3,
  deployment: "d-0123456789ab",
  state: encodeUtf8('{"total":1.10}'),
  expiresAtMs: AT_MS + 3_600_000,
  events: [
    { name: "added", eventVersion: 1, data: encodeUtf8("1") },
    { name: "priced", eventVersion: 2, data: new Uint8Array(0) },
  ],
  consumed: [
    {
      commandId: "c-1",
      name: "add",
      origin: { kind: "client" },
      metadata: ASKED.metadata,
      result: RESULT,
      deadLetter: null,
    },
    {
      commandId: "c-2",
      name: "price",
      origin: { kind: "message", sourceShard: 3, number: 300 },
      metadata: [],
      result: { ...RESULT, outcome: { kind: "failed", code: "x", message: "y" } },
      deadLetter: DEAD_LETTER,
    },
    { commandId: "c-3", name: "look", origin: { kind: "inbox", number: 9 }, metadata: [], result: null, deadLetter: null },
  ],
  born: [MESSAGE, { ...MESSAGE, number: 70_001, command: PLAIN, timer: null }],
  timersSet: [TIMER],
  timersCancelled: ["late"],
  timersPast: [{ name: "late", dueAtMs: AT_MS - 1 }],
  withdrawn: [5, 128],
  withdrawnInbox: [7, 300],
};

const bodies: readonly EntryBody[] = [
  EFFECTS,
  {
    ...EFFECTS,
    state: null,
    events: [],
    consumed: [],
    born: [],
    timersSet: [],
    timersCancelled: [],
    timersPast: [],
    withdrawn: [],
    withdrawnInbox: [],
  },
  {
    ...EFFECTS,
    state: undefined,
    events: [],
    consumed: [],
    born: [],
    timersSet: [],
    timersCancelled: [],
    timersPast: [],
    withdrawn: [],
    withdrawnInbox: [],
  },
  { kind: "accepted", entity: CART, command: ASKED, result: { ...RESULT, outcome: null }, place: { kind: "inbox", number: 10 } },
  { kind: "accepted", entity: CART, command: PLAIN, result: RESULT, place: { kind: "timer", timer: TIMER } },
  { kind: "parked", message: MESSAGE, inboxNumber: 11 },
  { kind: "due", owner: CART, name: "remind", dueAtMs: TIMER.dueAtMs, born: MESSAGE },
  { kind: "due", owner: CART, name: "remind", dueAtMs: TIMER.dueAtMs, born: null },
  { kind: "acknowledged", targetShard: 200, numbers: [69_999, 70_000] },
  { kind: "deadLetter", entity: CART, commandId: "c-2", retried: { inboxNumber: 12, command: PLAIN } },
  { kind: "deadLetter", entity: CART, commandId: "c-2", retried: null },
  { kind: "purged", entity: CART, keys: [Uint8Array.of(1, 2), Uint8Array.of(4)], inboxCount: 1 },
];

export const ENTRIES: readonly Entry[] = bodies.map((body, index) => ({
  shard: 3,
  epoch: 2,
  sequence: 1_000 + index,
  atMs: AT_MS,
  body,
}));

/** The first entry of all, and a reference to where it lies. */
export const SPILLED_ENTRY: Entry = ENTRIES[0] as Entry;
export const SPILLED: SpilledEntry = {
  shard: SPILLED_ENTRY.shard,
  epoch: SPILLED_ENTRY.epoch,
  sequence: SPILLED_ENTRY.sequence,
  atMs: SPILLED_ENTRY.atMs,
  value: { object: valueName(LOG, 70_001, 3), length: 5_000_000, checksum: 0xfedc_ba98 },
};

export const CLUSTER: ClusterDocument = { clusterId: CLUSTER_ID, name: "shop", shards: 256, recordFormatFloor: 1 };

export const NODE: NodeDocument = {
  incarnation: LOG,
  status: "closed",
  counter: 300,
  base: 1_025,
  seal: 2_000,
  startedAtMs: AT_MS,
  heardAtMs: AT_MS + 3_600_000,
  address: "10.0.3.4:7071",
  capacity: 2,
  isLeaving: true,
  recordFormat: 2,
};

export const PLAN: PlanDocument = {
  drained: ["10.0.3.4:7071", "10.0.3.5:7071"],
  placed: [
    [0, "10.0.3.6:7071"],
    [200, "10.0.3.7:7071"],
  ],
};

export const SPLITTING_PLAN: PlanDocument = { ...PLAN, splits: 2 };

export const SHARD: ShardDescriptor = {
  shard: 200,
  epoch: 7,
  owner: LOG,
  covered: 1_024,
  ranges: [
    { log: "n1-first", epoch: 5, from: 10, to: 400 },
    { log: "n1-second", epoch: 6, from: 1, to: 2 },
  ],
  segments: [
    {
      object: "segments/200/7-n1-0198f3a2-1",
      bytes: 70_000,
      tailBytes: 900,
      count: 500,
      tombstones: 20,
      level: 2,
      checksum: 0xdeadbeef,
      firstKey: Uint8Array.of(1, 0, 0, 0),
      lastKey: Uint8Array.of(9),
    },
  ],
  previous: {
    ranges: [{ log: "n1-first", epoch: 5, from: 2, to: 10 }],
    segments: [
      {
        object: "segments/200/4-n0-0198f3a1-9",
        bytes: 60_000,
        tailBytes: 800,
        count: 400,
        tombstones: 0,
        level: 1,
        checksum: 0xfeedface,
        firstKey: Uint8Array.of(1, 0, 0, 1),
        lastKey: Uint8Array.of(8),
      },
    ],
  },
};

/** Of 256 shards, as they were made: the half of shard 172, and shard 172 that is split. */
export const HALF: ShardDescriptor = { ...SHARD, shard: 600, lineage: { parentEpoch: 6, isSplit: false } };
export const SPLIT_SHARD: ShardDescriptor = {
  shard: 172,
  epoch: 7,
  owner: null,
  covered: 0,
  ranges: [],
  segments: [],
  previous: null,
  lineage: { parentEpoch: null, isSplit: true },
};
