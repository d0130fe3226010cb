/** What load balancers and supervisors are told while a router stops: no longer ready at once, alive until the end. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connect } from "holdfast/client";
import { DEFAULT_SETTINGS, localFunctions, startRouter } from "holdfast/router";
import { command, entity, local, unchecked } from "../../src/sdk/index.js";

const Gate = entity("readiness/gate", { commands: { pass: command({ input: unchecked<null>(), reply: unchecked<string>() }) } });
const ANY_PORT = { host: "127.0.0.1", port: 0 };

describe("a router that stops", () => {
  it("is not ready any more, though it lives and finishes what it has", async () => {
    let entered = (): void => undefined;
    let open = (): void => undefined;
    const isInside = new Promise<void>((resolve) => (entered = resolve));
    const isOpen = new Promise<void>((resolve) => (open = resolve));
    const gate = Gate.value({ stateVersion: 1, initial: () => 0 }).handle({
      commands: {
        pass: async () => {
          entered();
          await isOpen;
          return "passed";
        },
      },
    });
    const memory = { kind: "memory" } as const;
    const router = await startRouter(
      {
        ...DEFAULT_SETTINGS,
        listen: { ingress: ANY_PORT, admin: ANY_PORT },
        journal: memory,
        snapshots: memory,
        directory: memory,
        functions: [localFunctions("gate")],
        log: { level: "silent" },
      },
      { local: { gate: local([gate]) } },
    );
    await router.runner.started;
    const status = async (path: string) => (await fetch(router.adminUrl + path)).status;
    assert.deepEqual([await status("/healthz"), await status("/readyz")], [200, 200]);

    const called = connect(router.ingressUrl).call(Gate("a").pass(null));
    await isInside;
    const stopped = router.stop();
    assert.deepEqual([await status("/healthz"), await status("/readyz")], [200, 503]);
    open();
    assert.equal(await called, "passed");
    await stopped;
  });
});
