import assert from "node:assert/strict";
import { test } from "node:test";
import { WriteThread } from "./write-thread.js";

test("a write thread that dies fails what it was asked, what is queued, and everything later", async () => {
  const thread = new WriteThread(
    new URL(`data:text/javascript,import { parentPort } from "node:worker_threads";parentPort.on("message",()=>process.exit(1))`),
  );
  const asked = [thread.append("a", 1, [new Uint8Array(1)], true), thread.append("b", 1, [new Uint8Array(1)], true)];
  for (const outcome of await Promise.allSettled(asked)) {
    assert.equal(outcome.status, "rejected");
    if (outcome.status === "rejected") assert.equal(outcome.reason.kind, "failed");
  }
  await assert.rejects(thread.ask("c", { kind: "sync", descriptor: 1 }), { name: "FileProblem", kind: "failed" });
  await thread.close();
});

test("a write thread that throws says why", async () => {
  const thread = new WriteThread(
    new URL(
      `data:text/javascript,import { parentPort } from "node:worker_threads";parentPort.on("message",()=>{throw new Error("out of order")})`,
    ),
  );
  await assert.rejects(thread.ask("c", { kind: "sync", descriptor: 1 }), /out of order/);
});
