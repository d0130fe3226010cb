import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ByteReader } from "../bytes/byte-reader.js";
import type { Effect } from "../effect.js";
import { crc32 } from "../store/crc32.js";
import type { ObjectRead } from "../store/store-io.js";
import type { Entry } from "./entry.js";
import type { LogEnd, LogLimits } from "./log-limits.js";
import { LogWriter } from "./log-writer.js";
import type { AppendOutcome } from "./record.js";
import { NONCE_BYTES, type RecordCodec } from "./record-codec.js";
import type { SpilledEntry } from "./spilled-value.js";

const LIMITS: LogLimits = {
  appendsInFlightMax: 2,
  recordBytesTarget: 100,
  recordBytesMax: 200,
  spillBytesMin: Infinity,
  valueBytesMax: 1_000,
  spillPatienceMs: 200,
  retryMinMs: 10,
  retryMaxMs: 80,
  standstillMaxMs: 1_000,
};
const ENTRIES = 1;
const SEAL = 2;
const NEWER = 3;
const HEAD_BYTES = 1 + NONCE_BYTES;

const REFERENCE = 0x8000_0000;
const VALUE_HEAD = 0xaa;

/** The least that a record can be: its kind, its nonce, and of each entry the sequence and some padding, or where it lies. */
const codec: RecordCodec = {
  beginRecord(writer, nonce) {
    writer.u8(ENTRIES);
    writer.raw(nonce);
  },
  encodeEntry(entry, writer) {
    writer.u32(entry.sequence);
    writer.block(new Uint8Array(entry.epoch));
  },
  encodeReference(entry, value, writer) {
    writer.u32(entry.sequence + REFERENCE);
    writer.text(value.object);
    writer.u32(value.checksum);
  },
  encodeValue: (framed) => Uint8Array.from([VALUE_HEAD, ...framed]),
  framedIn: (value) => value.subarray(1),
  decodeValue: (value) => entryIn(new ByteReader(value, 1)),
  mayRefer: () => true,
  encodeSeal: (_by, nonce) => Uint8Array.from([SEAL, ...nonce]),
  decode(body) {
    const reader = new ByteReader(body);
    const kind = reader.u8();
    if (kind === NEWER) return { kind: "newer", version: 2 };
    const nonce = reader.raw(NONCE_BYTES).slice();
    if (kind === SEAL) return { kind: "seal", nonce, by: "another" };
    const entries: (Entry | SpilledEntry)[] = [];
    while (reader.remaining > 0) {
      const sequence = reader.u32();
      if (sequence < REFERENCE) entries.push(entryOf(sequence, reader.block().length));
      else {
        const value = { object: reader.text(), length: 0, checksum: reader.u32() };
        entries.push({ shard: 0, epoch: 0, sequence: sequence - REFERENCE, atMs: 0, value });
      }
    }
    return { kind: "entries", nonce, entries };
  },
};

/** An entry that takes `padding + 5` bytes. */
function entryOf(sequence: number, padding = 0): Entry {
  return { shard: 0, epoch: padding, sequence, atMs: 0, body: { kind: "acknowledged", targetShard: 0, numbers: [] } };
}

function entryIn(reader: ByteReader): Entry {
  return entryOf(reader.u32(), reader.block().length);
}

/** The objects that a record refers to. */
function objectsOf(body: Uint8Array): readonly string[] {
  const record = codec.decode(body);
  return record.kind === "entries" ? record.entries.flatMap((entry) => ("value" in entry ? [entry.value.object] : [])) : [];
}

function sequencesOf(body: Uint8Array): readonly number[] {
  const record = codec.decode(body);
  return record.kind === "entries" ? record.entries.map(({ sequence }) => sequence) : [];
}

const HAPPENED: AppendOutcome = { kind: "happened" };
const UNKNOWN: AppendOutcome = { kind: "unknown", message: "timed out" };
const refused = (retryAfterMs: number | null = null): AppendOutcome => ({
  kind: "refused",
  isPermanent: false,
  message: "full",
  retryAfterMs,
});

class Bench {
  readonly log: LogWriter;
  nowMs = 0;
  #effects: Effect[] = [];
  #nonces = 0;
  #sequence = 0;
  readonly #bodies = new Map<number, Uint8Array>();
  /** What was put, by name. */
  readonly values = new Map<string, Uint8Array>();

