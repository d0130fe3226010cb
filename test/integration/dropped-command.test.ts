/** A poisoned command of a type that pauses: what its callers and the operator see until it is dropped, and behind that. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { DEFAULT_SETTINGS, localFunctions, type RunningRouter, startRouter } from "holdfast/router";
import { command, entity, local, unchecked } from "../../src/sdk/index.js";

const Box = entity("demo/box", {
  commands: { fill: command({ input: unchecked<number>(), reply: unchecked<number>() }) },
});
/** Its state is as long as the last command says: one that is too long is a poison that no other try can mend. */
const box = Box.value({ stateVersion: 1, initial: () => "" }).handle({
  commands: {
    fill: (ctx, length) => {
      ctx.state = "x".repeat(length);
      return length;
    },
  },
});

const ANY_PORT = { host: "127.0.0.1", port: 0 };
const MEMORY = { kind: "memory" } as const;
let router: RunningRouter;

async function ask(url: string, method = "GET", body?: string): Promise<{ status: number; json: Record<string, unknown> }> {
  const init = body === undefined ? { method } : { method, body, headers: { "content-type": "application/json" } };
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, json: text === "" ? {} : JSON.parse(text) };
}

async function until<Found>(find: () => Promise<Found | null>): Promise<Found> {
  for (let round = 0; round < 500; round++) {
    const found = await find();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return assert.fail("it has not come true");
}

describe("a poisoned command of a type that pauses", () => {
  before(async () => {
    router = await startRouter(
      {
        ...DEFAULT_SETTINGS,
        listen: { ingress: ANY_PORT, admin: ANY_PORT },
        journal: MEMORY,
        snapshots: MEMORY,
        directory: MEMORY,
        functions: [localFunctions("boxes")],
        types: { "demo/box": { onPoison: "pause" } },
        log: { level: "silent" },
      },
      { local: { boxes: local([box]) } },
    );
    await router.runner.started;
    await until(async () => (router.registration.undiscovered().length === 0 ? true : null));
  });
  after(() => router.stop());

  it("stops its entity until an operator drops it; then its outcome is 410 dropped, and the entity goes on", async () => {
    const entityUrl = `${router.ingressUrl}/demo/box/b`;
    const sent = await ask(`${entityUrl}/fill?mode=send`, "POST", "2000000");
    assert.equal(sent.status, 202);
    const { commandId } = sent.json;
    const outcomeUrl = `${entityUrl}/$commands/${commandId}`;

    const lettersUrl = `${router.adminUrl}/v1/dead-letters/demo/box/b`;
    const letter = await until(async () => {
      const { deadLetters } = (await ask(lettersUrl)).json as { deadLetters: { code: string; commandId: string }[] };
      return deadLetters[0] ?? null;
    });
    assert.equal(letter.code, "state_too_large");
    assert.equal((await ask(outcomeUrl)).status, 202, "nothing is decided yet");
    const refused = await ask(`${entityUrl}/fill`, "POST", "1");
    assert.deepEqual([refused.status, refused.json["code"]], [503, "entity_paused"]);

    assert.equal((await ask(`${lettersUrl}/${commandId}/drop`, "POST")).status, 204);
    const outcome = await ask(outcomeUrl);
    assert.deepEqual([outcome.status, outcome.json["code"], outcome.json["retryable"]], [410, "dropped", false]);
    assert.match(String(outcome.json["detail"]), /dropped by an operator/);
    const done = await ask(`${entityUrl}/fill`, "POST", "3");
    assert.equal(done.status, 200);
    assert.deepEqual((await ask(entityUrl)).json, { version: 1, state: "xxx" });
  });
});
