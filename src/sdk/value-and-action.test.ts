import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { z } from "zod";
import { type CallCommand, callLocal, callText } from "./call-local.js";
import { action, command, entity, local, query, refuse, unchecked } from "./index.js";

interface Profile {
  readonly name: string;
  readonly tags?: readonly string[];
}
const Profiles = entity("demo/profile", {
  commands: {
    rename: command({ input: z.string() }),
    renameThenRefuse: command({ input: z.string() }),
    erase: command(),
    put: command({ input: unchecked<unknown>() }),
  },
  queries: { name: query({ reply: z.string().nullable() }) },
});
const profile = Profiles.value({ initial: (): Profile | null => null, stateTtl: "7d", expose: ["state"] }).handle({
  commands: {
    rename(ctx, name) {
      ctx.state = { ...ctx.state, name };
    },
    renameThenRefuse(ctx, name) {
      ctx.state = { name };
      throw refuse("taken", `${ctx.state?.name} is taken`);
    },
    erase(ctx) {
      ctx.state = null;
    },
    put(ctx, value) {
      ctx.state = typeof value === "string" ? ({ name: new Date(0) } as unknown as Profile) : (value as Profile);
    },
  },
  queries: { name: (state) => state?.name ?? null },
});

const Mailer = action("demo/mailer", {
  commands: { mail: command({ input: z.string(), reply: z.string() }) },
  queries: { size: query({ input: z.string(), reply: z.int() }) },
});
const mailer = Mailer.action({ mailboxMax: 10 }).handle({
  commands: {
    mail(ctx, to) {
      ctx.send(Profiles(to).rename("mailed"));
      return `${ctx.commandId} at ${ctx.now.toISOString()} by ${ctx.caller?.id} for ${ctx.metadata["principal"]}, attempt ${ctx.attempt}`;
    },
  },
  queries: { size: (text) => text.length },
});
const call = local([profile, mailer], { onFault: () => undefined });

async function onProfile(state: Profile | null, commands: readonly CallCommand[]) {
  const [result] = await callLocal(call, [{ type: "demo/profile", state, commands }]);
  assert.ok(result);
  return result;
}

describe("a value entity", () => {
  it("answers the state that was assigned last, null where it was deleted, none where nothing was assigned", async () => {
    const renamed = await onProfile({ name: "a", tags: ["x"] }, [
      { name: "rename", input: "b" },
      { name: "name", query: true },
    ]);
    assert.deepEqual(renamed, { n: 0, state: { name: "b", tags: ["x"] }, outcomes: [{ n: 0 }, { n: 1, reply: "b" }] });
    assert.equal((await onProfile({ name: "a" }, [{ name: "erase" }])).state, null);
    assert.equal("state" in (await onProfile({ name: "a" }, [{ name: "name", query: true }])), false);
  });

  it("sees its initial state again after a deletion", async () => {
    const { outcomes, state } = await onProfile({ name: "a" }, [
      { name: "erase" },
      { name: "name", query: true },
      { name: "rename", input: "b" },
    ]);
    assert.deepEqual(outcomes[1], { n: 1, reply: null });
    assert.deepEqual(state, { name: "b" });
  });

  it("rolls back to the state before a refused command, not further", async () => {
    const commands = [
      { name: "rename", input: "b" },
      { name: "renameThenRefuse", input: "c" },
      { name: "name", query: true },
    ] as const;
    const { outcomes, state } = await onProfile({ name: "a" }, commands);
    assert.deepEqual(outcomes.slice(1), [
      { n: 1, refusal: { code: "taken", message: "c is taken" } },
      { n: 2, reply: "b" },
    ]);
    assert.deepEqual(state, { name: "b" });
  });

  it("faults a state that JSON cannot hold, naming the place", async () => {
    const { outcomes } = await onProfile(null, [{ name: "put", input: "date" }]);
    assert.match(JSON.stringify(outcomes), /state\.name is a Date/);
  });

  it("keeps keys that would pollute prototypes as plain data", async () => {
    const { state } = await onProfile(null, [{ name: "put", input: JSON.parse(`{"__proto__":{"x":1},"name":"n"}`) }]);
    assert.equal(JSON.stringify(state), `{"__proto__":{"x":1},"name":"n"}`);
    assert.equal(({} as { x?: unknown }).x, undefined);
  });
});

describe("an action", () => {
  it("replies and sends without a state, and knows whose command it is", async () => {
    const command = {
      name: "mail",
      input: "p1",
      attempt: 2,
      caller: { type: "shop/cart", id: "c1" },
      metadata: { principal: "ann" },
    };
    const [result] = await callLocal(call, [
      { type: "demo/mailer", commands: [command, { name: "size", query: true, input: "four" }] },
    ]);
    assert.deepEqual(result, {
      n: 0,
      outcomes: [
        {
          n: 0,
          reply: "c-0 at 2026-11-20T08:00:00.000Z by c1 for ann, attempt 2",
          effects: [{ send: { to: { type: "demo/profile", id: "p1" }, command: "rename", input: "mailed" } }],
        },
        { n: 1, reply: 4 },
      ],
    });
  });
});

describe("discovery", () => {
  it("says what the function serves, with JSON Schemas where the library makes them, and what it wishes", async () => {
    const text = await callText(call, `{"holdfast":"1","kind":"discover"}`);
    const manifest = JSON.parse(text);
    assert.deepEqual([manifest.holdfast, manifest.contracts, manifest.encodings], ["1", ["1"], ["json", "protobuf"]]);
    const [first, second] = manifest.types;
    assert.deepEqual([first.type, first.kind, first.stateVersion], ["demo/profile", "value", 1]);
    assert.deepEqual(first.wishes, { stateTtl: "604800000ms", expose: ["state"] });
    assert.equal(first.commands[0].input.type, "string");
    assert.equal(first.commands[3].input, null);
    assert.deepEqual([second.kind, second.queries[0].reply.type, second.wishes], ["action", "integer", { mailboxMax: 10 }]);
  });
});
