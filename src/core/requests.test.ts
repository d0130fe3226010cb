import assert from "node:assert/strict";
import { test } from "node:test";
import { AdmissionControl } from "./admission/admission.js";
import { MemoryBudget } from "./admission/memory-budget.js";
import type { Effect } from "./effect.js";
import { DEFAULT_POLICY, type EntityType } from "./entity/entity-type.js";
import { Gate } from "./log/gate.js";
import type { Forwarding } from "./peers/forwarding.js";
import type { CommandArrived } from "./request.js";
import { type OpenNode, Requests } from "./requests.js";
import type { FoundDeadLetter } from "./shard/reads.js";
import { TypeRegistry } from "./type-registry.js";

const cart: EntityType = {
  name: "shop/cart",
  kind: "value",
  stateVersion: 1,
  commands: new Map([
    ["put", { name: "put", exposure: "public", inputSchema: null, replySchema: null }],
    ["sweep", { name: "sweep", exposure: "internal", inputSchema: null, replySchema: null }],
  ]),
  queries: new Map([["get", { name: "get", exposure: "public", inputSchema: null, replySchema: null }]]),
  replies: new Set(),
  events: new Map(),
  policy: { ...DEFAULT_POLICY, exposeState: false },
};
const LIMITS = { inFlightMax: 1, entitiesMax: 1, commandsMax: 1, bytesMax: 1, timeoutMs: 1, prefer: "latency" } as const;

/** What a request comes to at a shard: only that it got there, and the dead letters that the shard was given. */
class ShardStub {
  readonly shard: number;
  refusal: string | null = null;
  readonly isOpen = true;
  readonly got: string[] = [];
  letters: readonly FoundDeadLetter[] = [];

  constructor(shard: number) {
    this.shard = shard;
  }

  arrived(input: CommandArrived): void {
    this.got.push(input.name);
  }

  read(input: { readonly kind: string }): void {
    this.got.push(input.kind);
  }

  admin(input: { readonly kind: string }): void {
    this.got.push(input.kind);
  }

  deadLetters(_of: unknown, _limit: number, then: (found: readonly FoundDeadLetter[]) => void): void {
    then(this.letters);
  }
}

class Bench {
  readonly shards = [new ShardStub(0), new ShardStub(1)];
  readonly log = { last: 0, lagMs: () => this.lagMs };
  readonly gate = new Gate();
  readonly effects: Effect[] = [];
  readonly admission = new AdmissionControl(new MemoryBudget(1 << 20, 1 << 10));
  readonly requests: Requests;
  readonly forwarded: number[] = [];
  /** Of shards that are not here. */
  readonly refusals = new Map<number, string>();
  lagMs = 0;

  constructor(isOpen = true) {
    const types = new TypeRegistry([]);
    types.deploy([{ id: "d-1", types: [cart], limits: LIMITS }], []);
    const upkeep = { tailBytes: 0, tailRecords: 0, recordAgeMs: () => 0 };
    const serving = (shard: number): ShardStub | null => this.shards[shard] ?? null;
    const refusalOf = (shard: number): string | null => this.refusals.get(shard) ?? null;
    const opened = { shards: this.shards, serving, refusalOf, peers: [], log: this.log, upkeep } as unknown as OpenNode;
    if (isOpen) this.admission.opened();
    this.requests = new Requests({
      types,
      admission: this.admission,
      gate: this.gate,
      effects: this.effects,
      forwarding: { route: (shard: number) => this.forwarded.push(shard) } as unknown as Forwarding,
      open: () => (isOpen ? opened : null),
      shardOf: ({ id }) => (id === "" ? 0 : Number(id) % 2),
      tickMs: () => 0,
    });
  }

  command(changed: Partial<CommandArrived> = {}): void {
    this.requests.take({
      kind: "commandArrived",
      isRepeat: false,
      isStrict: false,
      request: 1,
      to: { type: "shop/cart", id: "1" },
      name: "put",
      input: new Uint8Array(0),
      id: "c",
      hasKey: false,
      bodyHash: "",
      acceptedAtMs: 0,
      deadlineMs: 1,
      metadata: [],
      mode: "call",
      delayMs: 0,
      isAdmin: false,
      ...changed,
    });
  }

  /** The codes of the problems told since the last call. */
  codes(): string[] {
    return this.effects.splice(0).map((effect) => {
      assert.ok(effect.kind === "answer");
      return effect.answer.kind === "problem" ? effect.answer.problem.code : effect.answer.kind;
    });
  }
}

test("a command goes to the shard of its entity", () => {
  const bench = new Bench();
  bench.command();
  bench.command({ to: { type: "shop/cart", id: "2" }, name: "get" });
  assert.deepEqual(
    bench.shards.map(({ got }) => got),
    [["get"], ["put"]],
  );
  assert.deepEqual(bench.codes(), []);
});

test("what is for a shard that is not here goes to where it is", () => {
  const bench = new Bench();
  bench.shards.pop();
  bench.command();
  assert.deepEqual(bench.forwarded, [1]);
  assert.deepEqual(bench.codes(), []);
});

test("unknown types and commands are told; internal commands are unknown to all but the admin side", () => {
  const bench = new Bench();
  bench.command({ to: { type: "shop/other", id: "1" } });
  bench.command({ name: "nope" });
  bench.command({ name: "sweep" });
  assert.deepEqual(bench.codes(), ["unknown_type", "unknown_command", "unknown_command"]);
  bench.command({ name: "sweep", isAdmin: true });
  assert.deepEqual(bench.shards[1]?.got, ["sweep"]);
});

