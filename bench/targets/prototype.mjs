// The bare prototype as a target.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startProcess } from "../processes.mjs";

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

export async function startFunctionServer() {
  return startProcess(process.execPath, [here("function-server.mjs")]);
}

export const prototype = {
  name: "prototype",
  title: "prototype",
  problem: () => null,
  async start(folder, { nodeFlags = [] } = {}) {
    const functions = await startFunctionServer();
    const args = [
      ...nodeFlags,
      here("../prototype/prototype.mjs"),
      `http://127.0.0.1:${functions.ready.port}`,
      join(folder, "log"),
    ];
    const router = await startProcess(process.execPath, args);
    return {
      port: router.ready.port,
      prefix: "/bench/counter/",
      suffix: "/add",
      routerPid: router.pid,
      async stop() {
        await router.stop();
        await functions.stop();
      },
    };
  },
};
