/** The function that counts, on a Lambda of our own: where the end-to-end suite runs on AWS, so does this. */
import { fileURLToPath } from "node:url";
import { LambdaServer } from "../aws/lambda-server/lambda-server.js";

const CODE = { kind: "node", module: fileURLToPath(new URL("good-function.js", import.meta.url)), handler: "handler" } as const;

export class LambdaFunctions {
  readonly arn: string;
  readonly url: string;
  #server: LambdaServer;

  private constructor(server: LambdaServer, arn: string) {
    this.#server = server;
    this.url = server.url;
    this.arn = arn;
  }

  static async start(): Promise<LambdaFunctions> {
    const server = await LambdaServer.start();
    return new LambdaFunctions(server, deployed(server));
  }

  /** Nobody answers at its address any more. */
  stop(): Promise<void> {
    return this.#server.close();
  }

  async startAgain(): Promise<void> {
    this.#server = await LambdaServer.start({ port: Number(new URL(this.url).port) });
    deployed(this.#server);
  }
}

function deployed(server: LambdaServer): string {
  return server.deploy("good", { code: CODE, timeoutMs: 15_000 });
}
