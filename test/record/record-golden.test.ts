/**
 * Records, documents, keys and values as each version wrote them. These bytes are on people's disks: a change here needs a new
 * version. `HOLDFAST_WRITE_GOLDEN=1` writes the files anew: for a new version's own files, never over what was released.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ByteWriter } from "../../src/core/bytes/byte-writer.js";
import { encodeUtf8 } from "../../src/core/bytes/utf8.js";
import { BY_ENTITY, placementHash } from "../../src/core/entity/address.js";
import type { NodeDocument } from "../../src/core/ownership/documents.js";
import { BOOKKEEPING_KEY, decodeBookkeeping, encodeBookkeeping } from "../../src/core/store/key-spaces/bookkeeping.js";
import { cellKey, decodeCell, encodeCell } from "../../src/core/store/key-spaces/cell.js";
import { deadLetterKey, decodeDeadLetter, encodeDeadLetter } from "../../src/core/store/key-spaces/dead-letter.js";
import { decodeEvent, encodeEvent, eventKey } from "../../src/core/store/key-spaces/event.js";
import { decodeInbox, encodeInboxCommand, inboxKey } from "../../src/core/store/key-spaces/inbox.js";
import { entityPrefix } from "../../src/core/store/key-spaces/key-space.js";
import { decodeOutboxMessage, encodeOutboxMessage, outboxKey } from "../../src/core/store/key-spaces/outbox.js";
import { decodeResult, encodeResult, resultKey } from "../../src/core/store/key-spaces/result.js";
import {
  decodeTimer,
  decodeTimerDueKey,
  encodeTimer,
  NO_VALUE,
  timerDueKey,
  timerKey,
} from "../../src/core/store/key-spaces/timer.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";
import { ENTRY_KINDS } from "./arbitraries.js";
import {
  ASKED,
  CART,
  CLUSTER,
  CLUSTER_ID,
  DEAD_LETTER,
  ENTRIES,
  HALF,
  LOG,
  MESSAGE,
  NODE,
  NONCE,
  PLAN,
  RESULT,
  SHARD,
  SPILLED,
  SPILLED_ENTRY,
  SPLIT_SHARD,
  SPLITTING_PLAN,
  TIMER,
} from "./samples.js";

const GOLDEN = new URL("../../../test/golden/", import.meta.url);
const codec = recordCodec(CLUSTER_ID);

function recordBytes(): Uint8Array {
  const writer = new ByteWriter();
  codec.beginRecord(writer, NONCE);
  for (const entry of ENTRIES) codec.encodeEntry(entry, writer);
  return writer.take();
}

interface Golden {
  readonly file: string;
  readonly content: unknown;
  readonly written: () => Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
}

const FILES: readonly Golden[] = [
  {
    file: "record-1.bin",
    content: { kind: "entries", nonce: NONCE, entries: ENTRIES },
    written: recordBytes,
    read: (bytes) => codec.decode(bytes),
  },
  {
    file: "record-2.bin",
    content: { kind: "entries", nonce: NONCE, entries: [...ENTRIES.slice(0, 1), SPILLED] },
    written: () => {
      const writer = new ByteWriter();
      codec.beginRecord(writer, NONCE);
      for (const entry of ENTRIES.slice(0, 1)) codec.encodeEntry(entry, writer);
      codec.encodeReference(SPILLED_ENTRY, SPILLED.value, writer);
      return writer.take();
    },
    read: (bytes) => codec.decode(bytes),
  },
  {
    file: "value-1.bin",
    content: SPILLED_ENTRY,
    written: () => {
      const writer = new ByteWriter();
      codec.encodeEntry(SPILLED_ENTRY, writer);
      return codec.encodeValue(writer.take());
    },
    read: (bytes) => codec.decodeValue(bytes),
  },
  {
    file: "seal-1.bin",
    content: { kind: "seal", nonce: NONCE, by: LOG },
    written: () => codec.encodeSeal(LOG, NONCE),
    read: (bytes) => codec.decode(bytes),
  },
  {
    file: "cluster-document-1.bin",
    content: CLUSTER,
    written: () => documentCodec.encodeCluster(CLUSTER),
    read: (bytes) => documentCodec.decodeCluster(bytes),
  },
  {
    file: "node-document-3.bin",
    content: NODE,
    written: () => documentCodec.encodeNode(NODE, CLUSTER_ID),
    read: (bytes) => documentCodec.decodeNode(bytes, CLUSTER_ID),
  },
  {
    file: "shard-document-2.bin",
    content: SHARD,
    written: () => documentCodec.encodeDescriptor(SHARD, CLUSTER_ID),
    read: (bytes) => documentCodec.decodeDescriptor(bytes, CLUSTER_ID),
  },
  {
    file: "shard-document-3-half.bin",
    content: HALF,
    written: () => documentCodec.encodeDescriptor(HALF, CLUSTER_ID),
    read: (bytes) => documentCodec.decodeDescriptor(bytes, CLUSTER_ID),
  },
  {
    file: "shard-document-3-split.bin",
    content: SPLIT_SHARD,
    written: () => documentCodec.encodeDescriptor(SPLIT_SHARD, CLUSTER_ID),
    read: (bytes) => documentCodec.decodeDescriptor(bytes, CLUSTER_ID),
  },
  {
    file: "plan-document-2.bin",
    content: SPLITTING_PLAN,
    written: () => documentCodec.encodePlan(SPLITTING_PLAN, CLUSTER_ID),
    read: (bytes) => documentCodec.decodePlan(bytes, CLUSTER_ID),
  },
  {
    file: "plan-document-1.bin",
    content: PLAN,
    written: () => documentCodec.encodePlan(PLAN, CLUSTER_ID),
    read: (bytes) => documentCodec.decodePlan(bytes, CLUSTER_ID),
  },
];

/** A router of that time was reached by nobody. */
const ALONE: NodeDocument = { ...NODE, address: "", capacity: 1, isLeaving: false, recordFormat: 2 };

