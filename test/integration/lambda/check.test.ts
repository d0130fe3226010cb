/** `holdfast check` on settings that name Lambda functions. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { run } from "../../../src/cli/run.js";
import { LambdaServer } from "../../aws/lambda-server/lambda-server.js";
import { oddFunction } from "./lambda-world.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function check(denied: readonly string[], functionArn: string) {
  const server = await LambdaServer.start({ denied });
  server.deploy("odd", oddFunction("handler"));
  server.alias("odd", "live", "1");
  const folder = mkdtempSync(join(tmpdir(), "holdfast-check-lambda-"));
  cleanups.push(
    () => server.close(),
    () => rmSync(folder, { recursive: true }),
  );
  const path = join(folder, "holdfast.yaml");
  const settings = [
    "journal: { kind: memory }",
    `aws: { endpoint: '${server.url}' }`,
    `functions: [{ lambda: '${functionArn}' }]`,
  ];
  writeFileSync(path, settings.join("\n"));
  const out: string[] = [];
  const error: string[] = [];
  const code = await run(["check", "--config", path], { out: (text) => out.push(text), error: (text) => error.push(text) }, "0");
  const { invocations } = server.version("arn:aws:lambda:eu-west-1:123456789012:function:odd:1");
  const lines = out.join("\n").split("\n");
  return { code, lines: lines.filter((line) => /^(fine|mind|WRONG): lambda:/.test(line)), error: error.join("\n"), invocations };
}

const ODD = "arn:aws:lambda:eu-west-1:123456789012:function:odd";

describe("holdfast check, of a Lambda function", () => {
  it("tries each action, and calls nothing", async () => {
    const { code, lines, error, invocations } = await check([], `${ODD}:live`);
    assert.deepEqual(
      lines,
      ["InvokeFunction", "GetFunctionConfiguration", "GetAlias"].map((action) => `fine: lambda:${action} on ${ODD}:live`),
      error,
    );
    assert.deepEqual([code, invocations], [0, 0]);
  });

  it("says which permission is missing; what the router does without is no reason to stop", async () => {
    const without = await check(["lambda:GetFunctionConfiguration"], `${ODD}:1`);
    assert.equal(without.code, 0);
    assert.match(without.lines[1] ?? "", /^mind: .*Allow lambda:GetFunctionConfiguration on .*odd:1.*\[aws_denied\]$/);
    const denied = await check(["lambda:InvokeFunction"], `${ODD}:1`);
    assert.equal(denied.code, 2);
    assert.match(denied.lines[0] ?? "", /^WRONG: .*Allow lambda:InvokeFunction on .*\[aws_denied\]$/);
  });

  it("says that a version is not there", async () => {
    const { code, lines } = await check([], `${ODD}:7`);
    assert.equal(code, 2);
    assert.match(lines[0] ?? "", /\[aws_function_missing\]$/);
  });
});
