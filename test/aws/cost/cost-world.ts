/**
 * A router in a process of its own, on a DynamoDB, an S3 and a Lambda in memory, behind the proxy that counts: appends and
 * reads are answered after 5 ms, invocations after 8 ms, S3 after 15 ms.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REQUEST_KINDS, type RequestKind } from "../../../src/ports/request-meter.js";
import { type Child, startHoldfast } from "../../e2e/child.js";
import { AwsProxy } from "../fault-proxy/aws-proxy.js";
import type { AwsService } from "../fault-proxy/aws-request.js";
import { startS3Fake } from "../s3-fake/s3-fake.js";
import { LOCAL_CREDENTIALS } from "../servers/local-cloud.js";
import { MemoryDynamo } from "./memory-dynamo.js";
import { COST_ARN, MemoryLambda } from "./memory-lambda.js";
import { type Charge, ProxyMeter } from "./proxy-meter.js";

export type Charges = Readonly<Record<RequestKind, Charge>>;

const DELAY_MS: Readonly<Record<AwsService, number>> = { dynamodb: 5, s3: 15, lambda: 8 };
/** Of both tables, see src/journal-dynamo/table.ts and src/directory-dynamo/table.ts. */
const KEY_ATTRIBUTES = ["g", "k"];

export interface CostWorldOptions {
  readonly prefer: "latency" | "cost";
  /** Further lines of settings. */
  readonly settings?: string;
}

export class CostWorld {
  readonly meter: ProxyMeter;
  readonly #folder: string;
  readonly #closing: (() => Promise<unknown>)[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 512 });
  #router: Child | null = null;
  #ingress = "";
  #admin = "";
  #atStart: Charges;

  private constructor(meter: ProxyMeter, folder: string, closing: (() => Promise<unknown>)[]) {
    this.meter = meter;
    this.#folder = folder;
    this.#closing = closing;
    this.#atStart = this.charges();
  }

  /** What the proxy had counted when the router was started last. */
  get atStart(): Charges {
    return this.#atStart;
  }

  static async open({ prefer, settings = "" }: CostWorldOptions): Promise<CostWorld> {
    for (const [name, value] of Object.entries(LOCAL_CREDENTIALS)) process.env[name] ??= value;
    const [dynamo, s3, lambda] = await Promise.all([MemoryDynamo.open(), startS3Fake(), MemoryLambda.open()]);
    const meter = new ProxyMeter(KEY_ATTRIBUTES);
    const upstream = { dynamodb: dynamo.url, s3: s3.endpoint, lambda: lambda.url };
    const plan = ({ service }: { readonly service: AwsService }) => ({ kind: "pass", delayMs: DELAY_MS[service] }) as const;
    const proxy = await AwsProxy.open({ upstream, plan, observe: meter.observe });
    const folder = await mkdtemp(join(tmpdir(), "holdfast-cost-"));
    const lines = [
      "listen: { ingress: '127.0.0.1:0', admin: '127.0.0.1:0' }",
      "journal: { kind: dynamodb, table: cost-log }",
      "snapshots: { kind: s3, bucket: cost }",
      "directory: { kind: dynamodb, table: cost-directory }",
      `aws: { endpoint: '${proxy.url}' }`,
      `functions: [{ lambda: '${COST_ARN}', prefer: ${prefer} }]`,
      "log: { level: warn }",
      settings,
    ];
    await writeFile(join(folder, "holdfast.yaml"), lines.join("\n"));
    const closing = [() => proxy.close(), () => dynamo.close(), () => s3.close(), () => lambda.close()];
    const world = new CostWorld(meter, folder, closing);
    await startHoldfast("init", join(folder, "holdfast.yaml")).exited;
    await world.start();
    return world;
  }

  async start(): Promise<void> {
    this.#atStart = this.charges();
    this.#router = startHoldfast("start", "--config", join(this.#folder, "holdfast.yaml"));
    this.#ingress = (await this.#router.said(/ingress +(\S+)/))[1] ?? "";
    this.#admin = (await this.#router.said(/admin +(\S+)/))[1] ?? "";
    while ((await this.command("cost/state", "ready", 0)) !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  /** In good order: everything is flushed. */
  async stop(): Promise<void> {
    this.#router?.signal("SIGTERM");
    await this.#router?.exited;
  }

  /** What the proxy has counted. */
  charges(): Charges {
    return Object.fromEntries(REQUEST_KINDS.map((kind) => [kind, this.meter.chargeOf(kind)])) as Charges;
  }

  /** What the router says it has cost, from its metrics. */
  async ownCharges(): Promise<Charges> {
    const text = await (await fetch(`${this.#admin}/metrics`)).text();
    const of = (name: string, kind: string) =>
      Number(new RegExp(`^${name}\\{kind="${kind}"\\} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
    const charges = REQUEST_KINDS.map((kind): readonly [RequestKind, Charge] => {
      return [kind, { requests: of("holdfast_cost_requests_total", kind), units: of("holdfast_cost_units_total", kind) }];
    });
    return Object.fromEntries(charges) as Charges;
  }

  command(type: string, id: string, round: number): Promise<number> {
    const body = JSON.stringify({ round });
    const headers = { "content-type": "application/json", "content-length": String(body.length) };
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#ingress}/${type}/${id}/add`, { method: "POST", headers, agent: this.#agent }, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
        response.on("error", reject);
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  async close(): Promise<void> {
    await this.#router?.kill();
    this.#agent.destroy();
    for (const close of this.#closing) await close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
