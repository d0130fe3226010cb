/** What every file port promises while the power is on (src/ports/files.ts). What a cut leaves: test/power-cut. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FilePort, FileProblem } from "../../src/ports/files.js";

export interface FilesUnderTest {
  readonly files: FilePort;
  /** A folder that is there and empty. */
  readonly root: string;
  readonly dispose: () => Promise<void>;
}

export function filesContract(name: string, create: () => Promise<FilesUnderTest>): void {
  const under = (title: string, run: (files: FilePort, root: string) => Promise<void>) =>
    test(title, async () => {
      const { files, root, dispose } = await create();
      try {
        await run(files, root);
      } finally {
        await dispose();
      }
    });

  describe(`files contract: ${name}`, () => {
    under("what is appended is read back in order, synced or not", async (files, root) => {
      const file = await files.openAppend(`${root}/f`);
      await file.append([bytes("ab"), bytes(""), bytes("cd")]);
      await file.appendAndSync([bytes("ef")]);
      await file.append([]);
      await file.append([bytes("gh")]);
      await file.sync();
      await file.close();
      assert.equal(text(await files.read(`${root}/f`)), "abcdefgh");
      assert.equal(await files.size(`${root}/f`), 8);
    });

    under("calls that nobody awaits are done in their order", async (files, root) => {
      const file = await files.openAppend(`${root}/f`, "commit");
      const all: Promise<void>[] = [];
      for (let n = 0; n < 50; n++) all.push(n % 3 === 0 ? file.appendAndSync([bytes(`${n},`)]) : file.append([bytes(`${n},`)]));
      // The in-memory disk may reorder what is under way, as long as every piece arrives once.
      await Promise.all(all);
      const pieces = text(await files.read(`${root}/f`))
        .split(",")
        .slice(0, -1)
        .map(Number);
      assert.deepEqual(
        pieces.sort((left, right) => left - right),
        Array.from({ length: 50 }, (_, n) => n),
      );
      await file.close();
    });

    under("appends far larger than any buffer, in many chunks, arrive whole", async (files, root) => {
      const chunks = [1, 70_000, 1_048_576, 3, 1_048_577, 2_500_000].map((size, at) => new Uint8Array(size).fill(at + 1));
      const file = await files.openAppend(`${root}/f`);
      await file.appendAndSync(chunks);
      await file.close();
      assert.equal(Buffer.compare((await files.read(`${root}/f`)) ?? bytes(""), Buffer.concat(chunks)), 0);
    });

    under("a file that is opened again goes on at its end; a truncated one at its new end", async (files, root) => {
      const first = await files.openAppend(`${root}/f`);
      await first.append([bytes("hello")]);
      await first.close();
      const second = await files.openAppend(`${root}/f`);
      await second.append([bytes(" world")]);
      await second.truncate(4);
      await second.append([bytes("!")]);
      await second.sync();
      await second.close();
      assert.equal(text(await files.read(`${root}/f`)), "hell!");
    });

    under("a read gives the range, and fewer bytes only at the end", async (files, root) => {
      const file = await files.openAppend(`${root}/f`);
      await file.append([bytes("0123456789")]);
      await file.close();
      const reader = await files.openRead(`${root}/f`);
      assert.ok(reader !== null);
      for (const [offset, length, expected] of [
        [0, 3, "012"],
        [3, 4, "3456"],
        [8, 5, "89"],
        [10, 1, ""],
        [99, 1, ""],
        [2, 0, ""],
      ] as const) {
        assert.equal(text(await reader.read(offset, length)), expected);
        assert.equal(text(await files.read(`${root}/f`, offset, length)), expected);
      }
      assert.equal(text(await files.read(`${root}/f`, 7)), "789");
      await reader.close();
    });

    under("a file that is open for reading stays readable when its name goes", async (files, root) => {
      const file = await files.openAppend(`${root}/f`);
      await file.append([bytes("stays")]);
      await file.close();
      const reader = await files.openRead(`${root}/f`);
      await files.remove(`${root}/f`);
      assert.equal(text((await reader?.read(0, 10)) ?? null), "stays");
      await reader?.close();
    });

    under("folders are made with their parents, listed with a slash, and synced", async (files, root) => {
      await files.makeFolder(`${root}/a/b/c`);
      await files.makeFolder(`${root}/a/b/c`);
      await (await files.openAppend(`${root}/a/f`)).close();
      assert.deepEqual([...(await files.listFolder(`${root}/a`))].sort(), ["b/", "f"]);
      assert.deepEqual(await files.listFolder(`${root}/a/b/c`), []);
      assert.deepEqual(await files.listFolder(`${root}/absent`), []);
      await files.syncFolder(`${root}/a`);
      await assert.rejects(files.syncFolder(`${root}/absent`), FileProblem);
    });

    under("a rename replaces what has the name; the open file goes along", async (files, root) => {
      for (const name of ["old", "new"]) {
        const file = await files.openAppend(`${root}/${name}`);
        await file.append([bytes(name)]);
        if (name === "new") {
          await files.rename(`${root}/new`, `${root}/old`);
          await file.append([bytes("er")]);
        }
        await file.close();
      }
      assert.equal(text(await files.read(`${root}/old`)), "newer");
      assert.equal(await files.read(`${root}/new`), null);
      await assert.rejects(files.rename(`${root}/absent`, `${root}/x`), FileProblem);
    });

    under("removing takes files and empty folders; what is not there is no error", async (files, root) => {
      await files.makeFolder(`${root}/folder/inner`);
      await (await files.openAppend(`${root}/f`)).close();
      await files.remove(`${root}/f`);
      await files.remove(`${root}/f`);
      await assert.rejects(files.remove(`${root}/folder`), FileProblem);
      await files.remove(`${root}/folder/inner`);
      await files.remove(`${root}/folder`);
      assert.deepEqual(await files.listFolder(root), []);
    });

    under("what is not there is null; a file in a folder that is not there is a problem", async (files, root) => {
      assert.equal(await files.read(`${root}/absent`), null);
      assert.equal(await files.read(`${root}/absent/f`), null);
      assert.equal(await files.openRead(`${root}/absent`), null);
      assert.equal(await files.size(`${root}/absent`), null);
      await assert.rejects(files.openAppend(`${root}/absent/f`), FileProblem);
    });

    under("a closed file refuses everything but another close", async (files, root) => {
      const file = await files.openAppend(`${root}/f`);
      await file.close();
      await file.close();
      await assert.rejects(file.append([bytes("x")]), FileProblem);
      await assert.rejects(file.appendAndSync([bytes("x")]), FileProblem);
      await assert.rejects(file.sync(), FileProblem);
      await assert.rejects(file.truncate(0), FileProblem);
      assert.equal(await files.size(`${root}/f`), 0);
    });
  });
}

const bytes = (value: string) => new TextEncoder().encode(value);
const text = (value: Uint8Array | null) => (value === null ? "null" : new TextDecoder().decode(value));
