import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BY_ENTITY, placementHash, shardOfHash } from "../entity/address.js";
import { CanaryChoice } from "./canary-choice.js";

const ENTITIES = Array.from({ length: 20_000 }, (_, n) => ({ type: "shop/cart", id: `cart-${n}` }));
const chosen = (weight: number, deployment = "d-0123456789ab") => {
  const choice = new CanaryChoice(deployment, weight);
  return ENTITIES.filter((entity) => choice.takes(entity));
};

describe("which entities a canary serves", () => {
  it("is about the weight's share of them, in every shard", () => {
    for (const weight of [100, 500, 2_500, 5_000]) {
      const share = chosen(weight).length / ENTITIES.length;
      // Four standard deviations of so many throws.
      const margin = 4 * Math.sqrt(((weight / 10_000) * (1 - weight / 10_000)) / ENTITIES.length);
      assert.ok(Math.abs(share - weight / 10_000) < margin, `${share} for ${weight}`);
    }
    const countByShard = new Array(8).fill(0);
    for (const entity of chosen(2_500)) countByShard[shardOfHash(placementHash(entity, BY_ENTITY), 8)]++;
    for (const count of countByShard) assert.ok(count > 500 && count < 750, `${countByShard}`);
  });

  it("only grows with the weight, from none to all", () => {
    let before = new Set(chosen(0));
    assert.equal(before.size, 0);
    for (const weight of [1, 50, 500, 501, 5_000, 9_999, 10_000]) {
      const now = new Set(chosen(weight));
      for (const entity of before) assert.ok(now.has(entity), `${entity.id} left at ${weight}`);
      before = now;
    }
    assert.equal(before.size, ENTITIES.length);
  });

  it("is another part of them for another deployment", () => {
    const first = new Set(chosen(500));
    const both = chosen(500, "d-ba9876543210").filter((entity) => first.has(entity));
    assert.ok(both.length < first.size / 5, `${both.length} of ${first.size}`);
  });

  it("leaves out who was taken back, also at another weight, but not for another deployment", () => {
    const choice = new CanaryChoice("d-1", 10_000);
    const [one, other] = [ENTITIES[0], ENTITIES[1]];
    assert.ok(one !== undefined && other !== undefined);
    assert.equal(choice.takeBack(one), true);
    assert.equal(choice.takeBack(one), false, "it is there no more");
    assert.deepEqual([choice.takes(one), choice.takes(other)], [false, true]);
    assert.equal(new CanaryChoice("d-1", 9_999, choice).takes(one), false);
    assert.equal(new CanaryChoice("d-2", 10_000, choice).takes(one), true);
  });

  it("takes back a bounded number", () => {
    const choice = new CanaryChoice("d-1", 10_000);
    assert.equal(ENTITIES.filter((entity) => choice.takeBack(entity)).length, 10_000);
  });
});
