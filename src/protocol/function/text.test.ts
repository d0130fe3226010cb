import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { internedText } from "./text.js";

describe("interned text", () => {
  it("is the right one, however many of the same length come by, and whatever their length", () => {
    const texts = Array.from({ length: 5_000 }, (_, index) => `name-${String(index).padStart(5, "0")}`);
    texts.push("", "é😀", "x".repeat(49), "é".repeat(60), ...texts.slice(0, 100));
    for (const text of texts) {
      const bytes = new TextEncoder().encode(`<${text}>`);
      assert.equal(internedText(bytes, 1, bytes.length - 1), text);
    }
  });
});
