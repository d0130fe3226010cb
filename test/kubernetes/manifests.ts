/** What kustomize makes of a folder, and what is in it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";

export const OVERLAYS = ["aws", "local"] as const;
export type Overlay = (typeof OVERLAYS)[number];
/** Everything that people deploy, and what it is made of. */
export const FOLDERS = ["deploy/kubernetes/base", ...OVERLAYS.map(overlayFolder)];

/** The oldest that has all that is used (a `preStop` that sleeps), and the newest with schemas. */
export const VERSIONS = ["1.30.0", "1.37.0"] as const;

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly envFrom: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly resources: {
    readonly requests: Readonly<Record<string, string>>;
    readonly limits: Readonly<Record<string, string>>;
  };
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly topologySpreadConstraints?: readonly { readonly topologyKey: string; readonly whenUnsatisfiable: string }[];
  readonly volumes: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
}

/** As it comes out of YAML; tests say which fields of its spec they are about. */
export interface Manifest<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Spec;
  readonly data?: Readonly<Record<string, string>>;
}

export function overlayFolder(overlay: Overlay): string {
  return `deploy/kubernetes/overlays/${overlay}`;
}

/** Throws with what kustomize says where it refuses. */
export function build(folder: string): readonly Manifest[] {
  const kustomize = process.env["HOLDFAST_KUSTOMIZE"] ?? "kustomize";
  const result = spawnSync(kustomize, ["build", folder], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(result.error?.message ?? result.stderr);
  return parseAllDocuments(result.stdout).map((document) => document.toJS() as Manifest);
}

export function find<Spec = unknown>(manifests: readonly Manifest[], kind: string, name = "holdfast"): Manifest<Spec> {
  // Generated names end in a hash.
  const found = manifests.filter((one) => one.kind === kind && one.metadata.name.replace(/-[a-z0-9]{10}$/, "") === name);
  assert.equal(found.length, 1, `${kind} ${name}: ${manifests.map((one) => `${one.kind} ${one.metadata.name}`).join(", ")}`);
  return found[0] as Manifest<Spec>;
}

export interface Workload {
  readonly replicas?: number;
  readonly strategy?: object;
  readonly template: { readonly metadata: { readonly labels: Readonly<Record<string, string>> }; readonly spec: PodSpec };
}

export function podsOf(manifests: readonly Manifest[]): readonly PodSpec[] {
  const workloads = manifests.filter(({ kind }) => kind === "Deployment" || kind === "Job") as readonly Manifest<Workload>[];
  return workloads.map(({ spec }) => spec.template.spec);
}

export function routerOf(manifests: readonly Manifest[]): { readonly pod: PodSpec; readonly container: Container } {
  const pod = find<Workload>(manifests, "Deployment").spec.template.spec;
  const [container] = pod.containers;
  assert.ok(container !== undefined && pod.containers.length === 1);
  return { pod, container };
}

/** What Kubernetes' API of that version would refuse, fields that it does not know among it. Empty: nothing. */
export function schemaProblems(manifests: readonly unknown[], version: string): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-manifests-"));
  try {
    const file = join(folder, "manifests.yaml");
    writeFileSync(file, manifests.map((one) => stringify(one)).join("---\n"));
    const python = process.env["HOLDFAST_VALIDATORS"] ?? "python3";
    const args = ["-m", "kubernetes_validate", "--strict", "--kubernetes-version", version, file];
    const result = spawnSync(python, args, { encoding: "utf8" });
    const output = `${result.error?.message ?? ""}${result.stdout}${result.stderr}`;
    if (result.status !== 0) return output === "" ? `status ${result.status}` : output;
    const passed = output.match(/^INFO .* passed for resource /gm)?.length ?? 0;
    return passed === manifests.length ? "" : `${passed} of ${manifests.length} were looked at:\n${output}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Prometheus' own words for what is wrong with each expression; null where nothing is. */
export function promqlProblems(expressions: readonly string[]): readonly (string | null)[] {
  const python = process.env["HOLDFAST_VALIDATORS"] ?? "python3";
  const result = spawnSync(python, ["test/kubernetes/tools/parse-promql.py"], {
    encoding: "utf8",
    input: JSON.stringify(expressions),
  });
  assert.equal(result.status, 0, result.stderr);
  return JSON.parse(result.stdout);
}
