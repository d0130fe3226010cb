/** A router in a program of its own: functions in the same process, data on disk, found again by the next start. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connect } from "holdfast/client";
import { DEFAULT_SETTINGS, localFunctions, type RunningRouter, type Settings, startRouter } from "holdfast/router";
import { command, entity, local, unchecked } from "../../src/sdk/index.js";

const Counter = entity("embedded/counter", {
  commands: { add: command({ input: unchecked<number>(), reply: unchecked<number>() }) },
});
const counter = Counter.value({ stateVersion: 1, initial: () => 0 }).handle({
  commands: {
    add: (ctx, by) => {
      ctx.state = ctx.state + by;
      return ctx.state;
    },
  },
});

const folder = mkdtempSync(join(tmpdir(), "holdfast-embedded-"));
const ANY_PORT = { host: "127.0.0.1", port: 0 };
const STORAGE = { kind: "local", path: folder } as const;
const settings: Settings = {
  ...DEFAULT_SETTINGS,
  listen: { ingress: ANY_PORT, admin: ANY_PORT },
  journal: STORAGE,
  snapshots: STORAGE,
  directory: STORAGE,
  functions: [localFunctions("counters")],
  log: { level: "silent" },
};

async function start(): Promise<RunningRouter> {
  const router = await startRouter(settings, { local: { counters: local([counter]) } });
  await router.runner.started;
  while (router.registration.undiscovered().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  return router;
}

describe("an embedded router", () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("serves functions of its own process, and finds its data again", async () => {
    const first = await start();
    assert.equal(await connect(first.ingressUrl).call(Counter("a").add(2)), 2);
    await first.stop();
    const second = await start();
    assert.equal(await connect(second.ingressUrl).call(Counter("a").add(3)), 5);
    await second.stop();
  });

  it("is refused where another one has the data", async () => {
    const first = await start();
    await assert.rejects(startRouter(settings), { code: "data_locked" });
    await first.stop();
  });
});
