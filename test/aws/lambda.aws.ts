/**
 * The invoker against a Lambda that we did not write: what both sides must understand in the same way. Limits, streams and
 * what breaks are for our own server (lambda-server/), since no emulator has Lambda's.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  LambdaClient,
  type Runtime,
} from "@aws-sdk/client-lambda";
import { build } from "esbuild";
import type { EntityResult, InvocationEnd, InvocationRequest } from "../../src/core/entity/invocation.js";
import type { LambdaInvoker } from "../../src/invoker/lambda/lambda-invoker.js";
import { requestOf } from "../contract/invoker.contract.js";
import { lambdaInvoker } from "../contract/scripted-lambda.js";
import { endpointOf } from "./servers/endpoints.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const ROLE = "arn:aws:iam::000000000000:role/function";
const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" };

describe("Lambda functions on an emulator", { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-lambda-"));
  const invokers: LambdaInvoker[] = [];
  let client: LambdaClient;
  before(() => {
    client = new LambdaClient({ region: "eu-west-1", endpoint: endpointOf("lambda"), credentials: CREDENTIALS, maxAttempts: 1 });
  });
  after(async () => {
    for (const invoker of invokers) await invoker.close();
    client.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Publishes one file as a function; gives the ARN of its version. */
  async function deployed(name: string, runtime: Runtime, file: string, handler: string): Promise<string> {
    const archive = join(folder, `${name}.zip`);
    execFileSync("python3", ["-m", "zipfile", "-c", archive, file]);
    const { FunctionArn: arn = "" } = await client.send(
      new CreateFunctionCommand({
        FunctionName: name,
        Runtime: runtime,
        Handler: handler,
        Role: ROLE,
        Code: { ZipFile: readFileSync(archive) },
        Timeout: 30,
        Publish: true,
      }),
    );
    return `${arn.replace(/:1$/, "")}:1`;
  }

  function invokerOf(arn: string): LambdaInvoker {
    const invoker = lambdaInvoker({ url: endpointOf("lambda") }, arn);
    invokers.push(invoker);
    return invoker;
  }

  const counter = (name: string) =>
    deployed(name, "python3.12", join(ROOT, "examples/python-counter/counter.py"), "counter.handler");

  it("plain Python: discovered and called", async () => {
    const invoker = invokerOf(await counter("counter"));
    const found = await invoker.discover(AbortSignal.timeout(30_000));
    assert.ok(found.kind === "discovered" && Buffer.from(found.manifest).toString().includes("demo/counter"));
    const { end, results } = await invoke(invoker, additions(3));
    assert.deepEqual(end, { kind: "complete" });
    assert.deepEqual(
      results.map(({ state }) => Buffer.from(state ?? []).toString()),
      ["1", "2", "3"],
    );
  });

  it("the shop, bundled: discovered and called", async () => {
    const entry = fileURLToPath(new URL("../../examples/shopping-cart/lambda.js", import.meta.url));
    const outfile = join(folder, "index.mjs");
    await build({ entryPoints: [entry], outfile, bundle: true, minify: true, format: "esm", platform: "node", target: "node20" });
    const invoker = invokerOf(await deployed("shop", "nodejs20.x", outfile, "index.handler"));
    const found = await invoker.discover(AbortSignal.timeout(30_000));
    assert.ok(found.kind === "discovered" && Buffer.from(found.manifest).toString().includes("shop/cart"), JSON.stringify(found));
    const { end, results } = await invoke(invoker, requestOf(2));
    assert.deepEqual(end, { kind: "complete" });
    assert.match(JSON.stringify(results), /serves no entity type/);
  });

  it("an alias is the version that it means", async () => {
    const arn = await counter("aliased");
    await client.send(new CreateAliasCommand({ FunctionName: "aliased", Name: "live", FunctionVersion: "1" }));
    const found = await invokerOf(arn.replace(/:1$/, ":live")).discover(AbortSignal.timeout(30_000));
    assert.equal(found.kind === "discovered" && found.endpoint, arn);
  });

  it("one that is gone: unavailable, with a code", async () => {
    const invoker = invokerOf(await counter("leaving"));
    assert.equal((await invoke(invoker, additions(1))).end.kind, "complete");
    await client.send(new DeleteFunctionCommand({ FunctionName: "leaving" }));
    assert.match(reasonOf((await invoke(invoker, additions(1))).end), /\[aws_function_missing\]$/);
  });
});

async function invoke(invoker: LambdaInvoker, request: InvocationRequest) {
  const results: EntityResult[] = [];
  const end = await invoker.invoke(request, null, new AbortController().signal, (result) => results.push(result));
  return { end, results };
}

/** One addition to each of so many counters, which stand at 0, 1, 2. */
function additions(count: number): InvocationRequest {
  const { entities, ...rest } = requestOf(count);
  return {
    ...rest,
    entities: entities.map((entity) => ({ ...entity, type: "demo/counter", state: Buffer.from(String(entity.n)) })),
  };
}

function reasonOf(end: InvocationEnd): string {
  return end.kind === "unavailable" ? end.message : end.kind;
}
