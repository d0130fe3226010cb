/** Builds of the router that a run starts nodes of: this checkout's, and another one for rolling upgrades. */
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../e2e/child.js";

export interface Build {
  readonly name: string;
  /** A `dist` folder within a checkout: its package.json and its packages lie beside it. */
  readonly dist: string;
  /** Whether its settings have a place for peers. */
  readonly hasPeers: boolean;
}

export async function buildAt(name: string, dist: string): Promise<Build> {
  const folder = resolve(dist);
  return { name, dist: folder, hasPeers: await takesPeers(folder) };
}

export function ownBuild(): Promise<Build> {
  return buildAt("this build", join(ROOT, "dist"));
}

/** This build once more, at another place: what stands in for another build where none is given. */
export async function copiedBuild(into: string): Promise<Build> {
  mkdirSync(into, { recursive: true });
  cpSync(join(ROOT, "package.json"), join(into, "package.json"));
  cpSync(join(ROOT, "dist/src"), join(into, "dist/src"), { recursive: true, filter: (path) => !/\.test\./.test(path) });
  symlinkSync(join(ROOT, "node_modules"), join(into, "node_modules"));
  return buildAt("a copy of this build", join(into, "dist"));
}

export function programOf({ dist }: Build): string {
  return join(dist, "src/cli/holdfast.js");
}

export function checkoutOf({ dist }: Build): string {
  return dirname(dist);
}

/** Asks the build's own reader of settings, so that nodes of both kinds can be started. */
async function takesPeers(dist: string): Promise<boolean> {
  const module: unknown = await import(pathToFileURL(join(dist, "src/router/config/read-settings.js")).href);
  const { readSettings } = module as { readSettings(text: string, environment: NodeJS.ProcessEnv): unknown };
  const text = [
    "journal: { kind: dynamodb, table: a-log }",
    "snapshots: { kind: s3, bucket: bucket, prefix: a/ }",
    "directory: { kind: dynamodb, table: a-directory }",
    "peers: { listen: '127.0.0.1:1', advertise: '127.0.0.1:2' }",
  ].join("\n");
  try {
    readSettings(text, {});
    return true;
  } catch {
    return false;
  }
}