test("while the router starts or stops every request is told so, also one for a type that is not known yet", () => {
  const unknownType = { to: { type: "shop/other", id: "1" } };
  const starting = new Bench(false);
  starting.command();
  starting.command(unknownType);
  starting.requests.take({ kind: "stateAsked", request: 2, of: unknownType.to, isAdmin: false, isStrict: false, deadlineMs: 1 });
  starting.requests.take({ kind: "deadLettersAsked", request: 3, of: null, limit: 5 });
  assert.deepEqual(starting.codes(), ["starting", "starting", "starting", "starting"]);
  const stopping = new Bench();
  stopping.admission.stopped();
  stopping.command();
  stopping.command(unknownType);
  stopping.requests.take({ kind: "deadLettersAsked", request: 3, of: null, limit: 5 });
  assert.deepEqual(stopping.codes(), ["stopping", "stopping", "stopping"]);
});

test("a refused shard refuses what is for it, with the reason, and nothing else", () => {
  const bench = new Bench();
  (bench.shards[1] ?? assert.fail()).refusal = "records_missing: it is so";
  bench.command();
  const [effect] = bench.effects;
  assert.ok(effect?.kind === "answer" && effect.answer.kind === "problem");
  assert.equal(effect.answer.problem.code, "shard_refused");
  assert.match(effect.answer.problem.message, /shard 1 .*records_missing/);
  bench.effects.length = 0;
  bench.command({ to: { type: "shop/cart", id: "2" } });
  assert.deepEqual(bench.codes(), []);
});

test("a shard that is not here and that nobody can open is refused with the reason, and asked of nobody", () => {
  const bench = new Bench();
  bench.shards.pop();
  bench.refusals.set(1, "document_damaged: it is so");
  bench.command();
  const [effect] = bench.effects;
  assert.ok(effect?.kind === "answer" && effect.answer.kind === "problem");
  assert.equal(effect.answer.problem.code, "shard_refused");
  assert.match(effect.answer.problem.message, /shard 1 .*document_damaged: it is so/);
  assert.deepEqual(bench.forwarded, []);
});

test("slow storage refuses commands and lets queries through", () => {
  const bench = new Bench();
  bench.lagMs = 60_000;
  bench.requests.measure();
  bench.command();
  assert.deepEqual(bench.codes(), ["storage_slow"]);
  bench.command({ name: "get" });
  assert.deepEqual(bench.shards[1]?.got, ["get"]);
});

test("states and events are shown where their type exposes them, and to the admin side; outcomes always", () => {
  const bench = new Bench();
  const of = { type: "shop/cart", id: "1" };
  bench.requests.take({ kind: "stateAsked", request: 1, of, isAdmin: false, isStrict: false, deadlineMs: 1 });
  bench.requests.take({ kind: "eventsAsked", request: 1, of, after: 0, limit: 1, follow: false, isAdmin: false });
  bench.requests.take({
    kind: "stateAsked",
    request: 1,
    of: { ...of, type: "shop/other" },
    isAdmin: true,
    isStrict: false,
    deadlineMs: 1,
  });
  assert.deepEqual(bench.codes(), ["not_exposed", "not_exposed", "unknown_type"]);
  bench.requests.take({ kind: "stateAsked", request: 1, of, isAdmin: true, isStrict: false, deadlineMs: 1 });
  bench.requests.take({ kind: "outcomeAsked", request: 1, of: { ...of, type: "shop/gone" }, commandId: "c", untilMs: 0 });
  assert.deepEqual(bench.shards[1]?.got, ["stateAsked", "outcomeAsked"]);
});

const letter = (id: string): FoundDeadLetter => ({ entity: { type: "shop/cart", id } }) as unknown as FoundDeadLetter;

test("dead letters of all shards come in one answer, limited, behind everything that they saw", () => {
  const bench = new Bench();
  bench.log.last = 3;
  for (const shard of bench.shards) shard.letters = [letter(`${shard.shard}a`), letter(`${shard.shard}b`)];
  bench.requests.take({ kind: "deadLettersAsked", request: 1, of: null, limit: 3 });
  assert.equal(bench.effects.length, 0);
  bench.gate.release(3, bench.effects);
  const [effect] = bench.effects;
  assert.ok(effect?.kind === "answer" && effect.answer.kind === "deadLetters");
  assert.deepEqual(
    effect.answer.deadLetters.map(({ entity }) => entity.id),
    ["0a", "0b", "1a"],
  );
});

test("dead letters of all shards are those of the shards that serve, whichever is refused; with none left that is told", () => {
  for (const refused of [0, 1]) {
    const bench = new Bench();
    for (const shard of bench.shards) shard.letters = [letter(String(shard.shard))];
    (bench.shards[refused] ?? assert.fail()).refusal = "records_missing";
    bench.requests.take({ kind: "deadLettersAsked", request: 1, of: null, limit: 9 });
    const [effect] = bench.effects;
    assert.ok(effect?.kind === "answer" && effect.answer.kind === "deadLetters", `with shard ${refused} refused`);
    assert.deepEqual(
      effect.answer.deadLetters.map(({ entity }) => entity.id),
      [String(1 - refused)],
    );
  }
  const bench = new Bench();
  for (const shard of bench.shards) shard.refusal = "records_missing";
  bench.requests.take({ kind: "deadLettersAsked", request: 1, of: null, limit: 9 });
  assert.deepEqual(bench.codes(), ["shard_refused"]);
});
