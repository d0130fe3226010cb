import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EntityAddress } from "../entity/address.js";
import type { Command } from "../entity/command.js";
import { DEFAULT_POLICY, type EntityKind, type EntityType } from "../entity/entity-type.js";
import type { CommandResult, EntityResult, FunctionEffect } from "../entity/invocation.js";
import type { EffectsBody, Origin } from "../log/entry.js";
import type { ShardStore } from "../store/shard-store.js";
import { type Proposal, propose } from "./proposal.js";
import { ShardContext } from "./shard-context.js";
import type { ShardHost } from "./shard-host.js";
import { ShardState } from "./shard-state.js";
import { EntitySlot, type Item, newItem, type SlotOwner } from "./slot.js";

const CART: EntityAddress = { type: "shop/cart", id: "c1" };
const STOCK: EntityAddress = { type: "shop/stock", id: "s1" };
const NOW_MS = 1_000_000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const NOTHING = bytes("");

function typeOf(name: string, kind: EntityKind): EntityType {
  const note = { name: "note", exposure: "public", inputSchema: null, replySchema: null } as const;
  return {
    name,
    kind,
    stateVersion: 3,
    commands: new Map([["note", note]]),
    queries: new Map(),
    replies: new Set(["noted"]),
    events: new Map([["added", { name: "added", eventVersion: 1 }]]),
    policy: { ...DEFAULT_POLICY, stateBytesMax: 100 },
  };
}

/** One entity of a shard of a node with two shards, and what its function is said to have answered. */
class Bench {
  readonly context: ShardContext;
  readonly slot: EntitySlot;

  constructor(kind: EntityKind = "value", policy: Partial<EntityType["policy"]> = {}) {
    const known = new Map([CART, STOCK].map(({ type }) => [type, typeOf(type, "value")] as const));
    const host = {
      limits: { delayMaxMs: 10_000, payloadBytesMax: 50, sendsPerInvocationMax: 3, ownResultRetentionMs: 600_000 },
      nowMs: NOW_MS + 0.25,
      servedTo: (to: EntityAddress) => {
        const type = known.get(to.type);
        return type === undefined ? null : { deployment: "d-1", type };
      },
      shardOf: ({ type }: EntityAddress) => (type === CART.type ? 0 : 1),
    } as unknown as ShardHost;
    const state = new ShardState(
      0,
      {} as ShardStore,
      () => 0,
      () => null,
    );
    this.context = new ShardContext(0, 7, state, host);
    const spec = typeOf(CART.type, kind);
    this.slot = new EntitySlot({} as SlotOwner, CART, NOTHING, { ...spec, policy: { ...spec.policy, ...policy } });
    this.slot.version = 5;
  }

  propose(items: readonly Item[], outcomes: readonly CommandResult[], state?: Uint8Array | null): Proposal {
    const result: EntityResult = state === undefined ? { n: 0, outcomes } : { n: 0, outcomes, state };
    return propose(this.context, this.slot, "d-1", items, result);
  }

  /** The entry's body of one command that was done. */
  bodyOf(outcome: Partial<CommandResult & { kind: "done" }>, item = itemOf(), state?: Uint8Array | null): EffectsBody {
    const proposal = this.propose([item], [done(0, outcome)], state);
    assert.ok(proposal.kind === "proposed", proposal.kind === "rejected" ? proposal.message : "");
    return proposal.body ?? assert.fail("nothing is to become durable");
  }

  /** Why it is rejected. */
  rejection(outcomes: readonly CommandResult[], state?: Uint8Array | null, items = outcomes.map(() => itemOf())): string {
    const proposal = this.propose(items, outcomes, state);
    assert.ok(proposal.kind === "rejected", "it is proposed");
    return proposal.message;
  }
}

function itemOf(changed: Partial<Command> = {}, origin: Origin = { kind: "client" }, timer: string | null = null): Item {
  const command: Command = {
    id: "c-1",
    name: "note",
    isQuery: false,
    input: NOTHING,
    acceptedAtMs: 1,
    deadlineMs: Infinity,
    caller: null,
    metadata: [["principal", "p"]],
    answer: null,
    replyTo: null,
    bodyHash: "",
    ...changed,
  };
  return newItem(command, origin, timer);
}

