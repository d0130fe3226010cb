/** The router's own meters against what the proxy in front of AWS has counted by rules of its own. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { REQUEST_KINDS, type RequestKind } from "../../../src/ports/request-meter.js";
import { until } from "../../e2e/world.js";
import { type Charges, CostWorld } from "./cost-world.js";

const CLIENTS = 16;
const ROUNDS = 25;

describe("what the router says it costs", () => {
  let world: CostWorld;
  before(async () => {
    world = await CostWorld.open({ prefer: "cost" });
  });
  after(() => world.close());

  it("is what the proxy has counted, request by request and unit by unit, also after a restart", async () => {
    await load(world);
    await agree(world, ["dynamodb_write", "dynamodb_read", "lambda_invoke"]);
    const before = world.charges();
    await world.stop();
    assert.ok(world.charges().s3_put.requests > before.s3_put.requests, "an orderly stop writes segments");
    await world.start();
    await load(world);
    await agree(world, ["dynamodb_write", "dynamodb_read", "s3_get", "lambda_invoke"]);
  });
});

async function load(world: CostWorld): Promise<void> {
  const client = async (index: number): Promise<void> => {
    for (let round = 0; round < ROUNDS; round++) {
      assert.equal(await world.command("cost/event", `e${index}`, round), 200);
      assert.equal(await world.command("cost/state", `s${index}`, round), 200);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));
}

/** At a moment at which nothing is under way. */
async function agree(world: CostWorld, busy: readonly RequestKind[]): Promise<void> {
  const since = world.atStart;
  let own: Charges | null = null;
  let seen: Charges | null = null;
  const both = async () => {
    own = await world.ownCharges();
    seen = world.charges();
    return JSON.stringify(compared(own)) === JSON.stringify(compared(seen, since));
  };
  await until(both).catch(() => undefined);
  assert.ok(own !== null && seen !== null);
  assert.deepEqual(compared(own), compared(seen, since));
  for (const kind of busy) assert.ok((own as Charges)[kind].requests > 0, `${kind} was used`);
}

/** Of Lambda the proxy knows no billed milliseconds. */
function compared(charges: Charges, since?: Charges): readonly (readonly [kind: string, requests: number, units: number])[] {
  return REQUEST_KINDS.map((kind) => {
    const requests = charges[kind].requests - (since?.[kind].requests ?? 0);
    const units = charges[kind].units - (since?.[kind].units ?? 0);
    return [kind, requests, kind === "lambda_invoke" ? 0 : units] as const;
  });
}
