/** `holdfast start`: a router by its settings. */
import { redacted } from "../router/config/redacted.js";
import { makeLogger } from "../router/logger.js";
import { type SettingsOptions, settingsOf, settingsSource, sourceName } from "./router-settings.js";
import { runRouter } from "./run-router.js";
import { show, type Terminal } from "./terminal.js";

export async function start(terminal: Terminal, options: SettingsOptions): Promise<void> {
  const settings = settingsOf(options);
  const log = makeLogger(settings.log.level);
  log.info({ file: sourceName(settingsSource(options)), settings: redacted(settings) }, "settings");
  if (settings.ingress.auth.kind === "jwt" && settings.ingress.auth.audience === null) {
    log.warn("ingress.auth has no audience: tokens that were made for other services are taken, too");
  }
  await runRouter(settings, log, {
    started: async ({ ingressUrl, adminUrl }) => {
      const json = { ingress: ingressUrl, admin: adminUrl };
      show(terminal, json, [`ingress ${ingressUrl}`, `admin   ${adminUrl}`]);
    },
    stop: async () => undefined,
  });
}
