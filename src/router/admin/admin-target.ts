/** The paths of the admin API, split into segments and decoded. */
import { type EntityAddress, idProblem, typeProblem } from "../../core/entity/address.js";
import { decode } from "../ingress/request-target.js";

export interface AdminTarget {
  readonly segments: readonly string[];
  readonly query: string;
}

/** Null: malformed percent-encoding. */
export function parseAdminTarget(url: string): AdminTarget | null {
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  const segments: string[] = [];
  for (const raw of path.slice(1).split("/")) {
    const segment = decode(raw);
    if (segment === null) return null;
    segments.push(segment);
  }
  return { segments, query: mark < 0 ? "" : url.slice(mark + 1) };
}

/** The entity that three segments name, or why they name none. */
export function addressOf(segments: readonly string[]): EntityAddress | string {
  const [namespace, name, id] = segments;
  if (namespace === undefined || name === undefined || id === undefined) return "an address is {namespace}/{name}/{id}";
  const type = `${namespace}/${name}`;
  const problem = typeProblem(type);
  if (problem !== null) return `the type is refused: ${problem}`;
  const idRefusal = idProblem(id);
  return idRefusal === null ? { type, id } : `the id is refused: ${idRefusal}`;
}
