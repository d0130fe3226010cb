import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CartState, LineStatus, StockState } from "../functions/shop.js";
import { checkShop } from "./shop-invariants.js";

type End = "bought" | "removed" | null;

function shop(change: { stock?: Partial<StockState>; status?: LineStatus; end?: End; isForgotten?: boolean } = {}): string {
  const stock: StockState = { restocked: 10, free: 8, lines: { l1: 2 }, ...change.stock };
  const bought = { line: "l1", sku: "s", quantity: 2, status: change.status ?? "bought" } as const;
  const expired = { line: "l2", sku: "s", quantity: 3, status: "expired" } as const;
  const lines: CartState["lines"] = change.isForgotten === true ? { l2: expired } : { l1: bought, l2: expired };
  const ends = new Map<string, End>([
    ["l1", change.end === undefined ? "bought" : change.end],
    ["l2", null],
  ]);
  return checkShop(new Map([["s", stock]]), new Map([["c", { lines }]]), new Map([["c", ends]])).join("\n");
}

describe("the shop's invariants", () => {
  it("hold where nothing is wrong", () => {
    assert.equal(shop(), "");
    assert.equal(shop({ status: "removed", end: "removed", stock: { free: 10, lines: {} } }), "");
  });

  it("find more reserved than there is, and what does not add up", () => {
    assert.match(shop({ stock: { restocked: 1, free: -1 } }), /2 reserved of 1/);
    assert.match(shop({ stock: { free: 9 } }), /2 reserved and 9 free are not 10/);
    assert.match(shop({ stock: { restocked: 1, free: -1 } }), /-1 are free/);
  });

  it("find a line that stock and cart see differently", () => {
    assert.match(shop({ stock: { free: 10, lines: {} } }), /line l1 of 2 is bought, and s holds null/);
    assert.match(shop({ stock: { free: 7, lines: { l1: 3 } } }), /holds 3 for it/);
    assert.match(shop({ stock: { free: 5, lines: { l1: 2, l2: 3 } } }), /line l2 is expired, and s holds 3/);
    assert.match(shop({ stock: { free: 7, lines: { l1: 2, l9: 1 } } }), /holds line l9, which is in no cart/);
  });

  it("find a question that was never answered, and a reservation that never expired", () => {
    assert.match(shop({ status: "asked", stock: { free: 10, lines: {} } }), /never answered/);
    assert.match(shop({ status: "confirmed" }), /long after its time/);
  });

  it("find what a client was told otherwise", () => {
    assert.match(shop({ end: "removed" }), /is bought, and a client was told removed/);
    assert.match(shop({ end: null }), /neither bought nor removed/);
    assert.match(shop({ isForgotten: true, stock: { free: 10, lines: {} } }), /line l1 was acknowledged, and is gone/);
  });
});
