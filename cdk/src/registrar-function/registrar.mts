/** The handler: CloudFormation's requests of the custom resource `Custom::HoldfastFunction`. */
import { setTimeout as sleep } from "node:timers/promises";
import { DeleteFunctionCommand, LambdaClient, ResourceNotFoundException } from "@aws-sdk/client-lambda";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { AdminApi } from "./admin-api.mjs";
import { type Answer, answer, type CloudFormationRequest } from "./cloudformation.mjs";
import { messageOf, registerUntil, removeOldVersions, type Surroundings, type Wanted } from "./registration.mjs";

export async function handler(request: CloudFormationRequest): Promise<void> {
  let outcome: Answer;
  try {
    outcome = await outcomeOf(request);
  } catch (error) {
    console.error(error);
    outcome = { status: "FAILED", reason: messageOf(error), physicalId: physicalIdOf(request), data: {} };
  }
  await answer(request, outcome);
}

async function outcomeOf(request: CloudFormationRequest): Promise<Answer> {
  const physicalId = physicalIdOf(request);
  if (request.RequestType === "Delete") {
    // The entities stay as they are: commands wait, and time out, until some function serves their types again.
    console.log(`${physicalId}: nothing is taken back; deployments of functions that are gone serve nobody`);
    return { status: "SUCCESS", reason: "", physicalId, data: {} };
  }
  const wanted = wantedOf(request);
  const around = await surroundings();
  const deadlineMs = Date.now() + Number(environment("REGISTRATION_SECONDS")) * 1_000;
  const deployment = await registerUntil(wanted, deadlineMs, around);
  const removed = await removeOldVersions(wanted, around);
  for (const version of removed) console.log(`${version} was removed`);
  return { status: "SUCCESS", reason: "", physicalId, data: { DeploymentId: deployment.id } };
}

/** One per function, so that a new version is an update, and another function another resource. */
function physicalIdOf(request: CloudFormationRequest): string {
  const { FunctionArn } = request.ResourceProperties;
  return typeof FunctionArn === "string" ? `holdfast:${FunctionArn}` : (request.PhysicalResourceId ?? "holdfast:unknown");
}

function wantedOf({ ResourceProperties: properties }: CloudFormationRequest): Wanted {
  const { VersionArn, FunctionArn, VersionsKept, Force, Options } = properties;
  if (typeof VersionArn !== "string" || typeof FunctionArn !== "string")
    throw new Error("the properties VersionArn and FunctionArn are expected");
  const versionsKept = Number(VersionsKept);
  if (!Number.isSafeInteger(versionsKept) || versionsKept < 1)
    throw new Error(`VersionsKept: a number from 1 is expected, not ${String(VersionsKept)}`);
  // CloudFormation makes texts of everything.
  const options: object = typeof Options === "string" ? JSON.parse(Options) : {};
  return { versionArn: VersionArn, functionArn: FunctionArn, versionsKept, force: Force === "true", options };
}

async function surroundings(): Promise<Surroundings> {
  const secrets = new SecretsManagerClient({});
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: environment("ADMIN_KEY_SECRET") }));
  if (SecretString === undefined) throw new Error("the secret of the admin key holds no text");
  const lambda = new LambdaClient({});
  return {
    admin: new AdminApi(environment("ADMIN_URL"), SecretString),
    deleteVersion: async (versionArn) => {
      try {
        await lambda.send(new DeleteFunctionCommand({ FunctionName: versionArn }));
      } catch (error) {
        if (!(error instanceof ResourceNotFoundException)) throw error;
      }
    },
    sleep: (ms) => sleep(ms),
    nowMs: () => Date.now(),
    log: (message) => console.log(message),
  };
}

function environment(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`the environment variable ${name} is not set`);
  return value;
}
