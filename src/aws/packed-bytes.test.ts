import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { BytePacker, PACKED_HEADER_BYTES } from "./packed-bytes.js";

const packer = new BytePacker();
const BYTES_MAX = 1 << 20;

async function unpacked(packed: Uint8Array, bytesMax = BYTES_MAX): Promise<Uint8Array | string> {
  const outcome = await packer.unpack(packed, bytesMax);
  return outcome.kind === "content" ? outcome.bytes : outcome.kind;
}

/** Half of it repeats, half does not, as in records. */
const mixed = (size: number) => Buffer.concat([Buffer.alloc(size >> 1, "shop/cart lineAsked "), randomBytes(size - (size >> 1))]);

describe("packed bytes", () => {
  test("come back as they were, of every size and kind", async () => {
    for (const size of [0, 1, 899, 900, 901, 16_384, 16_385, 400_000]) {
      for (const content of [mixed(size), randomBytes(size), Buffer.alloc(size)]) {
        assert.deepEqual(await unpacked(await packer.pack(content)), new Uint8Array(content));
      }
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), async (content) => {
        assert.deepEqual(await unpacked(await packer.pack(content)), content);
      }),
    );
  });

  test("are smaller where that saves something, and never more than the header larger", async () => {
    assert.ok((await packer.pack(mixed(4_000))).length < 2_300);
    assert.equal(
      (await packer.pack(mixed(800))).length,
      800 + PACKED_HEADER_BYTES,
      "what fits into one write unit stays as it is",
    );
    assert.equal((await packer.pack(randomBytes(50_000))).length, 50_000 + PACKED_HEADER_BYTES);
  });

  test("are a copy: what they were made of, and what comes out, is the caller's", async () => {
    const content = mixed(100);
    const packed = await packer.pack(content);
    const before = packed.slice();
    content.fill(0);
    ((await unpacked(packed)) as Uint8Array).fill(1);
    assert.deepEqual(packed, before);
  });

  test("that were changed anywhere are damaged or of a newer format, never taken for content", async () => {
    for (const packed of [await packer.pack(mixed(300)), await packer.pack(mixed(3_000))]) {
      for (let at = 0; at < packed.length; at += at < 20 ? 1 : 97) {
        const changed = packed.slice();
        changed[at] = (changed[at] ?? 0) ^ 0x10;
        const outcome = await unpacked(changed);
        assert.ok(outcome === "damaged" || outcome === "format_newer", `byte ${at}`);
        assert.equal(outcome === "format_newer", at >= 3 && at <= 5, `byte ${at}`);
      }
      for (const length of [0, 5, 9, 10, packed.length - 1]) assert.equal(await unpacked(packed.subarray(0, length)), "damaged");
    }
  });

  test("that would swell beyond the limit are refused, before they have", async () => {
    const bomb = (await packer.pack(new Uint8Array(2_000))).slice(0, PACKED_HEADER_BYTES);
    const small = Buffer.concat([bomb, deflateRawSync(new Uint8Array(1 << 20))]);
    assert.ok(small.length < 2_000);
    assert.equal(await unpacked(small, 64 << 10), "damaged");
    const large = Buffer.concat([bomb, deflateRawSync(new Uint8Array(64 << 20))]);
    assert.ok(large.length > 16 << 10);
    assert.equal(await unpacked(large, 64 << 10), "damaged");
    assert.equal(await unpacked(await packer.pack(randomBytes(1_001)), 1_000), "damaged");
  });

  test("many at once all come through", async () => {
    const contents = Array.from({ length: 40 }, (_, n) => mixed(20_000 + n));
    const packed = await Promise.all(contents.map((content) => packer.pack(content)));
    const outcomes = await Promise.all(packed.map((one) => unpacked(one)));
    assert.deepEqual(
      outcomes,
      contents.map((content) => new Uint8Array(content)),
    );
  });

  test("of every version are read for ever", async () => {
    // What deflate makes of bytes differs between versions of zlib; what inflate makes of them does not.
    const contents = { "packed-plain-1.bin": sentences(400), "packed-deflated-1.bin": sentences(4_000) };
    for (const [name, content] of Object.entries(contents)) {
      const file = new URL(`../../../test/golden/${name}`, import.meta.url);
      if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") writeFileSync(file, await packer.pack(content));
      const packed = new Uint8Array(readFileSync(file));
      assert.equal(packed[4], name.includes("plain") ? 0 : 1);
      assert.deepEqual(await unpacked(packed), content);
    }
  });
});

/** The same text at every run. */
function sentences(size: number): Uint8Array {
  let text = "";
  for (let n = 0; text.length < size; n++) text += `line ${n} of ${(n * 7919) % 1_000}; `;
  return new TextEncoder().encode(text.slice(0, size));
}
