/**
 * Several cores over one plain storage, on one virtual clock: IO and peers take random times under a seed, a node may die at
 * any effect, and what it had begun may land after its death. Entities send one another numbered messages and write down
 * what they got, so that a lost, doubled or overtaken message shows.
 */
import assert from "node:assert/strict";
import type { Answer } from "../../src/core/answer.js";
import type { CoreSettings } from "../../src/core/core-settings.js";
import type { Effect, EndReason } from "../../src/core/effect.js";
import { placementHash } from "../../src/core/entity/address.js";
import { DEFAULT_POLICY, type EntityType } from "../../src/core/entity/entity-type.js";
import type { CommandResult, EntityResult, FunctionEffect, InvocationEntity } from "../../src/core/entity/invocation.js";
import type { Input } from "../../src/core/input.js";
import { RefusedCommands } from "../../src/core/log/refused-commands.js";
import { NO_PLAN, PLAN_KEY } from "../../src/core/ownership/documents.js";
import type { CommandArrived } from "../../src/core/request.js";
import { RouterCore } from "../../src/core/router-core.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";
import { segmentTools } from "../../src/router/driver/segment-tools.js";
import { settingsOf } from "./core-bench.js";
import { CLUSTER_ID, Storage } from "./storage.js";

export const TYPE = "net/post";
export const SHARDS = 2;
const LEASE = { heartbeatEveryMs: 100, leaseMs: 300, observeMs: 600 };
const STEPS_MAX = 400_000;
const WALL_MS = 1_000_000;
const LINK_MS = 1;
const RETRY_MS = 60;
const GIVE_UP_MS = 1_500;

const command = (name: string) => [name, { name, exposure: "public", inputSchema: null, replySchema: null }] as const;
const post: EntityType = {
  name: TYPE,
  kind: "value",
  stateVersion: 1,
  commands: new Map([command("hop"), command("take")]),
  queries: new Map(),
  replies: new Set(),
  events: new Map(),
  policy: DEFAULT_POLICY,
};
const limits = {
  inFlightMax: 8,
  entitiesMax: 4,
  commandsMax: 4,
  bytesMax: 1 << 20,
  timeoutMs: 5_000,
  prefer: "latency",
} as const;

/** What an entity has seen: its own commands, numbers that it gave to messages by target, and those it got by source. */
export interface Post {
  hops: number;
  readonly sent: Record<string, number>;
  readonly got: Record<string, number[]>;
  /** The same of what was sent with a delay, which may overtake. */
  readonly sentLate: Record<string, number>;
  readonly gotLate: Record<string, number[]>;
}

interface Node {
  readonly incarnation: string;
  readonly core: RouterCore;
  readonly inputs: Input[];
  isAlive: boolean;
  /** It does nothing before that moment, and wakes as if nothing had been. */
  asleepUntilMs: number;
  ended: EndReason | null;
}

interface Call {
  readonly command: Omit<CommandArrived, "request">;
  isDone: boolean;
}

export class SplitCluster {
  readonly storage = new Storage();
  readonly nodes: Node[] = [];
  readonly calls: Call[] = [];
  /** What goes wrong with an effect before it is performed, and behind: `die` ends the node that asked for it. */
  before: (effect: Effect, incarnation: string) => "die" | undefined = () => undefined;
  after: (effect: Effect, incarnation: string) => "die" | undefined = () => undefined;
  /** Of what nodes say to one another: whoever loses something is told that it may have. */
  framesLostPerMille = 0;
  nowMs = 0;
  /** Codes that calls were answered with other than by their outcome. */
  readonly problems: string[] = [];
  readonly #events: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  readonly #changed: Partial<CoreSettings>;
  readonly #answered = new Map<string, (answer: Answer) => void>();
  #order = 0;
  #requests = 0;
  #seed: number;

  constructor(seed: number, changed: Partial<CoreSettings> = {}) {
    this.#seed = seed;
    this.#changed = changed;
  }

