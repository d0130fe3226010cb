/**
 * `npm run test:aws [fragment...]`: the suites of test/aws that need servers not written here (`*.aws.ts`), and the
 * end-to-end suite (test/e2e) with its data in DynamoDB and S3; against what AWS_ENDPOINT_URL names, or
 * AWS_ENDPOINT_URL_S3 and its like. Servers that nobody names are started.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { startDynamoDbLocal } from "./servers/dynamodb-local.js";
import { type AwsService, namedEndpoint, variableOf } from "./servers/endpoints.js";
import { startLambdaEmulator, startS3Server } from "./servers/s3.js";
import type { RunningServer } from "./servers/server-process.js";

const SERVERS: Partial<Record<AwsService, () => Promise<RunningServer>>> = {
  s3: startS3Server,
  dynamodb: startDynamoDbLocal,
  lambda: startLambdaEmulator,
};

const fragments = process.argv.slice(2);
const files = [...filesIn("dist/test/aws", ".aws.js"), ...filesIn("dist/test/e2e", ".test.js")].filter(
  (file) => fragments.length === 0 || fragments.some((fragment) => file.includes(fragment)),
);
if (files.length === 0) throw new Error(`no suite matches ${fragments.join(", ")}`);

const running: RunningServer[] = [];
/** Emulators take any credentials, and the SDK insists on some. */
const env: NodeJS.ProcessEnv = {
  AWS_REGION: "eu-west-1",
  AWS_ACCESS_KEY_ID: "local",
  AWS_SECRET_ACCESS_KEY: "local",
  HOLDFAST_E2E: "aws",
  ...process.env,
};
try {
  for (const [service, start] of Object.entries(SERVERS)) {
    if (namedEndpoint(service as AwsService) !== null) continue;
    const server = await start();
    running.push(server);
    env[variableOf(service as AwsService)] = server.endpoint;
  }
  const tests = spawn(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit", env });
  const [code] = await once(tests, "exit");
  process.exitCode = typeof code === "number" ? code : 1;
} finally {
  await Promise.all(running.map((server) => server.stop()));
}

function filesIn(folder: string, ending: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .map((file) => `${folder}/${file}`);
}
