import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ByteReader, MalformedBytes } from "../../src/core/bytes/byte-reader.js";
import { compareBytes, startsWith } from "../../src/core/bytes/compare.js";
import { addressText, type EntityAddress } from "../../src/core/entity/address.js";
import { BOOKKEEPING_KEY, decodeBookkeeping, encodeBookkeeping } from "../../src/core/store/key-spaces/bookkeeping.js";
import { type Cell, cellKey, decodeCell, encodeCell, mergeCells } from "../../src/core/store/key-spaces/cell.js";
import { deadLetterKey, decodeDeadLetter, encodeDeadLetter } from "../../src/core/store/key-spaces/dead-letter.js";
import { decodeEvent, encodeEvent, eventKey } from "../../src/core/store/key-spaces/event.js";
import { decodeInbox, encodeInboxCommand, inboxKey } from "../../src/core/store/key-spaces/inbox.js";
import {
  BOOKKEEPING_SPACE,
  CELL_SPACE,
  DEAD_LETTER_SPACE,
  EVENT_SPACE,
  entityKey,
  entityPrefix,
  INBOX_SPACE,
  OUTBOX_SPACE,
  RESULT_SPACE,
  rangeEnd,
  readEntityPrefix,
  TIMER_DUE_SPACE,
  TIMER_SPACE,
} from "../../src/core/store/key-spaces/key-space.js";
import { decodeOutboxMessage, encodeOutboxMessage, outboxKey } from "../../src/core/store/key-spaces/outbox.js";
import { decodeResult, encodeResult, resultKey } from "../../src/core/store/key-spaces/result.js";
import {
  type Due,
  decodeTimer,
  decodeTimerDueKey,
  encodeTimer,
  timerDueKey,
  timerKey,
} from "../../src/core/store/key-spaces/timer.js";
import {
  anyAddress,
  anyBytes,
  anyCommand,
  anyDeadLetter,
  anyEvent,
  anyHash,
  anyMessage,
  anyName,
  anyNumber,
  anyOrderedNumber,
  anyResult,
  anyText,
  anyTimer,
  spoiled,
} from "./arbitraries.js";

const sign = (left: Uint8Array, right: Uint8Array): number => Math.sign(compareBytes(left, right));

/** Few of each, so that equal ones meet. */
const closeAddress: fc.Arbitrary<EntityAddress> = fc.record({
  type: fc.constantFrom("a/b", "a/bc", "b/a"),
  id: fc.constantFrom("1", "2", "11", "1/1", "\u0001", "ü"),
});
const closeHash = fc.constantFrom(0, 1, 0x100, 0x7fffffff, 0x80000000, 0xffffffff);

