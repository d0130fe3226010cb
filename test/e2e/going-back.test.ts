/** A shard's newest segment is damaged: it refuses while others serve, and goes back to the manifest before without losing anything. */
import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { BY_ENTITY, placementHash, shardOfHash } from "../../src/core/entity/address.js";
import { fileName, keyOfFileName } from "../../src/ports/file-name.js";
import { startHoldfast } from "./child.js";
import { onlyLocal } from "./place.js";
import { World } from "./world.js";

const IDS = Array.from({ length: 40 }, (_, id) => `e${id}`);

/** The shard of the entity that a test's start asks until it is answered. */
const PROBED = shardOfHash(placementHash({ type: "e2e/odd", id: "ready" }, BY_ENTITY), 8);

describe("a shard whose newest segment is lost", { skip: onlyLocal }, () => {
  let world: World;
  /** How often each id was acknowledged. */
  const totals = new Map(IDS.map((id) => [id, 0]));
  before(async () => {
    world = await World.started();
    await addToAll();
    await stop();
    await world.start();
    await addToAll();
    await stop();
  });
  after(() => world.end());

  it("refuses and is named, others serve; goes back by a command, and everything is there", async () => {
    const [damaged = "", missing = ""] = await newestSegments();
    const bytes = await readFile(pathOf(damaged));
    const at = bytes.indexOf("e2e/counter/e");
    assert.ok(at > 0);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(pathOf(damaged), bytes);
    await rm(pathOf(missing));
    await world.start();
    const refused = await addToAll();
    assert.ok(refused > 0 && refused < 30, `${refused} of 40`);
    for (const object of [damaged, missing]) assert.ok(world.router.errors.includes(object), world.router.errors);

    const early = await restore();
    assert.deepEqual([early.code, /\[data_locked\]/.test(early.errors)], [3, true], early.errors);
    await stop();
    const { code, lines } = await restore("--json");
    assert.equal(code, 0);
    const restored = lines.filter(({ outcome }) => outcome === "restored");
    assert.deepEqual(restored.map(({ dropped }) => dropped).sort(), [[damaged], [missing]].sort());
    assert.deepEqual(new Set(restored.map(({ damage }) => damage?.code)), new Set(["segment_damaged", "segment_missing"]));
    assert.deepEqual(lines.at(-1), { fine: 6, restored: 2, impossible: 0 });

    await world.start();
    for (const [id, total] of totals) assert.equal(await world.total(id), total, id);
    assert.equal(await addToAll(), 0);
    await world.killAndRestart();
    for (const [id, total] of totals) assert.equal(await world.total(id), total, id);
  });

  it("says so where it cannot: while its last owner may live, and where a record is gone that it needs", async () => {
    await stop();
    const [missing = ""] = await newestSegments();
    await rm(pathOf(missing));
    await world.start();
    await world.router.kill();
    const owned = await restore();
    assert.deepEqual([owned.code, /\[shard_owned\]/.test(owned.errors)], [1, true], owned.errors);
    await world.start();
    await stop();
    const logs = join(world.dataPath, "logs");
    for (const log of await readdir(logs)) await rm(join(logs, log), { recursive: true });
    const lost = await restore();
    assert.deepEqual([lost.code, /has no record at position \d+ \[records_missing\]/.test(lost.errors)], [1, true], lost.errors);
    assert.equal((await restore("99")).code, 1);
    assert.equal((await restore("x")).code, 2);
  });

  /** How many were refused. */
  async function addToAll(): Promise<number> {
    const replies = await Promise.all(IDS.map(async (id) => ({ id, reply: await world.add(id) })));
    let refused = 0;
    for (const { id, reply } of replies) {
      if (reply.status === 200) totals.set(id, (totals.get(id) ?? 0) + 1);
      else {
        assert.equal(reply.code, "shard_refused");
        refused++;
      }
    }
    return refused;
  }

  async function stop(): Promise<void> {
    world.router.signal("SIGTERM");
    await world.router.exited;
  }

  /** The newest object of each shard that has several, but for the one that the start waits for. */
  async function newestSegments(): Promise<readonly string[]> {
    const byShard = new Map<string, string[]>();
    for (const name of await readdir(join(world.dataPath, "objects"))) {
      const object = keyOfFileName(name);
      const [, shard = "", unique = ""] = object?.split("/") ?? [];
      byShard.set(shard, [...(byShard.get(shard) ?? []), unique]);
    }
    const newest: string[] = [];
    for (const [shard, uniques] of byShard) {
      uniques.sort((one, other) => Number.parseInt(other, 10) - Number.parseInt(one, 10));
      if (uniques.length > 1 && Number(shard) !== PROBED) newest.push(`segments/${shard}/${uniques[0]}`);
    }
    assert.ok(newest.length >= 2, `${newest}`);
    return newest;
  }

  function pathOf(object: string): string {
    return join(world.dataPath, "objects", fileName(object));
  }

  async function restore(...args: readonly string[]) {
    const path = join(world.folder, "restore.yaml");
    await writeFile(path, `journal: { kind: local, path: ${world.dataPath} }`);
    const child = startHoldfast("shards", "restore", "--previous", "--config", path, ...args);
    const { code } = await child.exited;
    const isJson = args.includes("--json");
    const lines = isJson
      ? child.output
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as RestoredLine)
      : [];
    return { code, errors: child.errors, lines };
  }
});

interface RestoredLine {
  readonly outcome?: string;
  readonly dropped?: readonly string[];
  readonly damage?: { readonly code: string } | null;
}
