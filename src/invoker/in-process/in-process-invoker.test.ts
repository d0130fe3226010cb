import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClockPort } from "../../ports/clock.js";
import { type InProcessFunction, InProcessInvoker } from "./in-process-invoker.js";

class CountingClock implements ClockPort {
  readonly wakes = new Set<() => void>();

  nowMs(): number {
    return 0;
  }
  monotonicMs(): number {
    return 0;
  }
  async sleep(): Promise<void> {
    await Promise.resolve();
  }
  after(_: number, wake: () => void): () => void {
    this.wakes.add(wake);
    return () => this.wakes.delete(wake);
  }
}

const request = { invocation: "i", deadlineMs: 100, entities: [] };
const body = new TextEncoder().encode(`{"holdfast":"1","invocation":"i","entities":[]}`);
const never = new AbortController().signal;

function invokerOf(callee: InProcessFunction) {
  const clock = new CountingClock();
  const invoker = new InProcessInvoker(callee, clock);
  return { clock, invoke: () => invoker.invoke(request, null, never, () => assert.fail("no entity was asked for")) };
}

describe("the in-process invoker", () => {
  it("leaves no timer behind", async () => {
    const { clock, invoke } = invokerOf(() => ({ contentType: "application/json", body }));
    assert.equal((await invoke()).kind, "complete");
    assert.equal(clock.wakes.size, 0);
  });

  it("tells the function that its time is over", async () => {
    let signal = AbortSignal.abort();
    const { clock, invoke } = invokerOf((call) => {
      signal = call.signal;
      return new Promise(() => undefined);
    });
    const end = invoke();
    assert.equal(signal.aborted, false);
    for (const wake of clock.wakes) wake();
    assert.equal((await end).kind, "timeout");
    assert.equal(signal.aborted, true);
  });

  it("takes a function that throws, rejects or answers nonsense for what it is, and does not throw itself", async () => {
    const throwing = invokerOf(() => {
      throw new TypeError("x is not a function");
    });
    assert.deepEqual(await throwing.invoke(), { kind: "cut", message: "the function threw: TypeError: x is not a function" });
    const rejecting = invokerOf(() => Promise.reject("why"));
    assert.deepEqual(await rejecting.invoke(), { kind: "cut", message: "the function threw: why" });
    const nonsense = invokerOf(() => undefined as never);
    assert.equal((await nonsense.invoke()).kind, "cut");
  });
});
