/** The settings for `start`, `check` and `dev`: a file where there is one, the defaults else, and what the command line adds. */
import { existsSync } from "node:fs";
import { readSettingsFile } from "../router/config/read-settings.js";
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

/** Where the settings come from: a file that was named or is there, or nothing but the defaults. */
export function settingsFile(options: SettingsOptions): string | null {
  if (options.config !== undefined) return options.config;
  return existsSync(DEFAULT_FILE) ? DEFAULT_FILE : null;
}

/** Throws `ConfigProblem` and `CliProblem`. */
export function settingsOf(options: SettingsOptions): Settings {
  const file = settingsFile(options);
  const settings = file === null ? DEFAULT_SETTINGS : readSettingsFile(file, process.env);
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
    log: { level: options.logLevel ?? settings.log.level },
  };
}

export function portOf(option: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 0 && port <= 65_535) return port;
  throw usage(`${option} takes a port from 0 (any free one) to 65535, not '${text}'`);
}
