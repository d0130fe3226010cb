/** One router over memory adapters and an in-process function: the whole path without a network or a disk. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppendOutcome } from "../../src/core/log/record.js";
import { MemoryDirectory } from "../../src/directory-memory/memory-directory.js";
import { MemoryJournal } from "../../src/journal-memory/memory-journal.js";
import { MemorySnapshots } from "../../src/snapshots-memory/memory-snapshots.js";
import { startTestRouter } from "./router-harness.js";

/** Refuses for ever what holds a count of 3. */
class PickyJournal extends MemoryJournal {
  refused = 0;

  override async append(log: string, position: number, body: Uint8Array): Promise<AppendOutcome> {
    if (!Buffer.from(body).includes('{"count":3}')) return super.append(log, position, body);
    this.refused++;
    return { kind: "refused", isPermanent: true, message: "not that", retryAfterMs: null };
  }
}

describe("one router", () => {
  it("answers a command with the function's reply and keeps its state", async () => {
    const router = await startTestRouter();
    assert.deepEqual(await router.call("demo/counter", "a", "add", '{"by":2}'), { kind: "replied", text: '{"count":2}' });
    assert.deepEqual(await router.call("demo/counter", "a", "add", '{"by":3}'), { kind: "replied", text: '{"count":5}' });
    assert.deepEqual(await router.state("demo/counter", "a"), { version: 2, text: '{"count":5}' });
    await router.stop();
  });

  it("has the state of every acknowledged command after a crash", async () => {
    const router = await startTestRouter();
    await Promise.all(Array.from({ length: 200 }, (_, index) => router.call("demo/counter", `c${index % 7}`, "add", '{"by":1}')));
    const again = await router.crashAndRestart();
    let total = 0;
    for (let index = 0; index < 7; index++)
      total += JSON.parse((await again.state("demo/counter", `c${index}`)).text ?? "{}").count;
    assert.equal(total, 200);
    await again.stop();
  });

  it("keeps entries that are too large for the journal in the snapshot store, and finds them again after a crash", async () => {
    class SmallJournal extends MemoryJournal {
      override readonly spillBytesMin: number = 150;
    }
    const snapshots = new MemorySnapshots();
    const router = await startTestRouter({ journal: new SmallJournal(), directory: new MemoryDirectory(), snapshots });
    await router.call("demo/counter", "a", "add", '{"by":7}', "k".repeat(300));
    const listed = await snapshots.list("values/");
    assert.equal(listed.kind === "listed" && listed.names.length > 0, true);
    const again = await router.crashAndRestart();
    assert.deepEqual(await again.state("demo/counter", "a"), { version: 1, text: '{"count":7}' });
    await again.stop();
  });

  it("makes a message whose effects the journal refuses for ever a dead letter, and goes on", async () => {
    const storage = { journal: new PickyJournal(), directory: new MemoryDirectory(), snapshots: new MemorySnapshots() };
    const router = await startTestRouter(storage);
    await router.call("demo/counter", "a", "add", '{"by":2}');
    await router.call("demo/sender", "s", "ask", '{"to":"a"}');
    await router.until(async () => (await router.deadLetters().catch(() => [])).length > 0);
    await router.until(async () => (await router.state("demo/sender", "s").catch(() => null))?.text === '{"answers":["failed"]}');
    assert.deepEqual(await router.call("demo/counter", "a", "add", '{"by":5}'), { kind: "replied", text: '{"count":7}' });
    assert.equal(storage.journal.refused, 2);
    await router.stop();
  });

  it("has it after an orderly stop too, from segments alone", async () => {
    const router = await startTestRouter();
    for (let index = 0; index < 50; index++) await router.call("demo/counter", `c${index}`, "add", `{"by":${index}}`);
    await router.stop();
    const again = await router.restart();
    assert.deepEqual(await again.state("demo/counter", "c49"), { version: 1, text: '{"count":49}' });
    await again.stop();
  });

  it("lets a refusal through and leaves nothing of it", async () => {
    const router = await startTestRouter();
    const refused = await router.call("demo/counter", "a", "add", '{"by":-1}');
    assert.equal(refused.kind, "refused");
    assert.deepEqual(await router.state("demo/counter", "a"), { version: 0, text: null });
    await router.stop();
  });

  it("answers a repeated key with the first outcome, and refuses the key for another body", async () => {
    const router = await startTestRouter();
    assert.deepEqual(await router.call("demo/counter", "a", "add", '{"by":1}', "k1"), { kind: "replied", text: '{"count":1}' });
    assert.deepEqual(await router.call("demo/counter", "a", "add", '{"by":1}', "k1"), { kind: "replied", text: '{"count":1}' });
    const reused = await router.call("demo/counter", "a", "add", '{"by":7}', "k1");
    assert.equal(reused.kind === "problem" && reused.code, "idempotency_key_reused");
    await router.stop();
  });

  it("takes no new keys when it keeps as many outcomes as it may, and forgets none of them", async () => {
    const router = await startTestRouter(undefined, { resultsMax: 2 });
    for (const key of ["k1", "k2"]) await router.call("demo/counter", "a", "add", '{"by":1}', key);
    const refused = await router.call("demo/counter", "a", "add", '{"by":1}', "k3");
    assert.equal(refused.kind === "problem" && refused.code, "idempotency_store_full");
    assert.deepEqual(await router.call("demo/counter", "a", "add", '{"by":1}', "k1"), { kind: "replied", text: '{"count":1}' });
    assert.deepEqual(await router.call("demo/counter", "a", "add", '{"by":1}'), { kind: "replied", text: '{"count":3}' });
    await router.stop();
  });

  it("delivers a message to another entity, and its answer back, once", async () => {
    const router = await startTestRouter();
    for (let index = 0; index < 20; index++) await router.call("demo/sender", `s${index}`, "ask", `{"to":"t${index}"}`);
    await router.settle();
    for (let index = 0; index < 20; index++) {
      assert.equal((await router.state("demo/counter", `t${index}`)).text, '{"count":1}');
      assert.equal((await router.state("demo/sender", `s${index}`)).text, '{"answers":["replied"]}');
    }
    await router.stop();
  });

  it("runs an accepted command after a crash, and a delayed one when it is due", async () => {
    const router = await startTestRouter();
    await router.send("demo/counter", "a", "add", '{"by":1}', 0);
    await router.send("demo/counter", "b", "add", '{"by":1}', 300);
    const again = await router.crashAndRestart();
    await again.settle();
    assert.equal((await again.state("demo/counter", "a")).text, '{"count":1}');
    await again.until(async () => (await again.state("demo/counter", "b")).text === '{"count":1}');
    await again.stop();
  });

  it("makes a message that faults by itself a dead letter, and answers its asker", async () => {
    const router = await startTestRouter();
    await router.call("demo/sender", "s", "askPoison", '{"to":"p"}');
    await router.until(async () => (await router.state("demo/sender", "s")).text === '{"answers":["failed"]}');
    const letters = await router.deadLetters();
    assert.equal(letters.length, 1);
    await router.stop();
  });
});
