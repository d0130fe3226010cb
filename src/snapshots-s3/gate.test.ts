import assert from "node:assert/strict";
import { test } from "node:test";
import { Gate } from "./gate.js";

test("no more than so many tasks run at once, and those that wait run in the order they came, whatever becomes of others", async () => {
  const gate = new Gate(2);
  const started: number[] = [];
  let running = 0;
  let mostRunning = 0;
  const tasks: Promise<void>[] = [];
  const come = (count: number) => {
    for (let more = 0; more < count; more++) tasks.push(gate.through(task(tasks.length)));
  };
  const task = (n: number) => async () => {
    started.push(n);
    mostRunning = Math.max(mostRunning, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    if (n === 5) come(10);
    if (n % 3 === 0) throw new Error("this one failed");
  };
  come(20);
  for (let at = 0; at < tasks.length; at++) await Promise.allSettled([tasks[at]]);
  assert.deepEqual(
    started,
    Array.from({ length: 30 }, (_, n) => n),
  );
  assert.equal(mostRunning, 2);
});
