/** What is wrong with stored data is said with a stable code, the place, and what to do; nothing is lost by saying it. */
import assert from "node:assert/strict";
import fs from "node:fs/promises";
import { describe, test } from "node:test";
import { LocalDirectory } from "../../src/directory-local/local-directory.js";
import { NodeFiles } from "../../src/files-node/node-files.js";
import { LocalJournal } from "../../src/journal-local/local-journal.js";
import type { FilePort } from "../../src/ports/files.js";
import { FileProblem } from "../../src/ports/files.js";
import { StorageProblem } from "../../src/ports/storage-problem.js";
import { LocalSnapshots } from "../../src/snapshots-local/local-snapshots.js";
import { Counters } from "../power-cut/counters.js";
import { ManualClock } from "../power-cut/manual-clock.js";
import { NO_FAULTS, PowerCutDisk } from "../power-cut/power-cut-disk.js";
import { Random } from "../power-cut/random.js";
import { randomU32, realClock } from "./real-clock.js";
import { temporaryFolder } from "./temporary-folder.js";

const bytes = (value: string) => new TextEncoder().encode(value);
const openJournal = (files: FilePort, root: string) =>
  LocalJournal.open({ files, clock: realClock, randomU32, root, fileBytesMax: 4096 });

/** A log of 30 records over several files, closed in good order. */
async function onDisk(run: (files: NodeFiles, root: string, log: string, names: string[]) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder();
  const files = new NodeFiles();
  const journal = await openJournal(files, folder.path);
  for (let position = 1; position <= 30; position++) {
    assert.equal((await journal.append("log", position, new Uint8Array(400).fill(position))).kind, "happened");
  }
  await journal.close();
  const log = `${folder.path}/logs/log`;
  await run(files, folder.path, log, (await fs.readdir(log)).sort());
  await files.close();
  await folder.remove();
}

async function flip(path: string, offset: number): Promise<void> {
  const content = await fs.readFile(path);
  content[offset] = (content[offset] as number) ^ 1;
  await fs.writeFile(path, content);
}

async function checkRefused(files: FilePort, root: string, code: string, message: RegExp): Promise<void> {
  const journal = await openJournal(files, root);
  const read = await journal.read("log", 1, 100, 1 << 20);
  assert.ok(read.kind === "failed");
  assert.equal(read.code, code);
  assert.match(read.message, message);
  const append = await journal.append("log", 31, bytes("x"));
  assert.ok(append.kind === "refused" && append.isPermanent);
  assert.equal(append.code, code);
  assert.deepEqual(await journal.append(`other ${randomU32()}`, 1, bytes("x")), { kind: "happened" }, "other logs go on");
  await journal.close();
}

describe("a damaged journal", () => {
  test("is refused with file, offset, position and remedy, in any of its files", () =>
    onDisk(async (files, root, log, names) => {
      assert.ok(names.length >= 3);
      for (const name of names) {
        const content = await fs.readFile(`${log}/${name}`);
        await flip(`${log}/${name}`, 1000);
        await checkRefused(
          files,
          root,
          "journal_damaged",
          new RegExp(`${name}: damaged at offset \\d+, .*position \\d+.*Restore the data`),
        );
        await fs.writeFile(`${log}/${name}`, content);
      }
      const journal = await openJournal(files, root);
      const read = await journal.read("log", 1, 100, 1 << 20);
      assert.equal(read.kind === "records" && read.bodies.length, 30, "what was not touched is still there");
      await journal.close();
    }));

  test("is refused when its end is missing, although that looks like a torn write", () =>
    onDisk(async (files, root, log, names) => {
      const first = `${log}/${names[0]}`;
      await fs.truncate(first, (await fs.stat(first)).size - 100);
      await checkRefused(files, root, "journal_damaged", /must go on to offset/);
    }));

  test("is refused when a file in between is gone", () =>
    onDisk(async (files, root, log, names) => {
      await fs.rm(`${log}/${names[1]}`);
      await checkRefused(files, root, "journal_damaged", /this file is missing/);
    }));

  test("is refused when a newer version wrote it", () =>
    onDisk(async (files, root, log, names) => {
      const last = `${log}/${names.at(-1)}`;
      const content = await fs.readFile(last);
      content[8] = 2;
      await fs.writeFile(last, content);
      await checkRefused(files, root, "format_newer", /format 2 is newer than 1.*Start the Holdfast version/);
    }));

  test("is not what a torn write leaves: that is cut, and everything in front is there", () =>
    onDisk(async (files, root, log, names) => {
      await fs.appendFile(`${log}/${names.at(-1)}`, new Uint8Array(777).fill(0xf1));
      const journal = await openJournal(files, root);
      const read = await journal.read("log", 1, 100, 1 << 20);
      assert.equal(read.kind === "records" && read.bodies.length, 30);
      assert.deepEqual(await journal.append("log", 31, bytes("next")), { kind: "happened" });
      await journal.close();
    }));
});

