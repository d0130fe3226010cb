// Appends and syncs in a thread of its own, so that no other disk access delays the log.
import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

const file = openSync(workerData.logFile, "a");
parentPort.on("message", (text) => {
  writeSync(file, text);
  fdatasyncSync(file);
  parentPort.postMessage(null);
});
