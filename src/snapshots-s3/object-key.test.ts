import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { keyOfName, keyPrefixOf, nameOfKey } from "./object-key.js";

const names = fc
  .array(fc.constantFrom("a", "S", "x1", ".", "..", "...", "", ".a"), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join("/"));
const prefixes = fc.constantFrom("", "prod/", "a/b/");

test("every name has its own key, and comes back from it", () => {
  fc.assert(
    fc.property(prefixes, names, names, (prefix, name, other) => {
      const key = keyOfName(prefix, name);
      assert.equal(nameOfKey(prefix, key), name);
      assert.equal(keyOfName(prefix, other) === key, other === name);
      assert.ok(!key.split("/").some((folder) => folder === "" || folder === "." || folder === ".."));
    }),
  );
});

test("the key of a name begins with the key prefix of whatever the name begins with", () => {
  fc.assert(
    fc.property(prefixes, names, fc.nat(), (prefix, name, at) => {
      const namePrefix = name.slice(0, at % (name.length + 1));
      assert.ok(keyOfName(prefix, name).startsWith(keyPrefixOf(prefix, namePrefix)));
    }),
  );
});

test("the usual name is its own key", () => {
  assert.equal(keyOfName("prod/", "segments/12/3-abc"), "prod/segments/12/3-abc");
  assert.equal(keyPrefixOf("prod/", "segments/12/"), "prod/segments/12/");
});

test("a key that no name has is nobody's, and one that is too long is refused", () => {
  for (const key of ["prod/", "prod/a//b", "prod/a=b", "other/a", "prod/./a"]) assert.equal(nameOfKey("prod/", key), null);
  assert.throws(() => keyOfName("prod/", "/".repeat(512)), RangeError);
});
