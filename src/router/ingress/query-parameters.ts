/** Query parameters: each route names those it takes; anything else is refused, so that a typing error never changes a meaning. */
import { decode } from "./request-target.js";

export type Parameters<Name extends string> =
  | { readonly kind: "parameters"; readonly values: Readonly<Partial<Record<Name, string>>> }
  | { readonly kind: "refused"; readonly detail: string };

export function parseParameters<Name extends string>(query: string, names: readonly Name[]): Parameters<Name> {
  const values: Partial<Record<Name, string>> = {};
  if (query === "") return { kind: "parameters", values };
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const known = names.find((one) => one === name);
    if (known === undefined) return refused(`'${name ?? pair}' is unknown here; ${list(names)}`);
    if (values[known] !== undefined) return refused(`'${known}' is given twice`);
    const value = equals < 0 ? "" : decode(pair.slice(equals + 1).replaceAll("+", " "));
    if (value === null) return refused(`'${known}' is not percent-encoded UTF-8`);
    values[known] = value;
  }
  return { kind: "parameters", values };
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "no parameters are taken" : `taken are ${names.map((name) => `'${name}'`).join(", ")}`;
}

function refused<Name extends string>(detail: string): Parameters<Name> {
  return { kind: "refused", detail };
}

/** What `consistency` takes: `lease` (the default) or `strict`. Null: something else. */
export function strictness(consistency: string | undefined): boolean | null {
  if (consistency === undefined || consistency === "lease") return false;
  return consistency === "strict" ? true : null;
}

export const CONSISTENCY_REFUSAL = "'consistency' is 'lease' or 'strict'";
