/** The bytes on the local disk are a format: what was written once is read for ever, and written the same way. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { LocalDirectory } from "../../src/directory-local/local-directory.js";
import { LocalJournal } from "../../src/journal-local/local-journal.js";
import { fileName, keyOfFileName } from "../../src/ports/file-name.js";
import type { FilePort } from "../../src/ports/files.js";
import { Counters } from "../power-cut/counters.js";
import { ManualClock } from "../power-cut/manual-clock.js";
import { PowerCutDisk } from "../power-cut/power-cut-disk.js";
import { Random } from "../power-cut/random.js";

const GOLDEN = new URL("../../../test/golden/", import.meta.url);
const LOG = "0198f3a2-Node.1";
const BODIES = [1, 2, 3].map((position) => new Uint8Array(3000).map((_, at) => (at * position) % 256));
const FILES = {
  "journal-file-1.bin": "data/logs/0198f3a2-%4eode.1/0000000001.journal",
  "journal-file-2.bin": "data/logs/0198f3a2-%4eode.1/0000000002.journal",
  "document-1.bin": "data/documents/shard%2f00%23a",
} as const;

const openJournal = (files: FilePort) =>
  LocalJournal.open({ files, clock: new ManualClock(), randomU32: () => 0x5eed1234, root: "data", fileBytesMax: 4096 });

function newDisk(): PowerCutDisk {
  return new PowerCutDisk(new Random(1), new Counters());
}

async function written(): Promise<Map<string, Uint8Array>> {
  const disk = newDisk();
  const { files } = disk.plugIn();
  const journal = await openJournal(files);
  for (const [at, body] of BODIES.entries()) assert.equal((await journal.append(LOG, at + 1, body)).kind, "happened");
  await journal.close();
  const directory = await LocalDirectory.open(files, "data");
  await directory.swap("shard/00#a", null, { token: "t-1", body: new TextEncoder().encode("a document") });
  return new Map(disk.filesSeen().map(([path, file]) => [path, file.read(0, file.length)]));
}

test("journal files and documents of format 1 are read", async () => {
  const { files } = newDisk().plugIn();
  for (const [golden, path] of Object.entries(FILES)) {
    await files.makeFolder(path.slice(0, path.lastIndexOf("/")));
    const file = await files.openAppend(path);
    await file.append([fs.readFileSync(new URL(golden, GOLDEN))]);
    await file.close();
  }
  const journal = await openJournal(files);
  assert.deepEqual(await journal.read(LOG, 1, 10, 1 << 20), { kind: "records", bodies: BODIES });
  assert.deepEqual(await journal.append(LOG, 4, new Uint8Array(1)), { kind: "happened" });
  const directory = await LocalDirectory.open(files, "data");
  const read = await directory.read("shard/00#a");
  assert.ok(read.kind === "found");
  assert.equal(read.document.token, "t-1");
  assert.equal(new TextDecoder().decode(read.document.body), "a document");
});

test("journal files and documents are written as format 1 says", async () => {
  const contents = await written();
  assert.deepEqual([...contents.keys()].sort(), Object.values(FILES).sort());
  for (const [golden, path] of Object.entries(FILES)) {
    const content = contents.get(path) ?? assert.fail(path);
    if (process.env["HOLDFAST_WRITE_GOLDEN"] === "1") fs.writeFileSync(new URL(golden, GOLDEN), content);
    assert.deepEqual(Buffer.from(content), fs.readFileSync(new URL(golden, GOLDEN)), golden);
  }
});

test("file names of keys", () => {
  const golden: readonly [string, string][] = [
    ["shard/0a", "shard%2f0a"],
    ["Node#1:x", "%4eode%231%3ax"],
    [".", "%2e"],
    ["..", "%2e."],
    ["a.b-c_d", "a.b-c_d"],
    ["x".repeat(201), `${"x".repeat(200)}+/x`],
    [`${"x".repeat(200)}..`, `${"x".repeat(200)}+/%2e%2e`],
    [`${"X".repeat(67)}y`, `${"%58".repeat(66)}%5+/8y`],
  ];
  for (const [key, name] of golden) {
    assert.equal(fileName(key), name);
    assert.equal(keyOfFileName(name), key);
  }
  for (const foreign of ["~1", "A", "a b", "%zz", "%4"]) assert.equal(keyOfFileName(foreign), null, foreign);
});
