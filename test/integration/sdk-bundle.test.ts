import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";

const SHARE_BYTES_MAX = 25 * 1024;
const root = fileURLToPath(new URL("../../..", import.meta.url));

const CONTRACT = `
  import { command, entity, lambdaHandler, local, query, refuse, replyOf, serve, unchecked } from "holdfast";
  export const Counter = entity("demo/counter", { commands: { add: command({ input: unchecked(), reply: unchecked() }) }, queries: { total: query({ reply: unchecked() }) } });
`;
const HANDLER = `
  const counter = Counter.value({ initial: () => 0, replies: { done: replyOf(Counter, "add") } }).handle({
    commands: { add(ctx, by) { if (by < 0) throw refuse("negative", "no"); return (ctx.state = ctx.state + by); } },
    onReply: { done() {} },
    queries: { total: (state) => state },
  });
`;

async function bundle(
  source: string,
  platform: "node" | "browser",
): Promise<{ inputs: Metafile["outputs"][string]["inputs"]; text: string }> {
  const result = await build({
    stdin: { contents: source, resolveDir: root, loader: "js" },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform,
    target: "es2022",
    logLevel: "silent",
  });
  const [output] = Object.values(result.metafile.outputs);
  assert.ok(output);
  return { inputs: output.inputs, text: result.outputFiles[0]?.text ?? "" };
}

describe("a bundle", () => {
  it("of a Lambda function holds at most 25 KB of the SDK, and nothing of the router, protobuf, AWS or an HTTP server", async () => {
    const { inputs, text } = await bundle(`${CONTRACT}${HANDLER} export const handler = lambdaHandler([counter]);`, "node");
    let share = 0;
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      if (path === "<stdin>" || bytesInOutput === 0) continue;
      assert.match(path, /^dist\/src\/(sdk|protocol\/function)\//, "a Lambda function carries the SDK alone");
      share += bytesInOutput;
    }
    assert.ok(share > 1_000 && share <= SHARE_BYTES_MAX, `the SDK's share is ${share} bytes`);
    assert.deepEqual(text.match(/node:\w+|protobufjs|aws-sdk|createServer/g), null);
    console.log(`SDK share of a minified Lambda bundle: ${share} bytes`);
  });

  it("of contracts and client for a browser needs no module of Node's and carries no handler code", async () => {
    const { inputs, text } = await bundle(
      `${CONTRACT} import { connect } from "holdfast/client"; export const call = () => connect("http://localhost:8080").call(Counter("a").add(1));`,
      "browser",
    );
    assert.deepEqual(text.match(/node:\w+/g), null);
    const carried = Object.entries(inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path);
    assert.deepEqual(
      carried.filter((path) => /run-entity|state-cell|lambda|serve|http-server|protobuf/.test(path)),
      [],
    );
  });
});
