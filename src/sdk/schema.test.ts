import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { z } from "zod";
import { callLocal } from "./call-local.js";
import { command, described, entity, local, type Schema, unchecked } from "./index.js";
import { check, checkNow, jsonSchemaOf } from "./schema.js";

/** A library that always answers later. */
function later<T>(schema: Schema<T>): Schema<T> {
  const { "~standard": standard } = schema;
  return { "~standard": { ...standard, validate: async (value) => standard.validate(value) } };
}

describe("schemas", () => {
  it("name the place of what does not fit", async () => {
    const schema = z.object({ lines: z.array(z.object({ sku: z.string() })) });
    const checked = await check(schema, { lines: [{ sku: "a" }, { sku: 1 }] });
    assert.deepEqual(checked.ok || checked.fields.map((field) => field.path), ["lines.1.sku"]);
  });

  it("may answer later for inputs and replies, not for events and contexts", async () => {
    const Slow = entity("demo/slow", {
      events: { seen: later(unchecked<number>()) },
      commands: { double: command({ input: later(z.number()), reply: later(z.number()) }), emit: command() },
    });
    const slow = Slow.eventSourced({ initial: () => 0 }).handle({
      apply: { seen: (state) => state },
      commands: { double: (_ctx, value) => value * 2, emit: (ctx) => ctx.emit("seen", 1) },
    });
    const call = local([slow], { onFault: () => undefined });
    const commands = [{ name: "double", input: 2 }, { name: "double", input: "x" }, { name: "emit" }];
    const [result] = await callLocal(call, [{ type: "demo/slow", commands }]);
    assert.deepEqual(result?.outcomes[0], { n: 0, reply: 4 });
    assert.match(JSON.stringify(result?.outcomes[1]), /"invalid_input"/);
    assert.match(JSON.stringify(result?.outcomes[2]), /"fault".*asynchronous/);
    assert.throws(() => checkNow(later(z.number()), "x", "it"), /asynchronous/);
  });

  it("have a JSON Schema where the library has words for them, or where one is given", () => {
    assert.equal(jsonSchemaOf(z.string(), "input")?.["type"], "string");
    assert.equal(jsonSchemaOf(z.date(), "input"), null);
    assert.equal(jsonSchemaOf(unchecked(), "input"), null);
    assert.deepEqual(jsonSchemaOf(described(unchecked<number>(), { type: "number" }), "output"), { type: "number" });
    const withDefault = z.object({ quantity: z.number().default(1) });
    assert.deepEqual(
      [jsonSchemaOf(withDefault, "input")?.["required"], jsonSchemaOf(withDefault, "output")?.["required"]],
      [undefined, ["quantity"]],
    );
  });
});
