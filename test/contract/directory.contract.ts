/** What every directory promises (src/ports/directory.ts). Each adapter's test calls `directoryContract` with a factory. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type DirectoryPort, DOCUMENT_BYTES_MAX } from "../../src/ports/directory.js";

export interface DirectoryUnderTest {
  readonly directory: DirectoryPort;
  /** The same store opened again, as after a restart; null where nothing survives. */
  readonly reopen: (() => Promise<DirectoryPort>) | null;
  readonly dispose: () => Promise<void>;
}

export function directoryContract(name: string, create: () => Promise<DirectoryUnderTest>): void {
  const under = (title: string, run: (under: DirectoryUnderTest) => Promise<void>) =>
    test(title, async () => {
      const subject = await create();
      try {
        await run(subject);
      } finally {
        await subject.dispose();
      }
    });

  describe(`directory contract: ${name}`, () => {
    under("a document is absent, is created, replaced and removed, each under its token", async ({ directory, reopen }) => {
      assert.deepEqual(await directory.read("k"), { kind: "absent" });
      assert.deepEqual(await directory.swap("k", null, document("t1", "one")), { kind: "happened" });
      assert.deepEqual(await shown(directory, "k"), ["t1", "one"]);
      assert.deepEqual(await directory.swap("k", "t1", document("t2", "two")), { kind: "happened" });
      assert.deepEqual(await shown(directory, "k"), ["t2", "two"]);
      const later = reopen === null ? directory : await reopen();
      assert.deepEqual(await shown(later, "k"), ["t2", "two"]);
      assert.deepEqual(await later.remove("k", "t2"), { kind: "happened" });
      assert.deepEqual(await later.read("k"), { kind: "absent" });
      if (reopen !== null) assert.deepEqual(await (await reopen()).read("k"), { kind: "absent" });
    });

    under("any other token is a conflict and changes nothing", async ({ directory }) => {
      assert.deepEqual(await directory.swap("k", "t0", document("t1", "one")), { kind: "conflict" });
      assert.deepEqual(await directory.remove("k", "t0"), { kind: "conflict" });
      await directory.swap("k", null, document("t1", "one"));
      for (const expected of [null, "t0", "t2", ""]) {
        assert.deepEqual(await directory.swap("k", expected, document("t2", "two")), { kind: "conflict" });
        if (expected !== null) assert.deepEqual(await directory.remove("k", expected), { kind: "conflict" });
      }
      assert.deepEqual(await shown(directory, "k"), ["t1", "one"]);
    });

    under("of 32 swaps that race with the same token exactly one happens, and it is the one that is read", async (subject) => {
      const { directory } = subject;
      let token: string | null = null;
      for (let round = 0; round < 8; round++) {
        const outcomes = await Promise.all(
          Array.from({ length: 32 }, (_, n) => directory.swap("race", token, document(`${round}/${n}`, `body ${round}/${n}`))),
        );
        const winners = outcomes.flatMap((outcome, n) => (outcome.kind === "happened" ? [n] : []));
        assert.equal(winners.length, 1);
        assert.equal(outcomes.filter((outcome) => outcome.kind === "conflict").length, 31);
        token = `${round}/${winners[0]}`;
        assert.deepEqual(await shown(directory, "race"), [token, `body ${token}`]);
      }
    });

    under("a swap and a removal that race: one of them happens", async ({ directory }) => {
      for (let round = 0; round < 16; round++) {
        await directory.swap("k", null, document("first", "1"));
        const [swapped, removed] = await Promise.all([
          directory.swap("k", "first", document("second", "2")),
          directory.remove("k", "first"),
        ]);
        assert.deepEqual([swapped.kind, removed.kind].sort(), ["conflict", "happened"]);
        await directory.remove("k", "second");
      }
    });

    under("list gives the documents under a prefix, sorted by key", async ({ directory }) => {
      const keys = ["node/b", "node/a", "node/a#1", "node", "nodes/x", "shard/1", "Node/A", "node/A"];
      await Promise.all(keys.map((key) => directory.swap(key, null, document(`t ${key}`, key))));
      const listed = async (prefix: string) => {
        const outcome = await directory.list(prefix);
        assert.equal(outcome.kind, "listed");
        if (outcome.kind !== "listed") return [];
        for (const { key, document } of outcome.documents) assert.equal(text(document.body), key);
        return outcome.documents.map(({ key }) => key);
      };
      assert.deepEqual(await listed("node/"), ["node/A", "node/a", "node/a#1", "node/b"]);
      assert.deepEqual(await listed("node"), ["node", "node/A", "node/a", "node/a#1", "node/b", "nodes/x"]);
      assert.deepEqual(await listed("absent"), []);
      assert.equal((await listed("")).length, keys.length);
    });

    under("all keys that are allowed are apart, also the longest and those that are names of folders", async (subject) => {
      const { directory, reopen } = subject;
      const keys = [
        ".",
        "..",
        "/",
        "//",
        "a/",
        "/a",
        "a//b",
        "a/./b",
        "a",
        "A",
        "x".repeat(512),
        "X".repeat(512),
        `${"x".repeat(511)}y`,
      ];
      keys.push(".".repeat(512), "/".repeat(512), "#:_-.", "con", "a.b", "a:b", "a#b");
      for (const key of keys) assert.equal((await directory.swap(key, null, document(`t ${key}`, key))).kind, "happened");
      const later = reopen === null ? directory : await reopen();
      for (const key of keys) assert.deepEqual(await shown(later, key), [`t ${key}`, key]);
      const outcome = await later.list("");
      assert.deepEqual(outcome.kind === "listed" && outcome.documents.map(({ key }) => key), keys.sort());
    });

    under(
      "a body may be empty, and as large as allowed; what is beyond is the caller's mistake",
      async ({ directory, reopen }) => {
        const large = new Uint8Array(DOCUMENT_BYTES_MAX).map((_, at) => at % 251);
        await directory.swap("empty", null, { token: "t", body: new Uint8Array(0) });
        await directory.swap("large", null, { token: "t", body: large });
        const later = reopen === null ? directory : await reopen();
        for (const [key, body] of [
          ["empty", new Uint8Array(0)],
          ["large", large],
        ] as const) {
          const outcome = await later.read(key);
          assert.ok(outcome.kind === "found");
          assert.deepEqual(outcome.document.body, body);
        }
        const tooLarge = { token: "t", body: new Uint8Array(DOCUMENT_BYTES_MAX + 1) };
        await assert.rejects(async () => later.swap("k", null, tooLarge), RangeError);
        for (const key of ["", "ä", "a b", "a\0", "x".repeat(513)]) {
          await assert.rejects(async () => later.swap(key, null, document("t", "")), RangeError);
          await assert.rejects(async () => later.read(key), RangeError);
        }
      },
    );

    under("documents are the caller's own, going in and coming out", async ({ directory }) => {
      const given = document("t", "one");
      await directory.swap("k", null, given);
      given.body.fill(0);
      for (let round = 0; round < 2; round++) {
        const outcome = await directory.read("k");
        assert.ok(outcome.kind === "found");
        assert.equal(text(outcome.document.body), "one");
        outcome.document.body.fill(0);
      }
    });

    under("after close nothing is answered as if it were true", async ({ directory, reopen }) => {
      const inFlight = directory.swap("k", null, document("t1", "one"));
      await directory.close();
      const { kind } = await inFlight;
      assert.equal((await directory.read("k")).kind, "failed");
      assert.equal((await directory.list("")).kind, "failed");
      assert.equal((await directory.swap("k", null, document("t2", ""))).kind, "unknown");
      assert.equal((await directory.remove("k", "t1")).kind, "unknown");
      if (reopen !== null && kind === "happened") assert.deepEqual(await shown(await reopen(), "k"), ["t1", "one"]);
    });
  });
}

const text = (value: Uint8Array) => new TextDecoder().decode(value);
const document = (token: string, body: string) => ({ token, body: new TextEncoder().encode(body) });

async function shown(directory: DirectoryPort, key: string): Promise<[string, string] | string> {
  const outcome = await directory.read(key);
  return outcome.kind === "found" ? [outcome.document.token, text(outcome.document.body)] : outcome.kind;
}
