import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type CallCommand, invocationText } from "../../src/sdk/call-local.js";

const script = fileURLToPath(new URL("../../../examples/python-counter/counter.py", import.meta.url));
const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe("the counter in plain Python", { skip: !hasPython && "python3 is not installed" }, () => {
  let counter: ChildProcess;
  let url: string;

  before(async () => {
    counter = spawn("python3", [script, "0"], { stdio: ["ignore", "pipe", "ignore"] });
    assert.ok(counter.stdout);
    const [line] = (await once(counter.stdout, "data")) as [Buffer];
    url = /http:\S+/.exec(line.toString())?.[0] ?? "";
  });
  after(() => void counter.kill());

  async function post(body: string): Promise<unknown> {
    const response = await fetch(url, { method: "POST", body, headers: { "content-type": "application/json" } });
    assert.deepEqual([response.status, response.headers.get("content-type")], [200, "application/json"]);
    return response.json();
  }

  async function run(state: unknown, commands: readonly CallCommand[]): Promise<unknown> {
    const answer = (await post(invocationText([{ type: "demo/counter", state, commands }]))) as { entities: unknown[] };
    return answer.entities[0];
  }

  it("says what it serves", async () => {
    const manifest = (await post(`{"holdfast":"1","kind":"discover"}`)) as {
      holdfast: string;
      types: { type: string; kind: string }[];
    };
    assert.equal(manifest.holdfast, "1");
    assert.deepEqual(
      manifest.types.map(({ type, kind }) => `${type} ${kind}`),
      ["demo/counter value"],
    );
  });

  it("adds in order, refuses what is not possible without a trace, and answers one state", async () => {
    const commands = [
      { name: "add", input: 5 },
      { name: "add", input: -9 },
      { name: "add", input: 2 },
      { name: "total", query: true } as const,
    ];
    assert.deepEqual(await run(null, commands), {
      n: 0,
      state: 7,
      outcomes: [
        { n: 0, reply: 5 },
        { n: 1, refusal: { code: "not_possible", message: "-9 cannot be added to 5" } },
        { n: 2, reply: 7 },
        { n: 3, reply: 7 },
      ],
    });
  });

  it("answers no state where nothing changed", async () => {
    assert.deepEqual(await run(3, [{ name: "total", query: true }]), { n: 0, outcomes: [{ n: 0, reply: 3 }] });
    assert.deepEqual(await run(3, [{ name: "add", input: "x" }]), {
      n: 0,
      outcomes: [{ n: 0, refusal: { code: "not_possible", message: "x cannot be added to 3" } }],
    });
  });

  it("answers on a kept connection without delay", async () => {
    const startedMs = performance.now();
    for (let count = 0; count < 50; count++) await run(1, [{ name: "add", input: 1 }]);
    const ms = performance.now() - startedMs;
    assert.ok(ms < 1_500, `50 invocations took ${Math.round(ms)} ms: a delayed acknowledgement of 40 ms each would make 2,000`);
  });
});
