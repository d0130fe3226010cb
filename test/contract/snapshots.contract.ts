/** What every snapshot store promises (src/ports/snapshots.ts). Each adapter's test calls `snapshotsContract`. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SnapshotPort, WriteOutcome } from "../../src/ports/snapshots.js";

export interface SnapshotsUnderTest {
  readonly snapshots: SnapshotPort;
  /** The same store opened again, as after a restart; null where nothing survives. */
  readonly reopen: (() => Promise<SnapshotPort>) | null;
  readonly dispose: () => Promise<void>;
}

export function snapshotsContract(name: string, create: () => Promise<SnapshotsUnderTest>): void {
  const under = (title: string, run: (under: SnapshotsUnderTest) => Promise<void>) =>
    test(title, async () => {
      const subject = await create();
      try {
        await run(subject);
      } finally {
        await subject.dispose();
      }
    });

  describe(`snapshots contract: ${name}`, () => {
    under("an object shows, whole, when its finish happened, and not before", async ({ snapshots, reopen }) => {
      const writer = snapshots.create("s/1");
      for (let n = 0; n < 10; n++) {
        await writer.write(patterned(1000, n * 1000));
        assert.deepEqual(await snapshots.read("s/1", 0, 10), { kind: "absent" });
        assert.deepEqual(await names(snapshots, ""), []);
      }
      assert.deepEqual(await writer.finish(), { kind: "happened" });
      assert.deepEqual(await whole(snapshots, "s/1"), patterned(10_000));
      if (reopen !== null) assert.deepEqual(await whole(await reopen(), "s/1"), patterned(10_000));
    });

    under("an aborted write, and one that a restart cut off, leave nothing", async ({ snapshots, reopen }) => {
      const aborted = snapshots.create("aborted");
      await aborted.write(patterned(1000));
      await aborted.abort();
      assert.equal((await aborted.finish()).kind, "refused");
      const cutOff = snapshots.create("cut-off");
      await cutOff.write(patterned(1000));
      const later = reopen === null ? snapshots : await reopen();
      assert.deepEqual(await names(later, ""), []);
      assert.deepEqual(await later.read("aborted", 0, 1), { kind: "absent" });
      assert.deepEqual(await later.read("cut-off", 0, 1), { kind: "absent" });
      assert.deepEqual(await write(later, "aborted", [patterned(3)]), { kind: "happened" });
    });

    under("a name is given once: a second finish, and a second writer, are refused", async ({ snapshots, reopen }) => {
      const first = snapshots.create("once");
      await first.write(patterned(5));
      assert.deepEqual(await first.finish(), { kind: "happened" });
      assert.equal((await first.finish()).kind, "refused");
      const later = reopen === null ? snapshots : await reopen();
      assert.equal((await write(later, "once", [patterned(9)])).kind, "refused");
      assert.deepEqual(await whole(later, "once"), patterned(5));
    });

    under("of 32 finishes that race for one name exactly one happens", async ({ snapshots }) => {
      const writers = Array.from({ length: 32 }, (_, n) => ({ n, writer: snapshots.create("race") }));
      await Promise.all(writers.map(({ n, writer }) => writer.write(patterned(100 + n))));
      const outcomes = await Promise.all(writers.map(({ writer }) => writer.finish()));
      const winners = outcomes.flatMap((outcome, n) => (outcome.kind === "happened" ? [n] : []));
      assert.equal(winners.length, 1);
      assert.ok(outcomes.every(({ kind }) => kind === "happened" || kind === "refused"));
      assert.deepEqual(await whole(snapshots, "race"), patterned(100 + (winners[0] ?? 0)));
    });

    under("a read gives exactly the range, and fewer bytes only where the object ends", async ({ snapshots }) => {
      const content = patterned(100_000);
      await write(snapshots, "r", [content.subarray(0, 70_000), content.subarray(70_000)]);
      for (const [offset, length] of [
        [0, 1],
        [0, 100_000],
        [69_999, 2],
        [99_999, 1],
        [99_999, 50],
        [100_000, 1],
        [200_000, 5],
        [5, 0],
      ] as const) {
        const outcome = await snapshots.read("r", offset, length);
        assert.ok(outcome.kind === "found", `${offset}+${length}`);
        assert.deepEqual(outcome.bytes, content.slice(offset, offset + length));
      }
    });

    under("many objects are read at once, and each is itself", async ({ snapshots }) => {
      const count = 300;
      for (let n = 0; n < count; n++) await write(snapshots, `many/${n}`, [patterned(50, n)]);
      const reads = Array.from({ length: count * 3 }, async (_, at) => {
        const outcome = await snapshots.read(`many/${at % count}`, 7, 20);
        assert.ok(outcome.kind === "found");
        assert.deepEqual(outcome.bytes, patterned(20, (at % count) + 7));
      });
      await Promise.all(reads);
    });

    under("chunks of every size, an empty object, and writes that nobody awaits", async ({ snapshots, reopen }) => {
      const sizes = [0, 1, 4095, 65_536, 5_000_000, 3];
      const writer = snapshots.create("chunks");
      let at = 0;
      for (const size of sizes) {
        void writer.write(patterned(size, at));
        at += size;
      }
      assert.deepEqual(await writer.finish(), { kind: "happened" });
      assert.deepEqual(await snapshots.create("empty").finish(), { kind: "happened" });
      const later = reopen === null ? snapshots : await reopen();
      assert.ok(Buffer.compare(await whole(later, "chunks"), patterned(at)) === 0);
      assert.deepEqual(await whole(later, "empty"), new Uint8Array(0));
    });

    under("an object of many chunks comes back as it was", async ({ snapshots }) => {
      const content = patterned(20_000_000);
      const chunks = Array.from({ length: 80 }, (_, n) => content.subarray(n * 250_000, (n + 1) * 250_000));
      assert.deepEqual(await write(snapshots, "large", chunks), { kind: "happened" });
      assert.equal(Buffer.compare(await whole(snapshots, "large"), content), 0);
      const middle = await snapshots.read("large", 8_388_600, 20);
      assert.deepEqual(middle, { kind: "found", bytes: content.slice(8_388_600, 8_388_620) });
    });

    under("a deleted object is absent; deleting what is absent happened", async ({ snapshots, reopen }) => {
      await write(snapshots, "d", [patterned(10)]);
      await snapshots.read("d", 0, 1);
      assert.deepEqual(await snapshots.delete("d"), { kind: "happened" });
      assert.deepEqual(await snapshots.delete("never"), { kind: "happened" });
      assert.deepEqual(await snapshots.read("d", 0, 1), { kind: "absent" });
      assert.deepEqual(await names(snapshots, ""), []);
      if (reopen !== null) assert.deepEqual(await (await reopen()).read("d", 0, 1), { kind: "absent" });
    });

    under("list gives the names under a prefix, sorted; all allowed names are apart", async ({ snapshots, reopen }) => {
      const all = [
        "s/b",
        "s/a",
        "s",
        "t/x",
        "S/A",
        "s/A",
        ".",
        "..",
        "/",
        "a//b",
        "x".repeat(512),
        "X".repeat(512),
        ".".repeat(512),
      ];
      for (const name of all) await write(snapshots, name, [new TextEncoder().encode(name)]);
      const later = reopen === null ? snapshots : await reopen();
      assert.deepEqual(await names(later, "s/"), ["s/A", "s/a", "s/b"]);
      assert.deepEqual(await names(later, ""), all.sort());
      for (const name of all) assert.equal(new TextDecoder().decode(await whole(later, name)), name);
      for (const name of ["", "a b", "a#", "ä", "x".repeat(513)]) {
        assert.throws(() => later.create(name), RangeError);
        await assert.rejects(async () => later.read(name, 0, 1), RangeError);
      }
    });

    under("after close nothing is answered as if it were true", async ({ snapshots }) => {
      await write(snapshots, "c", [patterned(10)]);
      const writer = snapshots.create("late");
      await writer.write(patterned(10));
      await snapshots.close();
      assert.notEqual((await writer.finish()).kind, "happened");
      assert.equal((await snapshots.read("c", 0, 1)).kind, "failed");
      assert.equal((await snapshots.list("")).kind, "failed");
      assert.notEqual((await snapshots.delete("c")).kind, "happened");
    });
  });
}

/** The bytes `offset` to `offset + size` of one endless pattern. */
function patterned(size: number, offset = 0): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = ((at + offset) * 31) % 251;
  return bytes;
}

async function write(snapshots: SnapshotPort, name: string, chunks: readonly Uint8Array[]): Promise<WriteOutcome> {
  const writer = snapshots.create(name);
  for (const chunk of chunks) await writer.write(chunk);
  return writer.finish();
}

async function whole(snapshots: SnapshotPort, name: string): Promise<Uint8Array> {
  const outcome = await snapshots.read(name, 0, 100_000_000);
  assert.equal(outcome.kind, "found");
  return outcome.kind === "found" ? outcome.bytes : new Uint8Array(0);
}

async function names(snapshots: SnapshotPort, prefix: string): Promise<readonly string[]> {
  const outcome = await snapshots.list(prefix);
  assert.equal(outcome.kind, "listed");
  return outcome.kind === "listed" ? outcome.names : [];
}
