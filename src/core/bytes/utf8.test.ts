import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeUtf8, isWellFormed, MalformedText, readUtf8, utf8Length } from "./utf8.js";

/** Texts of any UTF-16 units: many have lone surrogates. */
const anyUnits = fc
  .array(
    fc.oneof(fc.nat({ max: 0xffff }), fc.integer({ min: 0xd700, max: 0xe0ff }), fc.constantFrom(0, 0x7f, 0x80, 0x7ff, 0x800)),
    {
      maxLength: 30,
    },
  )
  .map((units) => String.fromCharCode(...units));

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodedByHost(bytes: Uint8Array): string | null {
  try {
    return STRICT.decode(bytes);
  } catch {
    return null;
  }
}

function decodedHere(bytes: Uint8Array): string | null {
  try {
    return readUtf8(bytes);
  } catch (error) {
    assert.ok(error instanceof MalformedText, String(error));
    return null;
  }
}

test("texts become the bytes that the host's encoder makes of them; those with lone surrogates become none", () => {
  fc.assert(
    fc.property(anyUnits, (text) => {
      const isSound = Buffer.from(text).toString() === text;
      assert.equal(isWellFormed(text), isSound);
      if (!isSound) {
        assert.throws(() => encodeUtf8(text), MalformedText);
        assert.throws(() => utf8Length(text), MalformedText);
        return;
      }
      assert.equal(utf8Length(text), Buffer.byteLength(text));
      assert.deepEqual(encodeUtf8(text), new TextEncoder().encode(text));
      assert.equal(readUtf8(encodeUtf8(text)), text);
    }),
    { numRuns: 1_000 },
  );
});

test("any bytes are a text exactly where the host's strict decoder says so, and the same one", () => {
  const lead = fc.constantFrom(
    0x41,
    0x80,
    0xbf,
    0xc0,
    0xc1,
    0xc2,
    0xdf,
    0xe0,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xf5,
    0xff,
    0x90,
    0x9f,
    0xa0,
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.array(lead, { maxLength: 6 }).map((all) => Uint8Array.from(all)),
  );
  fc.assert(
    fc.property(bytes, (some) => assert.equal(decodedHere(some), decodedByHost(some))),
    { numRuns: 5_000 },
  );
});

test("overlong forms, encoded surrogates and points above U+10FFFF are no text", () => {
  for (const bytes of [
    [0xc0, 0x80],
    [0xc1, 0xbf],
    [0xe0, 0x9f, 0xbf],
    [0xf0, 0x8f, 0xbf, 0xbf],
    [0xed, 0xa0, 0x80],
    [0xed, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0x80],
    [0xe2, 0x82],
    [0xc3],
  ]) {
    assert.throws(() => readUtf8(Uint8Array.from(bytes)), MalformedText, bytes.join(" "));
  }
});

test("a range of bytes is read alone: what follows it completes no character", () => {
  const bytes = encodeUtf8("a€b");
  assert.equal(readUtf8(bytes, 1, 4), "€");
  assert.throws(() => readUtf8(bytes, 0, 3), MalformedText);
});

test("long texts are whole, also where a pair lies on a seam of the reader's pieces", () => {
  for (const before of [4_094, 4_095, 4_096, 8_191]) {
    const text = `${"x".repeat(before)}😀${"é".repeat(5_000)}`;
    assert.equal(readUtf8(encodeUtf8(text)), text);
  }
});
