import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeUtf8, readUtf8 } from "../bytes/utf8.js";
import { keyHash } from "./key-hash.js";
import { SlabTable, VALUE_BYTES_MAX } from "./slab-table.js";
import { PARTIAL, TOMBSTONE } from "./version-fold.js";

function put(table: SlabTable, key: string, value: string, flags = 0, expiresAtMs = 0): void {
  const bytes = encodeUtf8(key);
  table.put(bytes, keyHash(bytes), encodeUtf8(value), flags, expiresAtMs);
}

function get(table: SlabTable, key: string): string | null {
  const bytes = encodeUtf8(key);
  const location = table.find(bytes, keyHash(bytes));
  return location === 0 ? null : readUtf8(table.valueAt(location));
}

function keysInOrder(table: SlabTable): string[] {
  const place = table.order.first();
  const keys: string[] = [];
  for (let location = table.order.next(place); location !== 0; location = table.order.next(place)) {
    keys.push(readUtf8(table.keyAt(location)));
  }
  return keys;
}

test("a table holds what a map holds, whatever is put over what", () => {
  const key = fc.string({ maxLength: 12 });
  const length = fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 5_000 }), fc.constantFrom(300_000));
  fc.assert(
    fc.property(fc.array(fc.tuple(key, length, fc.nat({ max: 2 }), fc.nat({ max: 2 ** 48 - 1 })), { maxLength: 200 }), (puts) => {
      const table = new SlabTable(true);
      const map = new Map<string, { value: string; flags: number; expiresAtMs: number }>();
      for (const [name, valueLength, flags, expiresAtMs] of puts) {
        const value = "x".repeat(valueLength);
        put(table, name, value, flags, expiresAtMs);
        map.set(name, { value, flags, expiresAtMs });
      }
      assert.equal(table.count, map.size);
      for (const [name, wanted] of map) {
        const bytes = encodeUtf8(name);
        const location = table.find(bytes, keyHash(bytes));
        assert.notEqual(location, 0);
        assert.equal(readUtf8(table.valueAt(location)), wanted.value);
        assert.equal(table.flagsAt(location), wanted.flags);
        assert.equal(table.expiresAtMsAt(location), wanted.expiresAtMs);
        assert.equal(table.compareKeyAt(location, bytes), 0);
      }
      const inOrder = [...map.keys()].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
      assert.deepEqual(keysInOrder(table), inOrder);
      assert.equal(new Set(table.locations()).size, map.size);
      assert.equal([...table.locations()].length, map.size);
    }),
    { numRuns: 60 },
  );
});

test("a hundred thousand keys are found, in order, and nothing else is", () => {
  const table = new SlabTable(true);
  const name = (index: number) => `key-${String((index * 7919) % 100_000).padStart(6, "0")}`;
  for (let index = 0; index < 100_000; index++) put(table, name(index), `v${index}`);
  for (let index = 0; index < 100_000; index += 37) assert.equal(get(table, name(index)), `v${index}`);
  assert.equal(get(table, "key-100000"), null);
  const keys = keysInOrder(table);
  assert.equal(keys.length, 100_000);
  assert.ok(keys.every((key, index) => index === 0 || (keys[index - 1] as string) < key));
  assert.equal([...table.locations()].length, 100_000);
});

test("seeking finds the first key that is not below, walking back the ones before it", () => {
  const table = new SlabTable(true);
  for (let index = 0; index < 2_000; index += 2) put(table, String(index).padStart(5, "0"), "");
  for (let index = 1; index < 1_990; index += 7) {
    const place = table.order.seek(encodeUtf8(String(index).padStart(5, "0")));
    const after = { ...place };
    const wanted = index % 2 === 0 ? index : index + 1;
    assert.equal(readUtf8(table.keyAt(table.order.next(after))), String(wanted).padStart(5, "0"));
    const before = table.order.previous(place);
    assert.equal(readUtf8(table.keyAt(before)), String(wanted - 2).padStart(5, "0"));
  }
  assert.equal(table.order.previous(table.order.first()), 0);
  assert.equal(table.order.next(table.order.end()), 0);
  assert.equal(readUtf8(table.keyAt(table.order.previous(table.order.end()))), "01998");
});

test("keys whose hashes are all equal make the table slow, not large", () => {
  const table = new SlabTable(false);
  for (let index = 0; index < 4_000; index++) table.put(encodeUtf8(`k${index}`), 0x12345678, encodeUtf8(String(index)), 0, 0);
  for (let index = 0; index < 4_000; index += 97) {
    const location = table.find(encodeUtf8(`k${index}`), 0x12345678);
    assert.equal(readUtf8(table.valueAt(location)), String(index));
  }
  for (let index = 0; index < 30_000; index++) put(table, `other-${index}`, "x");
  for (let index = 0; index < 30_000; index += 97) assert.equal(get(table, `other-${index}`), "x");
  assert.ok(table.bytes < 4_000_000, `${table.bytes} bytes`);
});

test("a value that does not grow stays where it is, a growing one moves seldom", () => {
  const table = new SlabTable(true);
  put(table, "a", "12345678");
  const before = table.recordBytes;
  put(table, "a", "abc", PARTIAL, 77);
  put(table, "a", "", TOMBSTONE);
  assert.equal(table.recordBytes, before);
  for (let length = 0; length < 10_000; length++) put(table, "a", "x".repeat(length));
  assert.equal(get(table, "a")?.length, 9_999);
  assert.ok(table.recordBytes < 150_000, `${table.recordBytes} bytes`);
  assert.equal(table.count, 1);
});

test("values of four megabytes have slabs of their own; larger than the limit is refused", () => {
  const table = new SlabTable(true);
  put(table, "big", "b".repeat(4 * 1024 * 1024));
  put(table, "small", "s");
  assert.equal(get(table, "big")?.length, 4 * 1024 * 1024);
  assert.equal(get(table, "small"), "s");
  assert.ok(table.bytes < 4_300_000);
  const key = encodeUtf8("k");
  assert.throws(() => table.put(key, keyHash(key), new Uint8Array(VALUE_BYTES_MAX + 1), 0, 0), RangeError);
  assert.throws(() => table.put(new Uint8Array(0x10000), 1, key, 0, 0), RangeError);
});

test("a table of a few keys takes a few kilobytes", () => {
  const table = new SlabTable(true);
  for (let index = 0; index < 10; index++) put(table, `k${index}`, "value");
  assert.ok(table.bytes < 6_000, `${table.bytes} bytes`);
});
