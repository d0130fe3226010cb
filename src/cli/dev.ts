/** `holdfast dev`: a router and functions in one process, for the first five minutes and for working on functions. */
import { fileURLToPath } from "node:url";
import type { JournalSettings } from "../router/config/settings.js";
import { makeLogger } from "../router/logger.js";
import type { RunningRouter } from "../router/main.js";
import { type Definition, type FunctionServer, serve } from "../sdk/index.js";
import { definitionsOf } from "./entry-module.js";
import { CliProblem, EXIT } from "./exit-code.js";
import { portOf, type SettingsOptions, settingsOf } from "./router-settings.js";
import { runRouter } from "./run-router.js";
import type { Terminal } from "./terminal.js";

export interface DevOptions extends SettingsOptions {
  readonly functionsPort?: string;
  readonly force?: boolean;
}

/** Fixed, so that after a restart what is registered is where it was. */
const FUNCTIONS_PORT = 9_000;
const EXAMPLE = fileURLToPath(new URL("../../examples/shopping-cart/functions.js", import.meta.url));

export async function dev(terminal: Terminal, entry: string | undefined, options: DevOptions): Promise<void> {
  const settings = settingsOf({ logLevel: "warn", ...options });
  const definitions = await definitionsOf(entry ?? EXAMPLE);
  const functions = await serveAnywhere(definitions, portOf("--functions-port", options.functionsPort, FUNCTIONS_PORT));
  const log = makeLogger(settings.log.level);
  await runRouter(settings, log, {
    started: async (router) => {
      await registerOwn(router, functions.url, options.force ?? false);
      const data = placeOf(settings.journal);
      const curls = entry === undefined ? exampleCurls(router.ingressUrl) : firstCurls(router.ingressUrl, definitions);
      const { ingressUrl: ingress, adminUrl: admin } = router;
      const types = definitions.map(({ type }) => type);
      if (terminal.isJson) {
        terminal.out(JSON.stringify({ ingress, admin, functions: functions.url, types, data, try: curls }));
        return;
      }
      for (const line of banner({ ingress, admin, functions: functions.url, types, data, curls })) terminal.out(line);
    },
    stop: () => functions.close(),
  });
}

function placeOf(journal: JournalSettings): string {
  switch (journal.kind) {
    case "local":
      return journal.path;
    case "memory":
      return "memory only";
    case "dynamodb":
      return `DynamoDB, table ${journal.table}`;
  }
}

/** The port that was asked for; any free one where somebody else has it. */
async function serveAnywhere(definitions: readonly Definition[], port: number): Promise<FunctionServer> {
  try {
    return await serve(definitions, { port });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return serve(definitions, { port: 0 });
    throw error;
  }
}

async function registerOwn(router: RunningRouter, url: string, force: boolean): Promise<void> {
  const outcome = await router.registration.register(url, force);
  if (outcome.kind === "done") return;
  const reasons = outcome.reasons.map(({ message }) => `\n  - ${message}`).join("");
  const hint =
    outcome.code === "deployment_incompatible" ? "\n  Correct the function, say --force, or use another --data folder." : "";
  throw new CliProblem(EXIT.refused, outcome.code, `${outcome.detail} [${outcome.code}]${reasons}${hint}`);
}

interface BannerParts {
  readonly ingress: string;
  readonly admin: string;
  readonly functions: string;
  readonly types: readonly string[];
  readonly data: string;
  readonly curls: readonly string[];
}

function banner({ ingress, admin, functions, types, data, curls }: BannerParts): readonly string[] {
  return [
    "Holdfast is running.",
    "",
    `  ingress    ${ingress}`,
    `  admin      ${admin}`,
    `  functions  ${functions}  (${types.join(", ")})`,
    `  data       ${data}`,
    "",
    "Try it:",
    "",
    ...curls.map((line) => `  ${line}`),
    "",
    "Ctrl-C stops it. What was answered is stored, whatever happens: try kill -9, then start it again.",
  ];
}

const JSON_HEADER = "-H 'content-type: application/json'";

function exampleCurls(url: string): readonly string[] {
  return [
    `curl -s -X POST ${url}/shop/inventory/socks/restock ${JSON_HEADER} -d '{"quantity":10}'`,
    `curl -s -X POST ${url}/shop/cart/c1/add ${JSON_HEADER} -d '{"sku":"socks","quantity":2,"priceCents":500}'`,
    `curl -s ${url}/shop/cart/c1/view`,
  ];
}

/** A look at each of the first types: a query where it has one, its state else. */
function firstCurls(url: string, definitions: readonly Definition[]): readonly string[] {
  return definitions.slice(0, 3).map(({ type, contract, kind }) => {
    const [query] = Object.keys(contract.queries);
    const [command = "command"] = Object.keys(contract.commands);
    if (query !== undefined) return `curl -s ${url}/${type}/1/${query}`;
    return kind === "action" ? `curl -s -X POST ${url}/${type}/1/${command}` : `curl -s ${url}/${type}/1`;
  });
}
