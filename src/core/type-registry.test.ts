import assert from "node:assert/strict";
import { test } from "node:test";
import { BY_ENTITY, placementHash } from "./entity/address.js";
import { type CommandSpec, DEFAULT_POLICY, type EntityType } from "./entity/entity-type.js";
import type { DeploymentLimits } from "./input.js";
import { TypeRegistry, unknownCommand } from "./type-registry.js";

const LIMITS: DeploymentLimits = {
  inFlightMax: 1,
  entitiesMax: 1,
  commandsMax: 1,
  bytesMax: 1,
  timeoutMs: 1,
  prefer: "latency",
};

function typeOf(name: string, commands: readonly CommandSpec[] = [], queries: readonly CommandSpec[] = []): EntityType {
  const byName = (specs: readonly CommandSpec[]): ReadonlyMap<string, CommandSpec> =>
    new Map(specs.map((spec) => [spec.name, spec]));
  return {
    name,
    kind: "value",
    stateVersion: 1,
    commands: byName(commands),
    queries: byName(queries),
    replies: new Set(),
    events: new Map(),
    policy: DEFAULT_POLICY,
  };
}

const spec = (name: string, exposure: CommandSpec["exposure"]): CommandSpec => ({
  name,
  exposure,
  inputSchema: null,
  replySchema: null,
});

test("a type is served by the deployment that has it, until the next set of deployments says otherwise", () => {
  const types = new TypeRegistry([]);
  assert.equal(types.get("shop/cart"), null);
  const cart = typeOf("shop/cart");
  types.deploy([{ id: "d-1", types: [cart, typeOf("shop/till")], limits: LIMITS }], []);
  assert.deepEqual(types.get("shop/cart"), { deployment: "d-1", type: cart });
  types.deploy([{ id: "d-2", types: [cart], limits: LIMITS }], []);
  assert.equal(types.get("shop/cart")?.deployment, "d-2");
  assert.equal(types.get("shop/till"), null);
});

test("entities lie by type and id unless their type was placed otherwise, also when nothing serves the type any more", () => {
  const byPrefix = { kind: "prefix", separator: "-" } as const;
  const address = { type: "shop/cart", id: "t1-a" };
  const types = new TypeRegistry([{ type: "shop/cart", colocation: byPrefix }]);
  assert.equal(types.hashOf(address), placementHash(address, byPrefix));
  assert.equal(types.hashOf({ ...address, type: "shop/till" }), placementHash({ ...address, type: "shop/till" }, BY_ENTITY));
  types.deploy([], []);
  assert.equal(types.hashOf(address), placementHash(address, byPrefix));
});

test("a placement that arrives with a deployment counts from then on, also for the address asked for last", () => {
  const types = new TypeRegistry([]);
  const address = { type: "shop/cart", id: "t1-a" };
  const byPrefix = { kind: "prefix", separator: "-" } as const;
  assert.equal(types.hashOf(address), placementHash(address, BY_ENTITY));
  types.deploy([], [{ type: "shop/cart", colocation: byPrefix }]);
  assert.equal(types.hashOf(address), placementHash(address, byPrefix));
});

test("who names what is not there is told what is: types, and commands that are public", () => {
  const types = new TypeRegistry([]);
  assert.match(types.unknownType("a/b"), /no deployment is registered yet/);
  types.deploy([{ id: "d-1", types: [typeOf("shop/till"), typeOf("shop/cart")], limits: LIMITS }], []);
  assert.equal(types.unknownType("a/b"), "there is no type 'a/b'; there are shop/cart, shop/till");
  const cart = typeOf("shop/cart", [spec("put", "public"), spec("sweep", "internal")], [spec("get", "public")]);
  assert.equal(unknownCommand(cart, "x"), "shop/cart has no command or query 'x'; it has get, put");
  assert.match(unknownCommand(typeOf("shop/cart", [spec("sweep", "internal")]), "x"), /it has none that is public$/);
});

test("a canary serves its part of a type's entities, until one is taken back", () => {
  const types = new TypeRegistry([]);
  const stable = typeOf("shop/cart");
  const canary = typeOf("shop/cart", [{ name: "put", exposure: "public", inputSchema: null, replySchema: null }]);
  const deploy = (weight: number) =>
    types.deploy(
      [
        { id: "d-1", types: [stable, typeOf("shop/till")], limits: LIMITS },
        { id: "d-2", types: [canary], limits: LIMITS, weight },
      ],
      [],
    );
  deploy(10_000);
  const cart = { type: "shop/cart", id: "1" };
  assert.deepEqual(types.servedTo(cart), { deployment: "d-2", type: canary });
  assert.deepEqual(types.get("shop/cart"), { deployment: "d-1", type: stable }, "of the type in general");
  assert.equal(types.isOfCanary({ type: "shop/till", id: "1" }), false);
  assert.equal(types.takeBack({ type: "shop/till", id: "1" }), false);
  assert.equal(types.takeBack(cart), true);
  assert.deepEqual(types.servedTo(cart), { deployment: "d-1", type: stable });
  deploy(9_999);
  assert.equal(types.isOfCanary(cart), false, "also at another weight");
  types.deploy([{ id: "d-1", types: [stable], limits: LIMITS }], []);
  deploy(10_000);
  assert.equal(types.isOfCanary(cart), true, "a new trial begins with everybody");
});
