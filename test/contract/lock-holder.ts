/** A process of its own that holds the lock on a data folder until it is killed: `node lock-holder.js FOLDER [pidFile]`. */
import { spawn } from "node:child_process";
import { lockDataFolder } from "../../src/data-lock-local/data-lock.js";

const [folder, by] = process.argv.slice(2);
try {
  const lock = await lockDataFolder(folder ?? "", by === "pidFile" ? null : "flock");
  // A child that outlives its parent: it must not keep the lock.
  const child = spawn("sleep", ["20"], { stdio: "ignore", detached: true });
  console.log(`locked ${lock.by} ${child.pid}`);
  setInterval(() => undefined, 1000);
} catch (error) {
  console.log(`refused ${(error as { code?: string }).code} ${(error as Error).message}`);
}
