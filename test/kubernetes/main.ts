/**
 * `npm run test:kubernetes [fragment...]`: what `deploy/kubernetes` comes to, built with kustomize, against the schemas of
 * Kubernetes' API and against what the router needs. Needs Go (1.24 or newer) and python3, and no cluster.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { installKustomize, installValidators } from "./tools.js";

const FOLDER = "dist/test/kubernetes";
const fragments = process.argv.slice(2);
const files = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".kubernetes.js"))
  .filter((file) => fragments.length === 0 || fragments.some((fragment) => file.includes(fragment)))
  .map((file) => `${FOLDER}/${file}`);
if (files.length === 0) throw new Error(`no suite matches ${fragments.join(", ")}`);

const env = { ...process.env, HOLDFAST_KUSTOMIZE: installKustomize(), HOLDFAST_VALIDATORS: installValidators() };
const tests = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit", env });
process.exitCode = tests.status ?? 1;
