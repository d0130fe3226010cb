// Holdfast as a target: the built CLI, embedded on local disk, functions in another process over HTTP.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, sleep, startProcess } from "../processes.mjs";
import { startFunctionServer } from "./prototype.mjs";

const CLI = fileURLToPath(new URL("../../dist/src/cli/holdfast.js", import.meta.url));
const LOOP_DELAY = new URL("../loop-delay.mjs", import.meta.url).href;
const FIRST_COMMAND_MS_MAX = 30_000;

function settings({ folder, ingressPort, adminPort, functionPort, cache }) {
  const local = `{ kind: local, path: ${JSON.stringify(join(folder, "data"))} }`;
  return [
    "cluster: bench",
    "shards: 16",
    `listen: { ingress: "127.0.0.1:${ingressPort}", admin: "127.0.0.1:${adminPort}" }`,
    `journal: ${local}`,
    `snapshots: ${local}`,
    `directory: ${local}`,
    ...(cache === null ? [] : [`memory: { cache: ${cache} }`]),
    "functions:",
    `  - { url: "http://127.0.0.1:${functionPort}" }`,
    "",
  ].join("\n");
}

/** `cache`: the setting memory.cache, or null for its default. `loopDelayFile`: see loop-delay.mjs. */
export async function startHoldfast(folder, { nodeFlags = [], cache = null, loopDelayFile = null } = {}) {
  const functions = await startFunctionServer();
  const [ingressPort, adminPort] = await Promise.all([freePort(), freePort()]);
  const config = join(folder, "holdfast.yaml");
  writeFileSync(config, settings({ folder, ingressPort, adminPort, functionPort: functions.ready.port, cache }));
  const probe = loopDelayFile === null ? [] : ["--import", LOOP_DELAY];
  const args = [...nodeFlags, ...probe, CLI, "start", "--config", config];
  const env = loopDelayFile === null ? {} : { BENCH_LOOP_DELAY_FILE: loopDelayFile };
  const running = {
    port: ingressPort,
    adminPort,
    prefix: "/bench/counter/",
    suffix: "/add",
    routerPid: 0,
    /** Starts the router; resolves with the milliseconds from its start to the first command that it answered. */
    async startRouter(firstId = "first") {
      const isReady = () => answersCommand(`http://127.0.0.1:${ingressPort}/bench/counter/${firstId}/add`);
      running.router = await startProcess(process.execPath, args, { env, isReady, readyMs: FIRST_COMMAND_MS_MAX });
      running.routerPid = running.router.pid;
      return running.router.readyAfterMs;
    },
    async stop() {
      await running.router.stop();
      await functions.stop();
    },
  };
  try {
    await running.startRouter();
  } catch (error) {
    await functions.stop();
    throw error;
  }
  return running;
}

async function answersCommand(url) {
  try {
    const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: '{"by":0}' });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    await sleep(5); // not listening yet; the caller asks again until its own limit
    return false;
  }
}

/** The router's own numbers, as its admin listener shows them to Prometheus. */
export async function metricsText(running) {
  const response = await fetch(`http://127.0.0.1:${running.adminPort}/metrics`);
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  return response.text();
}

export const holdfast = {
  name: "holdfast",
  title: "Holdfast",
  problem: () => (existsSync(CLI) ? null : "dist/src/cli/holdfast.js is not there: run `npm run build` first"),
  start: startHoldfast,
};
