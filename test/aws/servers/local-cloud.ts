/** DynamoDB and S3 from npm alone, behind a proxy: what a test of the router in AWS mode needs, for `npm test`. */
import { AwsProxy, PASS, type ProxiedReply, type ProxiedRequest } from "../fault-proxy/aws-proxy.js";
import { type S3Fake, startS3Fake } from "../s3-fake/s3-fake.js";
import { type DynamoServer, startDynalite } from "./dynalite.js";

/** Emulators take any credentials, and the SDK insists on some. */
export const LOCAL_CREDENTIALS = {
  AWS_REGION: "eu-west-1",
  AWS_ACCESS_KEY_ID: "local",
  AWS_SECRET_ACCESS_KEY: "local",
} as const;

export class LocalCloud {
  readonly proxy: AwsProxy;
  readonly s3: S3Fake;
  /** Where the services are, behind the proxy. */
  readonly upstream: { readonly dynamodb: string; readonly s3: string; readonly lambda: string };
  readonly #dynamo: DynamoServer;

  private constructor(upstream: LocalCloud["upstream"], proxy: AwsProxy, s3: S3Fake, dynamo: DynamoServer) {
    this.upstream = upstream;
    this.proxy = proxy;
    this.s3 = s3;
    this.#dynamo = dynamo;
  }

  /** Sets the credentials of this process, and of those it starts, where there are none. */
  static async start(observe?: (request: ProxiedRequest, reply: ProxiedReply) => void): Promise<LocalCloud> {
    for (const [name, value] of Object.entries(LOCAL_CREDENTIALS)) process.env[name] ??= value;
    const [dynamo, s3] = await Promise.all([startDynalite(), startS3Fake()]);
    const upstream = { dynamodb: dynamo.endpoint, s3: s3.endpoint, lambda: "http://127.0.0.1:1" };
    const proxy = await AwsProxy.open({ upstream, plan: () => PASS, ...(observe !== undefined && { observe }) });
    return new LocalCloud(upstream, proxy, s3, dynamo);
  }

  /** Everything passes again. */
  heal(): void {
    this.proxy.plan = () => PASS;
  }

  async stop(): Promise<void> {
    await this.proxy.close();
    await Promise.all([this.#dynamo.stop(), this.s3.close()]);
  }
}
