/**
 * Frames as each version sent them. Routers of two versions speak with one another while a cluster is upgraded: a change
 * here needs a new version. `HOLDFAST_WRITE_GOLDEN=1` writes the file anew: for a new version, never over what was released.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { peerCodec } from "../../src/protocol/peer/frame-codec.js";
import { anyAnswerByKind, anyAskedByKind, anyFrameByKind } from "./arbitraries.js";
import { FRAMES, FROM, frameName, TO } from "./samples.js";

const FILE = new URL("../../../test/golden/frames-1.json", import.meta.url);

interface Stored {
  readonly frame: string;
  readonly bytes: string;
}

test("frames-1.json: frames of each kind are read, and written today byte for byte", () => {
  const written = FRAMES.map((frame) => ({
    frame: frameName(frame),
    bytes: Buffer.from(peerCodec.encode({ from: FROM, to: TO, frame })).toString("hex"),
  }));
  if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") writeFileSync(FILE, `${JSON.stringify(written, null, 2)}\n`);
  const stored: readonly Stored[] = JSON.parse(readFileSync(FILE, "utf8"));
  assert.deepEqual(written, stored);
  for (const [index, { frame, bytes }] of stored.entries()) {
    assert.deepEqual(peerCodec.decode(Buffer.from(bytes, "hex")), { from: FROM, to: TO, frame: FRAMES[index] }, frame);
  }
});

test("the golden file has every kind of frame, of request and of answer", () => {
  const { asked: _, answered: __, ...others } = anyFrameByKind;
  const all = [
    ...Object.keys(others),
    ...Object.keys(anyAskedByKind).map((kind) => `asked ${kind}`),
    ...Object.keys(anyAnswerByKind).map((kind) => `answered ${kind}`),
  ];
  assert.deepEqual([...new Set(FRAMES.map(frameName))].sort(), all.sort());
});
