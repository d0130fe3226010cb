/** How many invocations a thousand commands take: clients in a closed loop, functions of 8 ms, commits of 5 ms. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DeploymentLimits } from "../../src/core/input.js";
import { COMPLETE, DispatchSimulation, deployment, randomFrom, runnable } from "./dispatch-simulation.js";

const INVOCATION_MS = 8;
const COMMIT_MS = 5;
/** From the reply to the client's next command in the router's hands. */
const ROUND_TRIP_MS = 0.5;
const RUN_MS = 4_000;

interface Load {
  readonly clients: number;
  readonly prefer: DeploymentLimits["prefer"];
  /** Results come as they are there, one after the other over the second half of the invocation; else all at its end. */
  readonly isStreaming?: boolean;
}

interface Measured {
  readonly perThousand: number;
  readonly meanMs: number;
}

function measure({ clients, prefer, isStreaming = false }: Load): Measured {
  const random = randomFrom(7);
  const offeredAtMs = new Map<string, number>();
  let commands = 0;
  let waitedMs = 0;
  const world = new DispatchSimulation(
    {
      invoke({ members }) {
        const tookMs = INVOCATION_MS * (0.9 + 0.2 * random());
        const results = members.map(({ runnable: { key } }, index) => {
          const share = isStreaming ? (index + 1) / members.length : 1;
          return { key, afterMs: tookMs * (0.5 + 0.5 * share) };
        });
        return { results, end: COMPLETE, endAfterMs: tookMs };
      },
      finished(member, nowMs) {
        commands++;
        waitedMs += nowMs - (offeredAtMs.get(member.key) ?? nowMs);
        const nextAtMs = nowMs + COMMIT_MS + ROUND_TRIP_MS * (0.5 + random());
        world.at(nextAtMs, () => offer(member.key));
      },
      judged: () => assert.fail("nothing fails here"),
    },
    [deployment("d1", ["t/a"], { prefer })],
  );
  const offer = (key: string): void => {
    offeredAtMs.set(key, world.nowMs);
    world.offer(runnable(key));
  };
  for (let client = 0; client < clients; client++) world.at(random() * 10, () => offer(`client-${client}`));
  world.runUntil(RUN_MS);
  return { perThousand: (world.startedCount * 1_000) / commands, meanMs: waitedMs / commands };
}

const FORMS = [
  ["all at the end", false],
  ["one by one", true],
] as const;

describe("how many invocations a thousand commands take", () => {
  for (const [form, isStreaming] of FORMS) {
    it(`at most 100 where cost is preferred, with 64 clients and results ${form}`, () => {
      const { perThousand, meanMs } = measure({ clients: 64, prefer: "cost", isStreaming });
      assert.ok(perThousand <= 60, `${perThousand} invocations`);
      assert.ok(meanMs <= INVOCATION_MS + 6, `a command takes ${meanMs} ms`);
    });

    it(`falls with the number of clients, results ${form}`, () => {
      for (const prefer of ["latency", "cost"] as const) {
        const counts = [1, 16, 64, 256].map((clients) => measure({ clients, prefer, isStreaming }).perThousand);
        assert.deepEqual(
          counts,
          counts.toSorted((left, right) => right - left),
          `${prefer}: ${counts.map(Math.round).join(", ")}`,
        );
      }
    });
  }

  it("a client alone waits for nobody, whatever is preferred", () => {
    for (const prefer of ["latency", "cost"] as const) {
      const { perThousand, meanMs } = measure({ clients: 1, prefer });
      assert.deepEqual([Math.round(perThousand), Math.round(meanMs)], [1_000, INVOCATION_MS]);
    }
  });

  it("where latency is preferred, company costs a command at most a millisecond", () => {
    for (const clients of [16, 64, 256]) {
      const { meanMs } = measure({ clients, prefer: "latency" });
      assert.ok(meanMs <= INVOCATION_MS + 1, `${clients} clients: ${meanMs} ms`);
    }
  });
});