function done(n: number, changed: Partial<CommandResult & { kind: "done" }> = {}): CommandResult {
  return { n, kind: "done", reply: bytes("1"), events: [], effects: [], ...changed };
}

const faulted = (n: number): CommandResult => ({ n, kind: "faulted", message: "it crashed" });
const skipped = (n: number): CommandResult => ({ n, kind: "skipped" });
const refused = (n: number): CommandResult => ({ n, kind: "refused", code: "no", message: "", details: NOTHING });
const event = (name = "added", data = NOTHING) => ({ name, eventVersion: 1, data });

function send(changed: Partial<FunctionEffect & { kind: "send" }> = {}): FunctionEffect {
  return { kind: "send", to: STOCK, command: "note", input: NOTHING, replyTo: null, afterMs: 0, timer: null, ...changed };
}

describe("what a function answered becomes one entry", () => {
  test("with the state behind its last done command, one version up", () => {
    const body = new Bench().bodyOf({}, itemOf(), bytes("s"));
    assert.deepEqual(body.state, bytes("s"));
    assert.deepEqual([body.previousVersion, body.version, body.stateVersion, body.expiresAtMs], [5, 6, 3, 0]);
  });

  test("with all events in order, a version each, of all its done commands", () => {
    const bench = new Bench("event-sourced");
    const outcomes = [done(0, { events: [event(), event()] }), refused(1), done(2, { events: [event()] })];
    const proposal = bench.propose([itemOf(), itemOf(), itemOf()], outcomes, bytes("s"));
    assert.ok(proposal.kind === "proposed");
    assert.equal(proposal.body?.events.length, 3);
    assert.equal(proposal.version, 8);
    assert.deepEqual(proposal.fold, { state: bytes("s") });
    assert.equal(proposal.body?.state, undefined, "a folded state is not journaled");
    assert.deepEqual(
      proposal.settled.map(({ outcome, version }) => [outcome.kind, version]),
      [
        ["replied", 7],
        ["refused", 7],
        ["replied", 8],
      ],
    );
  });

  test("with nothing to become durable where a keyless call changes nothing, so that it costs no write", () => {
    for (const outcome of [done(0), refused(0)]) {
      const proposal = new Bench().propose([itemOf()], [outcome]);
      assert.ok(proposal.kind === "proposed");
      assert.equal(proposal.body, null);
      assert.equal(proposal.settled.length, 1);
    }
  });

  test("with the result of a call that can come again, refusals included, for as long as its type says", () => {
    const bench = new Bench("value", { idempotencyRetentionMs: 5_000 });
    for (const outcome of [done(0), refused(0)]) {
      const proposal = bench.propose([itemOf({ bodyHash: "h" })], [outcome]);
      assert.ok(proposal.kind === "proposed");
      const [consumed] = proposal.body?.consumed ?? [];
      assert.equal(consumed?.result?.bodyHash, "h");
      assert.equal(consumed?.result?.expiresAtMs, NOW_MS + 5_001);
      assert.deepEqual(consumed?.metadata, [["principal", "p"]]);
    }
  });

  test("without a result of a keyless refusal: nobody can ask for it again", () => {
    const proposal = new Bench().propose([itemOf(), itemOf()], [refused(0), done(1)], bytes("s"));
    assert.ok(proposal.kind === "proposed");
    const [refusal, reply] = proposal.body?.consumed ?? [];
    assert.equal(refusal?.result, null);
    assert.equal(reply?.result?.outcome?.kind, "replied", "its caller may have left, and ask by the command's id");
  });

  test("with the mark of a message also when it changed nothing or was refused, or it would run again", () => {
    const origin = { kind: "message", sourceShard: 1, number: 9 } as const;
    for (const outcome of [done(0), refused(0)]) {
      const proposal = new Bench().propose([itemOf({ caller: STOCK }, origin)], [outcome]);
      assert.ok(proposal.kind === "proposed");
      assert.deepEqual(proposal.body?.consumed[0]?.origin, origin);
      assert.equal(proposal.body?.consumed[0]?.result, null, "its sender is told by the acknowledgement, not by a result");
    }
  });

  test("with the end of the state by its type's time-to-live, rounded up", () => {
    assert.equal(new Bench("value", { stateTtlMs: 500 }).bodyOf({}, itemOf(), bytes("s")).expiresAtMs, NOW_MS + 501);
  });
});

