/** Several routers on one pair of tables and one bucket, each behind a store door and a peer proxy of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDynamoDbLocal } from "../../aws/servers/dynamodb-local.js";
import { namedEndpoint } from "../../aws/servers/endpoints.js";
import { LOCAL_CREDENTIALS } from "../../aws/servers/local-cloud.js";
import { startS3Server } from "../../aws/servers/s3.js";
import type { RunningServer } from "../../aws/servers/server-process.js";
import { type AwsPlace, awsPlace, prepare } from "../../e2e/place.js";
import { until } from "../../e2e/world.js";
import type { Build } from "./build.js";
import { ChaosFunctions } from "./function-server.js";
import { PeerNet } from "./peer-net.js";
import { PeerProxy } from "./peer-proxy.js";
import { RouterNode } from "./router-node.js";
import { processOfPort } from "./socket-owner.js";
import { StoreDoor } from "./store-door.js";

export interface ClusterOptions {
  readonly nodes: number;
  readonly seed: number;
  /** Of requests to the store, how many something happens to: 0 to 1. */
  readonly rate: number;
  readonly shards: number;
  readonly build: Build;
  /** Further lines of settings. */
  readonly settings?: readonly string[];
}

const CLUSTER = "chaos";
const READY_WITHIN_MS = 60_000;
/** Whichever node begins first waits for nobody; a build without peers has one node that is ever ready. */
const ONE_NODE = 1;

export class RouterCluster {
  readonly folder: string;
  readonly functions: ChaosFunctions;
  readonly peers = new PeerNet();
  readonly #nodes: RouterNode[] = [];
  readonly #proxies: PeerProxy[] = [];
  readonly #servers: readonly RunningServer[];
  readonly #upstream: { readonly dynamodb: string; readonly s3: string; readonly lambda: string };
  readonly #place: AwsPlace;
  readonly #options: ClusterOptions;

  private constructor(
    folder: string,
    functions: ChaosFunctions,
    servers: readonly RunningServer[],
    upstream: { readonly dynamodb: string; readonly s3: string },
    options: ClusterOptions,
  ) {
    this.folder = folder;
    this.functions = functions;
    this.#servers = servers;
    this.#upstream = { ...upstream, lambda: "http://127.0.0.1:1" };
    this.#place = awsPlace();
    this.#options = options;
    this.peers.onChange = (isReset) => {
      for (const proxy of this.#proxies) proxy.changed(isReset);
    };
  }

  /** Servers that the environment does not name are started. No node runs yet. */
  static async make(options: ClusterOptions): Promise<RouterCluster> {
    for (const [name, value] of Object.entries(LOCAL_CREDENTIALS)) process.env[name] ??= value;
    const servers: RunningServer[] = [];
    const endpoint = async (service: "dynamodb" | "s3", start: () => Promise<RunningServer>): Promise<string> => {
      const named = namedEndpoint(service);
      if (named !== null) return named;
      const server = await start();
      servers.push(server);
      return server.endpoint;
    };
    const upstream = { dynamodb: await endpoint("dynamodb", startDynamoDbLocal), s3: await endpoint("s3", startS3Server) };
    const folder = await mkdtemp(join(tmpdir(), "holdfast-chaos-"));
    const cluster = new RouterCluster(folder, await ChaosFunctions.started(), servers, upstream, options);
    await cluster.#prepare();
    for (let index = 0; index < options.nodes; index++) await cluster.add();
    return cluster;
  }

  /** The table that says who owns what, past all proxies. */
  get directory(): { readonly endpoint: string; readonly table: string; readonly cluster: string } {
    return { endpoint: this.#upstream.dynamodb, table: this.#place.directoryTable, cluster: CLUSTER };
  }

  get shards(): number {
    return this.#options.shards;
  }

  get nodes(): readonly RouterNode[] {
    return this.#nodes;
  }

  /** One more node; it is not started. */
  async add(): Promise<RouterNode> {
    const { seed, rate, build } = this.#options;
    const index = this.#nodes.length;
    const door = await StoreDoor.open(this.#upstream, seed * 1_000 + index, rate);
    const name = `node-${index + 1}`;
    const node = await RouterNode.make({ name, folder: this.folder, door, build, settings: (url) => this.#settings(url) });
    this.#nodes.push(node);
    const { advertisedPort: port, peerPort: upstreamPort } = node;
    const whoConnects = (from: number): string | null => this.#nodeOfPort(from);
    this.#proxies.push(await PeerProxy.open({ node: name, port, upstreamPort, whoConnects, passes: this.peers.passes }));
    return node;
  }

  async start(build = this.#options.build): Promise<void> {
    for (const node of this.#nodes) node.start(build);
    await this.serves(build.hasPeers ? this.#nodes.length : ONE_NODE);
  }

  /** Until so many nodes are ready, and the functions are known to one of them. */
  async serves(nodes = ONE_NODE): Promise<void> {
    await until(async () => (await this.ready()).length >= nodes, READY_WITHIN_MS);
    await until(async () => {
      const [node] = await this.ready();
      const types = await node?.admin("/v1/types").catch(() => null);
      return types?.text.includes("chaos/tally") === true;
    }, READY_WITHIN_MS);
  }

  async ready(): Promise<readonly RouterNode[]> {
    const isReady = await Promise.all(this.#nodes.map((node) => node.isReady()));
    return this.#nodes.filter((_, index) => isReady[index]);
  }

  get proxyStates(): readonly string[] {
    return this.#proxies.flatMap((proxy) => proxy.state);
  }

  /** Everything goes on, and nothing more happens. */
  async heal(): Promise<void> {
    for (const { name } of this.#nodes) this.peers.heal(name);
    await this.functions.start();
    for (const node of this.#nodes) {
      node.door.calm();
      node.resume();
      node.start();
    }
  }

  /** `keepsFolder`: logs stay, for whoever looks for what went wrong. */
  async close(keepsFolder: boolean): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
    await this.functions.kill();
    await Promise.all(this.#nodes.map((node) => node.door.close()));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await Promise.all(this.#servers.map((server) => server.stop()));
    if (!keepsFolder) await rm(this.folder, { recursive: true, force: true });
  }

  async #prepare(): Promise<void> {
    process.env["AWS_ENDPOINT_URL_DYNAMODB"] = this.#upstream.dynamodb;
    process.env["AWS_ENDPOINT_URL_S3"] = this.#upstream.s3;
    await prepare(this.#place, this.folder);
  }

  #settings(doorUrl: string): readonly string[] {
    return [
      `cluster: ${CLUSTER}`,
      `shards: ${this.#options.shards}`,
      ...this.#place.lines,
      `aws: { endpoint: '${doorUrl}' }`,
      "functions:",
      `  - { url: '${this.functions.url}', timeout: 3s }`,
      ...(this.#options.settings ?? []),
    ];
  }

  #nodeOfPort(port: number): string | null {
    const pids = this.#nodes.map(({ pid }) => pid).filter((pid) => pid !== null);
    const pid = processOfPort(port, pids);
    return this.#nodes.find((node) => node.pid === pid && pid !== null)?.name ?? null;
  }
}
