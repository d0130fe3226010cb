import assert from "node:assert/strict";
import { test } from "node:test";
import { murmur3 } from "./murmur3.js";
import { encodeUtf8 } from "./utf8.js";

test("SMHasher's verification value for MurmurHash3 x86 32-bit comes out", () => {
  const hashes = new Uint8Array(256 * 4);
  const key = new Uint8Array(256);
  for (let length = 0; length < 256; length++) {
    key[length] = length;
    new DataView(hashes.buffer).setUint32(length * 4, murmur3(key.subarray(0, length), 256 - length), true);
  }
  assert.equal(murmur3(hashes), 0xb0f57ee3);
});

test("known vectors: lengths around a block, seeds, bytes above 0x7f", () => {
  const vectors: readonly (readonly [bytes: readonly number[] | string, seed: number, hash: number])[] = [
    ["", 0, 0],
    ["", 1, 0x514e28b7],
    ["", 0xffffffff, 0x81f16f39],
    [[0xff, 0xff, 0xff, 0xff], 0, 0x76293b50],
    [[0x21, 0x43, 0x65, 0x87], 0, 0xf55b516b],
    [[0x21, 0x43, 0x65, 0x87], 0x5082edee, 0x2362f9de],
    [[0x21, 0x43, 0x65], 0, 0x7e4a8634],
    [[0x21, 0x43], 0, 0xa0f7b07a],
    [[0x21], 0, 0x72661cf4],
    [[0, 0, 0, 0], 0, 0x2362f9de],
    [[0, 0, 0], 0, 0x85f0b427],
    ["Hello, world!", 0x9747b28c, 0x24884cba],
    ["The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd],
  ];
  for (const [input, seed, hash] of vectors) {
    const bytes = typeof input === "string" ? encodeUtf8(input) : Uint8Array.from(input);
    assert.equal(murmur3(bytes, seed), hash, `${input}`);
    const padded = Uint8Array.from([7, ...bytes, 9, 9]);
    assert.equal(murmur3(padded, seed, 1, 1 + bytes.length), hash, `a part: ${input}`);
  }
});
