import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ByteReader, MalformedBytes } from "../../src/core/bytes/byte-reader.js";
import { ByteWriter } from "../../src/core/bytes/byte-writer.js";
import { decodeCommand } from "../../src/core/entity/command-codec.js";
import type { Entry } from "../../src/core/log/entry.js";
import type { SpilledEntry } from "../../src/core/log/spilled-value.js";
import { decodeCell } from "../../src/core/store/key-spaces/cell.js";
import { RECORD_FORMAT_VERSION, recordCodec } from "../../src/protocol/record/record-codec.js";
import { anyClusterId, anyEntry, anyEntryOf, anyText, ENTRY_KINDS, spoiled } from "./arbitraries.js";

const CLUSTER = new Uint8Array(16).fill(7);
const NONCE = new Uint8Array(12).fill(9);
const VERSION_AT = 3;
const codec = recordCodec(CLUSTER);

function recordOf(entries: readonly Entry[], by = codec): Uint8Array {
  const writer = new ByteWriter();
  by.beginRecord(writer, NONCE);
  for (const entry of entries) by.encodeEntry(entry, writer);
  return writer.take();
}

describe("entries survive their codec", () => {
  for (const kind of ENTRY_KINDS) {
    test(`every entry of kind ${kind}`, () => {
      fc.assert(
        fc.property(anyEntryOf(kind), (entry) => {
          assert.deepEqual(codec.decode(recordOf([entry])), { kind: "entries", nonce: NONCE, entries: [entry] });
        }),
      );
    });
  }
});

test("a record gives its nonce and its entries back in order; a record of none is one", () => {
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 6 }), anyClusterId, (entries, clusterId) => {
      const own = recordCodec(clusterId);
      assert.deepEqual(own.decode(recordOf(entries, own)), { kind: "entries", nonce: NONCE, entries });
    }),
  );
});

test("a seal says who sealed", () => {
  fc.assert(
    fc.property(anyText, (by) => {
      assert.deepEqual(codec.decode(codec.encodeSeal(by, NONCE)), { kind: "seal", nonce: NONCE, by });
    }),
  );
});

test("what was decoded does not share memory with the bytes it came from", () => {
  fc.assert(
    fc.property(anyEntry, (entry) => {
      const body = recordOf([entry]);
      const decoded = codec.decode(body);
      body.fill(0xff);
      assert.deepEqual(decoded, { kind: "entries", nonce: NONCE, entries: [entry] });
    }),
  );
});

test("a deadline that is no whole number is never rounded to an earlier one", () => {
  const [entry] = fc.sample(anyEntryOf("parked"), { numRuns: 1, seed: 1 });
  assert.ok(entry?.body.kind === "parked");
  const { message } = entry.body;
  const late = { ...entry, body: { ...entry.body, message: { ...message, command: { ...message.command, deadlineMs: 10.2 } } } };
  const decoded = codec.decode(recordOf([late]));
  const first = decoded.kind === "entries" ? decoded.entries[0] : undefined;
  assert.ok(first !== undefined && "body" in first && first.body.kind === "parked");
  assert.equal(first.body.message.command.deadlineMs, 11);
});

test("a record of another cluster is refused, a seal too", () => {
  const other = recordCodec(new Uint8Array(16).fill(8));
  assert.throws(() => codec.decode(recordOf([], other)), /another cluster/);
  assert.throws(() => codec.decode(other.encodeSeal("x", NONCE)), MalformedBytes);
});

test("a newer version is told as such, whatever follows; so are a codec and a key id that are not known", () => {
  for (const at of [VERSION_AT, VERSION_AT + 1, VERSION_AT + 2]) {
    for (const body of [recordOf([]), codec.encodeSeal("x", NONCE)]) {
      body[at] = at === VERSION_AT ? RECORD_FORMAT_VERSION + 1 : 1;
      assert.equal(codec.decode(body).kind, "newer");
      assert.equal(codec.decode(body.slice(0, 7)).kind, "newer");
    }
  }
  const version0 = recordOf([]);
  version0[VERSION_AT] = 0;
  assert.throws(() => codec.decode(version0), MalformedBytes, "no version 0 was ever written");
});

test("spoiled records are other records or MalformedBytes, never another error", () => {
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 2 }), fc.nat(), fc.nat({ max: 255 }), (entries, place, byte) => {
      for (const body of [recordOf(entries), codec.encodeSeal("somebody", NONCE)]) {
        try {
          codec.decode(spoiled(body, place, byte));
        } catch (error) {
          assert.ok(error instanceof MalformedBytes, String(error));
        }
      }
    }),
    { numRuns: 1_500 },
  );
});

