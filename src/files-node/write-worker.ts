/**
 * The write thread: does one request after the other with synchronous calls, so that a sync never waits behind reads in
 * libuv's shared pool (measured there: four large reads push an append from 0.23 to 17 ms).
 */
import fs from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { WriteReply, WriteRequest } from "./write-request.js";

const port = parentPort;
if (port === null) throw new Error("write-worker runs as a worker thread only");
const shared = new Uint8Array((workerData as { shared: SharedArrayBuffer }).shared);

port.on("message", (request: WriteRequest) => port.postMessage(answer(request)));

function answer(request: WriteRequest): WriteReply {
  let isSync = false;
  try {
    switch (request.kind) {
      case "open":
        return { kind: "done", value: fs.openSync(request.path, "a", 0o600) };
      case "append":
        writeAll(request.descriptor, request.length);
        if (request.isSynced) {
          isSync = true;
          fs.fdatasyncSync(request.descriptor);
        }
        return DONE;
      case "sync":
        isSync = true;
        fs.fdatasyncSync(request.descriptor);
        return DONE;
      case "syncFolder": {
        const descriptor = fs.openSync(request.path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
        isSync = true;
        try {
          fs.fsyncSync(descriptor);
        } finally {
          fs.closeSync(descriptor);
        }
        return DONE;
      }
      case "truncate":
        fs.ftruncateSync(request.descriptor, request.length);
        return DONE;
      case "close":
        fs.closeSync(request.descriptor);
        return DONE;
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: "failed", isSync, code: code ?? "", message };
  }
}

const DONE: WriteReply = { kind: "done", value: 0 };

function writeAll(descriptor: number, length: number): void {
  for (let at = 0; at < length; ) at += fs.writeSync(descriptor, shared, at, length - at);
}
