import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { trace } from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { InvocationRequest } from "../../../src/core/entity/invocation.js";
import { makeTracing } from "../../../src/router/tracing/tracing.js";
import { type FakeCore, replies } from "../ingress/fake-core.js";
import { post, withIngress } from "../ingress/running-ingress.js";

const CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** The invocation that would carry the last command of the core. */
function invocationOf(core: FakeCore): InvocationRequest {
  const { id, name, input, metadata } = core.command;
  const command = { n: 0, id, name, isQuery: false, input, nowMs: 0, attempt: 1, caller: null, metadata, answer: null };
  const entity = { n: 0, type: "shop/cart", id: "c1", version: 0, stateVersion: 1, state: null, events: [], commands: [command] };
  return { invocation: "i", deadlineMs: 1, entities: [entity] };
}

describe("tracing without a provider", () => {
  it("hands the client's own context on, as it is, and nothing that is none", async () => {
    const tracing = makeTracing();
    await withIngress({ tracing }, async ({ core, url }) => {
      await post(`${url}/shop/cart/c1/add`, "1", { traceparent: CLIENT, tracestate: "a=b" });
      assert.deepEqual(core.command.metadata, [
        ["traceparent", CLIENT],
        ["tracestate", "a=b"],
      ]);
      assert.deepEqual(tracing.invocationStarted(1, "d", invocationOf(core)), { traceparent: CLIENT, tracestate: "a=b" });
      await post(`${url}/shop/cart/c1/add`, "1", { traceparent: "garbage", tracestate: "a=b" });
      assert.deepEqual(core.command.metadata, []);
      assert.equal(tracing.invocationStarted(2, "d", invocationOf(core)), null);
    });
  });
});

describe("tracing with a provider", () => {
  const exporter = new InMemorySpanExporter();
  after(() => trace.disable());

  it("makes one trace from the ingress through the invocation to the commit", async () => {
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
    const tracing = makeTracing();
    await withIngress({ tracing }, async ({ core, url }) => {
      let handed: string | undefined;
      core.behaviour = (input) => {
        handed = tracing.invocationStarted(1, "d-1", invocationOf(core))?.traceparent;
        tracing.invocationEnded(1, "complete");
        return replies(input);
      };
      await post(`${url}/shop/cart/c1/add`, "1", { traceparent: CLIENT });
      const spans = exporter.getFinishedSpans();
      assert.deepEqual(spans.map(({ name }) => name).sort(), ["holdfast.command", "holdfast.commit", "holdfast.invocation"]);
      const byName = new Map(spans.map((span) => [span.name, span]));
      const command = byName.get("holdfast.command");
      const invocation = byName.get("holdfast.invocation");
      assert.ok(
        spans.every((span) => span.spanContext().traceId === CLIENT.slice(3, 35)),
        "all belong to the client's trace",
      );
      assert.equal(command?.parentSpanContext?.spanId, CLIENT.slice(36, 52));
      assert.equal(invocation?.parentSpanContext?.spanId, command?.spanContext().spanId);
      assert.equal(byName.get("holdfast.commit")?.parentSpanContext?.spanId, command?.spanContext().spanId);
      assert.ok(handed?.includes(invocation?.spanContext().spanId ?? "none"), "the function continues the invocation's span");
    });
  });

  it("ends the trace of a client that leaves", async () => {
    exporter.reset();
    await withIngress({ tracing: makeTracing() }, async ({ core, url }) => {
      core.behaviour = () => null;
      const controller = new AbortController();
      const call = fetch(`${url}/shop/cart/c1/add`, { method: "POST", signal: controller.signal });
      while (core.inputs.length === 0) await turn();
      controller.abort();
      await assert.rejects(call);
      while (core.left.length === 0) await turn();
      assert.equal(exporter.getFinishedSpans()[0]?.attributes["holdfast.outcome"], "left");
    });
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