  random(below: number): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mix = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    mix = (mix + Math.imul(mix ^ (mix >>> 7), 61 | mix)) ^ mix;
    return ((mix ^ (mix >>> 14)) >>> 0) % below;
  }

  start(incarnation: string): Node {
    const settings = settingsOf(incarnation, {
      shards: SHARDS,
      lease: LEASE,
      node: { address: `${incarnation.slice(0, 1)}:1`, capacity: 1 },
      placements: [{ type: TYPE, colocation: { kind: "entity" } }],
      ...this.#changed,
    });
    const tools = { documentCodec, recordCodec, refusedCommands: new RefusedCommands(), ...segmentTools };
    const node: Node = {
      incarnation,
      core: new RouterCore(settings, tools),
      inputs: [],
      isAlive: true,
      asleepUntilMs: 0,
      ended: null,
    };
    node.inputs.push({ kind: "deploymentsChanged", deployments: [{ id: "d-1", types: [post], limits }], placements: [] });
    this.nodes.push(node);
    return node;
  }

  kill(incarnation: string): void {
    const node = this.nodes.find((one) => one.incarnation === incarnation);
    if (node === undefined || !node.isAlive) return;
    node.isAlive = false;
    for (const other of this.living) other.inputs.push({ kind: "peerLost", incarnation });
  }

  /** Its process stands still for so long; what it has asked of the storage goes on. */
  sleep(incarnation: string, forMs: number): void {
    for (const node of this.living) if (node.incarnation === incarnation) node.asleepUntilMs = this.nowMs + forMs;
  }

  /** As a process that is told to: it leaves first, and stops when others have what they could take. */
  stop(incarnation: string): void {
    for (const node of this.living) if (node.incarnation === incarnation) node.inputs.push({ kind: "leaveAsked" });
  }

  get living(): readonly Node[] {
    return this.nodes.filter(({ isAlive }) => isAlive);
  }

  at(afterMs: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + afterMs, order: this.#order++, run });
    this.#events.sort((left, right) => left.atMs - right.atMs || left.order - right.order);
  }

  /** Runs until `isOver` says so, or for so long; false: it never did. */
  run(ms: number, isOver: () => boolean = () => false): boolean {
    const untilMs = this.nowMs + ms;
    for (let step = 0; step < STEPS_MAX; step++) {
      if (isOver()) return true;
      let wakeMs = this.#events[0]?.atMs ?? Infinity;
      for (const node of this.living) wakeMs = Math.min(wakeMs, this.#wakeAtMs(node));
      if (wakeMs > untilMs) {
        this.nowMs = untilMs;
        return false;
      }
      this.nowMs = Math.max(this.nowMs, wakeMs);
      while ((this.#events[0]?.atMs ?? Infinity) <= this.nowMs) this.#events.shift()?.run();
      for (const node of this.living) if (this.#wakeAtMs(node) <= this.nowMs) this.#step(node);
    }
    throw new Error(
      `it does not come to rest: ${this.living.map(({ core }) => JSON.stringify(core.snapshot().queues)).join("; ")}`,
    );
  }

  isOpen(): boolean {
    return this.living.length > 0 && this.living.every(({ core }) => core.phase === "open");
  }

  /** The plan wants every shard halved so often. */
  split(splits: number): void {
    this.storage.putDocument(PLAN_KEY, documentCodec.encodePlan({ ...NO_PLAN, splits }, CLUSTER_ID));
  }

  /** All shards that some node serves, by the nodes' own view. */
  isSplitTo(generation: number): boolean {
    return this.living.every(({ core }) => {
      const shards = core.snapshot().cluster?.shards ?? [];
      return shards.length === SHARDS * 2 ** generation && shards.every((shard) => shard.generation === generation);
    });
  }

  /** A command that is sent again, with the same id, until its outcome is known. */
  hop(id: string, targets: readonly string[], afterMs = 0): void {
    const number = this.calls.length + 1;
    const input = new TextEncoder().encode(JSON.stringify({ targets, afterMs }));
    const call: Call = {
      isDone: false,
      command: {
        kind: "commandArrived",
        isRepeat: false,
        isStrict: false,
        to: { type: TYPE, id },
        name: "hop",
        input,
        id: `call-${number}`,
        hasKey: true,
        bodyHash: "b",
        acceptedAtMs: this.nowMs + WALL_MS,
        deadlineMs: this.nowMs + WALL_MS + 60_000,
        metadata: [],
        mode: "call",
        delayMs: 0,
        isAdmin: false,
      },
    };
    this.calls.push(call);
    this.#try(call);
  }

  /** Nothing is on its way: every call has its outcome, every message was acknowledged and every timer fired. */
  isQuiet(): boolean {
    if (this.calls.some(({ isDone }) => !isDone)) return false;
    return this.living.every(({ core }) => {
      const { queues, outbox, cluster } = core.snapshot();
      const isThere = cluster?.shards.every(({ owner, desired }) => owner !== null && owner === desired) === true;
      const isIdle = queues.every(({ commands, inbox, timers, reads }) => commands + inbox + timers + reads === 0);
      return isThere && outbox === 0 && isIdle;
    });
  }

  /** Comes to rest, and stays there: what opens just now shows nothing yet. */
  rest(withinMs: number): boolean {
    for (const untilMs = this.nowMs + withinMs; this.nowMs < untilMs; ) {
      if (!this.run(untilMs - this.nowMs, () => this.isQuiet())) return false;
      if (!this.run(1_000, () => !this.isQuiet())) return true;
    }
    return false;
  }

  /** What the entity knows, asked of any node. */
  read(id: string): Post {
    let found: Answer | null = null;
    const ask = (): void => {
      const { living } = this;
      const node = living[this.random(living.length)] as Node;
      const request = ++this.#requests;
      const deadlineMs = this.nowMs + WALL_MS + 10_000;
      node.inputs.push({ kind: "stateAsked", request, of: { type: TYPE, id }, isAdmin: true, isStrict: false, deadlineMs });
      this.#answered.set(`${node.incarnation}/${request}`, (answer) => {
        found = answer;
      });
    };
    ask();
    assert.ok(
      this.run(20_000, () => found !== null),
      `the state of ${id} is not answered`,
    );
    const answer = found as Answer | null;
    assert.equal(answer?.kind, "state", JSON.stringify(answer));
    const state = answer?.kind === "state" ? answer.state : null;
    return decoded(state ?? null);
  }

  /** No message is lost, doubled, or out of the order of its sender and target; no command ran twice, or not. */
  check(ids: readonly string[]): void {
    const posts = new Map(ids.map((id) => [id, this.read(id)]));
    for (const [id, one] of posts) {
      const asked = this.calls.filter((call) => call.command.to.id === id).length;
      assert.equal(one.hops, asked, `${id} ran ${one.hops} of ${asked} commands`);
      for (const [target, count] of Object.entries(one.sent)) {
        const expected = Array.from({ length: count }, (_, at) => at + 1);
        assert.deepEqual(posts.get(target)?.got[id] ?? [], expected, `${id} to ${target}`);
      }
      for (const [target, count] of Object.entries(one.sentLate)) {
        const expected = Array.from({ length: count }, (_, at) => at + 1);
        const got = [...(posts.get(target)?.gotLate[id] ?? [])].sort((left, right) => left - right);
        assert.deepEqual(got, expected, `${id} to ${target}, late`);
      }
    }
  }

  #try(call: Call): void {
    if (call.isDone) return;
    const { living } = this;
    const node = living[this.random(Math.max(1, living.length))];
    if (node === undefined) return this.at(RETRY_MS, () => this.#try(call));
    const request = ++this.#requests;
    let isOver = false;
    const again = (afterMs: number): void =>
      this.at(afterMs, () => {
        if (isOver) return;
        isOver = true;
        this.#try(call);
      });
    this.#answered.set(`${node.incarnation}/${request}`, (answer) => {
      if (answer.kind === "outcome") call.isDone = true;
      else if (answer.kind === "problem") this.problems.push(answer.problem.code);
      if (!call.isDone) again(RETRY_MS);
    });
    node.inputs.push({ ...call.command, request });
    again(GIVE_UP_MS);
  }

  #wakeAtMs({ core, inputs, asleepUntilMs }: Node): number {
    return Math.max(asleepUntilMs, inputs.length > 0 ? this.nowMs : core.wakeAtMs());
  }

  #lose(one: string, other: string): void {
    this.at(LINK_MS, () => {
      for (const node of this.living) {
        if (node.incarnation === one) node.inputs.push({ kind: "peerLost", incarnation: other });
        if (node.incarnation === other) node.inputs.push({ kind: "peerLost", incarnation: one });
      }
    });
  }

  #step(node: Node): void {
    const effects: Effect[] = [];
    node.core.step({ wallMs: this.nowMs + WALL_MS, monotonicMs: this.nowMs }, node.inputs.splice(0), effects);
    for (const effect of effects) {
      if (!node.isAlive) return;
      this.#perform(node, effect);
    }
  }

  #perform(node: Node, effect: Effect): void {
    const { incarnation } = node;
    switch (effect.kind) {
      case "answer":
        this.#answered.get(`${incarnation}/${effect.request}`)?.(effect.answer);
        return;
      case "peerSend": {
        const { to, frame } = effect;
        if (this.random(1_000) < this.framesLostPerMille) return this.#lose(incarnation, to);
        this.at(LINK_MS, () => {
          for (const one of this.living)
            if (one.incarnation === to) one.inputs.push({ kind: "peerReceived", from: incarnation, to, frame });
        });
        return;
      }
      case "invoke":
        this.at(1 + this.random(10), () => {
          if (!node.isAlive) return;
          for (const entity of effect.request.entities) {
            node.inputs.push({ kind: "entityFinished", attempt: effect.attempt, result: { n: entity.n, ...ran(entity) } });
          }
          node.inputs.push({ kind: "invocationEnded", attempt: effect.attempt, end: { kind: "complete" } });
        });
        return;
      case "left":
        node.inputs.push({ kind: "stopAsked" });
        return;
      case "ended":
        node.ended = effect.reason;
        this.kill(incarnation);
        return;
      // Records expire, as in a table: who wakes after its log was forgotten must find its seal still.
      case "trimLog":
      case "watching":
      case "peersKnown":
      case "shardsChanged":
      case "started":
      case "feed":
      case "shardRefused":
        return;
      default:
        if (this.before(effect, incarnation) === "die") return this.kill(incarnation);
        this.at(this.random(4), () => {
          const input = this.storage.perform(effect);
          if (this.after(effect, incarnation) === "die") return this.kill(incarnation);
          this.at(this.random(4), () => {
            if (node.isAlive && input !== null) node.inputs.push(input);
          });
        });
    }
  }
}

