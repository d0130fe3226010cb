/** `register`, `deployments list | canary | promote | rollback | remove`. */
import { formatPercent } from "../router/percent.js";
import { type AdminConnection, askAdmin } from "./admin-client.js";
import { CliProblem, EXIT } from "./exit-code.js";
import { show, type Terminal, table } from "./terminal.js";

interface DeploymentView {
  readonly id: string;
  readonly url: string;
  readonly registeredAtMs: number;
  readonly types: readonly string[];
  readonly activeTypes: readonly string[];
  readonly canary: { readonly weight: number; readonly types: readonly string[] } | null;
  readonly canaryEnd: {
    readonly how: string;
    readonly weight: number;
    readonly endedAtMs: number;
    readonly by: string;
    readonly why: string;
  } | null;
}

/** How a canary is watched, in the words of the admin API. */
export interface TrialOptions {
  readonly faultsMax?: string;
  readonly for?: string;
}

export interface CanaryOptions extends TrialOptions {
  readonly weight: string;
  readonly force?: boolean;
}

interface Outcome {
  readonly deployment: DeploymentView | null;
  readonly warnings: readonly { readonly message: string }[];
}

/** What can be said of an endpoint when it is registered: as in the settings, under `functions`. */
export interface RegisterOptions extends TrialOptions {
  /** Weight of a canary. */
  readonly canary?: string;
  readonly force?: boolean;
  readonly inFlightMax?: string;
  readonly entitiesMax?: string;
  readonly commandsMax?: string;
  readonly bytesMax?: string;
  readonly timeout?: string;
  readonly prefer?: string;
  readonly encoding?: string;
  readonly header?: readonly string[];
}

export async function register(admin: AdminConnection, terminal: Terminal, url: string, options: RegisterOptions): Promise<void> {
  const { force = false, header, entitiesMax, commandsMax, bytesMax, canary, faultsMax, for: forTime, ...others } = options;
  if (canary === undefined && (faultsMax ?? forTime) !== undefined)
    throw new CliProblem(EXIT.usage, "usage", "--faults-max and --for are said of a canary: with --canary 5%");
  const batch = entitiesMax ?? commandsMax ?? bytesMax;
  const body = JSON.stringify({
    url,
    force,
    ...others,
    ...(batch !== undefined && { batch: { entitiesMax, commandsMax, bytesMax } }),
    ...(canary !== undefined && { canary: { weight: canary, faultsMax, for: forTime } }),
    ...(header !== undefined && { headers: Object.fromEntries(header.map(parseHeader)) }),
  });
  const reply = await askAdmin(admin, "/v1/deployments", { method: "POST", body });
  showOutcome(terminal, JSON.parse(reply.text) as Outcome);
}

function parseHeader(text: string): readonly [name: string, value: string] {
  const colon = text.indexOf(":");
  if (colon > 0) return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
  throw new CliProblem(EXIT.usage, "usage", `--header: 'name: value' is expected, not '${text}'`);
}

export async function listDeployments(admin: AdminConnection, terminal: Terminal): Promise<void> {
  const reply = await askAdmin(admin, "/v1/deployments");
  if (terminal.isJson) return terminal.out(reply.text);
  const { deployments } = JSON.parse(reply.text) as { readonly deployments: readonly DeploymentView[] };
  if (deployments.length === 0) return terminal.out("no deployments; register one with 'holdfast register http://...' or an ARN");
  const rows = deployments.map((one) => [one.id, new Date(one.registeredAtMs).toISOString(), one.url, served(one)]);
  for (const line of table([["ID", "REGISTERED", "URL", "SERVES"], ...rows])) terminal.out(line);
}

function served({ activeTypes, canary, canaryEnd }: DeploymentView): string {
  if (canary !== null) return `${formatPercent(canary.weight)} of ${canary.types.join(", ")}`;
  if (activeTypes.length > 0) return activeTypes.join(", ");
  if (canaryEnd === null) return "-";
  const { how, weight, endedAtMs, by, why } = canaryEnd;
  const at = new Date(endedAtMs).toISOString();
  return `- (${formatPercent(weight)} ${how.replace("_", " ")} ${at} by ${by}: ${why})`;
}

export async function setCanary(
  admin: AdminConnection,
  terminal: Terminal,
  id: string,
  { weight, faultsMax, for: forTime, force = false }: CanaryOptions,
): Promise<void> {
  const body = JSON.stringify({ weight, faultsMax, for: forTime, force });
  const reply = await askAdmin(admin, `/v1/deployments/${encodeURIComponent(id)}/canary`, { method: "POST", body });
  showOutcome(terminal, JSON.parse(reply.text) as Outcome);
}

export async function promote(admin: AdminConnection, terminal: Terminal, id: string, force: boolean): Promise<void> {
  const path = `/v1/deployments/${encodeURIComponent(id)}/promote`;
  const reply = await askAdmin(admin, path, { method: "POST", body: JSON.stringify({ force }) });
  showOutcome(terminal, JSON.parse(reply.text) as Outcome);
}

export async function rollBack(admin: AdminConnection, terminal: Terminal): Promise<void> {
  const reply = await askAdmin(admin, "/v1/deployments/rollback", { method: "POST" });
  const { deployment } = JSON.parse(reply.text) as Outcome;
  const what = deployment === null ? "rolled back" : `the canary ${deployment.id} is rolled back`;
  show(terminal, { rolledBack: true }, [`${what}; 'holdfast deployments list' shows what serves now`]);
}

export async function removeDeployment(admin: AdminConnection, terminal: Terminal, id: string): Promise<void> {
  await askAdmin(admin, `/v1/deployments/${encodeURIComponent(id)}/remove`, { method: "POST" });
  show(terminal, { removed: id }, [`${id} is removed; its endpoint may go`]);
}

function showOutcome(terminal: Terminal, outcome: Outcome): void {
  const { deployment, warnings } = outcome;
  const lines = warnings.map(({ message }) => `warning: ${message}`);
  if (deployment !== null) lines.push(`${deployment.id} serves ${served(deployment)}`);
  show(terminal, outcome, lines);
}
