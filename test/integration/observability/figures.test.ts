import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClockPort } from "../../../src/ports/clock.js";
import { FiguresLog } from "../../../src/router/metrics/figures-log.js";
import { RouterMetrics } from "../../../src/router/metrics/router-metrics.js";

/** A clock whose only alarm rings when the test says so. */
class AlarmClock implements Pick<ClockPort, "after"> {
  #wake: (() => void) | null = null;

  after(_ms: number, wake: () => void): () => void {
    this.#wake = wake;
    return () => {
      this.#wake = null;
    };
  }

  get isSet(): boolean {
    return this.#wake !== null;
  }

  ring(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function figuresOf(valueByMetric: Map<string, number>) {
  const lines: object[] = [];
  const clock = new AlarmClock();
  let told = (): void => undefined;
  const log = {
    info: (fields: object) => {
      lines.push(fields);
      told();
    },
    error: (fields: object) => assert.fail(JSON.stringify(fields)),
  };
  const figures = new FiguresLog({
    everyMs: 60_000,
    source: { valueOf: async (metric) => valueByMetric.get(metric) ?? null },
    clock: clock as unknown as ClockPort,
    log,
  });
  const nextLine = async (): Promise<object | undefined> => {
    const line = new Promise<void>((resolve) => (told = resolve));
    clock.ring();
    await line;
    while (!clock.isSet) await new Promise((resolve) => setImmediate(resolve));
    return lines.at(-1);
  };
  return { figures, clock, nextLine };
}

describe("the figures in the log", () => {
  it("are gauges as they are, counters by their growth, and nothing that the router does not have", async () => {
    const values = new Map([
      ["holdfast_node_load", 0.4],
      ["holdfast_dead_letters_total", 3],
    ]);
    const { figures, nextLine } = figuresOf(values);
    assert.deepEqual(await nextLine(), { figures: { node_load: 0.4, dead_letters: 3 } });
    values.set("holdfast_node_load", 0.7).set("holdfast_dead_letters_total", 5);
    assert.deepEqual(await nextLine(), { figures: { node_load: 0.7, dead_letters: 2 } });
    figures.stop();
  });

  it("count a counter that began again from its beginning", async () => {
    const values = new Map([["holdfast_shard_moves_total", 10]]);
    const { figures, nextLine } = figuresOf(values);
    await nextLine();
    values.set("holdfast_shard_moves_total", 4);
    assert.deepEqual(await nextLine(), { figures: { shard_moves: 4 } });
    figures.stop();
  });

  it("end with the router", async () => {
    const { figures, clock, nextLine } = figuresOf(new Map());
    await nextLine();
    figures.stop();
    assert.equal(clock.isSet, false);
  });

  it("are found among the router's metrics, summed over labels", async () => {
    const metrics = new RouterMetrics({
      openRequests: () => 0,
      heldBodyBytes: () => 0,
      costOf: () => ({ requests: 2, units: 3 }),
      canaries: () => [],
      core: () => null,
    });
    assert.equal(await metrics.valueOf("holdfast_dead_letters_total"), 0);
    assert.equal(await metrics.valueOf("holdfast_cost_requests_total"), 2 * 7);
    assert.equal(await metrics.valueOf("holdfast_nothing"), null);
    metrics.stop();
  });
});
