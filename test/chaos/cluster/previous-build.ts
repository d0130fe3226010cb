/** The version before this one, built out of the repository's own history: what rolling upgrades go from and back to. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../e2e/child.js";
import { type Build, buildAt } from "./build.js";

/**
 * The last commit before shards could be split: its routers read and write the plan and the shards' documents without splits.
 * To be changed at each release, to the commit of the release before it. Never to one that this version need not run beside.
 */
export const PREVIOUS_COMMIT = "3e3c1ded5cbcaa4d428c4d10569785e5044d1fe1";

/** What a router is built from; tests and examples are not needed. */
const SOURCES = ["src", "package.json", "package-lock.json", "tsconfig.json"];
const COMPILED_WITHIN_MS = 300_000;
/** Its own packages come from a registry. */
const INSTALLED_WITHIN_MS = 600_000;
/** All sources in one archive. */
const ARCHIVE_BYTES_MAX = 256 * 1024 * 1024;

export type PreviousBuild =
  | { readonly kind: "built"; readonly build: Build }
  /** A shallow clone, or no clone at all. */
  | { readonly kind: "noHistory"; readonly message: string };

/** Made once for each commit, and again when this checkout's packages are no longer the ones that it needs. */
export async function previousBuild(): Promise<PreviousBuild> {
  const short = PREVIOUS_COMMIT.slice(0, 12);
  const lockfile = git(["show", `${PREVIOUS_COMMIT}:package-lock.json`]);
  if (lockfile === null) return { kind: "noHistory", message: `commit ${short} is not in the history here` };
  const hasSamePackages = hashOf(lockfile) === hashOf(readFileSync(join(ROOT, "package-lock.json")));
  const cache = join(ROOT, "node_modules/.cache/holdfast");
  const folder = join(cache, `previous-build-${short}${hasSamePackages ? "" : "-own-packages"}`);
  if (!existsSync(folder)) make(cache, folder, hasSamePackages);
  return { kind: "built", build: await buildAt(`the previous build (${short})`, join(folder, "dist")) };
}

/** At another place first: what bears the final name is whole, whoever else is making it at the same time. */
function make(cache: string, folder: string, hasSamePackages: boolean): void {
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(`${folder}.`);
  try {
    const archive = git(["archive", "--format=tar", PREVIOUS_COMMIT, ...SOURCES]);
    if (archive === null) throw new Error(`git archive of ${PREVIOUS_COMMIT} failed`);
    run("tar", ["-xf", "-"], { cwd: draft, input: archive, timeout: COMPILED_WITHIN_MS });
    if (hasSamePackages) symlinkSync(join(ROOT, "node_modules"), join(draft, "node_modules"));
    else run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: draft, timeout: INSTALLED_WITHIN_MS });
    writeFileSync(join(draft, "tsconfig.build.json"), JSON.stringify({ extends: "./tsconfig.json", include: ["src"] }));
    run("node_modules/.bin/tsc", ["-p", "tsconfig.build.json"], { cwd: draft, timeout: COMPILED_WITHIN_MS });
    if (!existsSync(folder)) renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** What it writes; null where it fails, or is not there. */
function git(args: readonly string[]): Buffer | null {
  const { status, stdout } = spawnSync("git", args, { cwd: ROOT, maxBuffer: ARCHIVE_BYTES_MAX });
  return status === 0 ? stdout : null;
}

function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly input?: Buffer; readonly timeout: number },
): void {
  const result = spawnSync(program, args, options);
  if (result.status === 0) return;
  const why = result.error?.message ?? `${result.stdout}${result.stderr}`.slice(-4_000);
  throw new Error(`${program} ${args.join(" ")} failed for the previous build:\n${why}`);
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