test("a record that is cut off anywhere but between entries is refused; so are bytes behind a seal", () => {
  const entries = fc.sample(anyEntry, { numRuns: 3, seed: 5 });
  const whole = recordOf(entries);
  const ends = new Set([0, 1, 2, 3].map((count) => recordOf(entries.slice(0, count)).length));
  for (let length = 0; length < whole.length; length++) {
    if (ends.has(length)) continue;
    assert.throws(() => codec.decode(whole.subarray(0, length)), MalformedBytes, `${length}`);
  }
  assert.throws(() => codec.decode(Uint8Array.from([...codec.encodeSeal("x", NONCE), 0])), MalformedBytes);
});

const anyReference = fc.record({
  object: anyText,
  length: fc.nat(),
  checksum: fc.integer({ min: 0, max: 0xffff_ffff }),
});

function headOf({ shard, epoch, sequence, atMs }: Entry): Omit<SpilledEntry, "value"> {
  return { shard, epoch, sequence, atMs };
}

test("an entry that lies elsewhere is found again by its reference, among entries that lie in the record", () => {
  fc.assert(
    fc.property(anyEntry, anyEntry, anyReference, (inside, outside, value) => {
      const writer = new ByteWriter();
      codec.beginRecord(writer, NONCE);
      codec.encodeReference(outside, value, writer);
      codec.encodeEntry(inside, writer);
      const body = writer.take();
      assert.equal(codec.mayRefer(body), true);
      assert.deepEqual(codec.decode(body), {
        kind: "entries",
        nonce: NONCE,
        entries: [{ ...headOf(outside), value: { ...value } }, inside],
      });
    }),
  );
});

test("a record that refers to nothing says so at a glance, and is of version 1", () => {
  const body = recordOf(fc.sample(anyEntry, { numRuns: 2, seed: 1 }));
  assert.equal(body[VERSION_AT], 1);
  assert.equal(codec.mayRefer(body), false);
});

test("a value gives its entry back, and what was written of it", () => {
  fc.assert(
    fc.property(anyEntry, (entry) => {
      const writer = new ByteWriter();
      codec.encodeEntry(entry, writer);
      const framed = writer.take();
      const value = codec.encodeValue(framed);
      assert.deepEqual(codec.decodeValue(value), entry);
      assert.deepEqual(codec.framedIn(value), framed);
    }),
  );
});

test("a value of another cluster or format, cut off, with more behind its end, or spoiled is refused as MalformedBytes", () => {
  const [entry] = fc.sample(anyEntryOf("effects"), { numRuns: 1, seed: 4 });
  assert.ok(entry !== undefined);
  const writer = new ByteWriter();
  codec.encodeEntry(entry, writer);
  const framed = writer.take();
  const value = codec.encodeValue(framed);
  assert.throws(() => recordCodec(new Uint8Array(16)).decodeValue(value), /another cluster/);
  for (const at of [VERSION_AT, VERSION_AT + 1, VERSION_AT + 2]) {
    const other = value.slice();
    other[at] = 9;
    assert.throws(() => codec.decodeValue(other), MalformedBytes);
  }
  for (let length = 0; length < value.length; length++)
    assert.throws(() => codec.decodeValue(value.subarray(0, length)), MalformedBytes, `${length}`);
  assert.throws(() => codec.decodeValue(Uint8Array.from([...value, 0])), MalformedBytes);
  assert.throws(() => codec.decodeValue(recordOf([entry])), MalformedBytes);
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 255 }), (place, byte) => {
      try {
        codec.decodeValue(spoiled(value, place, byte));
      } catch (error) {
        assert.ok(error instanceof MalformedBytes, String(error));
      }
    }),
  );
});

test("kinds and flags that version 1 does not have are damage", () => {
  const [entry] = fc.sample(anyEntryOf("deadLetter"), { numRuns: 1, seed: 3 });
  assert.ok(entry?.body.kind === "deadLetter");
  const body = { ...entry.body, entity: { type: "a/b", id: "1" }, commandId: "", retried: null };
  const whole = recordOf([{ shard: 0, epoch: 0, sequence: 0, atMs: 0, body }]);
  const spoil = (at: number, byte: number): Uint8Array => whole.map((old, index) => (index === at ? byte : old));
  assert.equal(codec.decode(whole).kind, "entries");
  assert.throws(() => codec.decode(spoil(whole.length - 1, 2)), /a flag of 2/);
  assert.throws(() => codec.decode(spoil(39, ENTRY_KINDS.length)), /unknown kind 7/);
  assert.throws(() => codec.decode(spoil(6, 2)), /unknown kind 2/);
  const command = new ByteReader(Uint8Array.of(32, 0, 0, 0, 0, 0, 0));
  assert.throws(() => decodeCommand(command), /unknown flags 32/);
  assert.throws(() => decodeCell(Uint8Array.of(4, 0, 0, 0, 0)), /unknown flags 4/);
});

test("any bytes are refused", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => assert.throws(() => codec.decode(bytes), MalformedBytes)));
});