  constructor(limits: Partial<LogLimits> = {}) {
    this.log = new LogWriter(
      "a-1",
      codec,
      { ...LIMITS, ...limits },
      () => new Uint8Array(NONCE_BYTES).fill(++this.#nonces),
      crc32,
    );
  }

  add(padding = 0): number | null {
    return this.log.add(entryOf(++this.#sequence, padding), this.nowMs);
  }

  /** Ends the turn; gives what is to be done, in short. A position's body never changes. */
  turn(nowMs = this.nowMs): string[] {
    this.nowMs = nowMs;
    this.log.flush(nowMs, this.#effects);
    return this.effects().map((effect) => {
      if (effect.kind === "readRecords") return `look ${effect.position}`;
      if (effect.kind === "writeValue") return this.#put(effect.object, effect.bytes);
      if (effect.kind === "readValue") return `look ${effect.object}`;
      if (effect.kind !== "append") return effect.kind;
      const { position, body } = effect;
      assert.deepEqual(body, this.#bodies.get(position) ?? body);
      this.#bodies.set(position, body.slice());
      return `append ${position}: ${sequencesOf(body)}`;
    });
  }

  body(position: number): Uint8Array {
    return this.#bodies.get(position) ?? assert.fail(`${position} was never issued`);
  }

  /** How long until record 1 goes out again; it does not do so a moment earlier. */
  waited(): number {
    const from = this.nowMs;
    const wake = this.log.wakeAtMs() ?? assert.fail("nothing is waited for");
    if (wake > from) assert.deepEqual(this.turn(wake - 1), []);
    assert.deepEqual(this.turn(wake), ["append 1: 1"]);
    return wake - from;
  }

  #put(object: string, bytes: Uint8Array): string {
    assert.deepEqual(bytes, this.values.get(object) ?? bytes, "a name is written with other bytes");
    this.values.set(object, bytes.slice());
    return `put ${object}`;
  }

  /** Reports what became of a put. */
  put(object: string, kind: "happened" | "refused" | "unknown"): void {
    const result = kind === "happened" ? { kind } : { kind, message: "scripted" };
    this.log.valueWritten(object, result, this.nowMs, this.#effects);
  }

  seen(object: string, result: ObjectRead): void {
    this.log.valueRead(object, result, this.nowMs);
  }

  ended(position: number, outcome: AppendOutcome): void {
    this.log.appendEnded(position, outcome, this.nowMs, this.#effects);
  }

  found(position: number, ...bodies: Uint8Array[]): void {
    this.log.recordsRead(position, { kind: "records", bodies }, this.nowMs);
  }

  end(): LogEnd | null {
    return this.log.end;
  }

  effects(): Effect[] {
    return this.#effects.splice(0);
  }

  /** Adds an entry, ends the turn, and gives the body that is appended. */
  issued(): Uint8Array {
    const position = this.add() ?? assert.fail("it does not fit");
    this.turn();
    return this.#bodies.get(position) ?? assert.fail("nothing was issued");
  }
}

describe("the pipeline", () => {
  test("while a slot is free a record closes with its turn; then entries gather until one is", () => {
    const bench = new Bench();
    assert.equal(bench.add(), 1);
    assert.equal(bench.add(), 1);
    assert.deepEqual(bench.turn(), ["append 1: 1,2"]);
    assert.equal(bench.add(), 2);
    assert.deepEqual(bench.turn(), ["append 2: 3"]);
    assert.equal(bench.add(), 3);
    assert.deepEqual(bench.turn(), [], "both slots are taken");
    assert.equal(bench.add(), 3);
    bench.ended(1, HAPPENED);
    assert.deepEqual(bench.turn(), ["append 3: 4,5"]);
    assert.equal(bench.log.depth, 2);
    assert.equal(bench.log.last, 3);
  });

  test("position q is issued only when q - k is durable, whatever happened beyond", () => {
    const bench = new Bench({ appendsInFlightMax: 3 });
    for (let position = 1; position <= 3; position++) {
      bench.add();
      bench.turn();
    }
    bench.ended(2, HAPPENED);
    bench.ended(3, HAPPENED);
    bench.add();
    assert.deepEqual(bench.turn(), []);
    assert.equal(bench.log.durable, 0, "what is behind a gap is not durable");
    bench.ended(1, HAPPENED);
    assert.equal(bench.log.durable, 3);
    assert.deepEqual(bench.turn(), ["append 4: 4"]);
  });

  test("a record closes at its target although it has to queue; queued records leave in order", () => {
    const bench = new Bench({ appendsInFlightMax: 1 });
    bench.add();
    bench.turn();
    assert.equal(bench.add(90), 2, "reaches the target");
    assert.equal(bench.add(), 3);
    assert.equal(bench.add(90), 3);
    assert.equal(bench.add(), 4);
    assert.deepEqual(bench.turn(), []);
    bench.ended(1, HAPPENED);
    assert.deepEqual(bench.turn(), ["append 2: 2"]);
    bench.ended(2, HAPPENED);
    assert.deepEqual(bench.turn(), ["append 3: 3,4"]);
    bench.ended(3, HAPPENED);
    assert.deepEqual(bench.turn(), ["append 4: 5"]);
  });

  test("an entry that does not fit into the open record begins the next; no record exceeds the limit", () => {
    const bench = new Bench();
    assert.equal(bench.add(50), 1);
    assert.equal(bench.add(140), 2);
    assert.deepEqual(bench.turn(), ["append 1: 1", "append 2: 2"]);
  });

  test("the largest entry fits into a record of its own; one byte more has no position and leaves nothing behind", () => {
    const bench = new Bench();
    const largest = LIMITS.recordBytesMax - HEAD_BYTES - 6; // sequence, and two bytes of length
    assert.equal(bench.add(largest + 1), null);
    assert.equal(bench.log.last, 0);
    assert.deepEqual(bench.turn(), []);
    assert.equal(bench.add(), 1);
    assert.equal(bench.add(largest + 1), null);
    assert.equal(bench.add(), 2, "what was open has closed");
    assert.deepEqual(bench.turn(), ["append 1: 2", "append 2: 4"]);
    assert.equal(bench.add(largest), 3);
  });

  test("a cut closes the open record: what was added lies at or below it, what follows behind it", () => {
    const bench = new Bench({ appendsInFlightMax: 1 });
    assert.equal(bench.log.cut(0), 0);
    bench.add();
    assert.equal(bench.log.cut(0), 1);
    assert.equal(bench.log.cut(0), 1);
    assert.equal(bench.add(), 2);
    assert.deepEqual(bench.turn(), ["append 1: 1"]);
  });

  test("bytes are uncommitted until they are in the durable prefix, and counted once for ever when closed", () => {
    const bench = new Bench();
    const bytes = HEAD_BYTES + 5;
    bench.add();
    assert.equal(bench.log.uncommittedBytes, bytes);
    assert.equal(bench.log.addedBytes, 0);
    bench.turn();
    bench.add();
    bench.turn();
    assert.equal(bench.log.uncommittedBytes, 2 * bytes);
    bench.ended(2, HAPPENED);
    assert.equal(bench.log.uncommittedBytes, 2 * bytes);
    bench.ended(1, HAPPENED);
    assert.equal(bench.log.uncommittedBytes, 0);
    assert.equal(bench.log.addedBytes, 2 * bytes);
  });

  test("an entry that fits no record leaves no bytes uncommitted", () => {
    const bench = new Bench();
    assert.equal(bench.add(300), null);
    assert.equal(bench.log.uncommittedBytes, 0);
  });

  test("the lag is the age of the oldest closed record that is not durable", () => {
    const bench = new Bench();
    assert.equal(bench.log.lagMs(50), 0);
    bench.issued();
    bench.nowMs = 30;
    bench.issued();
    assert.equal(bench.log.lagMs(50), 50);
    bench.ended(1, HAPPENED);
    assert.equal(bench.log.lagMs(50), 20);
  });
});

describe("an append without a sure answer is looked at", () => {
  test("our own record there: it happened", () => {
    const bench = new Bench();
    const body = bench.issued();
    bench.ended(1, UNKNOWN);
    assert.deepEqual(bench.turn(), ["look 1"]);
    assert.equal(bench.log.durable, 0);
    bench.found(1, body.slice());
    assert.equal(bench.log.durable, 1);
    assert.deepEqual(bench.turn(), []);
  });

  test("nothing there: the same bytes go out again, at once the first time and later each further time", () => {
    const bench = new Bench();
    bench.issued();
    const waits: number[] = [];
    for (let round = 0; round < 6; round++) {
      bench.ended(1, UNKNOWN);
      assert.deepEqual(bench.turn(), ["look 1"]);
      bench.found(1);
      waits.push(bench.waited());
    }
    assert.deepEqual(waits, [0, 20, 40, 80, 80, 80]);
  });

  test("another's record, a seal or a newer record there: the log is lost, and nothing goes out any more", () => {
    const other = new Uint8Array(NONCE_BYTES).fill(99);
    for (const there of [
      Uint8Array.from([ENTRIES, ...other]),
      codec.encodeSeal("another", other),
      Uint8Array.from([NEWER, ...other]),
    ]) {
      const bench = new Bench();
      bench.issued();
      bench.ended(1, UNKNOWN);
      bench.effects();
      bench.add();
      bench.found(1, there);
      assert.equal(bench.end()?.kind, "lost");
      assert.match(bench.end()?.message ?? "", /position 1 of log a-1 was taken/);
      assert.deepEqual(bench.turn(), []);
      assert.equal(bench.log.durable, 0);
      assert.throws(() => bench.add(), /has ended/);
    }
  });

  test("a look that fails is no answer: the same bytes go out again after a wait", () => {
    const bench = new Bench();
    bench.issued();
    bench.ended(1, UNKNOWN);
    bench.effects();
    bench.log.recordsRead(1, { kind: "failed", message: "slow" }, 0);
    assert.deepEqual(bench.turn(9), []);
    assert.deepEqual(bench.turn(10), ["append 1: 1"]);
  });

  test("an answer that was late and comes during the look settles it", () => {
    const bench = new Bench();
    const body = bench.issued();
    bench.ended(1, UNKNOWN);
    bench.effects();
    bench.ended(1, HAPPENED);
    assert.equal(bench.log.durable, 1);
    bench.found(1, body);
    bench.found(1);
    assert.deepEqual(bench.turn(1_000), []);
  });
});

describe("an append that is refused or finds its place taken", () => {
  test("taken by our own earlier try: it happened", () => {
    const bench = new Bench();
    const body = bench.issued();
    bench.ended(1, { kind: "taken", body: body.slice() });
    assert.equal(bench.log.durable, 1);
    assert.equal(bench.end(), null);
  });

  test("taken by anything else, also by equal entries under another nonce: the log is lost", () => {
    const bench = new Bench();
    const body = bench.issued().slice();
    body[1] = 77;
    bench.ended(1, { kind: "taken", body });
    assert.equal(bench.end()?.kind, "lost");
  });

  test("taken by what is no record at all: the log is lost, and nothing breaks", () => {
    const bench = new Bench();
    bench.issued();
    bench.ended(1, { kind: "taken", body: new Uint8Array([0, 1, 2]) });
    assert.match(bench.end()?.message ?? "", /no record of this cluster/);
  });

  test("refused for now: tried again after waits that double up to the limit, or as long as the store says", () => {
    const bench = new Bench();
    bench.issued();
    const waits: number[] = [];
    for (const retryAfterMs of [null, null, null, null, null, 500, 1]) {
      bench.ended(1, refused(retryAfterMs));
      waits.push(bench.waited());
    }
    assert.deepEqual(waits, [10, 20, 40, 80, 80, 500, 80]);
  });

  test("refused for ever: the log has ended", () => {
    const bench = new Bench();
    bench.issued();
    bench.ended(1, { kind: "refused", isPermanent: true, message: "trimmed", retryAfterMs: null });
    assert.deepEqual(bench.end(), { kind: "refused", message: "trimmed", position: 1, commands: [] });
    bench.ended(1, HAPPENED);
    assert.equal(bench.log.durable, 0);
  });

  test("answers for positions that are durable, or were never issued, mean nothing", () => {
    const bench = new Bench({ appendsInFlightMax: 1 });
    bench.issued();
    bench.ended(1, HAPPENED);
    bench.add(100);
    bench.add(100);
    for (const outcome of [UNKNOWN, refused(), { kind: "taken", body: new Uint8Array(0) } as const]) {
      bench.ended(1, outcome);
      bench.ended(2, outcome);
      bench.ended(7, outcome);
    }
    bench.found(2, Uint8Array.of(NEWER));
    assert.equal(bench.end(), null);
    assert.deepEqual(bench.turn(), ["append 2: 2"]);
  });
});

describe("a tail that stands still", () => {
  test("ends the log when the first record has not become durable for too long, whatever happens behind it", () => {
    const bench = new Bench();
    bench.issued();
    bench.nowMs = 900;
    bench.issued();
    bench.ended(2, HAPPENED);
    assert.equal(bench.log.wakeAtMs(), 1_001);
    bench.turn(1_000);
    assert.equal(bench.end(), null);
    bench.turn(1_001);
    assert.equal(bench.end()?.kind, "standstill");
    assert.match(bench.end()?.message ?? "", /position 1 /);
  });

  test("is measured from the last progress, and an idle log never stands still", () => {
    const bench = new Bench();
    assert.equal(bench.log.wakeAtMs(), null);
    bench.issued();
    bench.issued();
    bench.nowMs = 900;
    bench.ended(1, HAPPENED);
    bench.turn(1_900);
    assert.equal(bench.end(), null);
    bench.ended(2, HAPPENED);
    bench.turn(100_000);
    assert.equal(bench.log.wakeAtMs(), null);
    assert.equal(bench.end(), null);
  });
});

describe("an entry larger than spillBytesMin", () => {
  const spilling = { spillBytesMin: 40 } as const;
  const object = "values/a-1/1-0";

  test("is put into the snapshot store first; its record is issued, with a reference, when that has happened", () => {
    const bench = new Bench(spilling);
    assert.equal(bench.add(50), 1);
    assert.equal(bench.add(), 1);
    assert.deepEqual(bench.turn(), [`put ${object}`]);
    assert.deepEqual(codec.decodeValue(bench.values.get(object) ?? assert.fail()), entryOf(1, 50));
    bench.put(object, "happened");
    assert.deepEqual(bench.turn(), ["append 1: 1,2"]);
    assert.deepEqual(objectsOf(bench.body(1)), [object]);
  });

  test("that is as large as spillBytesMin stays in its record", () => {
    const bench = new Bench(spilling);
    bench.add(35);
    assert.deepEqual(bench.turn(), ["append 1: 1"]);
  });

  test("holds back the records behind its own: positions are issued in order", () => {
    const bench = new Bench(spilling);
    bench.add(50);
    bench.turn();
    assert.equal(bench.add(), 2);
    assert.deepEqual(bench.turn(), []);
    bench.put(object, "happened");
    assert.deepEqual(bench.turn(), ["append 1: 1", "append 2: 2"]);
  });

  test("of an open record is put at once; every value of a record has to be there", () => {
    const bench = new Bench({ ...spilling, appendsInFlightMax: 1, recordBytesTarget: 200 });
    bench.issued();
    bench.add(50);
    bench.add(60);
    assert.deepEqual(bench.turn(), ["put values/a-1/2-0", "put values/a-1/2-1"]);
    bench.ended(1, HAPPENED);
    assert.deepEqual(bench.turn(), []);
    bench.put("values/a-1/2-1", "happened");
    assert.deepEqual(bench.turn(), []);
    bench.put("values/a-1/2-0", "happened");
    assert.deepEqual(bench.turn(), ["append 2: 2,3"]);
  });

  test("may be larger than a record, up to valueBytesMax; one byte more has no position and leaves nothing behind", () => {
    const bench = new Bench(spilling);
    const largest = 1_000 - 1 - 6;
    assert.equal(bench.add(largest + 1), null);
    assert.equal(bench.log.uncommittedBytes, 0);
    assert.deepEqual(bench.turn(), []);
    assert.equal(bench.add(largest), 1);
    assert.deepEqual(bench.turn(), [`put ${object}`]);
  });

  test("whose reference does not fit into the open record goes with the next, under that one's name", () => {
    const bench = new Bench({ ...spilling, recordBytesMax: 60, recordBytesTarget: 60 });
    assert.equal(bench.add(25), 1);
    assert.equal(bench.add(50), 2);
    assert.deepEqual(bench.turn(), ["append 1: 1", "put values/a-1/2-0"]);
  });

  test("counts as uncommitted with all its bytes until its record is durable, and as bytes added for ever", () => {
    const bench = new Bench(spilling);
    bench.add(50);
    bench.turn();
    const value = 1 + 4 + 1 + 50;
    const record = bench.log.uncommittedBytes - value;
    assert.ok(record > HEAD_BYTES && record < 60, `${record}`);
    bench.put(object, "happened");
    bench.turn();
    assert.equal(bench.log.uncommittedBytes, record + value);
    bench.ended(1, HAPPENED);
    assert.equal(bench.log.uncommittedBytes, 0);
    assert.equal(bench.log.addedBytes, record + value);
  });

  test("a put without a sure answer is looked at: our bytes there, and it happened", () => {
    const bench = new Bench(spilling);
    bench.add(50);
    bench.turn();
    bench.put(object, "unknown");
    assert.deepEqual(bench.turn(), [`look ${object}`]);
    bench.seen(object, { kind: "found", bytes: bench.values.get(object)?.slice() ?? assert.fail() });
    assert.deepEqual(bench.turn(), ["append 1: 1"]);
  });

  test("nothing there, or nobody can say: it is put again, after waits that double", () => {
    const bench = new Bench({ ...spilling, spillPatienceMs: 1_000_000 });
    bench.add(50);
    bench.turn();
    const waits: number[] = [];
    for (const seen of [{ kind: "absent" }, { kind: "failed", message: "slow" }, { kind: "absent" }] as const) {
      bench.put(object, "unknown");
      bench.turn();
      bench.seen(object, seen);
      const from = bench.nowMs;
      const wake = bench.log.wakeAtMs() ?? assert.fail();
      assert.deepEqual(bench.turn(wake - 1), []);
      assert.deepEqual(bench.turn(wake), [`put ${object}`]);
      waits.push(wake - from);
    }
    assert.deepEqual(waits, [10, 20, 40]);
  });

  test("while as many are under way as may be, one that is due wakes nobody: the end of another does", () => {
    const bench = new Bench({ ...spilling, spillPatienceMs: 1_000_000, standstillMaxMs: 2_000_000 });
    for (let left = 9; left > 0; left--) bench.add(50);
    const puts = bench.turn();
    assert.equal(puts.length, 8);
    const [first, second] = puts.map((put) => put.slice("put ".length)) as [string, string];
    bench.put(first, "refused");
    assert.equal(bench.turn().length, 1);
    bench.turn(100);
    assert.ok((bench.log.wakeAtMs() ?? Infinity) > 1_000);
    bench.put(second, "happened");
    assert.deepEqual(bench.turn(), [`put ${first}`]);
  });

  test("refused: put again; refused behind an unknown put: looked at, for that one may have landed", () => {
    const bench = new Bench(spilling);
    bench.add(50);
    bench.turn();
    bench.put(object, "refused");
    assert.deepEqual(bench.turn(), []);
    assert.deepEqual(bench.turn(10), [`put ${object}`]);
    bench.put(object, "unknown");
    bench.turn();
    bench.seen(object, { kind: "absent" });
    assert.deepEqual(bench.turn(30), [`put ${object}`]);
    bench.put(object, "refused");
    assert.deepEqual(bench.turn(), [`look ${object}`]);
    bench.seen(object, { kind: "found", bytes: bench.values.get(object)?.slice() ?? assert.fail() });
    assert.deepEqual(bench.turn(), ["append 1: 1"]);
  });

  test("other bytes under its name: somebody else writes as this log, which is lost", () => {
    for (const change of [(bytes: Uint8Array) => bytes.fill(7), (bytes: Uint8Array) => Uint8Array.from([...bytes, 1])]) {
      const bench = new Bench(spilling);
      bench.add(50);
      bench.turn();
      bench.put(object, "unknown");
      bench.effects();
      bench.seen(object, { kind: "found", bytes: change(bench.values.get(object)?.slice() ?? assert.fail()) });
      assert.equal(bench.end()?.kind, "lost");
    }
  });

  test("that is not uploaded in time moves into its record where it fits; its put means nothing any more", () => {
    const bench = new Bench(spilling);
    bench.add();
    bench.add(50);
    bench.add();
    bench.turn();
    assert.equal(bench.log.wakeAtMs(), 200);
    assert.deepEqual(bench.turn(199), []);
    assert.deepEqual(bench.turn(200), ["append 1: 1,2,3"]);
    assert.deepEqual(objectsOf(bench.body(1)), []);
    const bytes = HEAD_BYTES + 3 * 5 + 50;
    assert.equal(bench.body(1).length, bytes);
    assert.equal(bench.log.uncommittedBytes, bytes);
    assert.equal(bench.log.addedBytes, bytes);
    bench.put(object, "unknown");
    assert.deepEqual(bench.turn(), []);
    bench.ended(1, HAPPENED);
    assert.equal(bench.log.uncommittedBytes, 0);
  });

  test("of which one is uploaded and one is not: only the late one moves into the record", () => {
    const bench = new Bench(spilling);
    bench.add(50);
    bench.add(45);
    bench.turn();
    bench.put(object, "happened");
    assert.deepEqual(bench.turn(200), ["append 1: 1,2"]);
    assert.deepEqual(objectsOf(bench.body(1)), [object]);
  });

  test("that fits into no record waits for its upload, and stands still for only so long", () => {
    const bench = new Bench(spilling);
    bench.add(500);
    bench.turn();
    assert.deepEqual(bench.turn(200), []);
    assert.equal(bench.log.wakeAtMs(), 1_001);
    bench.turn(1_001);
    assert.equal(bench.end()?.kind, "standstill");
  });

  test("shares its record only with what that could take in together, so that an outage of the snapshot store stalls none of them", () => {
    const bench = new Bench({ ...spilling, appendsInFlightMax: 1, recordBytesTarget: 200 });
    bench.issued();
    const positions = [80, 80, 80, 0, 80].map((padding) => bench.add(padding));
    assert.deepEqual(positions, [2, 2, 3, 3, 3]);
    bench.ended(1, HAPPENED);
    bench.turn();
    assert.deepEqual(bench.turn(200), ["append 2: 2,3"]);
    bench.ended(2, HAPPENED);
    assert.deepEqual(bench.turn(201), ["append 3: 4,5,6"], "one has waited in vain");
    assert.deepEqual(objectsOf(bench.body(2)).concat(objectsOf(bench.body(3))), []);
  });

  test("does not wait after another has waited in vain, until the snapshot store takes one again, or some time has passed", () => {
    const bench = new Bench(spilling);
    bench.add(50);
    bench.turn();
    bench.turn(200);
    bench.ended(1, HAPPENED);
    bench.add(50);
    assert.deepEqual(bench.turn(300), ["append 2: 2"]);
    bench.ended(2, HAPPENED);
    bench.add(50);
    assert.deepEqual(bench.turn(2_200), ["put values/a-1/3-0"]);
    bench.put("values/a-1/3-0", "happened");
    assert.deepEqual(bench.turn(), ["append 3: 3"]);
    bench.ended(3, HAPPENED);
    bench.add(50);
    assert.deepEqual(bench.turn(), ["put values/a-1/4-0"]);
  });

  test("that no record could take in has a record to itself", () => {
    const bench = new Bench({ ...spilling, appendsInFlightMax: 1, recordBytesTarget: 200 });
    bench.issued();
    assert.deepEqual([bench.add(), bench.add(500), bench.add(), bench.add(50)], [2, 3, 4, 4]);
    bench.ended(1, HAPPENED);
    assert.ok(bench.turn().includes("append 2: 2"));
  });

  test("no more than a few puts are under way at once, however many there are", () => {
    const bench = new Bench({ ...spilling, recordBytesMax: 2_000, recordBytesTarget: 2_000 });
    for (let n = 0; n < 20; n++) bench.add(50);
    assert.equal(bench.turn().length, 8);
    bench.put("values/a-1/1-3", "happened");
    assert.deepEqual(bench.turn(), ["put values/a-1/1-8"]);
  });

  test("names of values below a base are given up once, also of those that moved into their records", () => {
    const bench = new Bench(spilling);
    bench.add(50);
    bench.add(50);
    bench.turn();
    bench.turn(200);
    bench.add(50);
    bench.turn();
    assert.deepEqual(bench.log.takeValuesBelow(1), []);
    assert.deepEqual(bench.log.takeValuesBelow(2), ["values/a-1/1-0", "values/a-1/1-1"]);
    assert.deepEqual(bench.log.takeValuesBelow(3), ["values/a-1/2-0"]);
    assert.deepEqual(bench.log.takeValuesBelow(3), []);
  });
});

/** A journal that does what its port allows, as numbers from fast-check say. */
class FaultyJournal {
  readonly landed = new Map<number, Uint8Array>();
  /** Appends that were issued, with what is still to be reported of them. */
  readonly asked: { readonly position: number; readonly body: Uint8Array }[] = [];
  readonly looks: number[] = [];
  /** Given up by their caller, and still able to land. */
  readonly late: { readonly position: number; readonly body: Uint8Array }[] = [];

  land({ position, body }: { readonly position: number; readonly body: Uint8Array }): AppendOutcome {
    const there = this.landed.get(position);
    if (there !== undefined) return { kind: "taken", body: there };
    this.landed.set(position, body);
    return HAPPENED;
  }
}

test("whatever a journal does short of giving a place to another, every entry ends durable once and in order", () => {
  const script = fc.array(fc.nat({ max: 999 }), { minLength: 20, maxLength: 300 });
  fc.assert(
    fc.property(script, fc.integer({ min: 1, max: 5 }), (choices, appendsInFlightMax) => {
      const journal = new FaultyJournal();
      const bench = new Bench({ appendsInFlightMax, standstillMaxMs: 1e9 });
      const added: { readonly sequence: number; readonly position: number }[] = [];
      const issued = new Map<number, Uint8Array>();
      const endTurn = (): void => {
        const effects: Effect[] = [];
        bench.log.flush((bench.nowMs += 5), effects);
        for (const effect of [...bench.effects(), ...effects]) {
          if (effect.kind === "readRecords") journal.looks.push(effect.position);
          if (effect.kind !== "append") continue;
          const { position, body } = effect;
          assert.ok(position <= bench.log.durable + appendsInFlightMax, "issued too early");
          if (!issued.has(position)) assert.equal(position, issued.size + 1, "a position was skipped");
          assert.deepEqual(body, issued.get(position) ?? body, "a body changed");
          issued.set(position, body.slice());
          journal.asked.push({ position, body });
        }
      };
      const answer = (fate: number, index: number): void => {
        const [append] = journal.asked.splice(index % Math.max(1, journal.asked.length), 1);
        if (append === undefined) return;
        if (fate < 4) return bench.ended(append.position, journal.land(append));
        if (fate < 5) return bench.ended(append.position, refused());
        if (fate < 7) journal.land(append);
        else if (fate < 9) journal.late.push(append);
        bench.ended(append.position, UNKNOWN);
      };
      const look = (isFailed: boolean): void => {
        const position = journal.looks.shift();
        if (position === undefined) return;
        if (isFailed) return bench.log.recordsRead(position, { kind: "failed", message: "" }, bench.nowMs);
        const there = journal.landed.get(position);
        bench.found(position, ...(there === undefined ? [] : [there]));
      };
      const step = (choice: number): void => {
        const index = Math.floor(choice / 100);
        const what = choice % 10;
        if (what < 3) added.push({ sequence: added.length + 1, position: bench.add(index * 8) ?? assert.fail("too large") });
        else if (what < 7) answer(Math.floor(choice / 10) % 10, index);
        else if (what < 9) look(index < 3);
        else if (journal.late.length > 0) journal.land(journal.late.splice(index % journal.late.length, 1)[0] ?? assert.fail());
        endTurn();
        for (let at = 1; at <= bench.log.durable; at++) assert.ok(journal.landed.has(at), `${at} is no more than hoped for`);
      };
      for (const choice of choices) step(choice);
      for (let round = 0; round < 4_000 && bench.log.durable < bench.log.last; round++) step(round % 2 === 0 ? 3 : 307);
      assert.equal(bench.end(), null);
      assert.equal(bench.log.durable, bench.log.last);
      for (const late of journal.late) assert.equal(journal.land(late).kind, "taken");
      const stored = [...journal.landed].sort(([left], [right]) => left - right);
      assert.deepEqual(
        stored.flatMap(([position, body]) => sequencesOf(body).map((sequence) => ({ sequence, position }))),
        added,
      );
    }),
    { numRuns: 300 },
  );
});
