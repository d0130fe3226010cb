/** `holdfast start`, `check` and `init`: a router by its settings. */
import { existsSync, writeFileSync } from "node:fs";
import { redacted } from "../router/config/redacted.js";
import { makeLogger } from "../router/logger.js";
import { usage } from "./address-argument.js";
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

export function check(terminal: Terminal, options: SettingsOptions): void {
  const file = sourceName(settingsSource(options));
  const settings = redacted(settingsOf(options));
  const from = file === null ? "the defaults (there is no holdfast.yaml)" : file;
  show(terminal, { file, settings }, [`fine: ${from}`, JSON.stringify(settings, null, 2)]);
}

const TEMPLATE = `# Settings of a Holdfast router. Everything has a default; docs/errors.md explains what is refused.
cluster: local
shards: 8                          # fixed with the first start
listen: { ingress: 127.0.0.1:8080, admin: 127.0.0.1:9070 }
journal: { kind: local, path: .holdfast }

# ingress:
#   auth: { kind: keys, keys: [{ principal: shop, key: "\${SHOP_KEY}" }] }
#   deadline: 30s
#   keepHeaders: [x-tenant]
# memory: { cache: 256MB, total: 700MB }
# functions:
#   - { url: "http://127.0.0.1:9000", inFlightMax: 32 }
# types:
#   shop/cart: { history: forever, idempotencyRetention: 24h, expose: [state, events] }
`;

export function init(terminal: Terminal, file: string): void {
  if (existsSync(file)) throw usage(`${file} is there already; it is left alone`);
  writeFileSync(file, TEMPLATE, { flag: "wx" });
  show(terminal, { written: file }, [`${file} is written; 'holdfast check' reads it, 'holdfast start' runs it`]);
}
