/** What can be wrong with the data folder and its disk: said by name, and nothing that was stored is lost by it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { onlyLocal } from "./place.js";
import { until, World } from "./world.js";

describe("a router whose data folder is not what it should be", { skip: onlyLocal }, () => {
  let world: World;
  before(async () => {
    world = await World.started();
    for (let id = 0; id < 40; id++) assert.equal((await world.add(`e${id}`)).status, 200);
    await world.router.kill();
  });
  after(() => world.end());

  /** Everything acknowledged is there, and more can be done. */
  async function checkNothingLost(): Promise<void> {
    await world.start();
    for (let id = 0; id < 40; id++) assert.equal(await world.total(`e${id}`), 1);
    assert.equal((await world.add("good")).status, 200);
    await world.router.kill();
  }

  it("because `shards` differs from what is stored is refused, with the stored value", async () => {
    assert.match(await world.refusedStart("shards: 5"), /8.*\[cluster_mismatch\]/s);
    await checkNothingLost();
  });

  it("because `cluster` differs from what is stored is refused, with the stored value", async () => {
    assert.match(await world.refusedStart("cluster: another"), /local.*\[cluster_mismatch\]/s);
    await checkNothingLost();
  });

  it("because a newer version wrote a document is refused, and the data are not touched", async () => {
    const path = await aDocument(world.dataPath);
    await withChange(path, 8, 9, async () => {
      assert.match(await world.refusedStart(), /newer.*\[format_newer\]/s);
    });
    await checkNothingLost();
  });

  it("because a newer version wrote a journal file is refused, and the data are not touched", async () => {
    for (const path of await journalFiles(world.dataPath)) {
      await withChange(path, 8, 9, async () => {
        assert.match(await world.refusedStart(), /newer.*\[format_newer\]/s);
      });
    }
    await checkNothingLost();
  });

  it("because a journal file is damaged in the middle is refused, with the file and the place", async () => {
    const [path] = await journalFiles(world.dataPath);
    assert.ok(path);
    await withChange(path, 200, null, async () => {
      assert.match(await world.refusedStart(), /\.journal.*offset \d+.*\[journal_damaged\]/s);
    });
    await checkNothingLost();
  });

  it("because a document is damaged that all need is refused, with the file", async () => {
    await withChange(join(world.dataPath, "documents", "cluster"), 20, null, async () => {
      assert.match(await world.refusedStart(), /documents.*\[document_damaged\]/s);
    });
    await checkNothingLost();
  });

  it("because a shard's document is damaged serves all shards but that one, and names the document", async () => {
    await withChange(await aDocument(world.dataPath), 20, null, () => startAndLook(/document_damaged: shard\/\d{6}: /));
    await checkNothingLost();
  });

  it("because a segment is damaged serves all shards but that one, and names the segment", async () => {
    const inData = async (path: string) => (await readFile(path)).indexOf("e2e/counter/e");
    await checkOneShardRefused(async (path) => withChange(path, await inData(path), null, () => startAndLook(/segment_damaged/)));
    await checkNothingLost();
  });

  it("because a segment is missing serves all shards but that one, and names the segment", async () => {
    await checkOneShardRefused(async (path) => {
      const bytes = await readFile(path);
      await rm(path);
      await startAndLook(/segment_missing/);
      await writeFile(path, bytes);
    });
    await checkNothingLost();
  });

  /** Everything is in segments, one of which is then spoilt. */
  async function checkOneShardRefused(spoil: (path: string) => Promise<void>): Promise<void> {
    await world.start();
    world.router.signal("SIGTERM");
    await world.router.exited;
    const [segment] = await filesBelow(join(world.dataPath, "objects"));
    assert.ok(segment);
    await spoil(segment);
  }

  async function startAndLook(said: RegExp): Promise<void> {
    await world.start();
    let refused = 0;
    for (let id = 0; id < 40; id++) {
      const reply = await world.get(`/e2e/counter/e${id}`);
      if (reply.status === 200) assert.equal(reply.text, '{"version":1,"state":{"count":1}}');
      else {
        assert.deepEqual([reply.status, reply.code], [503, "shard_refused"]);
        refused++;
      }
    }
    assert.ok(refused > 0 && refused < 20, `${refused} of 40 entities are in the shard that is refused`);
    assert.match(world.router.errors, said);
    await world.router.kill();
  }

  it("because it cannot be read is refused, with the path", async (t) => {
    const elsewhere = await World.make({ dataPath: join(world.folder, "a-file") });
    t.after(() => elsewhere.end());
    await writeFile(elsewhere.dataPath, "no folder");
    assert.match(await elsewhere.refusedStart(), /a-file.*\[data_unreadable\]/s);
    assert.equal(await readFile(elsewhere.dataPath, "utf8"), "no folder");
  });
});

