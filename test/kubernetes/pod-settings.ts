/** The settings that a router in a pod reads, and the environment that it reads them in. */
import { readSettings } from "../../src/router/config/read-settings.js";
import type { Settings } from "../../src/router/config/settings.js";
import { type Container, find, type Manifest } from "./manifests.js";

/** Of a pod, in these tests. */
export const POD_IP = "10.0.3.4";

/** The text of holdfast.yaml as it is mounted. */
export function settingsText(manifests: readonly Manifest[]): string {
  return find(manifests, "ConfigMap", "holdfast-settings").data?.["holdfast.yaml"] ?? "";
}

/** All the variables that the container has, and no others. `podIp` is what Kubernetes would put in; keys are made up. */
export function environmentOf(
  manifests: readonly Manifest[],
  { env, envFrom }: Container,
  podIp: string,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const { configMapRef } of envFrom) {
    const found = manifests.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMapRef.name);
    Object.assign(environment, found?.data);
  }
  for (const { name, value } of env) environment[name] = value ?? (name === "POD_IP" ? podIp : `${name}-0123456789`);
  return environment;
}

/** Throws ConfigProblem. */
export function settingsOf(manifests: readonly Manifest[], container: Container): Settings {
  return readSettings(settingsText(manifests), environmentOf(manifests, container, POD_IP));
}
