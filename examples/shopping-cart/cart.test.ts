import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testRouter } from "holdfast/testing";
import { cart } from "./cart.js";
import { Cart, Inventory, Payment } from "./contracts.js";
import { inventory } from "./inventory.js";
import { payment } from "./payment.js";

const c1 = Cart("c1");
const socks = Inventory("socks");
const twoSocks = { sku: "socks", quantity: 2, priceCents: 500 };

/** A shop with ten pairs of socks. */
async function shop() {
  const t = await testRouter([cart, inventory, payment]);
  await t.call(socks.restock({ quantity: 10 }));
  return t;
}

async function namesOf(t: Awaited<ReturnType<typeof shop>>): Promise<string[]> {
  return (await t.events(c1)).map((event) => event.name);
}

describe("a cart", () => {
  it("confirms a line once the inventory has reserved it", async () => {
    const t = await shop();
    await t.call(c1.add(twoSocks));
    await t.settle();
    assert.deepEqual(await namesOf(t), ["lineAsked", "lineConfirmed"]);
    assert.deepEqual(await t.query(socks.left()), { left: 8 });
  });

  it("drops a line that the inventory refuses, and says why", async () => {
    const t = await shop();
    await t.call(c1.add({ ...twoSocks, quantity: 11 }));
    await t.settle();
    const last = (await t.events(c1)).at(-1);
    assert.equal(last?.name === "lineRefused" && last.data.reason, "sold_out");
    assert.deepEqual((await t.query(c1.view())).lines, {});
  });

  it("refuses input that does not fit, naming the field", async () => {
    const t = await shop();
    const refusal = { code: "invalid_input", details: [{ path: "quantity", message: "Too small: expected number to be >=1" }] };
    await assert.rejects(t.call(c1.add({ ...twoSocks, quantity: 0 })), refusal);
    assert.deepEqual(await t.events(c1), []);
  });

  it("is paid at checkout, and its timer is gone", async () => {
    const t = await shop();
    await t.call(c1.add(twoSocks));
    await t.settle();
    assert.deepEqual(await t.call(c1.checkout()), { status: "paying", totalCents: 1_000 });
    await t.settle();
    assert.deepEqual((await namesOf(t)).slice(2), ["checkoutStarted", "checkedOut"]);
    assert.deepEqual(await t.timers(c1), []);
    await assert.rejects(t.call(c1.add(twoSocks)), { code: "cart_closed" });
  });

  it("opens again when the bank declines", async () => {
    const t = await shop();
    await t.call(c1.add({ ...twoSocks, priceCents: 1_000_000 }));
    await t.settle();
    await t.call(c1.checkout());
    await t.settle();
    const last = (await t.events(c1)).at(-1);
    assert.equal(last?.name === "reopened" && last.data.reason, "card_declined");
  });

  it("opens again after 15 minutes without an answer, and cancels a payment that comes too late", async () => {
    const t = await shop();
    await t.call(c1.add(twoSocks));
    await t.settle();
    t.unavailable(Payment);
    await t.call(c1.checkout());
    await t.advance("14m");
    assert.equal((await t.query(c1.view())).status, "paying");
    await t.advance("2m");
    assert.equal((await t.query(c1.view())).status, "open");
    t.available(Payment);
    await t.settle();
    assert.deepEqual((await namesOf(t)).slice(2), ["checkoutStarted", "reopened"]);
    assert.deepEqual(t.ran(Payment("c1")).at(-1), { name: "cancel", input: { payment: "c1-1" } });
  });

  it("releases what is reserved for a line that was removed in the meantime", async () => {
    const t = await shop();
    t.unavailable(Inventory);
    await t.call(c1.add(twoSocks));
    await t.call(c1.remove({ sku: "socks" }));
    await t.call(c1.add({ ...twoSocks, quantity: 5 }));
    t.available(Inventory);
    await t.settle();
    assert.deepEqual(await t.query(socks.left()), { left: 5 });
    assert.equal((await t.query(c1.view())).lines["socks"]?.quantity, 5);
  });

  it("does not mind an inventory that fails twice", async () => {
    const t = await shop();
    t.fail(socks, 2);
    await t.call(c1.add(twoSocks));
    await t.settle();
    assert.deepEqual(await namesOf(t), ["lineAsked", "lineConfirmed"]);
    assert.deepEqual(await t.query(socks.left()), { left: 8 });
  });

  it("goes on behind a crash where it was", async () => {
    const t = await shop();
    await t.call(c1.add(twoSocks));
    await t.restart();
    await t.settle();
    assert.deepEqual(await namesOf(t), ["lineAsked", "lineConfirmed"]);
  });
});
