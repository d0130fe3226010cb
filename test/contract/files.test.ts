import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { describe, test } from "node:test";
import { NodeFiles } from "../../src/files-node/node-files.js";
import { FileProblem } from "../../src/ports/files.js";
import { Counters } from "../power-cut/counters.js";
import { PowerCutDisk } from "../power-cut/power-cut-disk.js";
import { Random } from "../power-cut/random.js";
import { filesContract } from "./files.contract.js";
import { temporaryFolder } from "./temporary-folder.js";

filesContract("Node", async () => {
  const folder = await temporaryFolder();
  const files = new NodeFiles();
  const dispose = async () => {
    await files.close();
    await folder.remove();
  };
  return { files, root: folder.path, dispose };
});

filesContract("the disk that loses power", async () => {
  const { files } = new PowerCutDisk(new Random(1), new Counters()).plugIn();
  await files.makeFolder("root");
  return { files, root: "root", dispose: async () => undefined };
});

describe("the file port on Node", () => {
  test("a full disk is told from one that fails, and the file goes on", { skip: !fs.existsSync("/dev/full") }, async () => {
    const files = new NodeFiles();
    const file = await files.openAppend("/dev/full");
    for (let round = 0; round < 2; round++) {
      await assert.rejects(file.append([new Uint8Array(10)]), { name: "FileProblem", kind: "full" });
      await assert.rejects(file.appendAndSync([new Uint8Array(10)]), { name: "FileProblem", kind: "full" });
    }
    await file.close();
    await files.close();
  });

  test("after a sync that failed the file refuses everything", async () => {
    const folder = await temporaryFolder();
    const files = new NodeFiles();
    const file = await files.openAppend(`${folder.path}/f`);
    await file.append([new Uint8Array(10)]);
    // fdatasync of a pipe fails with EINVAL on every system: put one in the place of the file's descriptor.
    const broken = await files.openAppend(fifo(`${folder.path}/pipe`));
    await assert.rejects(broken.sync(), { name: "FileProblem", kind: "failed" });
    await assert.rejects(broken.append([new Uint8Array(1)]), /not tried again/);
    await assert.rejects(broken.sync(), /not tried again/);
    await file.sync();
    await Promise.all([file.close(), broken.close()]);
    await files.close();
    await folder.remove();
  });

  test("what is queued when the files are closed is still written; later calls fail", async () => {
    const folder = await temporaryFolder();
    const files = new NodeFiles();
    const file = await files.openAppend(`${folder.path}/f`);
    const queued = Array.from({ length: 20 }, () => file.appendAndSync([new Uint8Array(100)]));
    await Promise.all([files.close(), ...queued]);
    await assert.rejects(file.append([new Uint8Array(1)]), FileProblem);
    assert.equal(fs.statSync(`${folder.path}/f`).size, 2000);
    await folder.remove();
  });

  test("a large background sync does not hold up a commit", async () => {
    const folder = await temporaryFolder();
    const files = new NodeFiles();
    const large = await files.openAppend(`${folder.path}/large`, "background");
    const commit = await files.openAppend(`${folder.path}/commit`, "commit");
    let isLargeDone = false;
    const background = large
      .append(Array.from({ length: 64 }, () => new Uint8Array(1024 * 1024)))
      .then(() => (isLargeDone = true));
    await commit.append([new Uint8Array(100)]);
    assert.equal(isLargeDone, false);
    await background;
    await Promise.all([large.close(), commit.close()]);
    await files.close();
    await folder.remove();
  });
});

/** A named pipe that is open for reading, so that opening it for writing does not wait. */
function fifo(path: string): string {
  const made = spawnSync("mkfifo", [path]);
  assert.equal(made.status, 0);
  fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  return path;
}
