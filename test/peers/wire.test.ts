/** Peer links as bytes. What a released version sends is never changed: `HOLDFAST_WRITE_GOLDEN=1` writes the files of a new version. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { MalformedBytes } from "../../src/core/bytes/byte-reader.js";
import { FrameQueue } from "../../src/peers-grpc/frame-queue.js";
import { FrameReader } from "../../src/peers-grpc/frame-reader.js";
import { decodeHello, encodeHello, type Hello } from "../../src/peers-grpc/hello.js";
import { MESSAGE_BYTES } from "../../src/peers-grpc/limits.js";

const GOLDEN = new URL("../../../test/golden/", import.meta.url);
const HELLO: Hello = {
  oldestVersion: 1,
  newestVersion: 1,
  cluster: "shop",
  address: "10.0.0.7:7946",
  session: "00112233445566778899aabbccddeeff",
  number: 300,
};
const SIZES = [0, 3, 200, MESSAGE_BYTES + 2, 1];

function golden(file: string, bytes: Uint8Array): Buffer {
  const url = new URL(file, GOLDEN);
  if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") writeFileSync(url, bytes);
  return readFileSync(url);
}

function messagesOf(frames: readonly Uint8Array[]): Buffer[] {
  const queue = new FrameQueue({ bytes: 0 });
  for (const frame of frames) queue.push(frame);
  const messages: Buffer[] = [];
  while (!queue.isEmpty) messages.push(queue.nextMessage());
  assert.equal(queue.bytes, 0);
  return messages;
}

test("a hello is written as it always was, and read again", () => {
  const bytes = golden("peer-hello-1.bin", encodeHello(HELLO));
  assert.deepEqual(encodeHello(HELLO), bytes);
  assert.deepEqual(decodeHello(bytes), HELLO);
});

test("messages of small and large frames are written as they always were, and read again", () => {
  const frames = SIZES.map((size, index) => new Uint8Array(size).fill(index + 1));
  const messages = messagesOf(frames);
  assert.deepEqual(
    messages.map((message) => message[0]),
    [1, 2, 3, 1],
  );
  const lengths = messages.map(({ length }) => Buffer.of(length & 255, (length >> 8) & 255, length >> 16, 0));
  const bytes = Buffer.concat(messages.flatMap((message, index) => [lengths[index] as Buffer, message]));
  assert.deepEqual(bytes, golden("peer-messages-1.bin", bytes));
  const reader = new FrameReader();
  const read: Uint8Array[] = [];
  for (const message of messages) reader.read(new Uint8Array(message), (frame) => read.push(frame) > 0);
  assert.deepEqual(read, frames);
});

test("frames of any sizes come out as they went in, and no message is larger than it may be", () => {
  for (let seed = 1; seed < 40; seed++) {
    let state = seed;
    const next = (max: number) => (state = (state * 48_271) % 2_147_483_647) % max;
    const frames = Array.from({ length: 300 }, () => new Uint8Array(next(10) === 0 ? next(200_000) : next(2000)).fill(next(256)));
    const reader = new FrameReader();
    let at = 0;
    for (const message of messagesOf(frames)) {
      assert.ok(message.length <= MESSAGE_BYTES + 5);
      reader.read(new Uint8Array(message), (frame) => {
        assert.ok(Buffer.from(frame).equals(frames[at++] as Uint8Array));
        return true;
      });
    }
    assert.equal(at, frames.length);
  }
});

test("a message that was changed anywhere is read, or is malformed, and nothing else happens", () => {
  const messages = messagesOf([new Uint8Array(5), new Uint8Array(200), new Uint8Array(MESSAGE_BYTES + 9)]);
  for (const message of messages) {
    for (let at = 0; at < Math.min(message.length, 300); at++) {
      for (const value of [0, 1, 2, 3, 4, 127, 128, 255]) {
        const changed = new Uint8Array(message);
        changed[at] = value;
        try {
          new FrameReader().read(changed, () => true);
        } catch (error) {
          assert.ok(error instanceof MalformedBytes);
        }
      }
    }
  }
});
