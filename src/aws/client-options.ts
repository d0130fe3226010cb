/**
 * How every AWS client of the router is set up: one attempt, explicit timeouts, sockets of its own.
 *
 * The SDK's retries are off because the caller decides: a retry inside the SDK turns "it landed, the answer was lost" into
 * "the condition failed", and hides throttling from whoever has to slow down. Credentials and endpoints are resolved the
 * SDK's way (environment, profile, container, instance role; AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_{SERVICE}), before a
 * request is sent, so that what goes wrong there has never happened at the service.
 */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { NodeHttpHandler } from "@smithy/node-http-handler";

export interface AwsSettings {
  /** Null: AWS_REGION, or the profile's. */
  readonly region: string | null;
  /** Base URL instead of AWS's own, for emulators and proxies. Null: AWS_ENDPOINT_URL and its like, or AWS. */
  readonly endpoint: string | null;
  /** Null: what the SDK finds. Given ones are for emulators and tests. */
  readonly credentials: AwsCredentials | null;
}

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface AwsConnections {
  /** Requests of this client that can be under way at once; more wait for a socket. Sized to the client's use by its owner. */
  readonly socketsMax: number;
  /** For a connection to be there, waiting for a free socket included. Behind it nothing was sent. */
  readonly connectTimeoutMs: number;
  /**
   * From handing over the request to the first byte of the answer. Larger than the slowest answer that is still one:
   * every write that takes longer becomes one of unknown outcome.
   */
  readonly answerTimeoutMs: number;
  /** Longest silence on a socket that waits for the rest of something. */
  readonly silenceTimeoutMs: number;
}

export interface AwsClientOptions {
  readonly maxAttempts: number;
  readonly retryMode: "standard";
  readonly requestHandler: NodeHttpHandler;
  readonly region?: string;
  readonly endpoint?: string;
  readonly credentials?: AwsCredentials;
}

/** Idle connections are kept this long; AWS closes its side after some more. */
const IDLE_SOCKET_MS = 15_000;

/** Options for the constructor of one client. The sockets are this client's own: `client.destroy()` closes them. */
export function awsClientOptions(settings: AwsSettings, connections: AwsConnections): AwsClientOptions {
  const agent = { keepAlive: true, maxSockets: connections.socketsMax, timeout: IDLE_SOCKET_MS };
  return {
    maxAttempts: 1,
    // Named, so that AWS_RETRY_MODE=adaptive cannot put the SDK's own rate limiter in front of the router's.
    retryMode: "standard",
    requestHandler: new NodeHttpHandler({
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
      connectionTimeout: connections.connectTimeoutMs,
      requestTimeout: connections.answerTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: connections.silenceTimeoutMs,
    }),
    ...(settings.region === null ? {} : { region: settings.region }),
    ...(settings.endpoint === null ? {} : { endpoint: settings.endpoint }),
    ...(settings.credentials === null ? {} : { credentials: settings.credentials }),
  };
}
