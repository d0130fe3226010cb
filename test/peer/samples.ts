/** One of every frame, with every field and every case in use: what the golden file holds. */

import type { Answer } from "../../src/core/answer.js";
import { encodeUtf8 } from "../../src/core/bytes/utf8.js";
import type { PeerFrame } from "../../src/core/peers/frames.js";
import type { Asked } from "../../src/core/request.js";
import { ASKED, CART, DEAD_LETTER, LOG, MESSAGE, TILL, TIMER } from "../record/samples.js";

const AT_MS = 1_763_625_600_123;
const STREAM = { epoch: 7, number: 2 };
const EVENTS = [
  { version: 41, atMs: AT_MS, name: "added", eventVersion: 1, data: encodeUtf8("1") },
  { version: 42, atMs: AT_MS + 1, name: "priced", eventVersion: 2, data: new Uint8Array(0) },
];

const ARRIVED: Asked = {
  kind: "commandArrived",
  isRepeat: false,
  isStrict: false,
  request: 300,
  to: CART,
  name: "add",
  input: encodeUtf8('{"sku":"1"}'),
  id: "c-1",
  hasKey: true,
  bodyHash: "b-1",
  acceptedAtMs: AT_MS,
  deadlineMs: AT_MS + 30_000,
  metadata: ASKED.metadata,
  mode: "call",
  delayMs: 0,
  isAdmin: false,
};

const asked: readonly Asked[] = [
  ARRIVED,
  { ...ARRIVED, hasKey: false, bodyHash: "", deadlineMs: Infinity, metadata: [], mode: "send", delayMs: 5_000, isAdmin: true },
  { ...ARRIVED, isRepeat: true },
  { ...ARRIVED, name: "total", hasKey: false, isStrict: true },
  { kind: "stateAsked", request: 301, of: CART, isAdmin: true, isStrict: false, deadlineMs: AT_MS },
  { kind: "stateAsked", request: 301, of: CART, isAdmin: false, isStrict: false, deadlineMs: Infinity },
  { kind: "stateAsked", request: 301, of: CART, isAdmin: false, isStrict: true, deadlineMs: AT_MS },
  { kind: "eventsAsked", request: 302, of: CART, after: 40, limit: 100, follow: true, isAdmin: false },
  { kind: "outcomeAsked", request: 303, of: CART, commandId: "c-1", untilMs: AT_MS },
  { kind: "timersAsked", request: 304, of: CART, limit: 100 },
  { kind: "deadLettersAsked", request: 305, of: null, limit: 100 },
  { kind: "deadLettersAsked", request: 305, of: CART, limit: 100 },
  { kind: "deadLetterEnded", request: 306, of: CART, commandId: "c-2", action: "retry" },
  { kind: "deadLetterEnded", request: 306, of: CART, commandId: "c-2", action: "drop" },
  { kind: "purgeAsked", request: 307, of: TILL },
];

const answers: readonly Answer[] = [
  { kind: "outcome", commandId: "c-1", version: 42, outcome: { kind: "replied", reply: encodeUtf8("[1]") }, isDuplicate: false },
  {
    kind: "outcome",
    commandId: "c-1",
    version: 42,
    outcome: { kind: "refused", code: "empty", message: "nothing is in it", details: encodeUtf8("{}") },
    isDuplicate: true,
  },
  { kind: "outcome", commandId: "c-1", version: 0, outcome: { kind: "failed", code: "x", message: "y" }, isDuplicate: false },
  { kind: "accepted", commandId: "c-1" },
  { kind: "pending", commandId: "c-1", status: "accepted" },
  { kind: "pending", commandId: "c-1", status: "scheduled" },
  { kind: "pending", commandId: "c-1", status: "running" },
  { kind: "state", version: 42, state: encodeUtf8('{"total":1.10}') },
  { kind: "state", version: 0, state: null },
  { kind: "events", version: 42, events: EVENTS, next: 42 },
  { kind: "events", version: 42, events: [], next: null },
  { kind: "timers", timers: [TIMER] },
  { kind: "deadLetters", deadLetters: [{ entity: CART, deadLetter: DEAD_LETTER }] },
  { kind: "done" },
  { kind: "problem", problem: { code: "mailbox_full", message: "1000 wait", retryAfterMs: 1_000 } },
  { kind: "problem", problem: { code: "stopping", message: "it stops", retryAfterMs: null } },
];

export const TO = "n2-0198f3a2";
export { LOG as FROM };

export const FRAMES: readonly PeerFrame[] = [
  ...asked.map((asked) => ({ kind: "asked", shard: 200, epoch: 7, asked }) as const),
  { kind: "askerLeft", request: 300 },
  ...answers.map((answer) => ({ kind: "answered", request: 300, answer }) as const),
  { kind: "fed", request: 302, events: EVENTS, ended: null },
  { kind: "fed", request: 302, events: [], ended: "stopping" },
  { kind: "fed", request: 302, events: [], ended: "moved" },
  { kind: "fed", request: 302, events: [], ended: "slow" },
  { kind: "fed", request: 302, events: [], ended: "purged" },
  { kind: "turnedAway", request: 300, shard: 200 },
  { kind: "messageSent", message: MESSAGE, stream: STREAM, previous: 69_999 },
  { kind: "streamBroken", sourceShard: 3, targetShard: 200, stream: STREAM },
  { kind: "messagesAcknowledged", sourceShard: 3, targetShard: 200, numbers: [69_999, 70_000] },
  { kind: "shardMoved", shard: 200, epoch: 8, owner: TO },
  { kind: "shardMoved", shard: 200, epoch: 8, owner: null },
  { kind: "handOffAsked", shard: 200, epoch: 8 },
  { kind: "notHere", incarnation: TO },
  { kind: "shardShown", shard: 200, token: "t-9", descriptor: Uint8Array.of(1, 2, 3) },
  { kind: "handOffAwaited", shard: 200, epoch: 8 },
];

/** What the frame is, in the words that the golden file has for it. */
export function frameName(frame: PeerFrame): string {
  if (frame.kind === "asked") return `asked ${frame.asked.kind}`;
  return frame.kind === "answered" ? `answered ${frame.answer.kind}` : frame.kind;
}
