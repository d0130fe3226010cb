/** The part of DynamoDB's expressions that conditions on one item and on keys need: comparisons joined by AND, and three functions. */
import type { WireItem, WireValue } from "./item-size.js";

export interface ExpressionNames {
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
  readonly ExpressionAttributeValues?: WireItem;
}

export function holds(expression: string | undefined, item: WireItem | undefined, names: ExpressionNames): boolean {
  if (expression === undefined) return true;
  return clausesOf(expression).every((clause) => clauseHolds(clause, item, names));
}

/** `a BETWEEN x AND y` is one clause. */
function clausesOf(expression: string): readonly string[] {
  const parts = expression.split(/\s+AND\s+/i);
  const clauses: string[] = [];
  for (const part of parts) {
    const last = clauses.at(-1);
    if (last !== undefined && /\sBETWEEN\s+\S+$/i.test(last)) clauses[clauses.length - 1] = `${last} AND ${part}`;
    else clauses.push(part.trim());
  }
  return clauses;
}

function clauseHolds(clause: string, item: WireItem | undefined, names: ExpressionNames): boolean {
  const attribute = (name = ""): WireValue | undefined => item?.[names.ExpressionAttributeNames?.[name] ?? name];
  const value = (name = ""): string => textOf(names.ExpressionAttributeValues?.[name]);
  let match = /^attribute_(not_)?exists\s*\(\s*([^)\s]+)\s*\)$/.exec(clause);
  if (match !== null) return (attribute(match[2]) === undefined) === (match[1] !== undefined);
  match = /^begins_with\s*\(\s*(\S+?)\s*,\s*(\S+?)\s*\)$/.exec(clause);
  if (match !== null) return textOf(attribute(match[1])).startsWith(value(match[2]));
  match = /^(\S+)\s+BETWEEN\s+(\S+)\s+AND\s+(\S+)$/i.exec(clause);
  if (match !== null) {
    const text = textOf(attribute(match[1]));
    return text >= value(match[2]) && text <= value(match[3]);
  }
  match = /^(\S+)\s*(=|>=|>|<=|<)\s*(\S+)$/.exec(clause);
  if (match === null) throw new Error(`the expression '${clause}' is not understood here`);
  const found = attribute(match[1]);
  return found !== undefined && isTrue(match[2] ?? "", textOf(found), value(match[3]));
}

function isTrue(operator: string, left: string, right: string): boolean {
  switch (operator) {
    case "=":
      return left === right;
    case ">=":
      return left >= right;
    case ">":
      return left > right;
    case "<=":
      return left <= right;
    default:
      return left < right;
  }
}

function textOf(value: WireValue | undefined): string {
  return String(Object.values(value ?? {})[0] ?? "");
}
