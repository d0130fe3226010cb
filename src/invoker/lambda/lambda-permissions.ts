/**
 * Finds out, for `holdfast check`, whether a function is there and may be called, without calling it (`DryRun`), and what
 * the router would like to know of it.
 */
import { GetAliasCommand, GetFunctionConfigurationCommand, InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { type AwsSettings, awsClientOptions } from "../../aws/client-options.js";
import type { AwsFailure } from "../../aws/failure.js";
import { formatLambdaArn, type LambdaArn, lambdaFunctionArn, qualifierOf } from "../../ports/lambda-arn.js";
import { lambdaFailure } from "./lambda-failure.js";

export interface LambdaPermission {
  /** Such as `lambda:InvokeFunction`. */
  readonly action: string;
  readonly resource: string;
  /** Null: it is allowed. */
  readonly failure: AwsFailure | null;
  /** False: the router does without it. */
  readonly isNeeded: boolean;
}

const CONNECTIONS = { socketsMax: 1, connectTimeoutMs: 5_000, answerTimeoutMs: 10_000, silenceTimeoutMs: 10_000 };

/** Never throws. */
export async function lambdaPermissions(arn: LambdaArn, aws: Omit<AwsSettings, "region">): Promise<readonly LambdaPermission[]> {
  const client = new LambdaClient(awsClientOptions({ ...aws, region: arn.region }, CONNECTIONS));
  const resource = formatLambdaArn(arn);
  const input = { FunctionName: lambdaFunctionArn(arn), Qualifier: qualifierOf(arn) };
  const tried = async (action: string, isNeeded: boolean, send: () => Promise<unknown>): Promise<LambdaPermission> => {
    const failure = await send().then(
      () => null,
      (error: unknown) => lambdaFailure(error, action, resource),
    );
    return { action: `lambda:${action}`, resource, failure, isNeeded };
  };
  try {
    const permissions = [
      await tried("InvokeFunction", true, () => client.send(new InvokeCommand({ ...input, InvocationType: "DryRun" }))),
      await tried("GetFunctionConfiguration", false, () => client.send(new GetFunctionConfigurationCommand(input))),
    ];
    if (arn.qualifier.kind === "alias") {
      const alias = { FunctionName: input.FunctionName, Name: input.Qualifier };
      permissions.push(await tried("GetAlias", false, () => client.send(new GetAliasCommand(alias))));
    }
    return permissions;
  } finally {
    client.destroy();
  }
}
