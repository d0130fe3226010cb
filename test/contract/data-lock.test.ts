import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { lockDataFolder } from "../../src/data-lock-local/data-lock.js";
import { StorageProblem } from "../../src/ports/storage-problem.js";
import { temporaryFolder } from "./temporary-folder.js";

const HOLDER = fileURLToPath(new URL("./lock-holder.js", import.meta.url));

for (const by of ["flock", "pidFile"] as const) {
  describe(`the lock on a data folder by ${by}`, () => {
    const program = by === "flock" ? "flock" : null;

    test("a second process is refused with the holder's id, also while the holder is paused; a killed holder frees it", async () => {
      const folder = await temporaryFolder();
      const holder = await startHolder(folder.path, by);
      try {
        assert.equal(holder.words[0], "locked");
        assert.equal(holder.words[1], by);
        const refusal = { code: "data_locked", message: new RegExp(`id ${holder.process.pid}\\b`) };
        await assert.rejects(lockDataFolder(folder.path, program), refusal);
        holder.process.kill("SIGSTOP");
        await assert.rejects(lockDataFolder(folder.path, program), refusal);
        holder.process.kill("SIGKILL");
        await once(holder.process, "exit");
        const lock = await lockDataFolder(folder.path, program);
        await lock.release();
      } finally {
        holder.process.kill("SIGKILL");
        process.kill(Number(holder.words[2]), "SIGKILL"); // the child it left behind
        await folder.remove();
      }
    });

    test("the same process is refused too, until it releases", async () => {
      const folder = await temporaryFolder();
      const first = await lockDataFolder(folder.path, program);
      await assert.rejects(lockDataFolder(folder.path, program), { code: "data_locked" });
      await first.release();
      await (await lockDataFolder(folder.path, program)).release();
      await folder.remove();
    });

    test("of eight that try at once exactly one has it", async () => {
      const folder = await temporaryFolder();
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockDataFolder(folder.path, program)));
      const locks = tries.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      assert.equal(locks.length, 1);
      await Promise.all(locks.map((lock) => lock.release()));
      await folder.remove();
    });
  });
}

test("each form of the lock sees the other's living holder, and not one that has released", async () => {
  const folder = await temporaryFolder();
  for (const [first, second] of [
    ["flock", null],
    [null, "flock"],
  ] as const) {
    const lock = await lockDataFolder(folder.path, first);
    await assert.rejects(lockDataFolder(folder.path, second), { code: "data_locked" });
    await lock.release();
    await (await lockDataFolder(folder.path, second)).release();
  }
  await folder.remove();
});

test("a flock that fails is no reason to go on without one", async () => {
  const folder = await temporaryFolder();
  await assert.rejects(lockDataFolder(folder.path, folder.path), { code: "disk_failed" }, "a folder is no program");
  await folder.remove();
});

test("a data folder that cannot be written is refused with what to do", { skip: process.getuid?.() === 0 }, async () => {
  const folder = await temporaryFolder();
  await chmod(folder.path, 0o500);
  await assert.rejects(
    lockDataFolder(folder.path),
    (error) => error instanceof StorageProblem && error.code === "data_unreadable" && error.message.includes(error.remedy),
  );
  await chmod(folder.path, 0o700);
  await folder.remove();
});

async function startHolder(folder: string, by: string): Promise<{ process: ChildProcess; words: string[] }> {
  const child = spawn(process.execPath, [HOLDER, folder, by], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { process: child, words: line.split(" ") };
}
