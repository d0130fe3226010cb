/**
 * Linearizability of registers by what they answer alone: is there an order of all operations, each between its call and
 * its answer, in which every read shows the last write? A search (Wing and Gong) with the states it has been in.
 */
import { addressText } from "../../../src/core/entity/address.js";
import type { Ask } from "../business/behaviour.js";
import { parsed } from "../business/book.js";
import { ENTITIES_BY_TYPE } from "../business/catalog.js";
import type { CommandRecord, History } from "../history.js";
import { type Books, effectsByToken } from "./final-books.js";

interface Operation {
  readonly kind: "read" | "write" | "cas" | "mismatch";
  readonly value: number;
  readonly expected: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Beyond this many states a register counts as too concurrent to be searched. */
const STATES_MAX = 5_000;

export function checkRegisters(books: Books, history: History): void {
  const counts = effectsByToken(books);
  for (const entity of ENTITIES_BY_TYPE.get("sim/register") ?? []) {
    const text = addressText(entity);
    const operations: Operation[] = [];
    for (const record of history.commands.values()) {
      const isOfIt = addressText(record.entity) === text && !(history.areLeasesVoid && record.status === "refused");
      const operation = isOfIt ? operationOf(record, counts.has(record.id)) : null;
      if (operation !== null) operations.push(operation);
    }
    for (const { entity: of, value, isStrict, invokedAtMs, answeredAtMs } of history.sights) {
      if (history.areLeasesVoid && !isStrict) continue;
      if (value === null || addressText(of) !== text) continue;
      operations.push({ kind: "read", value, expected: 0, fromMs: invokedAtMs, toMs: answeredAtMs });
    }
    const verdict = isLinearizable(operations);
    if (verdict === null) history.tooConcurrent++;
    else if (!verdict)
      history.violate(`the ${operations.length} operations of ${text} have no order that explains their answers`);
  }
}

/** What nobody heard of may have come at any time behind its call, if it came at all. */
function operationOf(record: CommandRecord, isThere: boolean): Operation | null {
  const { v, a } = parsed<Ask>(record.input);
  const fromMs = record.invokedAtMs;
  const toMs = record.status === "replied" || record.status === "refused" ? record.answeredAtMs : Infinity;
  const isCas = record.name === "cas";
  if (record.status === "refused") return isCas ? { kind: "mismatch", value: 0, expected: Number(a), fromMs, toMs } : null;
  if (!isThere) return null;
  return { kind: isCas ? "cas" : "write", value: v ?? 0, expected: Number(a), fromMs, toMs };
}

function isLinearizable(operations: readonly Operation[]): boolean | null {
  const sorted = [...operations].sort((left, right) => left.fromMs - right.fromMs);
  const seen = new Set<string>();
  let states = 0;
  return search(0, new Set(), 0);

  /** `first`: all before it are placed; `placed`: those behind it that are, too. */
  function search(first: number, placed: ReadonlySet<number>, value: number): boolean | null {
    if (first === sorted.length) return true;
    const key = `${first} ${value} ${[...placed].sort((left, right) => left - right)}`;
    if (seen.has(key)) return false;
    seen.add(key);
    if (++states > STATES_MAX) return null;
    let limitMs = Infinity;
    for (let at = first; at < sorted.length; at++) {
      const operation = sorted[at] as Operation;
      if (operation.fromMs > limitMs) break;
      if (placed.has(at)) continue;
      limitMs = Math.min(limitMs, operation.toMs);
      const after = applied(operation, value);
      if (after === null) continue;
      let nextFirst = first;
      const nextPlaced = new Set(placed).add(at);
      while (nextPlaced.delete(nextFirst)) nextFirst++;
      const found = search(nextFirst, nextPlaced, after);
      if (found !== false) return found;
    }
    return false;
  }
}

/** The value behind the operation; null if it cannot be next. */
function applied({ kind, value, expected }: Operation, now: number): number | null {
  switch (kind) {
    case "read":
      return now === value ? now : null;
    case "write":
      return value;
    case "cas":
      return now === expected ? value : null;
    case "mismatch":
      return now === expected ? null : now;
  }
}
