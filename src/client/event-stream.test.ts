import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EventStreamParser } from "./event-stream.js";

const STREAM =
  ':\n\nid: 1\ndata: {"a":1}\n\nevent: holdfast-end\rdata:{\r\ndata: "b":2}\r\n\r\nretry: 5\n\nid: 2\ndata\n\nid: 3\ndata: cut off';
const EVENTS = [
  { event: "message", data: `{"a":1}`, id: "1" },
  { event: "holdfast-end", data: `{\n"b":2}`, id: "1" },
  { event: "message", data: "", id: "2" },
];

describe("an event stream", () => {
  it("gives the same events wherever its chunks are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(STREAM.length), { maxLength: 12 }), (cuts) => {
        const parser = new EventStreamParser();
        const ends = [...new Set([...cuts, STREAM.length])].sort((left, right) => left - right);
        const events = ends.flatMap((end, at) => parser.push(STREAM.slice(ends[at - 1] ?? 0, end)));
        assert.deepEqual(events, EVENTS);
      }),
    );
  });

  it("is refused when an event has no end", () => {
    const parser = new EventStreamParser();
    const chunk = `data: ${"x".repeat(1 << 20)}\n`;
    assert.throws(() => {
      for (let count = 0; count < 20; count++) parser.push(chunk);
    }, /has no end/);
  });
});