describe("keys", () => {
  test("the numbers of the spaces are given for ever", () => {
    assert.deepEqual(
      [
        CELL_SPACE,
        EVENT_SPACE,
        RESULT_SPACE,
        INBOX_SPACE,
        DEAD_LETTER_SPACE,
        TIMER_SPACE,
        TIMER_DUE_SPACE,
        OUTBOX_SPACE,
        BOOKKEEPING_SPACE,
      ],
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
  });

  test("a prefix gives hash and address back, and what is behind it is left", () => {
    fc.assert(
      fc.property(anyAddress, anyHash, anyBytes, (address, hash, rest) => {
        const key = entityKey(INBOX_SPACE, entityPrefix(address, hash), (writer) => writer.raw(rest));
        const reader = new ByteReader(key, 1);
        assert.deepEqual(readEntityPrefix(reader), { address, hash });
        assert.deepEqual(reader.raw(reader.remaining).slice(), rest);
      }),
    );
  });

  test("no key of one entity lies among those of another, however alike their ids are", () => {
    fc.assert(
      fc.property(closeAddress, closeAddress, closeHash, anyText, (left, right, hash, rest) => {
        const key = entityKey(RESULT_SPACE, entityPrefix(left, hash), (writer) => writer.rawText(rest));
        const all = entityKey(RESULT_SPACE, entityPrefix(right, hash));
        assert.equal(startsWith(key, all), addressText(left) === addressText(right));
      }),
    );
  });

  test("they sort by space, then by hash as an unsigned number, then by entity", () => {
    fc.assert(
      fc.property(closeAddress, closeAddress, closeHash, closeHash, (left, right, leftHash, rightHash) => {
        const leftKey = cellKey(entityPrefix(left, leftHash)).slice();
        const rightKey = cellKey(entityPrefix(right, rightHash)).slice();
        if (leftHash !== rightHash) assert.equal(sign(leftKey, rightKey), Math.sign(leftHash - rightHash));
        assert.equal(sign(leftKey, rightKey) === 0, leftHash === rightHash && addressText(left) === addressText(right));
        assert.equal(sign(leftKey, entityKey(EVENT_SPACE, entityPrefix(right, rightHash))), -1);
      }),
    );
  });

  test("events and inbox of an entity sort by their numbers, the outbox by target and number, due times by time", () => {
    const prefix = entityPrefix({ type: "a/b", id: "1" }, 5);
    fc.assert(
      fc.property(anyOrderedNumber, anyOrderedNumber, fc.nat({ max: 3 }), fc.nat({ max: 3 }), (left, right, here, there) => {
        const order = Math.sign(left - right);
        assert.equal(sign(eventKey(prefix, left), eventKey(prefix, right)), order);
        assert.equal(sign(inboxKey(prefix, left), inboxKey(prefix, right)), order);
        assert.equal(sign(outboxKey(here, left), outboxKey(there, right)), Math.sign(here - there) || order);
        const due = (dueAtMs: number): Uint8Array => timerDueKey({ dueAtMs, owner: { type: "a/b", id: "1" }, name: "t" }, here);
        assert.equal(sign(due(left), due(right)), order);
      }),
    );
  });

  test("a range ends right behind the last key that begins with its prefix", () => {
    const prefix = fc.array(fc.constantFrom(0, 1, 0xfe, 0xff), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(prefix, prefix, (begin, other) => {
        const from = Uint8Array.from(begin);
        const key = Uint8Array.from(other);
        if (begin.every((byte) => byte === 0xff)) return void assert.throws(() => rangeEnd(from), RangeError);
        const isInside = compareBytes(key, from) >= 0 && compareBytes(key, rangeEnd(from)) < 0;
        assert.equal(isInside, startsWith(key, from));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("values survive their codec", () => {
  const anyCell: fc.Arbitrary<Cell> = fc.record(
    {
      version: anyNumber,
      stateVersion: anyNumber,
      expiresAtMs: anyNumber,
      foldedVersion: anyNumber,
      state: fc.option(anyBytes, { nil: null }),
      isPartial: fc.boolean(),
    },
    { noNullPrototype: true },
  );
  const entity = fc.tuple(anyAddress, anyHash);

  test("cells", () => {
    fc.assert(
      fc.property(anyCell, (cell) => {
        const decoded = decodeCell(encodeCell(cell).slice());
        assert.deepEqual({ ...decoded, state: decoded.state?.slice() ?? null }, cell);
      }),
    );
  });

  test("of two cells the newer one's version counts, with the older one's fold where the newer is partial", () => {
    fc.assert(
      fc.property(anyCell, anyCell, (newer, older) => {
        const bytes = encodeCell(newer).slice();
        const merged = decodeCell(mergeCells(bytes, encodeCell(older).slice()));
        const { stateVersion, foldedVersion, state, isPartial } = older;
        const wanted = newer.isPartial ? { ...newer, stateVersion, foldedVersion, state, isPartial } : newer;
        assert.deepEqual({ ...merged, state: merged.state?.slice() ?? null }, wanted);
      }),
    );
  });

  test("events", () => {
    fc.assert(
      fc.property(entity, anyOrderedNumber, anyNumber, anyEvent, ([address, hash], version, atMs, event) => {
        const key = eventKey(entityPrefix(address, hash), version);
        assert.deepEqual(decodeEvent(key, encodeEvent(event, atMs).slice()), { version, atMs, ...event });
      }),
    );
  });

  test("results, under the command's id", () => {
    fc.assert(
      fc.property(entity, anyText, anyResult, ([address, hash], commandId, result) => {
        const prefix = entityPrefix(address, hash);
        const key = resultKey(prefix, commandId).slice();
        const reader = new ByteReader(key, 1 + prefix.length);
        assert.equal(reader.rawText(reader.remaining), commandId);
        assert.deepEqual(decodeResult(encodeResult(result).slice()), result);
      }),
    );
  });

  test("the inbox", () => {
    fc.assert(
      fc.property(entity, anyOrderedNumber, anyCommand, ([address, hash], number, command) => {
        const key = inboxKey(entityPrefix(address, hash), number);
        assert.deepEqual(decodeInbox(key, encodeInboxCommand(command, "due").slice()), {
          entity: address,
          number,
          command,
          timer: "due",
        });
      }),
    );
  });

  test("dead letters", () => {
    fc.assert(
      fc.property(entity, anyDeadLetter, ([address, hash], deadLetter) => {
        const key = deadLetterKey(entityPrefix(address, hash), deadLetter.command.id);
        assert.deepEqual(decodeDeadLetter(key, encodeDeadLetter(deadLetter).slice()), { entity: address, deadLetter });
      }),
    );
  });

  test("timers, and their due index", () => {
    fc.assert(
      fc.property(anyTimer, anyHash, anyName, (timer, hash, name) => {
        assert.deepEqual(decodeTimer(encodeTimer(timer).slice()), timer);
        const due: Due = { dueAtMs: timer.dueAtMs, owner: timer.owner, name };
        assert.deepEqual(decodeTimerDueKey(timerDueKey(due, hash)), due);
        assert.notDeepEqual(timerKey(entityPrefix(timer.owner, hash), name), timerDueKey(due, hash));
      }),
    );
  });

  test("the outbox", () => {
    fc.assert(fc.property(anyMessage, (message) => assert.deepEqual(decodeOutboxMessage(encodeOutboxMessage(message)), message)));
  });

  test("bookkeeping", () => {
    const numbers = fc.uniqueArray(fc.tuple(anyNumber, anyNumber), { selector: ([key]) => key, maxLength: 4 });
    const marks = fc.record({ low: anyNumber, above: fc.array(anyNumber, { maxLength: 4 }) }, { noNullPrototype: true });
    const results = fc.array(fc.tuple(anyNumber, anyNumber), { maxLength: 4 });
    const marksBySource = fc.uniqueArray(fc.tuple(anyNumber, marks), { selector: ([key]) => key, maxLength: 4 });
    fc.assert(
      fc.property(anyNumber, anyNumber, numbers, marksBySource, results, (sequence, timeMs, next, above, resultsByExpiry) => {
        const maps = { nextNumberByTarget: new Map(next), marksBySource: new Map(above) };
        const value = { sequence, timeMs, nextInboxNumber: sequence, ...maps, resultsByExpiry };
        assert.deepEqual(decodeBookkeeping(encodeBookkeeping(value)), value);
        const ofHalf = { ...value, shard: sequence };
        assert.deepEqual(decodeBookkeeping(encodeBookkeeping(ofHalf)), ofHalf);
      }),
    );
    assert.deepEqual(BOOKKEEPING_KEY, Uint8Array.of(BOOKKEEPING_SPACE));
  });
});

test("spoiled keys and values are others or MalformedBytes, never another error", () => {
  const prefix = entityPrefix({ type: "a/b", id: "ü" }, 5);
  const owner = { type: "a/b", id: "ü" };
  const due = timerDueKey({ dueAtMs: 5, owner, name: "t" }, 5);
  fc.assert(
    fc.property(
      anyMessage,
      anyDeadLetter,
      anyTimer,
      anyResult,
      fc.nat(),
      fc.nat({ max: 255 }),
      (message, letter, timer, result, place, byte) => {
        const bad = (bytes: Uint8Array): Uint8Array => spoiled(bytes.slice(), place, byte);
        const readings = [
          () => decodeOutboxMessage(bad(encodeOutboxMessage(message))),
          () => decodeDeadLetter(deadLetterKey(prefix, "c"), bad(encodeDeadLetter(letter))),
          () => decodeDeadLetter(bad(deadLetterKey(prefix, "c")), encodeDeadLetter(letter)),
          () => decodeTimer(bad(encodeTimer(timer))),
          () => decodeTimerDueKey(bad(due)),
          () => decodeResult(bad(encodeResult(result))),
          () => decodeInbox(bad(inboxKey(prefix, 5)), bad(encodeInboxCommand(letter.command, null))),
          () => decodeCell(bad(encodeCell({ ...EMPTY_CELL, version: message.number }))),
          () =>
            decodeEvent(
              eventKey(prefix, 1),
              bad(encodeEvent({ name: letter.code, eventVersion: 1, data: letter.command.input }, 1)),
            ),
          () => decodeBookkeeping(bad(encodeBookkeeping(BOOKS))),
        ];
        for (const reading of readings) {
          try {
            reading();
          } catch (error) {
            assert.ok(error instanceof MalformedBytes, String(error));
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

const EMPTY_CELL: Cell = { version: 1, stateVersion: 1, expiresAtMs: 0, foldedVersion: 1, state: null, isPartial: false };
const BOOKS = {
  sequence: 300,
  timeMs: 1_800_000_000_000,
  nextInboxNumber: 7,
  nextNumberByTarget: new Map([[1, 2]]),
  marksBySource: new Map([[1, { low: 3, above: [5, 6] }]]),
  resultsByExpiry: [[3_600_000, 2] as const],
};
