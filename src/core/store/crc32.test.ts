import assert from "node:assert/strict";
import { test } from "node:test";
import zlib from "node:zlib";
import fc from "fast-check";
import { crc32 } from "./crc32.js";

test("the checksum is zlib's, also when continued", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
      assert.equal(crc32(second, crc32(first)), zlib.crc32(Buffer.concat([first, second])));
    }),
  );
});