describe("messages in an answer", () => {
  test("are numbered densely for each target shard, from the shard's next numbers on", () => {
    const bench = new Bench();
    bench.context.state.nextNumberByTarget.set(1, 40);
    const { born } = bench.bodyOf({ effects: [send(), send({ to: CART }), send()] });
    assert.deepEqual(
      born.map(({ targetShard, number }) => [targetShard, number]),
      [
        [1, 40],
        [0, 1],
        [1, 41],
      ],
    );
    assert.deepEqual(
      born.map(({ command }) => command.id),
      ["m0.7.1.0", "m0.7.1.1", "m0.7.1.2"],
    );
    assert.deepEqual(born[0]?.command.caller, CART);
    assert.deepEqual(born[0]?.command.metadata, [["principal", "p"]], "metadata travels on");
  });

  test("include the answer that the command's sender has asked for, behind those that the function sent", () => {
    const asked = itemOf({ replyTo: { to: STOCK, handler: "noted", context: bytes("7") } });
    const proposal = new Bench().propose([asked], [done(0, { reply: bytes("42"), effects: [send()] })]);
    assert.ok(proposal.kind === "proposed");
    const [, answer] = proposal.body?.born ?? [];
    assert.deepEqual(answer?.command.answer, { kind: "replied", reply: bytes("42") });
    assert.deepEqual([answer?.command.name, answer?.command.input, answer?.to], ["noted", bytes("7"), STOCK]);
  });

  test("to unknown types, ids, commands and handlers are rejected, and so are more than an invocation may send", () => {
    const rejected = (effect: FunctionEffect): string => new Bench().rejection([done(0, { effects: [effect] })]);
    assert.match(rejected(send({ to: { type: "shop/none", id: "x" } })), /no deployment serves/);
    assert.match(rejected(send({ to: { ...STOCK, id: ".." } })), /id refused/);
    assert.match(rejected(send({ command: "none" })), /has no command 'none'/);
    assert.match(rejected(send({ replyTo: { handler: "none", context: NOTHING } })), /no reply handler 'none'/);
    assert.match(new Bench().rejection([done(0, { effects: [send(), send(), send(), send()] })]), /too many messages/);
  });
});

