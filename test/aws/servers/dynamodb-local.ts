/** Amazon's own DynamoDB Local, from Maven Central, in memory. Needs Java 17 and Maven. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { type RunningServer, startServerProcess } from "./server-process.js";

/** With the version pinned. Paths are those of the repository, where the scripts run. */
const PACKAGES = "test/aws/servers/dynamodb-local-pom.xml";
const MAIN = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner";
const INSTALLED_WITHIN_MS = 600_000;

export function startDynamoDbLocal(): Promise<RunningServer> {
  const folder = installed();
  // The native part of sqlite4java lies among the archives.
  const args = [`-Djava.library.path=${folder}`, "-Xmx512m", "-cp", [`${folder}/*`].join(delimiter), MAIN];
  return startServerProcess({
    name: "DynamoDB Local",
    program: "java",
    args: (port) => [...args, "-inMemory", "-sharedDb", "-disableTelemetry", "-port", String(port)],
    env: () => ({}),
    readyPath: "/",
    // It has no health check: a request without a signature is refused by what is up.
    isReady: (status) => status === 400,
  });
}

/** The folder with the archives; made once for each state of the list. */
function installed(): string {
  const id = createHash("sha256").update(readFileSync(PACKAGES)).digest("hex").slice(0, 12);
  const folder = resolve(`node_modules/.cache/holdfast/dynamodb-local-${id}`);
  if (existsSync(`${folder}/complete`)) return folder;
  rmSync(folder, { recursive: true, force: true });
  const args = ["-q", "-B", "-f", PACKAGES, "dependency:copy-dependencies", `-DoutputDirectory=${folder}`];
  const result = spawnSync("mvn", args, { encoding: "utf8", timeout: INSTALLED_WITHIN_MS });
  if (result.status !== 0) {
    const why = result.error?.message ?? `${result.stdout}${result.stderr}`.slice(-4000);
    throw new Error(`mvn ${args.join(" ")} failed (Maven and Java 17 or newer are needed):\n${why}`);
  }
  writeFileSync(`${folder}/complete`, "");
  return folder;
}
