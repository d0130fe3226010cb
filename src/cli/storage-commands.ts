/** `holdfast check` and `init`: what the settings say, what they name, and whether it will do. */
import { existsSync, writeFileSync } from "node:fs";
import type { CheckProblem, CheckResult } from "../router/composition/check-storage.js";
import { redacted } from "../router/config/redacted.js";
import type { Settings } from "../router/config/settings.js";
import { CliProblem, EXIT } from "./exit-code.js";
import { type SettingsOptions, settingsOf, settingsSource, sourceName } from "./router-settings.js";
import { show, type Terminal } from "./terminal.js";

/**
 * Reads the settings, then tries what they name in AWS. Every result is told; throws `CliProblem` with the first fatal
 * problem's code where there is one: exit code 2 for what somebody has to put right, 3 for what may pass by itself.
 */
export async function check(terminal: Terminal, options: SettingsOptions): Promise<void> {
  const file = sourceName(settingsSource(options));
  const settings = settingsOf(options);
  const from = file === null ? "the defaults (there is no holdfast.yaml)" : file;
  show(terminal, { file, settings: redacted(settings) }, [`fine: ${from}`, JSON.stringify(redacted(settings), null, 2)]);
  if (!isInAws(settings) && !settings.functions.some(({ url }) => url.startsWith("arn:"))) return;
  // Loads the AWS SDK, which no other command line needs.
  const { checkStorage } = await import("../router/composition/check-storage.js");
  const problems: CheckProblem[] = [];
  for await (const result of checkStorage(settings)) {
    show(terminal, result, [checkLine(result)]);
    if (result.problem !== null) problems.push(result.problem);
  }
  const fatal = problems.filter(({ isFatal }) => isFatal);
  const [first] = fatal.filter(({ mayPass }) => !mayPass).concat(fatal);
  if (first === undefined) return;
  const exitCode = first.mayPass ? EXIT.unavailable : EXIT.usage;
  const more = fatal.length === 1 ? "" : ` (and ${fatal.length - 1} more, see above)`;
  throw new CliProblem(exitCode, first.code, `${first.message} [${first.code}]${more}`);
}

function isInAws({ journal, snapshots, directory }: Settings): boolean {
  return journal.kind === "dynamodb" || snapshots.kind === "s3" || directory.kind === "dynamodb";
}

function checkLine({ what, problem }: CheckResult): string {
  if (problem === null) return `fine: ${what}`;
  return `${problem.isFatal ? "WRONG" : "mind"}: ${what}: ${problem.message} [${problem.code}]`;
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

const DEFAULT_FILE = "holdfast.yaml";

/**
 * Writes settings to begin with where there are none; else makes the tables and the bucket that they name. Doing it again
 * changes nothing. Throws `CliProblem`.
 */
export async function init(terminal: Terminal, path: string | undefined): Promise<void> {
  const source = settingsSource(path === undefined ? {} : { config: path });
  const file = path ?? DEFAULT_FILE;
  if (source.kind !== "variable" && !existsSync(file)) {
    writeFileSync(file, TEMPLATE, { flag: "wx" });
    show(terminal, { written: file }, [`${file} is written; 'holdfast check' reads it, 'holdfast start' runs it`]);
    return;
  }
  const settings = settingsOf(path === undefined ? {} : { config: path });
  if (!isInAws(settings)) {
    const from = sourceName(source) ?? file;
    show(terminal, { written: null }, [`${from} is there already, and names nothing in AWS: there is nothing to make`]);
    return;
  }
  const { prepareStorage } = await import("../router/composition/prepare-storage.js");
  for await (const { what, outcome } of prepareStorage(settings)) {
    show(terminal, { what, outcome }, [`${outcome === "created" ? "made" : "there already"}: ${what}`]);
  }
}
