import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../bytes/utf8.js";
import { addToFilter, FILTER_PROBES, filterBytesFor, mayContain } from "./bloom-filter.js";
import { keyHash } from "./key-hash.js";

function filterOf(hashes: Uint32Array): Uint8Array {
  const filter = new Uint8Array(filterBytesFor(hashes.length));
  addToFilter(filter, hashes, 0, hashes.length);
  return filter;
}

for (const keys of [1, 10, 1_000, 100_000]) {
  test(`a filter of ${keys} keys knows them all and takes about 1 of 100 others for one`, () => {
    const hashes = Uint32Array.from({ length: keys }, (_, index) => keyHash(encodeUtf8(`in-${index}`)));
    const filter = filterOf(hashes);
    for (const hash of hashes) assert.ok(mayContain(filter, 0, filter.length, FILTER_PROBES, hash));
    let wrong = 0;
    for (let index = 0; index < 50_000; index++) {
      if (mayContain(filter, 0, filter.length, FILTER_PROBES, keyHash(encodeUtf8(`out-${index}`)))) wrong += 1;
    }
    assert.ok(wrong / 50_000 < 0.015, `${wrong} of 50000 were taken for members`);
  });
}