describe("timers in an answer", () => {
  test("are set with their due moment, rounded up, which their command sees as its time", () => {
    const { timersSet, born } = new Bench().bodyOf({ effects: [send({ afterMs: 100, timer: "t" })] });
    assert.equal(born.length, 0, "what is not due has no number");
    assert.equal(timersSet[0]?.dueAtMs, NOW_MS + 101);
    assert.equal(timersSet[0]?.command.acceptedAtMs, NOW_MS + 101);
    assert.deepEqual([timersSet[0]?.name, timersSet[0]?.owner, timersSet[0]?.to], ["t", CART, STOCK]);
  });

  test("without a name get one that nobody else has", () => {
    const { timersSet } = new Bench().bodyOf({ effects: [send({ afterMs: 1 }), send({ afterMs: 1 })] });
    assert.deepEqual(
      timersSet.map(({ name }) => name),
      ["$m0.7.1.0", "$m0.7.1.1"],
    );
  });

  test("of one name: the last word counts, and what stood there before is named so that its index entry goes", () => {
    const bench = new Bench();
    bench.context.state.timers.set({ owner: CART, name: "t", dueAtMs: 77 });
    const cancel: FunctionEffect = { kind: "cancel", timer: "t" };
    const cancelled = bench.bodyOf({ effects: [send({ afterMs: 5, timer: "t" }), cancel] });
    assert.deepEqual([cancelled.timersSet, cancelled.timersCancelled], [[], ["t"]]);
    const set = bench.bodyOf({ effects: [cancel, send({ afterMs: 5, timer: "t" })] });
    assert.deepEqual([set.timersSet.length, set.timersCancelled], [1, []]);
    const sent = bench.bodyOf({ effects: [send({ timer: "t" })] });
    assert.deepEqual([sent.born.length, sent.timersCancelled], [1, ["t"]], "what is sent at once takes the timer's place");
  });

  test("that are cancelled take back what they have sent to the entity itself, unless this invocation has run it", () => {
    const bench = new Bench();
    const own = { ...itemOf({ caller: CART }).command };
    for (const number of [3, 4]) {
      bench.context.state.outbox.add({ sourceShard: 0, targetShard: 0, number, to: CART, command: own, timer: "t" });
      bench.context.state.inboxTimers.add(number + 10, CART, own, "t");
    }
    const effects: FunctionEffect[] = [{ kind: "cancel", timer: "t" }];
    const all = bench.bodyOf({ effects });
    assert.deepEqual(
      [all.withdrawn, all.withdrawnInbox],
      [
        [3, 4],
        [13, 14],
      ],
    );
    const ran = bench.bodyOf({ effects }, itemOf({ caller: CART }, { kind: "message", sourceShard: 0, number: 3 }, "t"));
    assert.deepEqual(ran.withdrawn, [4]);
    const stored = bench.bodyOf({ effects }, itemOf({ caller: CART }, { kind: "inbox", number: 13 }, "t"));
    assert.deepEqual([stored.withdrawn, stored.withdrawnInbox], [[3, 4], [14]]);
    const foreign = bench.bodyOf({ effects }, itemOf({ caller: STOCK }, { kind: "message", sourceShard: 1, number: 3 }));
    assert.deepEqual(foreign.withdrawn, [3, 4], "another shard's message of the same number is another message");
  });

  test("whose command ran behind the one that cancelled them reject the whole: it must not have run", () => {
    const bench = new Bench();
    const ownTimer = itemOf({ caller: CART }, { kind: "message", sourceShard: 0, number: 3 }, "t");
    const outcomes = [done(0, { effects: [{ kind: "cancel", timer: "t" }] }), done(1)];
    assert.match(bench.rejection(outcomes, undefined, [itemOf(), ownTimer]), /was cancelled or set again in front of/);
    const others = itemOf({ caller: STOCK }, { kind: "message", sourceShard: 1, number: 3 }, "t");
    assert.equal(bench.propose([itemOf(), others], outcomes).kind, "proposed", "a timer of another entity is not meant");
  });

  test("with a delay or a name out of bounds are rejected", () => {
    const rejected = (effect: FunctionEffect): string => new Bench().rejection([done(0, { effects: [effect] })]);
    for (const afterMs of [-1, 10_001, Number.NaN, Infinity]) assert.match(rejected(send({ afterMs })), /out of bounds/);
    assert.match(rejected(send({ afterMs: 1, timer: "$x" })), /timer name/);
  });
});

describe("a fault among the commands", () => {
  test("keeps what was done in front of it, and gives back what stands behind it, in order", () => {
    const items = ["a", "b", "c", "d"].map((id) => itemOf({ id, bodyHash: "h" }));
    const proposal = new Bench().propose(items, [done(0), faulted(1), skipped(2), skipped(3)], bytes("s"));
    assert.ok(proposal.kind === "proposed");
    assert.deepEqual(
      proposal.settled.map(({ item }) => item.command.id),
      ["a"],
    );
    assert.deepEqual([proposal.fault?.item.command.id, proposal.fault?.message], ["b", "it crashed"]);
    assert.deepEqual(
      proposal.skipped.map(({ command }) => command.id),
      ["c", "d"],
    );
    assert.equal(proposal.body?.consumed.length, 1);
  });

  test("is the function's own where it skips without one", () => {
    const proposal = new Bench().propose([itemOf(), itemOf()], [skipped(0), skipped(1)]);
    assert.ok(proposal.kind === "proposed");
    assert.match(proposal.fault?.message ?? "", /nothing in front of it faulted/);
    const behind = new Bench().propose([itemOf(), itemOf()], [done(0), skipped(1)]);
    assert.ok(behind.kind === "proposed");
    assert.equal(behind.fault, null);
    assert.equal(behind.skipped.length, 1, "it runs later, and counts nothing");
  });
});