const mounted = await smallDisk();
describe("a router on a disk that is full", {
  skip: onlyLocal || (mounted === null && "needs the right to mount a small disk"),
}, () => {
  const disk = mounted ?? "";
  after(async () => {
    spawnSync("umount", ["-l", disk]);
    await rm(disk, { recursive: true, force: true });
  });

  it("acknowledges nothing that is not stored, says why, and goes on when there is room again", async (t) => {
    const world = await World.started({ dataPath: join(disk, "data") });
    t.after(() => world.end());
    const { bsize, bavail } = await statfs(disk);
    const acknowledged = new Map<string, string>();
    const codes = new Set<string | null>();
    const put = async (id: string): Promise<boolean> => {
      const payload = JSON.stringify(id.repeat(4_000));
      const reply = await world.post(`/e2e/echo/${id}/put`, payload, { "holdfast-deadline": "2s" });
      if (reply.status === 200) acknowledged.set(id, payload);
      else codes.add(reply.code);
      return reply.status === 200;
    };
    for (let id = 0; id < 10; id++) assert.ok(await put(`early${id}`));
    await writeFile(join(disk, "filler"), Buffer.alloc(bsize * bavail - 500_000));
    let refused = 0;
    for (let id = 0; id < 200 && refused < 5; id++) if (!(await put(`late${id}`))) refused++;
    assert.equal(refused, 5, "the disk should be full by now");
    assert.deepEqual(codes, new Set(["outcome_unknown", "storage_slow"]));
    assert.match(world.router.errors, /"code":"disk_full".*no space left/);
    await rm(join(disk, "filler"));
    await until(() => put("again"));
    for (const [id, payload] of acknowledged) {
      assert.equal((await world.get(`/e2e/echo/${id}`)).text, `{"version":1,"state":${payload}}`);
    }
    assert.equal((await world.add("good")).status, 200);
  });

  it("already when it is started waits, says why, and serves everything as soon as there is room", async (t) => {
    const world = await World.started({ dataPath: join(disk, "more") });
    t.after(() => world.end());
    for (let id = 0; id < 10; id++) assert.equal((await world.add(`e${id}`)).status, 200);
    await world.router.kill();
    await fill();
    const fresh = await World.make({ dataPath: join(disk, "fresh") });
    t.after(() => fresh.end());
    assert.match(await fresh.refusedStart(), /no space left.*\[disk_full\]/s, "one without data cannot even lock the folder");

    const router = await world.launch();
    t.after(() => router.kill());
    await until(async () => /"code":"disk_full".*no space left/.test(router.errors));
    assert.doesNotMatch(router.output, /ingress/, "it does not say that it serves");
    await rm(join(disk, "filler"));
    await router.said(/ingress +(\S+)/);
    await router.kill();
    await world.start();
    for (let id = 0; id < 10; id++) assert.equal(await world.total(`e${id}`), 1);
  });

  /** Leaves no room at all. */
  async function fill(): Promise<void> {
    const { bsize, bavail } = await statfs(disk);
    await writeFile(join(disk, "filler"), Buffer.alloc(bsize * bavail));
  }
});

/** A tmpfs of 8 MB; null where this user may not mount one. */
async function smallDisk(): Promise<string | null> {
  const path = await mkdtemp(join(tmpdir(), "holdfast-disk-"));
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", path]).status === 0) return path;
  await rm(path, { recursive: true });
  return null;
}

/** Sets (or, with null, flips) one byte while `run` goes on; then the file is as it was. */
async function withChange(path: string, offset: number, value: number | null, run: () => Promise<void>): Promise<void> {
  const original = await readFile(path);
  const changed = Buffer.from(original);
  changed[offset] = value ?? (changed[offset] ?? 0) ^ 0xff;
  await writeFile(path, changed);
  await run();
  assert.deepEqual(await readFile(path), changed, "nobody has repaired it");
  await writeFile(path, original);
}

async function journalFiles(dataPath: string): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const log of await readdir(join(dataPath, "logs"))) {
    for (const name of await readdir(join(dataPath, "logs", log))) {
      const path = join(dataPath, "logs", log, name);
      if (name.endsWith(".journal") && (await readFile(path)).length > 1_000) paths.push(path);
    }
  }
  return paths;
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function aDocument(dataPath: string): Promise<string> {
  const [name] = (await readdir(join(dataPath, "documents"))).filter((one) => one.startsWith("shard"));
  assert.ok(name, (await readdir(join(dataPath, "documents"))).join());
  return join(dataPath, "documents", name);
}
