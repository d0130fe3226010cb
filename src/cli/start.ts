/** `holdfast start`: a router by its settings. */
import { redacted } from "../router/config/redacted.js";
import { makeLogger } from "../router/logger.js";
import type { RunningRouter } from "../router/main.js";
import { type SettingsOptions, settingsOf, settingsSource, sourceName } from "./router-settings.js";
import { runRouter } from "./run-router.js";
import { show, type Terminal } from "./terminal.js";

export interface StartOptions extends SettingsOptions {
  /** Logs of which records may have expired. */
  readonly acceptLoss?: readonly string[];
}

export async function start(terminal: Terminal, options: StartOptions): Promise<void> {
  const settings = settingsOf(options);
  const log = makeLogger(settings.log.level);
  log.info({ file: sourceName(settingsSource(options)), settings: redacted(settings) }, "settings");
  if (settings.ingress.auth.kind === "jwt" && settings.ingress.auth.audience === null) {
    log.warn("ingress.auth has no audience: tokens that were made for other services are taken, too");
  }
  const companion = {
    started: async ({ ingressUrl, adminUrl }: RunningRouter) => {
      const json = { ingress: ingressUrl, admin: adminUrl };
      show(terminal, json, [`ingress ${ingressUrl}`, `admin   ${adminUrl}`]);
    },
    stop: async () => undefined,
  };
  await runRouter(settings, log, companion, options.acceptLoss);
}