describe("an answer is rejected whole", () => {
  test("when outcomes are missing, too many, out of order, or behind a fault", () => {
    const bench = new Bench();
    assert.match(bench.rejection([done(0)], undefined, [itemOf(), itemOf()]), /1 outcomes for 2 commands/);
    assert.match(bench.rejection([done(0), done(1)], undefined, [itemOf()]), /2 outcomes for 1 commands/);
    assert.match(bench.rejection([done(1), done(0)]), /outcome 0 is numbered 1/);
    assert.match(bench.rejection([faulted(0), done(1)]), /behind a fault was run/);
    assert.match(bench.rejection([skipped(0), refused(1)]), /behind a fault was run/);
  });

  test("when a state comes that no done command can have left", () => {
    assert.match(new Bench().rejection([refused(0)], bytes("s")), /no command was done/);
    assert.match(new Bench().rejection([done(0)], bytes("s"), [itemOf({ isQuery: true })]), /no command was done/);
    assert.match(new Bench("action").rejection([done(0)], bytes("s")), /an action has no state/);
  });

  test("when a query has effects", () => {
    for (const effect of [{ events: [event()] }, { effects: [send()] }]) {
      const bench = new Bench("event-sourced");
      assert.match(bench.rejection([done(0, effect)], undefined, [itemOf({ isQuery: true })]), /query 'note' has effects/);
    }
  });

  test("when it emits what its type does not declare, or emits at all where there are no events", () => {
    assert.match(new Bench("value").rejection([done(0, { events: [event()] })]), /a value entity emits no events/);
    const bench = new Bench("event-sourced");
    assert.match(bench.rejection([done(0, { events: [event("other")] })]), /event 'other' is not declared/);
    assert.match(bench.rejection([done(0, { events: [event("$x")] })]), /event name/);
  });

  test("as too large, which trying again cannot mend, when a state or any payload is over its limit", () => {
    const large = new Uint8Array(51);
    const cases: readonly [CommandResult, Uint8Array?][] = [
      [done(0), new Uint8Array(101)],
      [done(0, { reply: large })],
      [{ n: 0, kind: "refused", code: "no", message: "", details: large }],
      [done(0, { effects: [send({ input: large })] })],
      [done(0, { events: [event("added", large)] })],
    ];
    for (const [outcome, state] of cases) {
      const kind = outcome.kind === "done" && outcome.events.length > 0 ? "event-sourced" : "value";
      const proposal = new Bench(kind).propose([itemOf()], [outcome], state);
      assert.ok(proposal.kind === "rejected");
      assert.match(proposal.message, /bytes, \d+ are allowed/);
      assert.equal(proposal.isTooLarge, true);
    }
    assert.equal(new Bench().propose([itemOf()], [done(0)], new Uint8Array(100)).kind, "proposed", "the limit itself is allowed");
  });

  test("and changes nothing: the shard, the entity and its numbers are as they were", () => {
    const bench = new Bench();
    const before = JSON.stringify([bench.slot.version, [...bench.context.state.nextNumberByTarget], bench.context.nextSequence]);
    bench.rejection([done(0, { effects: [send(), send({ command: "none" })] })], bytes("s"));
    bench.propose([itemOf()], [done(0, { effects: [send()] })], bytes("s"));
    const after = JSON.stringify([bench.slot.version, [...bench.context.state.nextNumberByTarget], bench.context.nextSequence]);
    assert.equal(after, before);
  });
});
