/** What every journal promises (src/ports/journal.ts). Each adapter's test calls `journalContract` with a factory. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type JournalPort, WHOLE_LOG } from "../../src/ports/journal.js";

export interface JournalUnderTest {
  readonly journal: JournalPort;
  /** The same store opened again, as after a restart; null where nothing survives. */
  readonly reopen: (() => Promise<JournalPort>) | null;
  readonly dispose: () => Promise<void>;
}

export function journalContract(name: string, create: () => Promise<JournalUnderTest>): void {
  const under = (title: string, run: (under: JournalUnderTest) => Promise<void>) =>
    test(title, async () => {
      const subject = await create();
      try {
        await run(subject);
      } finally {
        await subject.dispose();
      }
    });

  describe(`journal contract: ${name}`, () => {
    under("an append to a free position happens, and reads back byte for byte", async ({ journal }) => {
      assert.deepEqual(await journal.append("a", 1, bytes("one")), { kind: "happened" });
      assert.deepEqual(await texts(journal, "a", 1), ["one"]);
      assert.deepEqual(await texts(journal, "b", 1), [], "logs are apart");
    });

    under("an append to a taken position shows what stands there and changes nothing", async ({ journal }) => {
      await journal.append("a", 1, bytes("first"));
      for (const second of ["second", "first"]) {
        const outcome = await journal.append("a", 1, bytes(second));
        assert.equal(outcome.kind, "taken");
        if (outcome.kind === "taken") assert.equal(text(outcome.body), "first");
      }
      assert.deepEqual(await texts(journal, "a", 1), ["first"]);
    });

    under("of 32 appends that race for one position exactly one happens, and the others see it", async ({ journal }) => {
      for (let round = 1; round <= 8; round++) {
        const outcomes = await Promise.all(
          Array.from({ length: 32 }, (_, n) => journal.append("race", round, bytes(`${round}/${n}`))),
        );
        const winner = outcomes.findIndex((outcome) => outcome.kind === "happened");
        assert.equal(outcomes.filter((outcome) => outcome.kind === "happened").length, 1);
        for (const outcome of outcomes) {
          if (outcome.kind === "happened") continue;
          assert.equal(outcome.kind, "taken");
          if (outcome.kind === "taken") assert.equal(text(outcome.body), `${round}/${winner}`);
        }
        assert.deepEqual(await texts(journal, "race", round), [`${round}/${winner}`]);
      }
    });

    under("appends in flight together, out of order, all happen", async ({ journal, reopen }) => {
      const positions = [3, 1, 2, 6, 5, 4, 8, 7];
      const outcomes = await Promise.all(positions.map((position) => journal.append("a", position, bytes(`r${position}`))));
      assert.deepEqual(new Set(outcomes.map((outcome) => outcome.kind)), new Set(["happened"]));
      const expected = [1, 2, 3, 4, 5, 6, 7, 8].map((position) => `r${position}`);
      assert.deepEqual(await texts(journal, "a", 1), expected);
      if (reopen !== null) assert.deepEqual(await texts(await reopen(), "a", 1), expected);
    });

    under("a read stops in front of the first absent position", async ({ journal }) => {
      for (const position of [1, 2, 4]) await journal.append("a", position, bytes(`r${position}`));
      assert.deepEqual(await texts(journal, "a", 1), ["r1", "r2"]);
      assert.deepEqual(await texts(journal, "a", 3), []);
      assert.deepEqual(await texts(journal, "a", 4), ["r4"]);
      assert.deepEqual(await texts(journal, "a", 1_000_000_000), []);
    });

    under("a read keeps to the count, and stops behind the record that reaches the bytes", async ({ journal }) => {
      for (let position = 1; position <= 9; position++) await journal.append("a", position, new Uint8Array(10).fill(position));
      const counts = async (position: number, countMax: number, bytesMax: number) => {
        const outcome = await journal.read("a", position, countMax, bytesMax);
        return outcome.kind === "records" ? outcome.bodies.length : outcome;
      };
      assert.equal(await counts(1, 4, 1000), 4);
      assert.equal(await counts(7, 100, 1000), 3);
      assert.equal(await counts(1, 100, 30), 3);
      assert.equal(await counts(1, 100, 31), 4);
      assert.equal(await counts(1, 100, 1), 1);
      assert.equal(await counts(1, 100, 0), 1, "at least one if it is there");
    });

    under("records of every size up to the largest come back; larger and empty ones are refused for ever", async (subject) => {
      const { journal, reopen } = subject;
      const sizes = [1, 2, 31, 32, 33, 4095, 4096, 65_536, journal.recordBytesMax];
      for (const [at, size] of sizes.entries()) {
        assert.equal((await journal.append("sizes", at + 1, patterned(size))).kind, "happened");
      }
      for (const size of [0, journal.recordBytesMax + 1]) {
        const outcome = await journal.append("sizes", sizes.length + 1, new Uint8Array(size));
        assert.equal(outcome.kind, "refused");
        assert.equal(outcome.kind === "refused" && outcome.isPermanent, true);
      }
      for await (const journalNow of beforeAndAfterRestart({ journal, reopen })) {
        const outcome = await journalNow.read("sizes", 1, 100, 2 ** 30);
        assert.equal(outcome.kind, "records");
        if (outcome.kind !== "records") continue;
        assert.deepEqual(
          outcome.bodies.map((body) => body.length),
          sizes,
        );
        for (const [at, size] of sizes.entries()) assert.deepEqual(outcome.bodies[at], patterned(size));
      }
    });

    under("positions that cannot be are refused for ever", async ({ journal }) => {
      for (const position of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        const outcome = await journal.append("a", position, bytes("x"));
        assert.equal(outcome.kind === "refused" && outcome.isPermanent, true, `position ${position}`);
      }
    });

    under("a body that comes out is the caller's own", async ({ journal }) => {
      await journal.append("a", 1, bytes("one"));
      for (let round = 0; round < 2; round++) {
        const outcome = await journal.read("a", 1, 1, 100);
        assert.equal(outcome.kind === "records" && text(outcome.bodies[0] as Uint8Array), "one");
        if (outcome.kind === "records") (outcome.bodies[0] as Uint8Array).fill(0);
      }
    });

    under("trimming keeps every record at or above the base", async ({ journal, reopen }) => {
      for (let position = 1; position <= 40; position++) await journal.append("a", position, patterned(1000 + position));
      await journal.trim("a", 25);
      for await (const journalNow of beforeAndAfterRestart({ journal, reopen })) {
        const outcome = await journalNow.read("a", 25, 100, 2 ** 30);
        assert.equal(outcome.kind === "records" && outcome.bodies.length, 16);
        for (const position of [1, 24, 25]) {
          const again = await journalNow.append("a", position, bytes("again"));
          assert.ok(again.kind === "taken" || (again.kind === "refused" && again.isPermanent), `position ${position}`);
        }
      }
    });

    under("a log that is removed as a whole is absent, and takes nothing any more", async ({ journal }) => {
      for (let position = 1; position <= 40; position++) await journal.append("a", position, patterned(1000));
      await journal.append("b", 1, bytes("stays"));
      await journal.trim("a", WHOLE_LOG);
      assert.deepEqual(await texts(journal, "a", 1), []);
      const outcome = await journal.append("a", 41, bytes("x"));
      assert.equal(outcome.kind === "refused" && outcome.isPermanent, true);
      assert.deepEqual(await texts(journal, "b", 1), ["stays"]);
    });

    under("the log of a dead writer can be read and gets its next record", async ({ journal, reopen }) => {
      for (let position = 1; position <= 3; position++) await journal.append("dead", position, bytes(`r${position}`));
      const next = reopen === null ? journal : await reopen();
      assert.deepEqual(await texts(next, "dead", 1), ["r1", "r2", "r3"]);
      assert.deepEqual(await next.append("dead", 4, bytes("seal")), { kind: "happened" });
      assert.deepEqual(await texts(next, "dead", 1), ["r1", "r2", "r3", "seal"]);
      if (reopen === null) return;
      const third = await reopen();
      assert.deepEqual(await texts(third, "dead", 1), ["r1", "r2", "r3", "seal"]);
      const late = await third.append("dead", 4, bytes("late"));
      assert.equal(late.kind === "taken" && text(late.body), "seal");
    });

    under("what is in flight at close is answered, and nothing happens afterwards", async ({ journal, reopen }) => {
      const inFlight = Array.from({ length: 20 }, (_, n) => journal.append("a", n + 1, bytes(`r${n + 1}`)));
      await journal.close();
      const kinds = (await Promise.all(inFlight)).map((outcome) => outcome.kind);
      const after = await journal.append("a", 21, bytes("x"));
      assert.equal(after.kind, "refused");
      assert.equal((await journal.read("a", 1, 1, 1)).kind, "failed");
      if (reopen === null) return;
      const next = await reopen();
      for (const [at, kind] of kinds.entries()) {
        if (kind === "happened") assert.deepEqual((await texts(next, "a", at + 1))[0], `r${at + 1}`);
      }
      assert.deepEqual(await texts(next, "a", 21), []);
    });
  });
}

async function* beforeAndAfterRestart(under: Pick<JournalUnderTest, "journal" | "reopen">): AsyncGenerator<JournalPort> {
  yield under.journal;
  if (under.reopen !== null) yield await under.reopen();
}

const bytes = (value: string) => new TextEncoder().encode(value);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

function patterned(size: number): Uint8Array {
  const body = new Uint8Array(size);
  for (let at = 0; at < size; at++) body[at] = (at * 31 + size) % 251;
  return body;
}

async function texts(journal: JournalPort, log: string, position: number): Promise<string[]> {
  const outcome = await journal.read(log, position, 1000, 2 ** 30);
  assert.equal(outcome.kind, "records", outcome.kind === "failed" ? outcome.message : "");
  return outcome.kind === "records" ? outcome.bodies.map(text) : [];
}
