/** The entities that a module exports, for `holdfast dev ENTRY`. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Definition } from "../sdk/index.js";
import { CliProblem, EXIT } from "./exit-code.js";

/** Exports may be definitions, or lists of them, under any name. Throws `CliProblem`. */
export async function definitionsOf(path: string): Promise<readonly Definition[]> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = await import(pathToFileURL(resolve(path)).href);
  } catch (error) {
    throw unusable(`${path} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  }
  const definitions = new Map<string, Definition>();
  for (const one of Object.values(exported).flat()) if (isDefinition(one)) definitions.set(one.type, one);
  if (definitions.size === 0) throw unusable(`${path} exports no entity: export what '.handle({...})' returned`);
  return [...definitions.values()];
}

function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "type" in value && "contract" in value && "stateVersion" in value;
}

function unusable(message: string): CliProblem {
  return new CliProblem(EXIT.usage, "entry_unusable", `${message} [entry_unusable]`);
}