describe("a damaged document", () => {
  test("is refused with its file and what to do; the others are read and listed, unless one is of a newer version", async () => {
    const folder = await temporaryFolder();
    const files = new NodeFiles();
    const directory = await LocalDirectory.open(files, folder.path);
    for (const key of ["good", "bad", "new"]) await directory.swap(key, null, { token: "t", body: bytes(key) });
    await flip(`${folder.path}/documents/bad`, 14);
    const content = await fs.readFile(`${folder.path}/documents/new`);
    content[8] = 9;
    await fs.writeFile(`${folder.path}/documents/new`, content);
    for (const [key, code] of [
      ["bad", "document_damaged"],
      ["new", "format_newer"],
    ] as const) {
      const read = await directory.read(key);
      assert.ok(read.kind === "failed");
      assert.equal(read.code, code);
      assert.match(read.message, new RegExp(`documents/${key}: .*(Restore|Start the Holdfast version)`));
      const swap = await directory.swap(key, "t", { token: "u", body: bytes("") });
      assert.ok(swap.kind === "unknown" && swap.code === code);
    }
    assert.equal((await directory.read("good")).kind, "found");
    assert.equal((await directory.list("")).kind, "failed");
    await fs.rm(`${folder.path}/documents/new`);
    const listed = await directory.list("");
    assert.ok(listed.kind === "listed");
    assert.deepEqual(listed.documents, [{ key: "good", document: { token: "t", body: bytes("good") } }]);
    assert.deepEqual(
      listed.damaged?.map(({ key }) => key),
      ["bad"],
    );
    assert.match(listed.damaged?.[0]?.message ?? "", /documents\/bad: .*Restore/);
    await directory.close();
    await files.close();
    await folder.remove();
  });
});

describe("a full disk", () => {
  test("refuses an append for now; nothing of it shows, and the same position is taken later", async () => {
    const disk = new PowerCutDisk(new Random(7), new Counters());
    const journal = await openJournal(disk.plugIn().files, "data");
    assert.deepEqual(await journal.append("log", 1, bytes("one")), { kind: "happened" });
    disk.faults = { ...NO_FAULTS, full: 1 };
    for (let round = 0; round < 5; round++) {
      const outcome = await journal.append("log", 2, new Uint8Array(500).fill(round));
      assert.ok(outcome.kind === "refused" && !outcome.isPermanent && outcome.retryAfterMs !== null);
      assert.equal(outcome.code, "disk_full");
    }
    const other = await journal.append("other", 1, bytes("x"));
    assert.ok(other.kind === "refused" && !other.isPermanent && other.code === "disk_full", "a new log too");
    disk.faults = NO_FAULTS;
    assert.deepEqual(await journal.append("log", 2, bytes("two")), { kind: "happened" });
    assert.deepEqual(await journal.append("other", 1, bytes("x")), { kind: "happened" });
    disk.cut();
    const next = await openJournal(disk.plugIn().files, "data");
    const read = await next.read("log", 1, 10, 1000);
    assert.deepEqual(read.kind === "records" && read.bodies, [bytes("one"), bytes("two")]);
  });

  test("leaves a swap unknown and an object refused, and both go on when there is room", async () => {
    const disk = new PowerCutDisk(new Random(7), new Counters());
    const { files } = disk.plugIn();
    const directory = await LocalDirectory.open(files, "data");
    const snapshots = await LocalSnapshots.open(files, "data");
    const write = async () => {
      const writer = snapshots.create("o");
      await writer.write(bytes("content"));
      return writer.finish();
    };
    disk.faults = { ...NO_FAULTS, full: 1 };
    const swap = await directory.swap("k", null, { token: "t", body: bytes("") });
    assert.ok(swap.kind === "unknown" && swap.code === "disk_full");
    const finish = await write();
    assert.ok(finish.kind === "refused" && finish.code === "disk_full");
    disk.faults = NO_FAULTS;
    assert.deepEqual(await directory.swap("k", null, { token: "t", body: bytes("") }), { kind: "happened" });
    assert.deepEqual(await write(), { kind: "happened" });
  });
});

