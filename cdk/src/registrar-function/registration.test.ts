import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { AdminApi, AdminProblem, type Deployment } from "./admin-api.mjs";
import { answer } from "./cloudformation.mjs";
import { registerUntil, removeOldVersions, type Surroundings, type Wanted } from "./registration.mjs";

const FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:shop";
const WANTED: Wanted = { functionArn: FUNCTION, versionArn: `${FUNCTION}:9`, versionsKept: 2, force: false, options: {} };
const SERVING: Deployment = { id: "d-9", url: `${FUNCTION}:9`, registeredAtMs: 9, activeTypes: ["shop/cart"] };

/** Routers and Lambda as far as a test needs them; sleeping is what makes time pass. */
class World implements Surroundings {
  readonly deletedVersions: string[] = [];
  readonly lines: string[] = [];
  problems: AdminProblem[] = [];
  deployments: Deployment[] = [SERVING];
  needed: readonly string[] = [];
  #nowMs = 0;
  readonly admin = {
    register: async () => {
      const problem = this.problems.shift();
      if (problem !== undefined) throw problem;
      return SERVING;
    },
    list: async () => this.deployments,
    remove: async (id: string) => {
      if (this.needed.includes(id)) throw new AdminProblem("deployment_in_use", `${id} is needed`, false);
      this.deployments = this.deployments.filter((one) => one.id !== id);
    },
  };

  async deleteVersion(versionArn: string): Promise<void> {
    this.deletedVersions.push(versionArn);
  }

  async sleep(ms: number): Promise<void> {
    this.#nowMs += ms;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  log(message: string): void {
    this.lines.push(message);
  }
}

const passing = () => new AdminProblem("endpoint_unreachable", "access is denied", true);

describe("registration", () => {
  it("is tried again while what is wrong may pass: permissions and new versions take a moment", async () => {
    const world = new World();
    world.problems = [passing(), passing(), passing()];
    assert.equal((await registerUntil(WANTED, 60_000, world)).id, "d-9");
    assert.equal(world.nowMs(), 1_000 + 2_000 + 4_000);
  });

  it("fails at once where a retry cannot help, so that the deployment is rolled back", async () => {
    const world = new World();
    world.problems = [new AdminProblem("deployment_incompatible", "event 'added' would be missing", false)];
    await assert.rejects(registerUntil(WANTED, 60_000, world), /'added' would be missing/);
    assert.equal(world.nowMs(), 0);
  });

  it("ends with the last problem before its deadline", async () => {
    const world = new World();
    world.problems = Array.from({ length: 100 }, passing);
    await assert.rejects(registerUntil(WANTED, 60_000, world), /access is denied/);
    assert.ok(world.nowMs() <= 60_000 && world.nowMs() > 40_000, String(world.nowMs()));
  });
});

describe("old versions", () => {
  const old = (version: number, id = `d-${version}`): Deployment => ({
    id,
    url: `${FUNCTION}:${version}`,
    registeredAtMs: version,
    activeTypes: [],
  });

  it("go, but for the newest, for what the routers need, and for other functions", async () => {
    const world = new World();
    const other = { ...old(1, "d-other"), url: `${FUNCTION}-other:1` };
    const still = { ...old(5), activeTypes: ["shop/stock"] };
    world.deployments = [old(6), old(7), old(8), still, SERVING, other];
    world.needed = ["d-7"];
    assert.deepEqual(await removeOldVersions(WANTED, world), [`${FUNCTION}:6`]);
    assert.deepEqual(world.deletedVersions, [`${FUNCTION}:6`]);
    assert.match(world.lines.join("\n"), /:7 stays: d-7 is needed/);
  });

  it("stay at Lambda while another deployment of the same version is registered", async () => {
    const world = new World();
    world.deployments = [old(6), old(6, "d-6b"), old(8), SERVING];
    world.needed = ["d-6b"];
    await removeOldVersions(WANTED, world);
    assert.deepEqual(world.deletedVersions, []);
  });

  it("never make a deployment fail", async () => {
    const world = new World();
    world.admin.list = async () => {
      throw passing();
    };
    assert.deepEqual(await removeOldVersions(WANTED, world), []);
  });
});

describe("requests", () => {
  let server: Server;
  let url = "";
  const seen: { method: string; url: string; key: string; body: string }[] = [];
  let replies: (readonly [status: number, body: object])[] = [];

  before(async () => {
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        seen.push({ method: request.method ?? "", url: request.url ?? "", key: request.headers.authorization ?? "", body });
        const [status, reply] = replies.shift() ?? [500, {}];
        response.writeHead(status).end(JSON.stringify(reply));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  it("carry the key; a refusal names its reasons, and whether a retry can help", async () => {
    const admin = new AdminApi(url, "the-key");
    replies = [
      [201, { deployment: SERVING, warnings: [] }],
      [409, { code: "deployment_incompatible", detail: "1 thing", reasons: [{ message: "event 'added' is missing" }] }],
      [502, { code: "endpoint_unreachable", detail: "the function is pending" }],
      [401, { code: "unauthenticated", detail: "no" }],
    ];
    assert.equal((await admin.register(SERVING.url, true, { inFlightMax: 8 })).id, "d-9");
    assert.deepEqual(seen[0], {
      method: "POST",
      url: "/v1/deployments",
      key: "Bearer the-key",
      body: JSON.stringify({ inFlightMax: 8, url: SERVING.url, force: true }),
    });
    const problems = [];
    for (let count = 0; count < 3; count++) problems.push(await admin.list().catch((error: unknown) => error));
    assert.deepEqual(
      problems.map((one) => (one instanceof AdminProblem ? [one.code, one.isRetryable] : one)),
      [
        ["deployment_incompatible", false],
        ["endpoint_unreachable", true],
        ["unauthenticated", false],
      ],
    );
    assert.match(String(problems[0]), /event 'added' is missing/);
    const nobody = await new AdminApi("http://127.0.0.1:1", "k").list().catch((error: unknown) => error);
    assert.ok(nobody instanceof AdminProblem && nobody.isRetryable);
  });

  it("to CloudFormation are sent until one arrives, and are never too long", async () => {
    seen.length = 0;
    replies = [
      [503, {}],
      [200, {}],
    ];
    const request = {
      RequestType: "Create",
      ResponseURL: `${url}/response`,
      StackId: "s",
      RequestId: "r",
      LogicalResourceId: "l",
      ResourceProperties: {},
    } as const;
    await answer(request, { status: "FAILED", reason: "x".repeat(9_000), physicalId: "p", data: {} });
    assert.equal(seen.length, 2);
    assert.ok((seen[1]?.body.length ?? 0) < 4_096);
    assert.equal(JSON.parse(seen[1]?.body ?? "").Status, "FAILED");
  });
});
