/**
 * The example's stack on an emulator: every resource that it knows is made from the synthesized template, a router starts on the
 * tables and the bucket with the settings and secrets of the task definition, the registrar's Lambda function registers the
 * shop with it, and a command goes through. `npm run test:emulator`; HOLDFAST_MINISTACK is the path of the program.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { App } from "aws-cdk-lib";
import type { CfnFunction, Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { repository } from "../../example/repository.js";
import { ShopStack } from "../../example/shop-stack.js";
import { publish, type Template, type TemplateResource, withoutMetricMath, withoutRefused } from "./emulated-template.js";
import { CREDENTIALS, freePort, Ministack } from "./ministack.js";
import { StackClient } from "./stack-client.js";

const STACK = "HoldfastShop";

describe("the example's stack, deployed to an emulator", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-cdk-"));
  let ministack: Ministack;
  let stacks: StackClient;
  let router: ChildProcess | null = null;
  let template: Template;
  let missing: readonly string[];
  let resources: ReadonlyMap<string, string>;
  let adminUrl = "";
  let adminKey = "";
  let clientKey = "";
  let ingressUrl = "";

  const named = (type: string, part = ""): [string, TemplateResource] => {
    const found = Object.entries(template.Resources).find(([name, { Type }]) => Type === type && name.includes(part));
    assert.ok(found !== undefined, `${type} ${part}`);
    return found;
  };
  const physical = (type: string, part = ""): string => resources.get(named(type, part)[0]) ?? "";
  const secret = async (part: string): Promise<string> => {
    const SecretId = physical("AWS::SecretsManager::Secret", part);
    const { SecretString } = await ministack.json("secretsmanager", "secretsmanager.GetSecretValue", { SecretId });
    return String(SecretString);
  };
  const call = async (method: "GET" | "POST", path: string, body?: object): Promise<{ status: number; text: string }> => {
    const headers = { authorization: `Bearer ${clientKey}`, "content-type": "application/json" };
    const response = await fetch(ingressUrl + path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };

  before(async () => {
    const command = process.env["HOLDFAST_MINISTACK"];
    assert.ok(command !== undefined && existsSync(command), "HOLDFAST_MINISTACK names the program of PyPI's package ministack");
    ministack = await Ministack.start(command);
    stacks = new StackClient(ministack.url);
  });
  after(async () => {
    if (router !== null && router.exitCode === null) {
      router.kill("SIGKILL");
      await once(router, "exit");
    }
    await ministack?.stop();
    rmSync(folder, { recursive: true });
  });

  it("is taken whole, but for parts of the network and autoscaling", async () => {
    const adminPort = await freePort();
    adminUrl = `http://127.0.0.1:${adminPort}`;
    // Long enough for a router to start meanwhile.
    const url = await synthesize(() => undefined, 60);
    assert.deepEqual(missing, [
      "AWS::ApplicationAutoScaling::ScalableTarget",
      ...Array<string>(2).fill("AWS::ApplicationAutoScaling::ScalingPolicy"),
      ...["AWS::EC2::EIP", "AWS::EC2::EIP", "AWS::EC2::FlowLog", "AWS::EC2::NatGateway", "AWS::EC2::NatGateway"],
      ...["AWS::EC2::Route", "AWS::EC2::Route"],
      ...Array<string>(2).fill("AWS::EC2::SecurityGroupEgress"),
      ...Array<string>(6).fill("AWS::EC2::SecurityGroupIngress"),
    ]);
    await stacks.create(STACK, url);
    // All but what waits for a router: the registration, and what depends on it.
    const wanted = Object.entries(template.Resources).filter(
      ([, { Type }]) => Type !== "Custom::HoldfastFunction" && Type !== "AWS::CDK::Metadata",
    );
    resources = await stacks.resources(
      STACK,
      wanted.map(([name]) => name),
    );
    assert.ok(resources.size > 60, `${resources.size} resources were made`);
    router = await startRouter(adminPort);
  });

  it("made the tables as the router wants them", async () => {
    const ofLog = { TableName: physical("AWS::DynamoDB::Table", "Log") };
    const { Table: log } = (await ministack.json("dynamodb", "DynamoDB_20120810.DescribeTable", ofLog)) as {
      Table: TableDescription;
    };
    const directory = { TableName: physical("AWS::DynamoDB::Table", "Directory") };
    const { Table: found } = (await ministack.json("dynamodb", "DynamoDB_20120810.DescribeTable", directory)) as {
      Table: TableDescription;
    };
    const shapes = await import(repository("dist/src/journal-dynamo/table.js"));
    const directoryShape = await import(repository("dist/src/directory-dynamo/table.js"));
    assert.deepEqual(keysOf(log), shapes.JOURNAL_TABLE.key);
    assert.deepEqual(keysOf(found), directoryShape.DIRECTORY_TABLE.key);
    // The emulator makes no use of the template's TimeToLiveSpecification: test/stack.test.ts looks at that.
    for (const { BillingModeSummary, DeletionProtectionEnabled } of [log, found]) {
      assert.deepEqual([BillingModeSummary.BillingMode, DeletionProtectionEnabled], ["PAY_PER_REQUEST", true]);
    }
  });

  it("is complete once its function is registered with the router, by the custom resource", async () => {
    assert.equal(await stacks.settled(STACK), "CREATE_COMPLETE", await stacks.failures(STACK));
  });

  it("takes commands, for whom has the key", async () => {
    const refused = await fetch(`${ingressUrl}/shop/cart/c1/view`);
    assert.equal(refused.status, 401);
    const restocked = await call("POST", "/shop/inventory/socks/restock", { quantity: 10 });
    assert.ok(restocked.status < 300, restocked.text);
    const added = await call("POST", "/shop/cart/c1/add", { sku: "socks", quantity: 2, priceCents: 500 });
    assert.ok(added.status < 300, added.text);
    for (const endMs = Date.now() + 30_000; ; await sleep(100)) {
      const { text } = await call("GET", "/shop/cart/c1/view");
      if (JSON.parse(text).lines.socks?.confirmed === true) break;
      assert.ok(Date.now() < endMs, text);
    }
  });

  it("registers the next version when the function changes, and keeps the one before it", async () => {
    await update((shop) => shop.addEnvironment("GENERATION", "2"));
    assert.equal(await stacks.settled(STACK), "UPDATE_COMPLETE", await stacks.failures(STACK));
    assert.deepEqual(await versions(), { 1: 0, 2: 3 });
    const { status, text } = await call("GET", "/shop/cart/c1/view");
    assert.deepEqual([status, JSON.parse(text).lines.socks.quantity], [200, 2]);
  });

  it("fails, and goes back to the version before, where the next one cannot be discovered", async () => {
    await update((shop) => (shop.node.defaultChild as CfnFunction).addPropertyOverride("Handler", "index.absent"));
    assert.equal(await stacks.settled(STACK), "UPDATE_ROLLBACK_COMPLETE");
    assert.match(await stacks.failures(STACK), /Custom::HoldfastFunction/);
    assert.equal((await versions())[2], 3);
    assert.equal((await call("GET", "/shop/cart/c1/view")).status, 200);
  });

  it("keeps tables and bucket when the stack is deleted", async () => {
    await stacks.delete(STACK);
    assert.equal(await stacks.settled(STACK), "DELETE_COMPLETE");
    const { TableNames } = (await ministack.json("dynamodb", "DynamoDB_20120810.ListTables", {})) as { TableNames: string[] };
    for (const part of ["Log", "Directory"]) assert.ok(TableNames.includes(physical("AWS::DynamoDB::Table", part)), part);
    assert.ok(await ministack.hasBucket(physical("AWS::S3::Bucket", "Snapshots")));
  });

  /** Deploys the stack with a changed function. */
  async function update(change: (shop: LambdaFunction) => void): Promise<void> {
    await stacks.update(STACK, await synthesize(change, 5));
  }

  /** How many types are served by each version that is registered. */
  async function versions(): Promise<Readonly<Record<string, number>>> {
    const response = await fetch(`${adminUrl}/v1/deployments`, { headers: { authorization: `Bearer ${adminKey}` } });
    const { deployments } = (await response.json()) as { deployments: { url: string; activeTypes: string[] }[] };
    return Object.fromEntries(deployments.map(({ url, activeTypes }) => [url.split(":").at(-1), activeTypes.length]));
  }

  /** Publishes the stack as the emulator takes it; gives the template's URL. Discovery is given up after these seconds. */
  async function synthesize(change: (shop: LambdaFunction) => void, registrationSeconds: number): Promise<string> {
    const outdir = mkdtempSync(join(folder, "out-"));
    const app = new App({ outdir });
    const stack = new ShopStack(app, STACK);
    change(stack.node.findChild("Shop") as LambdaFunction);
    app.synth();
    template = JSON.parse(readFileSync(join(outdir, `${STACK}.template.json`), "utf8"));
    missing = withoutRefused(template);
    assert.equal(withoutMetricMath(template), 3);
    adaptRegistrar(template, outdir, { ADMIN_URL: adminUrl, REGISTRATION_SECONDS: String(registrationSeconds) });
    return publish(ministack, outdir, STACK, template);
  }

  /** As the task would: its image's command, its settings, its secrets. Only the ports are the test's. */
  async function startRouter(adminPort: number): Promise<ChildProcess> {
    const taskDefinition = physical("AWS::ECS::TaskDefinition");
    const target = "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition";
    const described = (await ministack.json("ecs", target, { taskDefinition })) as {
      taskDefinition: { containerDefinitions: { environment: { name: string; value: string }[] }[] };
    };
    const variables = described.taskDefinition.containerDefinitions[0]?.environment ?? [];
    const settings = JSON.parse(variables.find(({ name }) => name === "HOLDFAST_CONFIG")?.value ?? "null");
    assert.equal(settings.journal.table, physical("AWS::DynamoDB::Table", "Log"));
    const ingressPort = await freePort();
    // One router, and on this machine.
    delete settings.peers;
    settings.listen = { ingress: `127.0.0.1:${ingressPort}`, admin: `127.0.0.1:${adminPort}` };
    clientKey = await secret("ClientKey");
    adminKey = await secret("AdminKey");
    ingressUrl = `http://127.0.0.1:${ingressPort}`;
    const child = spawn(process.execPath, [repository("dist/src/cli/holdfast.js"), "start"], {
      cwd: folder,
      env: {
        PATH: process.env["PATH"],
        HOLDFAST_CONFIG: JSON.stringify(settings),
        HOLDFAST_ADMIN_KEY: adminKey,
        HOLDFAST_CLIENT_KEY: clientKey,
        AWS_ENDPOINT_URL: ministack.url,
        AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output = (output + chunk).slice(-20_000)));
    for (const endMs = Date.now() + 60_000; ; await sleep(200)) {
      assert.equal(child.exitCode, null, output);
      const ready = await fetch(`http://127.0.0.1:${adminPort}/readyz`).catch(() => null);
      if (ready?.ok === true) return child;
      assert.ok(Date.now() < endMs, output);
    }
  }
});

