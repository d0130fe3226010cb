/**
 * The pods of the overlay for one machine as processes: what the Job and the routers' container run, with their arguments, their
 * settings and their environment, on DynamoDB and S3 from npm. What Kubernetes adds (network, scheduling) is not there: all pods
 * have one address here, and so ports of their own.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { LocalCloud } from "../aws/servers/local-cloud.js";
import { Child } from "../e2e/child.js";
import { until } from "../e2e/world.js";
import { build, type Container, find, overlayFolder, routerOf, type Workload } from "./manifests.js";
import { environmentOf, settingsText } from "./pod-settings.js";

const MOUNTED = "/etc/holdfast/holdfast.yaml";
const READY_WITHIN_MS = 40_000;

const manifests = build(overlayFolder("local"));
const { pod, container } = routerOf(manifests);

describe("the overlay for one machine, as processes", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-pod-"));
  const pods: Pod[] = [];
  let cloud: LocalCloud;

  before(async () => {
    cloud = await LocalCloud.start();
  });
  after(async () => {
    await Promise.all(pods.map(({ child }) => child.kill()));
    await cloud.stop();
    rmSync(folder, { recursive: true });
  });

  const start = async (one: Container): Promise<Pod> => {
    const portByName = new Map<string, number>();
    let text = settingsText(manifests);
    for (const { name, containerPort } of container.ports) {
      const port = await freePort();
      portByName.set(name, port);
      text = text.replaceAll(`:${containerPort}`, `:${port}`);
    }
    const file = join(folder, `holdfast-${pods.length}.yaml`);
    writeFileSync(file, text);
    const environment = environmentOf(manifests, one, "127.0.0.1");
    for (const service of ["DYNAMODB", "S3"]) {
      assert.ok(`AWS_ENDPOINT_URL_${service}` in environment);
      environment[`AWS_ENDPOINT_URL_${service}`] = cloud.proxy.url;
    }
    assert.ok(one.args.includes(MOUNTED));
    const args = one.args.map((arg) => (arg === MOUNTED ? file : arg));
    const started = new Pod(new Child(process.execPath, args, environment), portByName);
    pods.push(started);
    return started;
  };
  /** Readiness as kubelet would ask for it. */
  const isReady = async (one: Pod): Promise<boolean> => {
    assert.ok(!one.child.hasExited, one.child.errors);
    const { port, path } = container.readinessProbe.httpGet;
    return (await one.ask(port, path)).status === 200;
  };
  const routers: Pod[] = [];
  const shards = /^shards: (\d+)$/m.exec(settingsText(manifests))?.[1];

  it("begins with a Job that makes the tables and the bucket, as often as it likes", async () => {
    const [init] = find<Workload>(manifests, "Job", "holdfast-init").spec.template.spec.containers;
    assert.ok(init !== undefined);
    for (let times = 0; times < 2; times++) {
      const { child } = await start(init);
      assert.deepEqual(await child.exited, { code: 0, signal: null }, child.errors);
    }
  });

  it("goes on with three routers that are alive and then ready where their probes ask, and share the shards", async () => {
    const { replicas = 0 } = find<Workload>(manifests, "Deployment").spec;
    for (let count = 0; count < replicas; count++) routers.push(await start(container));
    assert.equal(routers.length, 3);
    for (const one of routers) {
      await until(() => isReady(one), READY_WITHIN_MS);
      for (const { httpGet } of [container.startupProbe, container.livenessProbe])
        assert.equal((await one.ask(httpGet.port, httpGet.path)).status, 200);
    }
    await until(async () => {
      const owned = await Promise.all(routers.map((one) => one.metric("holdfast_shards_owned")));
      const seen = await Promise.all(routers.map((one) => one.metric("holdfast_cluster_nodes")));
      return sum(owned) === Number(shards) && owned.every((count) => count > 0) && seen.every((count) => count === 3);
    }, READY_WITHIN_MS);
  });

  it("lets clients in by their key, and Prometheus without one", async () => {
    const annotations = find<Workload>(manifests, "Deployment").spec.template.metadata.annotations ?? {};
    assert.equal(annotations["prometheus.io/port"], String(container.ports.find(({ name }) => name === "admin")?.containerPort));
    const [one] = routers;
    assert.ok(one !== undefined);
    assert.equal((await one.ask("admin", annotations["prometheus.io/path"] ?? "")).status, 200);
    assert.ok((await one.metric("holdfast_node_load")) >= 0);
    assert.equal((await one.ask("ingress", "/shop/cart/c1/view")).status, 401);
    const authorization = `Bearer ${environmentOf(manifests, container, "")["HOLDFAST_CLIENT_KEY"]}`;
    assert.equal((await one.ask("ingress", "/shop/cart/c1/view", { authorization })).status, 404, "nobody serves the type yet");
  });

  it("gives the shards of a router that is told to stop to the others, in less than its grace", async () => {
    const [leaving, ...others] = routers;
    assert.ok(leaving !== undefined);
    const beganMs = Date.now();
    leaving.child.signal("SIGTERM");
    assert.deepEqual(await leaving.child.exited, { code: 0, signal: null }, leaving.child.errors);
    const preStopSeconds = container.lifecycle.preStop.sleep.seconds;
    assert.ok(Date.now() - beganMs < (pod.terminationGracePeriodSeconds - preStopSeconds) * 1_000);
    await until(async () => {
      const owned = await Promise.all(others.map((one) => one.metric("holdfast_shards_owned")));
      return sum(owned) === Number(shards);
    }, READY_WITHIN_MS);
  });
});

/** A process and its ports. */
class Pod {
  readonly child: Child;
  readonly #portByName: ReadonlyMap<string, number>;

  constructor(child: Child, portByName: ReadonlyMap<string, number>) {
    this.child = child;
    this.#portByName = portByName;
  }

  /** Status 0: nobody listens. */
  async ask(port: string, path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#portByName.get(port)}${path}`, { headers });
      return { status: response.status, text: await response.text() };
    } catch {
      return { status: 0, text: "" };
    }
  }

  /** By its name, with its labels where it has some. */
  async metric(name: string): Promise<number> {
    const { text } = await this.ask("admin", "/metrics");
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    assert.ok(line !== undefined, `there is no ${name}`);
    return Number(line.slice(name.length + 1));
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}
