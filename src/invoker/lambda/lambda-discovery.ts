/** Asks a Lambda function what it serves, which version an alias means, and how long it may take. Rare. */
import {
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type InvokeCommandOutput,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import type { DiscoverOutcome } from "../../ports/invoker.js";
import { formatLambdaArn, type LambdaArn, lambdaFunctionArn, qualifierOf } from "../../ports/lambda-arn.js";
import { encodeJsonDiscovery } from "../../protocol/function/json-request.js";
import { jsonProblem } from "../../protocol/function/json-scanner.js";
import { endOfFunctionError, lambdaFailure, withCode } from "./lambda-failure.js";

export interface Discovered {
  readonly outcome: DiscoverOutcome;
  /** The function's own timeout; null where it is not known. */
  readonly timeoutMs: number | null;
}

const MANIFEST_BYTES_MAX = 4 << 20;
const VERSION = /^[1-9]\d*$/;

export async function discoverLambda(client: LambdaClient, arn: LambdaArn, signal: AbortSignal): Promise<Discovered> {
  const notices: string[] = [];
  const aliased = await resolveAlias(client, arn, signal, notices);
  let answer: InvokeCommandOutput;
  try {
    const input = { FunctionName: lambdaFunctionArn(aliased), Qualifier: qualifierOf(aliased), Payload: encodeJsonDiscovery() };
    answer = await client.send(new InvokeCommand(input), { abortSignal: signal });
  } catch (error) {
    const failure = lambdaFailure(error, "InvokeFunction", formatLambdaArn(aliased));
    return { outcome: { kind: "unavailable", message: withCode(failure) }, timeoutMs: null };
  }
  const pinned = pinnedBy(aliased, answer.ExecutedVersion ?? "");
  if (pinned.qualifier.kind === "latest") {
    notices.push(
      "$LATEST is no version: every deploy changes the code under what is registered. Publish a version and register that.",
    );
  }
  const timeout = await functionTimeoutMs(client, pinned, signal);
  if (typeof timeout === "string") {
    notices.push(
      `the function's own timeout is not known, so that calls are given up after 'timeout' of the settings: ${timeout}`,
    );
  }
  const outcome = outcomeOf(answer, formatLambdaArn(pinned), notices);
  return { outcome, timeoutMs: typeof timeout === "number" ? timeout : null };
}

/** The function's configured timeout; a text: why it is not known. */
export async function functionTimeoutMs(client: LambdaClient, arn: LambdaArn, signal: AbortSignal): Promise<number | string> {
  const input = { FunctionName: lambdaFunctionArn(arn), Qualifier: qualifierOf(arn) };
  try {
    const { Timeout } = await client.send(new GetFunctionConfigurationCommand(input), { abortSignal: signal });
    return Timeout === undefined ? "Lambda did not say" : Timeout * 1000;
  } catch (error) {
    return withCode(lambdaFailure(error, "GetFunctionConfiguration", formatLambdaArn(arn)));
  }
}

/** An alias may send a share of the calls elsewhere, so that who answers does not tell which version it means. */
async function resolveAlias(client: LambdaClient, arn: LambdaArn, signal: AbortSignal, notices: string[]): Promise<LambdaArn> {
  if (arn.qualifier.kind !== "alias") return arn;
  const { alias } = arn.qualifier;
  try {
    const input = { FunctionName: lambdaFunctionArn(arn), Name: alias };
    const { FunctionVersion, RoutingConfig } = await client.send(new GetAliasCommand(input), { abortSignal: signal });
    const others = Object.keys(RoutingConfig?.AdditionalVersionWeights ?? {});
    if (others.length > 0) {
      notices.push(
        `the alias '${alias}' also sends calls to version ${others.join(", ")}; only ${FunctionVersion} is registered`,
      );
    }
    return pinnedBy(arn, FunctionVersion ?? "");
  } catch {
    // Not permitted, or not there: the call itself says which version was run, or why it was not.
    return arn;
  }
}

function pinnedBy(arn: LambdaArn, version: string): LambdaArn {
  return VERSION.test(version) && arn.qualifier.kind === "alias" ? { ...arn, qualifier: { kind: "version", version } } : arn;
}

function outcomeOf(answer: InvokeCommandOutput, endpoint: string, notices: readonly string[]): DiscoverOutcome {
  const manifest = answer.Payload ?? new Uint8Array(0);
  if (answer.FunctionError !== undefined) {
    const end = endOfFunctionError(Buffer.from(manifest).toString("utf8"));
    return { kind: "unavailable", message: end.kind === "complete" ? "" : end.message };
  }
  if (manifest.length > MANIFEST_BYTES_MAX) {
    return { kind: "malformed", message: `the manifest is longer than ${MANIFEST_BYTES_MAX} bytes` };
  }
  const problem = jsonProblem(manifest);
  if (problem === null) return { kind: "discovered", manifest, endpoint, notices };
  return { kind: "malformed", message: `the manifest is no JSON: ${problem.message}, at byte ${problem.offset}` };
}
