/** `cluster status | drain | move | split`. */
import { type AdminConnection, askAdmin } from "./admin-client.js";
import { CliProblem, EXIT } from "./exit-code.js";
import { type Terminal, table } from "./terminal.js";

interface NodeView {
  readonly incarnation: string;
  readonly address: string;
  readonly status: string;
  readonly isLiving: boolean;
  readonly isLeaving: boolean;
  readonly isDrained: boolean;
  readonly capacity: number;
  readonly startedAt: string;
  readonly shards: number;
}

interface NodeName {
  readonly incarnation: string;
  readonly address: string | null;
}

interface StatusView {
  readonly nodes: readonly NodeView[];
  readonly shards: readonly {
    readonly shard: number;
    readonly generation: number;
    readonly owner: NodeName | null;
    readonly desired: NodeName | null;
  }[];
  readonly splits: number;
}

export async function showClusterStatus(admin: AdminConnection, terminal: Terminal): Promise<void> {
  const { text } = await askAdmin(admin, "/v1/cluster");
  if (terminal.isJson) return terminal.out(text);
  const { nodes, shards, splits } = JSON.parse(text) as StatusView;
  const rows = nodes.map((node) => [
    node.address === "" ? "-" : node.address,
    node.incarnation,
    stateOf(node),
    String(node.shards),
    String(node.capacity),
    node.startedAt,
  ]);
  for (const line of table([["NODE", "INCARNATION", "STATE", "SHARDS", "CAPACITY", "STARTED"], ...rows])) terminal.out(line);
  const whole = shards.filter(({ generation }) => generation < splits).length;
  if (whole > 0) terminal.out(`${whole} shards are still to be halved`);
  const moving = shards.filter(({ owner, desired }) => owner?.incarnation !== desired?.incarnation);
  if (moving.length === 0) return terminal.out(`all ${shards.length} shards are where they should be`);
  terminal.out(`${moving.length} of ${shards.length} shards are not where they should be:`);
  const where = moving.map(({ shard, owner, desired }) => [String(shard), nameOf(owner), nameOf(desired)]);
  for (const line of table([["SHARD", "IS AT", "SHOULD BE AT"], ...where])) terminal.out(line);
}

export async function drain(admin: AdminConnection, terminal: Terminal, node: string, isUndone: boolean): Promise<void> {
  const body = JSON.stringify({ node, undo: isUndone });
  const { text } = await askAdmin(admin, "/v1/cluster/drain", { method: "POST", body });
  if (terminal.isJson) return terminal.out(text);
  terminal.out(
    isUndone
      ? `${node} takes its share again`
      : `the shards of ${node} go to others; 'holdfast cluster status' shows how far it is`,
  );
}

export async function move(admin: AdminConnection, terminal: Terminal, shard: string, node: string | undefined): Promise<void> {
  if (!/^\d+$/.test(shard)) throw new CliProblem(EXIT.usage, "usage", `'${shard}' is not the number of a shard`);
  const body = JSON.stringify({ shard: Number(shard), node: node ?? null });
  const { text } = await askAdmin(admin, "/v1/cluster/move", { method: "POST", body });
  if (terminal.isJson) return terminal.out(text);
  terminal.out(
    node === undefined ? `shard ${shard} goes where it falls by itself` : `shard ${shard} goes to ${node}, as long as that lives`,
  );
}

export async function split(admin: AdminConnection, terminal: Terminal): Promise<void> {
  const { text } = await askAdmin(admin, "/v1/cluster/split", { method: "POST" });
  if (terminal.isJson) return terminal.out(text);
  terminal.out("every shard is halved, one after the other; 'holdfast cluster status' shows how far it is");
}

function stateOf({ status, isLiving, isLeaving, isDrained }: NodeView): string {
  if (status !== "alive") return status;
  if (!isLiving) return "silent";
  if (isLeaving) return "leaving";
  return isDrained ? "drained" : "alive";
}

function nameOf(node: NodeName | null): string {
  return node === null ? "-" : (node.address ?? node.incarnation);
}