/** Ids of entities, so many for each range of the finest generation that is looked at. */
export function idsOverRing(ranges: number, each: number): readonly string[] {
  const ids: string[][] = Array.from({ length: ranges }, () => []);
  for (let number = 0; ids.some((some) => some.length < each); number++) {
    const id = `e${number}`;
    const some = ids[Math.floor((placementHash({ type: TYPE, id }, { kind: "entity" }) * ranges) / 2 ** 32)];
    if (some !== undefined && some.length < each) some.push(id);
  }
  return ids.flat();
}

function decoded(state: Uint8Array | null): Post {
  if (state === null) return { hops: 0, sent: {}, got: {}, sentLate: {}, gotLate: {} };
  return JSON.parse(new TextDecoder().decode(state)) as Post;
}

/** Of `hop` the first two, of `take` the others. */
interface Body {
  readonly targets: readonly string[];
  readonly afterMs: number;
  readonly from: string;
  readonly number: number;
  readonly isLate: boolean;
}

function ran({ id, state, commands }: InvocationEntity): Omit<EntityResult, "n"> {
  const own = decoded(state);
  const outcomes = commands.map((one): CommandResult => {
    const effects: FunctionEffect[] = [];
    const input = JSON.parse(new TextDecoder().decode(one.input)) as Body;
    if (one.name === "hop") {
      own.hops++;
      const { afterMs } = input;
      const sent = afterMs > 0 ? own.sentLate : own.sent;
      for (const target of input.targets) {
        sent[target] = (sent[target] ?? 0) + 1;
        const message = JSON.stringify({ from: id, number: sent[target], isLate: afterMs > 0 });
        effects.push({
          kind: "send",
          to: { type: TYPE, id: target },
          command: "take",
          input: new TextEncoder().encode(message),
          replyTo: null,
          afterMs,
          timer: null,
        });
      }
    } else {
      const got = input.isLate ? own.gotLate : own.got;
      const { from, number } = input;
      got[from] = [...(got[from] ?? []), number];
    }
    return { n: one.n, kind: "done", reply: new Uint8Array(0), events: [], effects };
  });
  return { state: new TextEncoder().encode(JSON.stringify(own)), outcomes };
}
