import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, MalformedBytes } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { compareBytes, equalBytes, startsWith } from "./compare.js";

type Field =
  | { readonly kind: "u8" | "u32" | "u32Ordered" | "u48Ordered" | "varint"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "block"; readonly value: Uint8Array };

const MAX = Number.MAX_SAFE_INTEGER;
const edges = (bits: number): number[] =>
  Array.from({ length: bits }, (_, bit) => [2 ** bit - 1, 2 ** bit, 2 ** bit + 1])
    .flat()
    .filter((value) => value <= MAX);
const below = (limit: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.maxSafeNat().map((value) => value % limit),
    fc.constantFrom(...edges(53).filter((value) => value < limit)),
  );

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant("u8" as const), value: below(256) }),
  fc.record({ kind: fc.constantFrom("u32" as const, "u32Ordered" as const), value: below(2 ** 32) }),
  fc.record({ kind: fc.constant("u48Ordered" as const), value: below(2 ** 48) }),
  fc.record({ kind: fc.constant("varint" as const), value: fc.oneof(below(MAX), fc.constant(MAX)) }),
  fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "binary", maxLength: 200 }) }),
  fc.record({ kind: fc.constant("block" as const), value: fc.uint8Array({ maxLength: 300 }) }),
);

function write(writer: ByteWriter, { kind, value }: Field): void {
  if (kind === "text") writer.text(value);
  else if (kind === "block") writer.block(value);
  else writer[kind](value);
}

function read(reader: ByteReader, kind: Field["kind"]): number | string | Uint8Array {
  return kind === "block" ? reader.block().slice() : reader[kind]();
}

test("whatever fields are written are read again, in any order and from any start", () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 40 }), fc.uint8Array({ maxLength: 5 }), (fields, before) => {
      const writer = new ByteWriter(1);
      writer.raw(before);
      for (const one of fields) write(writer, one);
      const bytes = writer.take();
      assert.equal(writer.length, 0);
      const reader = new ByteReader(bytes, before.length);
      for (const one of fields) assert.deepEqual(read(reader, one.kind), one.value);
      assert.equal(reader.remaining, 0);
      assert.equal(reader.offset, bytes.length);
    }),
  );
});

test("every power of two, and its neighbours, survives as a varint of the least length", () => {
  for (const value of [...edges(54), MAX]) {
    const writer = new ByteWriter();
    writer.varint(value);
    const bytes = writer.take();
    assert.equal(bytes.length, Math.max(1, Math.ceil(value.toString(2).length / 7)), `${value}`);
    assert.equal(new ByteReader(bytes).varint(), value);
  }
});

test("numbers that a field cannot hold are refused", () => {
  const writer = new ByteWriter();
  for (const value of [-1, MAX + 1, Number.NaN, Infinity]) assert.throws(() => writer.varint(value), RangeError);
  for (const value of [-1, 2 ** 48, Number.NaN, Infinity]) assert.throws(() => writer.u48Ordered(value), RangeError);
  assert.equal(writer.length, 0);
});

test("a varint of more than eight bytes, or above 2^53 - 1, is malformed", () => {
  for (const bytes of [
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    [0x80],
    [],
  ]) {
    assert.throws(() => new ByteReader(Uint8Array.from(bytes)).varint(), MalformedBytes, bytes.join(" "));
  }
});

test("any bytes read as any fields end in values or in MalformedBytes, and never beyond the end", () => {
  const kinds = fc.array(fc.constantFrom<Field["kind"]>("u8", "u32", "u32Ordered", "u48Ordered", "varint", "text", "block"), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 10 }), kinds, (bytes, hidden, asked) => {
      const end = Math.max(0, bytes.length - hidden);
      const reader = new ByteReader(bytes, 0, end);
      try {
        for (const kind of asked) read(reader, kind);
        assert.ok(reader.offset <= end);
      } catch (error) {
        assert.ok(error instanceof MalformedBytes, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test("lengths that are negative, no number, or past the end are malformed", () => {
  for (const length of [-1, Number.NaN, 4, Infinity]) {
    assert.throws(() => new ByteReader(new Uint8Array(3)).raw(length), MalformedBytes);
    assert.throws(() => new ByteReader(new Uint8Array(3)).skip(length), MalformedBytes);
    assert.throws(() => new ByteReader(new Uint8Array(3)).rawText(length), MalformedBytes);
  }
});

test("the byte order of ordered integers is their number order", () => {
  const written = (kind: "u32Ordered" | "u48Ordered", value: number): Uint8Array => {
    const writer = new ByteWriter();
    writer[kind](value);
    return writer.take();
  };
  for (const [kind, limit] of [
    ["u32Ordered", 2 ** 32],
    ["u48Ordered", 2 ** 48],
  ] as const) {
    fc.assert(
      fc.property(below(limit), below(limit), (left, right) => {
        assert.equal(Math.sign(compareBytes(written(kind, left), written(kind, right))), Math.sign(left - right));
      }),
    );
  }
});

test("a text whose UTF-8 outgrows a length of one byte is written as a long one", () => {
  for (const text of ["ä".repeat(63), "ä".repeat(64), "€".repeat(43), "x".repeat(127), "x".repeat(128), "😀".repeat(40)]) {
    const writer = new ByteWriter(1);
    writer.text(text);
    const bytes = writer.take();
    const utf8 = Buffer.from(text);
    assert.equal(bytes.length, utf8.length + (utf8.length > 127 ? 2 : 1));
    assert.equal(new ByteReader(bytes).text(), text);
  }
});

test("a text with a lone surrogate is refused and leaves the writer as it was", () => {
  for (const text of ["a\ud800", `${"x".repeat(500)}\udc00`]) {
    const writer = new ByteWriter();
    writer.u8(1);
    assert.throws(() => writer.text(text), { name: "MalformedText" });
    assert.throws(() => writer.rawText(text), { name: "MalformedText" });
    assert.deepEqual(writer.take(), Uint8Array.of(1));
  }
});

test("what is truncated is forgotten, what is set is overwritten, and a view shows the rest", () => {
  const writer = new ByteWriter(1);
  writer.u32(0);
  writer.text("kept");
  const length = writer.length;
  writer.text("forgotten");
  writer.truncate(length);
  writer.setU32(0, 0xdeadbeef);
  assert.equal(new ByteReader(writer.view()).u32(), 0xdeadbeef);
  assert.equal(new ByteReader(writer.view(4)).text(), "kept");
  writer.clear();
  assert.equal(writer.view().length, 0);
});

test("bytes compare as Buffer compares them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (left, right) => {
      assert.equal(Math.sign(compareBytes(left, right)), Buffer.compare(left, right));
      assert.equal(equalBytes(left, right), Buffer.compare(left, right) === 0);
      assert.equal(startsWith(left, right), Buffer.compare(left.subarray(0, right.length), right) === 0);
      assert.ok(startsWith(Uint8Array.from([...right, ...left]), right));
    }),
  );
});
