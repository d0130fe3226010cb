/** A router in this process over memory, whose functions are Lambda functions on a server of this process. */
import { fileURLToPath } from "node:url";
import type { HoldfastClient } from "holdfast/client";
import { connect } from "holdfast/client";
import { DEFAULT_SETTINGS, type FunctionSettings, type RunningRouter, startRouter } from "holdfast/router";
import { DEFAULT_DEPLOYMENT_LIMITS } from "../../../src/router/config/settings.js";
import type { FunctionOptions } from "../../aws/lambda-server/functions.js";
import { LambdaServer, type LambdaServerOptions } from "../../aws/lambda-server/lambda-server.js";

// The SDK signs with whatever is there; the server does not look.
process.env["AWS_ACCESS_KEY_ID"] ??= "test";
process.env["AWS_SECRET_ACCESS_KEY"] ??= "test";

const ANY_PORT = { host: "127.0.0.1", port: 0 };
const MEMORY = { kind: "memory" } as const;

export function oddFunction(handler: "handler" | "buffered", options: Partial<FunctionOptions> = {}): FunctionOptions {
  const module = fileURLToPath(new URL("odd-function.js", import.meta.url));
  return { code: { kind: "node", module, handler }, timeoutMs: 5_000, ...options };
}

export function lambdaSettings(url: string, limits: Partial<FunctionSettings["limits"]> = {}): FunctionSettings {
  return { url, limits: { ...DEFAULT_DEPLOYMENT_LIMITS, ...limits }, encoding: "json", headers: {} };
}

export class LambdaWorld {
  readonly server: LambdaServer;
  readonly router: RunningRouter;
  readonly client: HoldfastClient;

  private constructor(server: LambdaServer, router: RunningRouter) {
    this.server = server;
    this.router = router;
    this.client = connect(router.ingressUrl);
  }

  /** `functions` deploys, and gives what the settings name. Resolves when all of it is registered. */
  static async start(
    functions: (server: LambdaServer) => readonly FunctionSettings[],
    options: LambdaServerOptions = {},
  ): Promise<LambdaWorld> {
    const server = await LambdaServer.start(options);
    const router = await startRouter({
      ...DEFAULT_SETTINGS,
      listen: { ingress: ANY_PORT, admin: ANY_PORT },
      journal: MEMORY,
      snapshots: MEMORY,
      directory: MEMORY,
      aws: { region: null, endpoint: server.url },
      functions: functions(server),
      log: { level: "silent" },
    });
    await router.runner.started;
    while (router.registration.undiscovered().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    return new LambdaWorld(server, router);
  }

  async end(): Promise<void> {
    await this.router.stop();
    await this.server.close();
  }
}
