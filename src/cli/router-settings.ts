/**
 * The settings for `start`, `check` and `dev`: a file that was named, the text in `HOLDFAST_CONFIG`, the file that is there, or
 * the defaults; and what the command line adds.
 */
import { existsSync } from "node:fs";
import { unreachable } from "../core/unreachable.js";
import { ConfigProblem } from "../router/config/config-problem.js";
import type { Environment } from "../router/config/environment.js";
import { readSettings, readSettingsFile } from "../router/config/read-settings.js";
import { DEFAULT_SETTINGS, type LogLevel, type Settings } from "../router/config/settings.js";
import { usage } from "./address-argument.js";

export interface SettingsOptions {
  readonly config?: string;
  readonly port?: string;
  readonly adminPort?: string;
  readonly data?: string;
  readonly logLevel?: LogLevel;
}

const DEFAULT_FILE = "holdfast.yaml";

/** The whole settings as YAML (so also JSON): for containers, which have no file of their own. */
export const CONFIG_VARIABLE = "HOLDFAST_CONFIG";

export type SettingsSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "variable"; readonly text: string }
  | { readonly kind: "defaults" };

/** A variable that is set and empty is a mistake of whoever fills it in, and is refused below as one. */
export function settingsSource(options: SettingsOptions, environment: Environment = process.env): SettingsSource {
  if (options.config !== undefined) return { kind: "file", path: options.config };
  const text = environment[CONFIG_VARIABLE];
  if (text !== undefined) return { kind: "variable", text };
  return existsSync(DEFAULT_FILE) ? { kind: "file", path: DEFAULT_FILE } : { kind: "defaults" };
}

export function sourceName(source: SettingsSource): string | null {
  switch (source.kind) {
    case "file":
      return source.path;
    case "variable":
      return CONFIG_VARIABLE;
    case "defaults":
      return null;
    default:
      return unreachable(source);
  }
}

/** Throws `ConfigProblem` and `CliProblem`. */
export function settingsOf(options: SettingsOptions, environment: Environment = process.env): Settings {
  const settings = settingsFrom(settingsSource(options, environment), environment);
  const { ingress, admin } = settings.listen;
  const path = options.data;
  return {
    ...settings,
    listen: {
      ingress: { ...ingress, port: portOf("--port", options.port, ingress.port) },
      admin: { ...admin, port: portOf("--admin-port", options.adminPort, admin.port) },
    },
    ...(path !== undefined && {
      journal: { kind: "local", path },
      snapshots: { kind: "local", path },
      directory: { kind: "local", path },
    }),
    log: { ...settings.log, level: options.logLevel ?? settings.log.level },
  };
}

/** Throws `ConfigProblem`. */
function settingsFrom(source: SettingsSource, environment: Environment): Settings {
  switch (source.kind) {
    case "file":
      return readSettingsFile(source.path, environment);
    case "variable":
      if (source.text.trim() === "") throw new ConfigProblem("config_unreadable", [`${CONFIG_VARIABLE} is set and empty`]);
      return readSettings(source.text, environment, CONFIG_VARIABLE);
    case "defaults":
      return DEFAULT_SETTINGS;
    default:
      return unreachable(source);
  }
}

export function portOf(option: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 0 && port <= 65_535) return port;
  throw usage(`${option} takes a port from 0 (any free one) to 65535, not '${text}'`);
}