function oldNode(file: string): NodeDocument {
  return documentCodec.decodeNode(new Uint8Array(readFileSync(new URL(file, GOLDEN))), CLUSTER_ID);
}

test("node-document-1.bin is read still: its owner was last heard of when it started, and shares with nobody", () => {
  assert.deepEqual(oldNode("node-document-1.bin"), { ...ALONE, heardAtMs: NODE.startedAtMs });
});

test("node-document-2.bin is read still: its owner shares with nobody, and knows no records that are newer than it", () => {
  assert.deepEqual(oldNode("node-document-2.bin"), ALONE);
});

test("shard-document-1.bin is read still: it keeps no previous manifest", () => {
  const bytes = new Uint8Array(readFileSync(new URL("shard-document-1.bin", GOLDEN)));
  assert.deepEqual(documentCodec.decodeDescriptor(bytes, CLUSTER_ID), { ...SHARD, previous: null });
});

for (const { file, content, written, read } of FILES) {
  test(`${file} is read, and written today byte for byte`, () => {
    if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") writeFileSync(new URL(file, GOLDEN), written());
    const bytes = new Uint8Array(readFileSync(new URL(file, GOLDEN)));
    assert.deepEqual(read(bytes), content);
    assert.deepEqual(written(), bytes);
  });
}

test("the golden record has an entry of every kind", () => {
  assert.deepEqual([...new Set(ENTRIES.map(({ body }) => body.kind))].sort(), [...ENTRY_KINDS].sort());
});

const HASH = placementHash(CART, BY_ENTITY);
const PREFIX = entityPrefix(CART, HASH);
const CELL = {
  version: 42,
  stateVersion: 3,
  expiresAtMs: 1_800_000_000_000,
  foldedVersion: 41,
  state: encodeUtf8("{}"),
  isPartial: true,
};
const EVENT = { version: 42, atMs: 1_763_625_600_123, name: "added", eventVersion: 2, data: encodeUtf8("[1]") };
const DUE = { dueAtMs: TIMER.dueAtMs, owner: CART, name: TIMER.name };
const BOOKS = {
  sequence: 1_011,
  timeMs: 1_763_625_600_123,
  nextInboxNumber: 13,
  nextNumberByTarget: new Map([
    [0, 1],
    [200, 70_002],
  ]),
  marksBySource: new Map([[3, { low: 300, above: [302, 310] }]]),
  resultsByExpiry: [[3_600_000, 2] as const],
};

interface Stored {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly content: unknown;
  readonly read: (key: Uint8Array, value: Uint8Array) => unknown;
}

const bySpace: Readonly<Record<string, Stored>> = {
  cell: { key: cellKey(PREFIX).slice(), value: encodeCell(CELL).slice(), content: CELL, read: (_, value) => decodeCell(value) },
  event: { key: eventKey(PREFIX, 42), value: encodeEvent(EVENT, EVENT.atMs).slice(), content: EVENT, read: decodeEvent },
  result: {
    key: resultKey(PREFIX, "c-1").slice(),
    value: encodeResult(RESULT).slice(),
    content: RESULT,
    read: (_, value) => decodeResult(value),
  },
  inbox: {
    key: inboxKey(PREFIX, 11),
    value: encodeInboxCommand(ASKED, "due").slice(),
    content: { entity: CART, number: 11, command: ASKED, timer: "due" },
    read: decodeInbox,
  },
  deadLetter: {
    key: deadLetterKey(PREFIX, "c-2"),
    value: encodeDeadLetter(DEAD_LETTER).slice(),
    content: { entity: CART, deadLetter: DEAD_LETTER },
    read: decodeDeadLetter,
  },
  timer: {
    key: timerKey(PREFIX, TIMER.name),
    value: encodeTimer(TIMER).slice(),
    content: TIMER,
    read: (_, value) => decodeTimer(value),
  },
  timerDue: { key: timerDueKey(DUE, HASH), value: NO_VALUE, content: DUE, read: (key) => decodeTimerDueKey(key) },
  outbox: {
    key: outboxKey(MESSAGE.targetShard, MESSAGE.number),
    value: encodeOutboxMessage(MESSAGE).slice(),
    content: MESSAGE,
    read: (_, value) => decodeOutboxMessage(value),
  },
  bookkeeping: {
    key: BOOKKEEPING_KEY,
    value: encodeBookkeeping(BOOKS).slice(),
    content: BOOKS,
    read: (_, value) => decodeBookkeeping(value),
  },
};

test("bookkeeping of a shard that came from a split ends with its id", () => {
  const whole = encodeBookkeeping(BOOKS).slice();
  const half = encodeBookkeeping({ ...BOOKS, shard: 600 }).slice();
  assert.deepEqual([...half], [...whole, 0xd8, 0x04]);
  assert.deepEqual(decodeBookkeeping(half), { ...BOOKS, shard: 600 });
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

test("key-spaces-1.json: a key and a value of each space are read, and written today byte for byte", () => {
  const file = new URL("key-spaces-1.json", GOLDEN);
  const written = Object.fromEntries(
    Object.entries(bySpace).map(([space, { key, value }]) => [space, { key: hex(key), value: hex(value) }]),
  );
  if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`);
  const stored: typeof written = JSON.parse(readFileSync(file, "utf8"));
  assert.deepEqual(written, stored);
  for (const [space, { content, read }] of Object.entries(bySpace)) {
    const { key, value } = stored[space] ?? assert.fail(space);
    assert.deepEqual(read(bytesOf(key), bytesOf(value)), content, space);
  }
});
