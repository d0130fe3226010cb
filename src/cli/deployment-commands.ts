/** `register`, `deployments list | promote | rollback`. */
import { type AdminConnection, askAdmin } from "./admin-client.js";
import { show, type Terminal, table } from "./terminal.js";

interface DeploymentView {
  readonly id: string;
  readonly url: string;
  readonly registeredAtMs: number;
  readonly types: readonly string[];
  readonly activeTypes: readonly string[];
}

interface Outcome {
  readonly deployment: DeploymentView | null;
  readonly warnings: readonly { readonly message: string }[];
}

export async function register(admin: AdminConnection, terminal: Terminal, url: string, force: boolean): Promise<void> {
  const body = JSON.stringify({ url, force });
  const reply = await askAdmin(admin, "/v1/deployments", { method: "POST", body });
  showOutcome(terminal, JSON.parse(reply.text) as Outcome);
}

export async function listDeployments(admin: AdminConnection, terminal: Terminal): Promise<void> {
  const reply = await askAdmin(admin, "/v1/deployments");
  if (terminal.isJson) return terminal.out(reply.text);
  const { deployments } = JSON.parse(reply.text) as { readonly deployments: readonly DeploymentView[] };
  if (deployments.length === 0) return terminal.out("no deployments; register one with 'holdfast register http://...' or an ARN");
  const rows = deployments.map(({ id, url, registeredAtMs, activeTypes }) => [
    id,
    new Date(registeredAtMs).toISOString(),
    url,
    activeTypes.length === 0 ? "-" : activeTypes.join(", "),
  ]);
  for (const line of table([["ID", "REGISTERED", "URL", "SERVES"], ...rows])) terminal.out(line);
}

export async function promote(admin: AdminConnection, terminal: Terminal, id: string, force: boolean): Promise<void> {
  const path = `/v1/deployments/${encodeURIComponent(id)}/promote`;
  const reply = await askAdmin(admin, path, { method: "POST", body: JSON.stringify({ force }) });
  showOutcome(terminal, JSON.parse(reply.text) as Outcome);
}

export async function rollBack(admin: AdminConnection, terminal: Terminal): Promise<void> {
  await askAdmin(admin, "/v1/deployments/rollback", { method: "POST" });
  show(terminal, { rolledBack: true }, ["rolled back; 'holdfast deployments list' shows what serves now"]);
}

function showOutcome(terminal: Terminal, outcome: Outcome): void {
  const { deployment, warnings } = outcome;
  const lines = warnings.map(({ message }) => `warning: ${message}`);
  if (deployment !== null) lines.push(`${deployment.id} serves ${deployment.activeTypes.join(", ")}`);
  show(terminal, outcome, lines);
}
