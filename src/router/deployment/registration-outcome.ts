/** What is told of deployments, and what comes of a change to them. */
import type { Incompatibility } from "../../core/deployment/compatibility.js";
import type { AdminProblemCode } from "../ingress/problem-table.js";
import type { Canary, CanaryEnd } from "./canary.js";
import type { DeploymentBook } from "./deployment-book.js";

export interface DeploymentView {
  readonly id: string;
  readonly url: string;
  readonly registeredAtMs: number;
  readonly types: readonly string[];
  /** The types it serves now. */
  readonly activeTypes: readonly string[];
  /** While it serves a share of the entities of some types. */
  readonly canary: Canary | null;
  /** How it ended the last time that it was one. */
  readonly canaryEnd: CanaryEnd | null;
}

/** What was accepted although it may hurt, or what the endpoint gives to think about (`endpoint_notice`). */
export type RegistrationWarning = Incompatibility | { readonly code: "endpoint_notice"; readonly message: string };

export type RegistrationOutcome =
  | { readonly kind: "done"; readonly deployment: DeploymentView | null; readonly warnings: readonly RegistrationWarning[] }
  | {
      readonly kind: "refused";
      readonly code: AdminProblemCode;
      readonly detail: string;
      readonly reasons: readonly Incompatibility[];
    };

/** Null for a deployment that is not registered. */
export function viewOf({ deployments, active, canaries, canaryEnds }: DeploymentBook, id: string): DeploymentView | null {
  const found = deployments.find((deployment) => deployment.id === id);
  if (found === undefined) return null;
  const canary = canaries.find(({ deployment }) => deployment === id) ?? null;
  const canaryEnd = canaryEnds.findLast(({ deployment }) => deployment === id) ?? null;
  return { ...found, activeTypes: found.types.filter((name) => active[name] === id), canary, canaryEnd };
}

export function incompatible(reasons: readonly Incompatibility[]): Extract<RegistrationOutcome, { readonly kind: "refused" }> {
  const detail = `${reasons.length} thing(s) that what is stored may need would be missing`;
  return { kind: "refused", code: "deployment_incompatible", detail, reasons };
}

export function notFound(id: string): Extract<RegistrationOutcome, { readonly kind: "refused" }> {
  return refused("deployment_not_found", `no deployment '${id.slice(0, 100)}' is registered`);
}

export function refused(code: AdminProblemCode, detail: string): Extract<RegistrationOutcome, { readonly kind: "refused" }> {
  return { kind: "refused", code, detail, reasons: [] };
}
