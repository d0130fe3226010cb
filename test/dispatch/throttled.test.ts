/** An endpoint that runs only so many invocations at a time and turns the others away at once, as Lambda's concurrency does. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COMPLETE, DispatchSimulation, deployment, randomFrom, runnable } from "./dispatch-simulation.js";

const INVOCATION_MS = 8;
const REFUSAL_MS = 1;
const THINK_MS = 5;
const RUN_MS = 10_000;

interface Measured {
  readonly served: number;
  readonly turnedAway: number;
  /** Of the endpoint's places, how many were in use, in the mean. */
  readonly utilization: number;
  readonly commands: number;
}

function measure(places: number, clients: number, inFlightMax: number): Measured {
  const random = randomFrom(11);
  let active = 0;
  let served = 0;
  let turnedAway = 0;
  let busyMs = 0;
  let commands = 0;
  const world = new DispatchSimulation(
    {
      invoke({ members }) {
        if (active >= places) {
          turnedAway++;
          const end = { kind: "unavailable", message: "429", retryAfterMs: null } as const;
          return { results: [], end, endAfterMs: REFUSAL_MS };
        }
        active++;
        served++;
        const tookMs = INVOCATION_MS * (0.8 + 0.4 * random());
        busyMs += tookMs;
        world.at(world.nowMs + tookMs, () => active--);
        return { results: members.map(({ runnable: { key } }) => ({ key, afterMs: tookMs })), end: COMPLETE, endAfterMs: tookMs };
      },
      finished(member, nowMs) {
        commands++;
        world.at(nowMs + THINK_MS * (0.5 + random()), () => world.offer(runnable(member.key)));
      },
      judged(member, verdict) {
        assert.equal(verdict.kind, "unavailable", "being turned away is nobody's fault");
        world.offer(runnable(member.key));
      },
    },
    [deployment("d1", ["t/a"], { inFlightMax, entitiesMax: 8 })],
  );
  for (let client = 0; client < clients; client++) world.at(random() * 10, () => world.offer(runnable(`client-${client}`)));
  world.runUntil(RUN_MS);
  return { served, turnedAway, utilization: busyMs / (RUN_MS * places), commands };
}

describe("an endpoint that turns invocations away beyond its places", () => {
  for (const [places, utilizationMin] of [
    [1, 0.75],
    [2, 0.6],
    [4, 0.5],
    [16, 0.5],
  ] as const) {
    it(`is kept busy with ${places} of them, and asked in vain seldom`, () => {
      const { served, turnedAway, utilization, commands } = measure(places, 400, 32);
      assert.ok(utilization >= utilizationMin, `${utilization} of the places in use`);
      assert.ok(turnedAway <= served / 5, `${turnedAway} turned away, ${served} served`);
      assert.ok(commands > served * 5, "what is turned away gathers into larger batches");
    });
  }
});
