// Starts the router by its composition root, for builds without the CLI. argv: the settings file.
import { readSettingsFile } from "../../dist/src/router/config/read-settings.js";
import { makeLogger } from "../../dist/src/router/logger.js";
import { startRouter } from "../../dist/src/router/main.js";

const router = await startRouter(readSettingsFile(process.argv[2], process.env), makeLogger("warn"));
process.on("SIGTERM", () => router.stop());
const end = await router.ended;
if (end.kind !== "stopped") console.error(JSON.stringify(end));
process.exit(end.kind === "stopped" ? 0 : 1);
