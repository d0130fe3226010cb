/**
 * The pods of the overlay for one machine as processes: what the Job and the router's container run, with their arguments, their
 * settings and their environment, on DynamoDB and S3 from npm. What Kubernetes adds (network, scheduling) is not there.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { LocalCloud } from "../aws/servers/local-cloud.js";
import { Child } from "../e2e/child.js";
import { build, type Container, find, overlayFolder, routerOf, type Workload } from "./manifests.js";
import { environmentOf, knownSections, settingsText } from "./pod-settings.js";

const MOUNTED = "/etc/holdfast/holdfast.yaml";
const READY_WITHIN_MS = 30_000;

describe("the overlay for one machine, as processes", () => {
  const manifests = build(overlayFolder("local"));
  const { pod, container } = routerOf(manifests);
  const folder = mkdtempSync(join(tmpdir(), "holdfast-pod-"));
  const file = join(folder, "holdfast.yaml");
  const portByName = new Map<string, number>();
  let cloud: LocalCloud;
  let router: Child;

  before(async () => {
    cloud = await LocalCloud.start();
    let text = knownSections(settingsText(manifests));
    for (const { name, containerPort } of container.ports) {
      const port = await freePort();
      portByName.set(name, port);
      text = text.replaceAll(`:${containerPort}`, `:${port}`);
    }
    writeFileSync(file, text);
  });
  after(async () => {
    await router?.kill();
    await cloud.stop();
    rmSync(folder, { recursive: true });
  });

  const run = (one: Container): Child => {
    assert.ok(one.args.includes(MOUNTED));
    const environment = environmentOf(manifests, one, "127.0.0.1");
    for (const service of ["DYNAMODB", "S3"]) {
      assert.ok(`AWS_ENDPOINT_URL_${service}` in environment);
      environment[`AWS_ENDPOINT_URL_${service}`] = cloud.proxy.url;
    }
    return new Child(
      process.execPath,
      one.args.map((arg) => (arg === MOUNTED ? file : arg)),
      environment,
    );
  };
  const ask = async (port: string, path: string, init: RequestInit = {}): Promise<number> =>
    (await fetch(`http://127.0.0.1:${portByName.get(port)}${path}`, init).catch(() => ({ status: 0 }))).status;

  it("begins with a Job that makes the tables and the bucket, as often as it likes", async () => {
    const [init] = find<Workload>(manifests, "Job", "holdfast-init").spec.template.spec.containers;
    assert.ok(init !== undefined);
    for (let times = 0; times < 2; times++) {
      const job = run(init);
      assert.deepEqual(await job.exited, { code: 0, signal: null }, job.errors);
    }
  });

  it("goes on with a router that is alive and then ready where its probes ask", async () => {
    router = run(container);
    const { startupProbe, livenessProbe, readinessProbe } = container;
    for (const endMs = Date.now() + READY_WITHIN_MS; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      if ((await ask(readinessProbe.httpGet.port, readinessProbe.httpGet.path)) === 200) break;
      assert.ok(!router.hasExited && Date.now() < endMs, router.errors);
    }
    for (const { httpGet } of [startupProbe, livenessProbe]) assert.equal(await ask(httpGet.port, httpGet.path), 200);
  });

  it("lets clients in by their key, and Prometheus without one", async () => {
    const annotations = find<Workload>(manifests, "Deployment").spec.template.metadata.annotations ?? {};
    assert.equal(annotations["prometheus.io/port"], String(container.ports.find(({ name }) => name === "admin")?.containerPort));
    assert.equal(await ask("admin", annotations["prometheus.io/path"] ?? ""), 200);
    assert.equal(await ask("ingress", "/shop/cart/c1/view"), 401);
    const authorization = `Bearer ${environmentOf(manifests, container, "")["HOLDFAST_CLIENT_KEY"]}`;
    assert.equal(await ask("ingress", "/shop/cart/c1/view", { headers: { authorization } }), 404, "nobody serves the type yet");
  });

  it("ends by itself when it is told to, in less than its grace", async () => {
    const beganMs = Date.now();
    router.signal("SIGTERM");
    assert.deepEqual(await router.exited, { code: 0, signal: null }, router.errors);
    const preStopSeconds = container.lifecycle.preStop.sleep.seconds;
    assert.ok(Date.now() - beganMs < (pod.terminationGracePeriodSeconds - preStopSeconds) * 1_000);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}
