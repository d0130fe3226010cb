import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ask, post, withIngress } from "./running-ingress.js";

describe("a call over HTTP", () => {
  it("reaches the core byte for byte and comes back with its id and version", async () => {
    await withIngress({}, async ({ core, url }) => {
      const body = `{ "by":12345678901234567890, "by":1e999, "__proto__":{"a":1.10} }`;
      const reply = await post(`${url}/shop/cart/c1/add`, body);
      assert.equal(reply.status, 200);
      assert.equal(reply.text, body);
      assert.equal(reply.headers.get("content-type"), "application/json");
      assert.equal(reply.headers.get("holdfast-version"), "7");
      assert.equal(reply.headers.get("holdfast-command-id"), core.command.id);
      assert.deepEqual(core.command.to, { type: "shop/cart", id: "c1" });
      assert.equal(core.command.name, "add");
      assert.equal(core.command.hasKey, false);
    });
  });

  it("answers 204 where the function gave no reply", async () => {
    await withIngress({}, async ({ url }) => {
      const reply = await post(`${url}/shop/cart/c1/checkout`);
      assert.equal(reply.status, 204);
      assert.equal(reply.headers.get("holdfast-version"), "7");
    });
  });

  it("names what exists, and no internal command, where a command is unknown", async () => {
    await withIngress({}, async ({ url }) => {
      for (const name of ["nothing", "expire", "reserved", "audit"]) {
        const reply = await post(`${url}/shop/cart/c1/${name}`, "{}");
        assert.equal(reply.status, 404, name);
        assert.equal(reply.code, "unknown_command");
        assert.deepEqual(reply.json["exists"], { commands: ["add", "checkout"], queries: ["view"] });
      }
      const reply = await ask(`${url}/shop/card/c1`);
      assert.equal(reply.code, "unknown_type");
      assert.deepEqual(reply.json["exists"], ["shop/cart"]);
    });
  });
});
