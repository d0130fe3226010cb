import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addressText,
  BY_ENTITY,
  type Colocation,
  type EntityAddress,
  ID_BYTES_MAX,
  idProblem,
  isSameAddress,
  NAME_BYTES_MAX,
  nameProblem,
  parseAddress,
  placementHash,
  shardOfHash,
  typeProblem,
} from "./address.js";

test("an address is its type, a slash and its id, and is read back whatever is in the id", () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,5}$/);
  fc.assert(
    fc.property(name, name, fc.string({ unit: "grapheme", minLength: 1 }), (namespace, short, id) => {
      const address = { type: `${namespace}/${short}`, id };
      assert.equal(addressText(address), `${namespace}/${short}/${id}`);
      assert.deepEqual(parseAddress(addressText(address)), address);
    }),
  );
  assert.deepEqual(parseAddress("shop/cart/a/b//c"), { type: "shop/cart", id: "a/b//c" });
  assert.deepEqual(parseAddress("shop/cart/"), { type: "shop/cart", id: "" });
  for (const text of ["", "shop", "shop/cart"]) assert.equal(parseAddress(text), null, text);
});

test("addresses are the same when type and id are", () => {
  const address = { type: "shop/cart", id: "1" };
  assert.ok(isSameAddress(address, { ...address }));
  assert.ok(!isSameAddress(address, { ...address, id: "2" }));
  assert.ok(!isSameAddress(address, { ...address, type: "shop/till" }));
});

test("ids may be any text of 1 to 256 bytes without control characters", () => {
  const fine = ["1", "a b", "ü", "😀", "...", ".a", "a/b", "$x", "%41", "\u00a0", "\u2028", "\ufeff", "e\u0301"];
  for (const id of [...fine, "x".repeat(ID_BYTES_MAX), "é".repeat(ID_BYTES_MAX / 2)]) assert.equal(idProblem(id), null, id);
  const refused: readonly (readonly [id: string, why: RegExp])[] = [
    ["", /empty/],
    [".", /path segments/],
    ["..", /path segments/],
    ["a\ud800", /lone surrogate/],
    ["\udc00b", /lone surrogate/],
    ["a\u0000", /control character at offset 1/],
    ["\n", /control character at offset 0/],
    ["\u001f", /control character/],
    ["\u007f", /control character/],
    ["\u0080", /control character/],
    ["\u009f", /control character/],
    ["x".repeat(ID_BYTES_MAX + 1), /257 bytes long, 256 are allowed/],
    ["é".repeat(ID_BYTES_MAX / 2 + 1), /258 bytes long/],
  ];
  for (const [id, why] of refused) assert.match(idProblem(id) ?? "fine", why, JSON.stringify(id));
});

test("names begin with a letter or '_' and hold letters, digits, '_', '-' and '.'", () => {
  for (const name of ["a", "_", "Z9", "a.b-c_d", "x".repeat(NAME_BYTES_MAX)]) assert.equal(nameProblem(name), null, name);
  for (const name of ["", "9a", "-a", ".a", "a b", "a/b", "ä", "a\n", "a$", "a\u0000"]) {
    assert.match(nameProblem(name) ?? "fine", /must begin/, JSON.stringify(name));
  }
  assert.match(nameProblem("$purge") ?? "fine", /the router's/);
  assert.match(nameProblem("x".repeat(NAME_BYTES_MAX + 1)) ?? "fine", /longer than 128/);
});

test("a type is two names with one slash between", () => {
  assert.equal(typeProblem("shop/cart"), null);
  for (const type of ["shop", "", "a/b/c"]) assert.match(typeProblem(type) ?? "fine", /namespace\/name/, type);
  for (const type of ["/b", "a/", "/", "1/b", "a/1"]) assert.match(typeProblem(type) ?? "fine", /must begin/, type);
  for (const type of ["$a/b", "a/$b"]) assert.match(typeProblem(type) ?? "fine", /the router's/, type);
});

const BY_DASH: Colocation = { kind: "prefix", separator: "-" };

/** What is stored lies where these say. A change here would lose it. */
const GOLDEN: readonly (readonly [type: string, id: string, colocation: Colocation, hash: number, of4: number, of256: number])[] =
  [
    ["shop/cart", "c1", BY_ENTITY, 0x5283fc3f, 1, 82],
    ["shop/cart", "c2", BY_ENTITY, 0x09b2a9fe, 0, 9],
    ["shop/till", "c1", BY_ENTITY, 0x4f384f2e, 1, 79],
    ["a/b", "x", BY_ENTITY, 0xab194c56, 2, 171],
    ["bank/account", "DE89 3704 0044 0532 0130 00", BY_ENTITY, 0x8220e79e, 2, 130],
    ["shop/cart", "ü", BY_ENTITY, 0x92d44302, 2, 146],
    ["shop/cart", "😀/a b", BY_ENTITY, 0x271ae71b, 0, 39],
    ["shop/cart", "x".repeat(256), BY_ENTITY, 0xdf5c90b4, 3, 223],
    ["shop/cart", "t1-a", BY_ENTITY, 0x01ff0330, 0, 1],
    ["shop/cart", "t1-a", BY_DASH, 0xe7e89933, 3, 231],
    ["shop/till", "t1-b", BY_DASH, 0xe7e89933, 3, 231],
    ["shop/cart", "plain", BY_DASH, 0x0fbfe879, 0, 15],
  ];

test("frozen: where entities lie", () => {
  for (const [type, id, colocation, hash, of4, of256] of GOLDEN) {
    const address = { type, id };
    const name = `${addressText(address)} by ${colocation.kind}`;
    assert.equal(placementHash(address, colocation), hash, name);
    assert.equal(shardOfHash(hash, 4), of4, name);
    assert.equal(shardOfHash(hash, 256), of256, name);
  }
});

test("by prefix, entities of any type with one prefix lie together, and an id without a separator is its own prefix", () => {
  const hash = (type: string, id: string): number => placementHash({ type, id }, BY_DASH);
  assert.equal(hash("shop/cart", "t1-a"), hash("shop/till", "t1-b-c"));
  assert.equal(hash("shop/cart", "t1-a"), hash("shop/cart", "t1"));
  assert.notEqual(hash("shop/cart", "t1-a"), hash("shop/cart", "t2-a"));
});

test("shards are equal ranges of the hash: the first begins at 0, the last ends at the top, and none is skipped", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4_096 }), fc.nat({ max: 2 ** 32 - 1 }), (shards, hash) => {
      const shard = shardOfHash(hash, shards);
      assert.ok(Number.isInteger(shard) && shard >= 0 && shard < shards);
      assert.ok(hash === 0 || shard - shardOfHash(hash - 1, shards) <= 1);
      assert.equal(shardOfHash(0, shards), 0);
      assert.equal(shardOfHash(2 ** 32 - 1, shards), shards - 1);
      const begin = Math.ceil((shard * 2 ** 32) / shards);
      assert.equal(shardOfHash(begin, shards), shard);
      if (begin > 0) assert.equal(shardOfHash(begin - 1, shards), shard - 1);
    }),
  );
});

test("hashes of neighbouring ids spread over all shards", () => {
  const perShard = new Array<number>(16).fill(0);
  const addresses = Array.from({ length: 16_000 }, (_, index): EntityAddress => ({ type: "shop/cart", id: String(index) }));
  for (const address of addresses) {
    const shard = shardOfHash(placementHash(address, BY_ENTITY), perShard.length);
    perShard[shard] = (perShard[shard] ?? 0) + 1;
  }
  for (const count of perShard) assert.ok(count > 850 && count < 1_150, `${perShard}`);
});