describe("a sync that failed", () => {
  test("leaves its appends unknown and ends the log; it is not tried again, and a restart tells what is stored", async () => {
    const disk = new PowerCutDisk(new Random(3), new Counters());
    const journal = await openJournal(disk.plugIn().files, "data");
    assert.deepEqual(await journal.append("log", 1, bytes("one")), { kind: "happened" });
    disk.faults = { ...NO_FAULTS, failedSync: 1 };
    const lost = await Promise.all([journal.append("log", 2, bytes("two")), journal.append("log", 3, bytes("three"))]);
    assert.deepEqual(
      lost.map((outcome) => outcome.kind),
      ["unknown", "unknown"],
    );
    disk.faults = NO_FAULTS;
    for (const position of [2, 3, 4]) {
      const outcome = await journal.append("log", position, bytes("again"));
      assert.ok(outcome.kind === "refused" && outcome.isPermanent && outcome.code === "disk_failed");
      assert.match(outcome.message, /restart the router/);
    }
    const read = await journal.read("log", 1, 10, 1000);
    assert.deepEqual(read.kind === "records" && read.bodies, [bytes("one")], "what is not durable is not shown");
    disk.kill();
    const next = await openJournal(disk.plugIn().files, "data");
    const shown = await next.read("log", 1, 10, 1000);
    assert.ok(shown.kind === "records");
    disk.cut();
    const last = await openJournal(disk.plugIn().files, "data");
    assert.deepEqual(await last.read("log", 1, 10, 1000), shown, "what a restart showed is durable");
  });

  test("of the directory's folder ends the directory: nothing is read that a power cut could take back", async () => {
    const disk = new PowerCutDisk(new Random(3), new Counters());
    const directory = await LocalDirectory.open(disk.plugIn().files, "data");
    await directory.swap("k", null, { token: "t1", body: bytes("one") });
    disk.faults = { ...NO_FAULTS, failedFolderSync: 1 };
    assert.equal((await directory.swap("k", "t1", { token: "t2", body: bytes("two") })).kind, "unknown");
    disk.faults = NO_FAULTS;
    const read = await directory.read("k");
    assert.ok(read.kind === "failed" && read.code === "disk_failed");
    assert.equal((await directory.swap("k", "t2", { token: "t3", body: bytes("") })).kind, "unknown");
  });
});

describe("a data folder that cannot be used", () => {
  const openers: [string, (files: FilePort, root: string) => Promise<unknown>][] = [
    ["journal", openJournal],
    ["directory", (files, root) => LocalDirectory.open(files, root)],
    ["snapshots", (files, root) => LocalSnapshots.open(files, root)],
  ];
  for (const [name, open] of openers) {
    test(`is refused by the ${name}, with what to do, when it is a file`, async () => {
      const folder = await temporaryFolder();
      const files = new NodeFiles();
      await fs.writeFile(`${folder.path}/data`, "");
      await assert.rejects(open(files, `${folder.path}/data`), isUnreadable);
      await files.close();
      await folder.remove();
    });

    test(`is refused by the ${name}, with what to do, when access is denied`, async () => {
      const { files } = new PowerCutDisk(new Random(1), new Counters()).plugIn();
      const denied = {
        makeFolder: (path: string) => Promise.reject(new FileProblem("denied", path, "EACCES: permission denied")),
      };
      const denying = new Proxy(files, {
        get: (target, key) => Reflect.get({ ...denied }, key) ?? Reflect.get(target, key).bind(target),
      });
      await assert.rejects(open(denying, "data"), isUnreadable);
    });
  }

  function isUnreadable(error: unknown): boolean {
    assert.ok(error instanceof StorageProblem);
    assert.equal(error.code, "data_unreadable");
    assert.ok(error.message.endsWith(error.remedy) && error.remedy.includes("read and write access"));
    return true;
  }
});

test("a log that went quiet is marked, so that damage to its last record is noticed after a kill", async () => {
  const disk = new PowerCutDisk(new Random(1), new Counters());
  const clock = new ManualClock();
  const { files } = disk.plugIn();
  const journal = await LocalJournal.open({ files, clock, randomU32: () => 1, root: "data" });
  await journal.append("log", 1, bytes("first"));
  await journal.append("log", 2, bytes("the last record"));
  for (let waits = 0; waits < 4; waits++) {
    clock.fireAll();
    await journal.read("log", 1, 1, 1);
    for (let hop = 0; hop < 50; hop++) await undefined;
  }
  disk.kill();
  const [path, file] = disk.filesSeen().find(([name]) => name.endsWith(".journal")) ?? assert.fail();
  const content = Buffer.from(file.read(0, file.length));
  file.damage(content.indexOf("the last record"), 1);
  const next = await LocalJournal.open({ files: disk.plugIn().files, clock, randomU32: () => 1, root: "data" });
  const read = await next.read("log", 1, 10, 1000);
  assert.ok(read.kind === "failed" && read.code === "journal_damaged", path);
  assert.match(read.message, /behind position 1/);
});
