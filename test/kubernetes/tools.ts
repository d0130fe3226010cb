/**
 * The tools of these tests, versions pinned, in folders of their own under node_modules/.cache: kustomize from its Go module,
 * the API's schemas with their validator (kubernetes-validate) and a parser of Prometheus' language from PyPI.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

/** Paths are those of the repository, where the scripts run. */
const FOLDER = "test/kubernetes/tools";
const INSTALLED_WITHIN_MS = 600_000;

/** Gives the program. */
export function installKustomize(): string {
  const folder = cacheFolder("kustomize", `${FOLDER}/go.sum`);
  return once(folder, `${folder}/kustomize`, () => {
    mkdirSync(folder, { recursive: true });
    const args = ["build", "-C", FOLDER, "-o", `${folder}/kustomize`, "sigs.k8s.io/kustomize/kustomize/v5"];
    run("go", args, "Go 1.24 or newer is needed");
  });
}

/** Gives the interpreter that has them. */
export function installValidators(): string {
  const packages = `${FOLDER}/validators.txt`;
  const folder = cacheFolder("kubernetes-validators", packages);
  const python = `${folder}/bin/python`;
  return once(folder, python, () => {
    const need = "Python 3.10 or newer with venv and pip is needed";
    run("python3", ["-m", "venv", folder], need);
    run(python, ["-m", "pip", "install", "--quiet", "--no-deps", "-r", packages], need);
  });
}

/** Made once for each state of the list. */
function cacheFolder(name: string, list: string): string {
  const id = createHash("sha256").update(readFileSync(list)).digest("hex").slice(0, 12);
  return resolve(`node_modules/.cache/holdfast/${name}-${id}`);
}

function once(folder: string, program: string, make: () => void): string {
  if (existsSync(`${folder}/complete`)) return program;
  rmSync(folder, { recursive: true, force: true });
  make();
  writeFileSync(`${folder}/complete`, "");
  return program;
}

function run(program: string, args: readonly string[], need: string): void {
  const result = spawnSync(program, args, { encoding: "utf8", timeout: INSTALLED_WITHIN_MS });
  if (result.status === 0) return;
  const why = result.error?.message ?? `${result.stdout}${result.stderr}`;
  throw new Error(`${program} ${args.join(" ")} failed (${need}):\n${why}`);
}
