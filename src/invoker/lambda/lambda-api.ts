/**
 * The client of one function, and all that needs the SDK: loaded when the first Lambda function is registered, since it
 * costs a router without one 130 ms of its start and some 20 MB.
 */
import { LambdaClient } from "@aws-sdk/client-lambda";
import { type AwsSettings, awsClientOptions } from "../../aws/client-options.js";
import type { InvocationEnd } from "../../core/entity/invocation.js";
import { type LambdaArn, lambdaFunctionArn, qualifierOf } from "../../ports/lambda-arn.js";
import type { LambdaAnswerDecoder } from "./lambda-answer.js";
import { callStreamed, callWhole, type LambdaCallInput, NO_STREAMING } from "./lambda-call.js";
import { type Discovered, discoverLambda, functionTimeoutMs } from "./lambda-discovery.js";

export interface LambdaRequest {
  readonly payload: Uint8Array;
  /** Base64 of JSON; null: none. */
  readonly clientContext: string | null;
  readonly decoder: LambdaAnswerDecoder;
  readonly signal: AbortSignal;
  /** Called once or more; the first time counts. */
  readonly ended: (end: InvocationEnd) => void;
}

/** Longer than the longest function (15 minutes) with a cold start; the call's own timer ends it before. */
const SOCKET_TIMEOUT_MS = 920_000;
const CONNECT_TIMEOUT_MS = 3_000;

export class LambdaApi {
  readonly #client: LambdaClient;
  readonly #arn: LambdaArn;
  #canStream = true;

  constructor(arn: LambdaArn, aws: Omit<AwsSettings, "region">, callsMax: number) {
    this.#arn = arn;
    const connections = {
      socketsMax: callsMax,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      answerTimeoutMs: SOCKET_TIMEOUT_MS,
      silenceTimeoutMs: SOCKET_TIMEOUT_MS,
    };
    this.#client = new LambdaClient(awsClientOptions({ ...aws, region: arn.region }, connections));
  }

  /** Resolves when the connection is free again, which may be after the end. `asStream`: where Lambda can. Does not throw. */
  async invoke({ payload, clientContext, decoder, signal, ended }: LambdaRequest, asStream: boolean): Promise<void> {
    const input: LambdaCallInput = {
      FunctionName: lambdaFunctionArn(this.#arn),
      Qualifier: qualifierOf(this.#arn),
      Payload: payload,
      ...(clientContext !== null && { ClientContext: clientContext }),
    };
    if (asStream && this.#canStream) {
      if ((await callStreamed(this.#client, input, decoder, signal, ended)) !== NO_STREAMING) return;
      this.#canStream = false;
    }
    ended(await callWhole(this.#client, input, decoder, signal));
  }

  discover(signal: AbortSignal): Promise<Discovered> {
    return discoverLambda(this.#client, this.#arn, signal);
  }

  functionTimeoutMs(signal: AbortSignal): Promise<number | string> {
    return functionTimeoutMs(this.#client, this.#arn, signal);
  }

  close(): void {
    this.#client.destroy();
  }
}
