/** A router in a process of its own: `node router-entry.js settings.yaml`. Says `ready URL` when it serves; SIGTERM stops it. */
import { ConfigProblem } from "../../src/router/config/config-problem.js";
import { readSettingsFile } from "../../src/router/config/read-settings.js";
import { startRouter } from "../../src/router/main.js";

try {
  const settings = readSettingsFile(process.argv[2] ?? "", process.env);
  const router = await startRouter(settings);
  process.on("SIGTERM", () => void router.stop());
  void router.runner.started.then(() => console.log(`ready ${router.ingressUrl}`));
  const end = await router.ended;
  if (end.kind === "refused") console.error(`${end.code}: ${end.message}`);
  process.exit(end.kind === "stopped" ? 0 : 1);
} catch (error) {
  const code = error instanceof ConfigProblem || (error instanceof Error && "code" in error) ? error.code : "broken";
  console.error(`${code}: ${(error as Error).message}`);
  process.exit(1);
}
