import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CostMeter } from "../../../src/router/metrics/cost-meter.js";
import { RouterMetrics } from "../../../src/router/metrics/router-metrics.js";
import { post, withIngress } from "../ingress/running-ingress.js";

const SILENT = {
  canaries: () => [],
  core: () => null,
  openRequests: () => 3,
  heldBodyBytes: () => 1_000,
  costOf: () => ({ requests: 0, units: 0 }),
};

describe("the metrics", () => {
  it("count commands by type and outcome, requests by status, and the time they took", async () => {
    const metrics = new RouterMetrics(SILENT);
    await withIngress({ observer: metrics }, async ({ url }) => {
      for (let count = 0; count < 3; count++) await post(`${url}/shop/cart/c1/add`, "1");
      await post(`${url}/shop/cart/c1/add?mode=send`, "1");
      await post(`${url}/shop/cart/c1/nothing`, "1");
    });
    const text = await metrics.text();
    assert.match(text, /^holdfast_commands_total\{type="shop\/cart",outcome="replied"\} 3$/m);
    assert.match(text, /^holdfast_commands_total\{type="shop\/cart",outcome="accepted"\} 1$/m);
    assert.match(text, /^holdfast_command_seconds_count\{type="shop\/cart"\} 4$/m);
    assert.match(text, /^holdfast_requests_total\{status="200"\} 3$/m);
    assert.match(text, /^holdfast_requests_total\{status="404"\} 1$/m);
    assert.match(text, /^holdfast_requests_open 3$/m);
    metrics.stop();
  });

  it("tell of invocations, appends and steps", async () => {
    const metrics = new RouterMetrics(SILENT);
    const command = { n: 0, id: "c", name: "add", isQuery: false, input: Buffer.from("12"), nowMs: 990, attempt: 1 };
    const entity = { n: 0, type: "shop/cart", id: "c1", version: 1, stateVersion: 1, state: Buffer.from("345"), events: [] };
    const commands = [{ ...command, caller: null, metadata: [], answer: null }];
    metrics.invocationStarted(1, "d-1", { invocation: "i", deadlineMs: 1, entities: [{ ...entity, commands }] }, 1_000);
    metrics.invocationEnded(1, "complete", 1_004);
    metrics.invocationEnded(1, "complete", 1_004);
    metrics.appended(300, 0.2, "happened");
    metrics.stepped(5, 0.05);
    metrics.stored("read", 2);
    const text = await metrics.text();
    assert.match(text, /^holdfast_queue_seconds_bucket\{le="0.01"\} 1$/m);
    assert.match(text, /^holdfast_invocation_seconds_bucket\{le="0.005",deployment="d-1"\} 1$/m);
    assert.match(text, /^holdfast_invocations_total\{end="complete"\} 1$/m);
    assert.match(text, /^holdfast_invocation_bytes_sum 5$/m);
    assert.match(text, /^holdfast_append_bytes_sum 300$/m);
    assert.match(text, /^holdfast_append_seconds_bucket\{le="0.00025"\} 1$/m);
    assert.match(text, /^holdfast_step_inputs_bucket\{le="8"\} 1$/m);
    assert.match(text, /^holdfast_loop_delay_seconds\{quantile="0.99"\}/m);
    assert.doesNotMatch(text, /NaN/);
    metrics.stop();
  });

  it("tell what AWS may charge for, by kind, and nothing where nothing was sent", async () => {
    const meter = new CostMeter();
    const metrics = new RouterMetrics({ ...SILENT, costOf: (kind) => meter.costOf(kind) });
    assert.doesNotMatch(await metrics.text(), /^holdfast_cost_\w+\{/m);
    meter.count("dynamodb_write", 12);
    meter.count("dynamodb_write", 1);
    meter.count("s3_put", 1);
    const text = await metrics.text();
    assert.match(text, /^holdfast_cost_requests_total\{kind="dynamodb_write"\} 2$/m);
    assert.match(text, /^holdfast_cost_units_total\{kind="dynamodb_write"\} 13$/m);
    assert.match(text, /^holdfast_cost_requests_total\{kind="s3_put"\} 1$/m);
    assert.doesNotMatch(text, /kind="lambda_invoke"/);
    metrics.stop();
  });
});
