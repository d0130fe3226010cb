import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../entity/command.js";
import { Messages } from "./messages.js";
import { Outbox } from "./outbox.js";
import { ShardContext } from "./shard-context.js";
import type { ShardHost } from "./shard-host.js";
import type { ShardState } from "./shard-state.js";
import type { StoreReads } from "./store-reads.js";

const SOURCE = 6;
const TARGET = 0;

/** A shard that was just opened, with one message that its former owner left unsent, and what it sends to a shard that takes all. */
function opened(): { readonly messages: Messages; readonly sent: number[]; bear(number: number): void } {
  const sent: number[] = [];
  const outbox = new Outbox();
  const host = {
    tickMs: 0,
    ids: { isFirst: () => true },
    isSplit: () => false,
    send: ({ number }: Message) => sent.push(number) > 0,
  } as unknown as ShardHost;
  const context = new ShardContext(SOURCE, 4, { outbox } as unknown as ShardState, host);
  const messages = new Messages(context, {} as unknown as StoreReads);
  outbox.add(message(1));
  return {
    messages,
    sent,
    bear(number) {
      outbox.add(message(number));
      messages.born([message(number)]);
    },
  };
}

function message(number: number): Message {
  return { sourceShard: SOURCE, targetShard: TARGET, number, to: { type: "a/b", id: "c" } } as unknown as Message;
}

test("what is born before all shards are open goes out behind what a former owner left unsent", () => {
  const { messages, sent, bear } = opened();
  bear(2);
  assert.deepEqual(sent, []);
  messages.begin();
  assert.deepEqual(sent, [1, 2]);
  bear(3);
  assert.deepEqual(sent, [1, 2, 3]);
});
