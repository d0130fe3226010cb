/** What has to hold between carts and stock, whatever went wrong: nothing sold that is not there, nothing reserved for nobody. */
import type { CartState, StockState } from "../functions/shop.js";

/** By id; `ends`: what clients were told of a cart's lines. `carts` holds all carts that were ever asked. */
export function checkShop(
  stocks: ReadonlyMap<string, StockState>,
  carts: ReadonlyMap<string, CartState>,
  ends: ReadonlyMap<string, ReadonlyMap<string, "bought" | "removed" | null>>,
): readonly string[] {
  return [...checkStocks(stocks), ...checkLines(stocks, carts), ...checkEnds(carts, ends)];
}

function checkStocks(stocks: ReadonlyMap<string, StockState>): readonly string[] {
  const violations: string[] = [];
  for (const [sku, { restocked, free, lines }] of stocks) {
    const reserved = Object.values(lines).reduce((sum, quantity) => sum + quantity, 0);
    if (reserved > restocked) violations.push(`${sku}: ${reserved} reserved of ${restocked}`);
    if (free < 0) violations.push(`${sku}: ${free} are free`);
    if (reserved + free !== restocked) violations.push(`${sku}: ${reserved} reserved and ${free} free are not ${restocked}`);
  }
  return violations;
}

/** A line is confirmed or bought exactly if the stock holds it, in the same quantity. */
function checkLines(stocks: ReadonlyMap<string, StockState>, carts: ReadonlyMap<string, CartState>): readonly string[] {
  const violations: string[] = [];
  const held = new Set<string>();
  for (const [cart, { lines }] of carts) {
    for (const { line, sku, quantity, status } of Object.values(lines)) {
      if (status === "asked") violations.push(`${cart}: line ${line} was asked for, and never answered`);
      if (status === "confirmed") violations.push(`${cart}: line ${line} is still kept, long after its time`);
      const isHeld = status === "confirmed" || status === "bought";
      const reserved = stocks.get(sku)?.lines[line] ?? null;
      if (isHeld) held.add(line);
      if (isHeld && reserved !== quantity) {
        violations.push(`${cart}: line ${line} of ${quantity} is ${status}, and ${sku} holds ${reserved} for it`);
      } else if (!isHeld && reserved !== null) {
        violations.push(`${cart}: line ${line} is ${status}, and ${sku} holds ${reserved} for it`);
      }
    }
  }
  for (const [sku, { lines }] of stocks) {
    for (const line of Object.keys(lines)) {
      const isKnown = held.has(line) || [...carts.values()].some((cart) => cart.lines[line] !== undefined);
      if (!isKnown) violations.push(`${sku}: holds line ${line}, which is in no cart`);
    }
  }
  return violations;
}

function checkEnds(
  carts: ReadonlyMap<string, CartState>,
  ends: ReadonlyMap<string, ReadonlyMap<string, "bought" | "removed" | null>>,
): readonly string[] {
  const violations: string[] = [];
  for (const [cart, endByLine] of ends) {
    const lines = carts.get(cart)?.lines ?? {};
    for (const [line, end] of endByLine) {
      const status = lines[line]?.status;
      if (status === undefined) violations.push(`${cart}: line ${line} was acknowledged, and is gone`);
      else if (end !== null ? status !== end : status === "bought" || status === "removed") {
        violations.push(`${cart}: line ${line} is ${status}, and a client was told ${end ?? "neither bought nor removed"}`);
      }
    }
    for (const line of Object.keys(lines)) {
      if (!endByLine.has(line)) violations.push(`${cart}: nobody was told of line ${line}`);
    }
  }
  return violations;
}