interface TableDescription {
  readonly KeySchema: readonly { readonly AttributeName: string }[];
  readonly BillingModeSummary: { readonly BillingMode: string };
  readonly DeletionProtectionEnabled: boolean;
}

function keysOf({ KeySchema }: TableDescription): readonly string[] {
  return KeySchema.map(({ AttributeName }) => AttributeName);
}

/**
 * The router of the test is no task, so that it has no name in the VPC. And Lambda's runtime brings the AWS SDK along, which the
 * emulator's does not: it is bundled.
 */
function adaptRegistrar(template: Template, outdir: string, variables: Readonly<Record<string, string>>): void {
  const [, { Properties = {} }] = Object.entries(template.Resources).find(
    ([name, { Type }]) => Type === "AWS::Lambda::Function" && name.includes("Registrar"),
  ) ?? ["", { Type: "" }];
  const { Variables } = Properties["Environment"] as { Variables: Record<string, unknown> };
  Object.assign(Variables, variables);
  const asset = readdirSync(outdir).find((name) => existsSync(join(outdir, name, "registrar.mjs")));
  assert.ok(asset !== undefined, "the registrar's code is an asset");
  const code = join(outdir, asset, "registrar.mjs");
  const bundle = join(outdir, "bundle.mjs");
  const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  const options = [
    "--bundle",
    "--platform=node",
    "--format=esm",
    `--banner:js=${banner}`,
    "--log-level=error",
    `--outfile=${bundle}`,
  ];
  execFileSync(repository("node_modules/.bin/esbuild"), [code, ...options], {
    env: { ...process.env, NODE_PATH: repository("cdk/node_modules") },
  });
  renameSync(bundle, code);
}
