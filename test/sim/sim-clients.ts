/**
 * The clients of the simulated router: they call and send with and without keys, ask again, leave, read and follow. One object
 * for all of them, with parts of its own: what they say (drawn-commands.ts), what they wait for (open-requests.ts), how they read
 * events (event-readers.ts), and what they have seen (client-memory.ts).
 */
import type { Answer } from "../../src/core/answer.js";
import type { Effect } from "../../src/core/effect.js";
import type { EntityAddress } from "../../src/core/entity/address.js";
import type { AdminAsked, ReadAsked } from "../../src/core/request.js";
import type { Ask } from "./business/behaviour.js";
import { bytesOf, parsed, type Sight } from "./business/book.js";
import { ENTITIES } from "./business/catalog.js";
import { hasBook } from "./checkers/final-books.js";
import { checkCalm } from "./checkers/moves-fail-nothing.js";
import { ClientMemory } from "./client-memory.js";
import { drawCommand, drawInput, entitiesOf } from "./drawn-commands.js";
import { EventReaders } from "./event-readers.js";
import type { FaultMix } from "./faults.js";
import type { CommandRecord, History } from "./history.js";
import { OpenRequests, type Submit } from "./open-requests.js";
import type { Random } from "./random.js";
import type { World } from "./world.js";

export interface Routers {
  readonly submit: Submit;
  /** The client of a request is gone. */
  left(request: number): void;
}

const DEADLINE_MIN_MS = 1_000;
const DEADLINE_MAX_MS = 8_000;
const RETRIES_MAX = 6;
/** Of reads: those that a barrier has to prove. */
const STRICT = 0.3;

export class SimClients {
  readonly #world: World;
  readonly #random: Random;
  readonly #mix: FaultMix;
  readonly #history: History;
  readonly #memory: ClientMemory;
  readonly #requests: OpenRequests;
  readonly #readers: EventReaders;
  readonly #routers: Routers;
  readonly #isCalm: boolean;
  /** Commands that the clients gave up because their connection broke, by request. */
  readonly #leftBehind = new Map<number, CommandRecord>();
  #commands = 0;
  /** No more feeds, retries of what is unknown, or mischief. */
  isWindingUp = false;

  constructor(world: World, mix: FaultMix, history: History, isCalm: boolean, routers: Routers) {
    this.#world = world;
    this.#random = world.fork();
    this.#mix = mix;
    this.#history = history;
    this.#memory = new ClientMemory(world, history);
    this.#routers = routers;
    this.#isCalm = isCalm;
    this.#requests = new OpenRequests(routers.submit);
    this.#readers = new EventReaders({
      world,
      random: this.#random,
      history,
      memory: this.#memory,
      requests: this.#requests,
      isWindingUp: () => this.isWindingUp,
      left: (request) => routers.left(request),
    });
  }

  /** Requests that wait for an answer; followers do not count. */
  get waiting(): number {
    return this.#requests.waiting;
  }

  get waitingFor(): string {
    return this.#requests.waitingFor;
  }

  /** Does one thing that some client might do. */
  act(): void {
    const random = this.#random;
    if (!this.#isCalm && random.chance(0.02)) return this.#burst();
    const roll = random.unit();
    const entity = random.pick(ENTITIES);
    if (roll < 0.72) return this.#command(entity);
    if (roll < 0.84) return this.#query(entity);
    if (roll < 0.9) return this.#state(entity);
    if (roll < 0.93) return this.#readers.readSome();
    if (roll < 0.95)
      return this.#readers.follow(random.pick(entitiesOf(random.pick(["sim/ledger", "sim/listener", "sim/scratch"]))), 0);
    if (roll < 0.97) return this.#ask({ kind: "timersAsked", request: 0, of: entity, limit: 50 }, () => undefined);
    if (roll < 0.98) return this.#isCalm ? this.#readers.readSome() : this.#purge();
    return this.repair(random.chance(0.3) ? "drop" : "retry");
  }

  /** An operator looks at the dead letters and ends them. */
  repair(action: "retry" | "drop"): void {
    this.#ask({ kind: "deadLettersAsked", request: 0, of: null, limit: 20 }, (answer) => {
      if (answer.kind !== "deadLetters") return;
      for (const { entity, deadLetter } of answer.deadLetters) this.#end(entity, deadLetter.command, action);
    });
  }

  ask(input: AdminAsked | ReadAsked, then: (answer: Answer) => void): void {
    this.#ask(input, then);
  }

  /** The connections of the requests that `isLost` says are gone: nobody knows what came of what was under way. */
  disconnected(isLost: (request: number) => boolean): void {
    for (const [request, asking] of this.#requests.all) {
      if (!isLost(request)) continue;
      this.#requests.close(request);
      if (this.#isCalm && !this.isWindingUp && asking.kind !== "follow")
        this.#history.violate(`in the calm request ${request} (${asking.kind}) was left without an answer`);
      if (asking.kind === "command") {
        this.#leftBehind.set(request, asking.record);
        this.#unknown(asking.record);
      } else if (asking.kind === "follow") this.#readers.later(asking.entity, asking.next);
      else if (asking.kind === "other") this.#world.count("client.lost");
    }
  }

  /**
   * Of a process that was left behind: what it acknowledges must hold all the same. What it only shows may be old: that is
   * what leases are for (RULES.md 4), and one machine has a lock on its data instead.
   */
  outputLate(effect: Effect): void {
    if (effect.kind !== "answer" || effect.answer.kind !== "outcome" || effect.answer.isDuplicate) return;
    const record = this.#leftBehind.get(effect.request);
    const { outcome } = effect.answer;
    if (record === undefined || outcome.kind !== "replied" || !hasBook(record.entity.type)) return;
    this.#world.count("answer.leftBehind");
    this.#history.lateReplies.push({ record, sight: parsed<Sight>(outcome.reply) });
  }

  output(effect: Effect): void {
    if (effect.kind === "feed") return this.#readers.fed(effect);
    if (effect.kind !== "answer") return;
    const asking = this.#requests.of(effect.request);
    if (asking === undefined) return;
    this.#requests.close(effect.request);
    const { answer } = effect;
    this.#world.count(`answer.${answer.kind === "problem" ? answer.problem.code : answer.kind}`);
    if (this.#isCalm) checkCalm(asking.kind, effect.request, answer, this.#history);
    switch (asking.kind) {
      case "command":
        return this.#answered(asking.record, answer);
      case "reused":
        return this.#memory.answeredReuse(asking.record, answer);
      case "outcome":
        if (answer.kind === "outcome") this.#memory.learned(asking.record, answer);
        else if (answer.kind === "pending" && !this.isWindingUp && this.#random.chance(0.5)) this.#askOutcome(asking.record);
        return;
      case "query":
      case "state":
        return this.#memory.saw(asking, answer);
      case "events":
        if (answer.kind === "events")
          for (const event of answer.events) this.#memory.sawEvent(asking.entity, event.version, parsed(event.data));
        return;
      case "follow":
        // Only a refusal comes as an answer: the feed has not begun.
        return this.#readers.later(asking.entity, asking.next);
      case "other":
        return asking.then(answer);
    }
  }

  #burst(): void {
    const entity = this.#random.pick(ENTITIES);
    this.#world.count("client.burst");
    for (let left = 5 + this.#random.below(25); left > 0; left--) this.#command(entity);
  }

  #command(entity: EntityAddress): void {
    const random = this.#random;
    const record = drawCommand(random, this.#mix, entity, `c${++this.#commands}`, this.#world.nowMs);
    this.#history.commands.set(record.id, record);
    this.#world.count(`command.${record.mode}${record.delayMs > 0 ? ".delayed" : ""}${record.hasKey ? ".keyed" : ""}`);
    this.#world.count(`command.${entity.type}.${record.name}`);
    this.#try(record, 0);
    if (record.hasKey && random.chance(this.#mix.clients.duplicate)) {
      this.#world.count("fault.client.duplicate");
      // Most of them before the first is durable.
      this.#world.after(random.between(0, random.pick([10, 30, 500])), () => this.#try(record, RETRIES_MAX));
    }
    if (record.hasKey && random.chance(this.#mix.clients.reuse))
      this.#world.after(random.between(50, 2_000), () => this.#reuse(record));
  }

  #try(record: CommandRecord, tries: number): void {
    const { id, entity, name, input, hasKey, delayMs } = record;
    const isOtherMode = hasKey && delayMs === 0 && !this.#isCalm && this.#random.chance(0.1);
    const mode = isOtherMode ? (record.mode === "call" ? "send" : "call") : record.mode;
    const deadlineMs = this.#random.between(this.#isCalm ? DEADLINE_MAX_MS / 2 : DEADLINE_MIN_MS, DEADLINE_MAX_MS);
    const request = this.#requests.open({ kind: "command", record });
    record.open++;
    const isTaken = this.#requests.send(request, (wallMs) => ({
      kind: "commandArrived",
      isRepeat: false,
      isStrict: false,
      request,
      to: entity,
      name,
      input,
      id,
      hasKey,
      bodyHash: hasKey ? `${name}:${id}` : "",
      acceptedAtMs: wallMs,
      deadlineMs: wallMs + deadlineMs,
      metadata: [],
      mode,
      delayMs,
      isAdmin: false,
    }));
    if (!isTaken) {
      record.open--;
      if (hasKey && tries < RETRIES_MAX) this.#tryLater(record, tries + 1);
      return;
    }
    const leavesEarly = this.#random.chance(this.#mix.clients.leave);
    this.#world.after(leavesEarly ? this.#random.between(0, 200) : deadlineMs + 50, () => this.#leave(request, record));
  }

  #tryLater(record: CommandRecord, tries: number): void {
    this.#world.after(this.#random.between(50, 1_500), () => this.#try(record, tries));
  }

  /** The client gives up waiting. */
  #leave(request: number, record: CommandRecord): void {
    if (!this.#requests.close(request)) return;
    this.#world.count("fault.client.left");
    if (this.#isCalm) this.#history.violate(`in the calm ${record.id} (request ${request}) was not answered until its deadline`);
    this.#routers.left(request);
    this.#unknown(record);
  }

  #unknown(record: CommandRecord): void {
    record.open--;
    record.mayHaveRun = true;
    this.#world.count("client.unknown");
    if (record.hasKey && this.#random.chance(0.7)) this.#tryLater(record, 0);
  }

  #answered(record: CommandRecord, answer: Answer): void {
    record.open--;
    switch (answer.kind) {
      case "outcome":
        return this.#memory.learned(record, answer);
      case "accepted":
        record.wasAccepted = true;
        if (record.status === "none") {
          record.status = "accepted";
          record.answeredAtMs = this.#world.nowMs;
        }
        if (this.#random.chance(0.3)) this.#askOutcome(record);
        return;
      case "problem":
        if (answer.problem.code === "idempotency_key_reused")
          this.#history.violate(`${record.id}: its own key was refused as reused`);
        if (answer.problem.code === "command_not_found" || answer.problem.code === "outcome_unknown") record.mayHaveRun = true;
        if (record.hasKey && this.#random.chance(0.3)) this.#tryLater(record, RETRIES_MAX - 1);
        return;
      case "pending":
        record.mayHaveRun = true;
        return;
      default:
        this.#history.violate(`${record.id}: a command was answered with '${answer.kind}'`);
    }
  }

  #askOutcome(record: CommandRecord): void {
    const request = this.#requests.open({ kind: "outcome", record });
    const waitMs = this.#random.pick([0, 1_000, 5_000]);
    const input = { kind: "outcomeAsked", request, of: record.entity, commandId: record.id } as const;
    this.#world.after(this.#random.between(20, 2_000), () => {
      if (this.#requests.of(request) === undefined) return;
      this.#requests.send(request, (wallMs) => ({ ...input, untilMs: wallMs + waitMs }));
    });
  }

  /** The same key with another body: never runs, whatever is answered. */
  #reuse(record: CommandRecord): void {
    if (record.status !== "replied" && record.status !== "refused") return;
    this.#world.count("fault.client.reuse");
    const request = this.#requests.open({ kind: "reused", record });
    const { id, entity, name, mode } = record;
    const sent = {
      kind: "commandArrived",
      isRepeat: false,
      isStrict: false,
      request,
      to: entity,
      name,
      // One that would do something: a router that does not know yet that it is dead may even run it.
      input: bytesOf({ ...drawInput(this.#random, this.#mix, entity, name, id), t: `${id}-other` }),
      id,
      hasKey: true,
    } as const;
    this.#requests.send(request, (wallMs) => ({
      ...sent,
      bodyHash: "another",
      acceptedAtMs: wallMs,
      deadlineMs: wallMs + 5_000,
      metadata: [],
      mode,
      delayMs: 0,
      isAdmin: false,
    }));
    this.#world.after(6_000, () => this.#requests.close(request) && this.#routers.left(request));
  }

  #query(entity: EntityAddress): void {
    const wantsLog = entity.type === "sim/set";
    const isStrict = this.#random.chance(STRICT);
    const request = this.#requests.open({ kind: "query", entity, invokedAtMs: this.#world.nowMs, isStrict });
    const sent = {
      kind: "commandArrived",
      isRepeat: false,
      isStrict,
      request,
      to: entity,
      name: "read",
      id: `q${request}`,
      hasKey: false,
      bodyHash: "",
    } as const;
    this.#world.count(isStrict ? "command.query.strict" : "command.query");
    this.#requests.send(request, (wallMs) => ({
      ...sent,
      input: bytesOf({ t: `q${request}`, ...(wantsLog ? { a: "log" } : {}) }),
      acceptedAtMs: wallMs,
      deadlineMs: wallMs + 5_000,
      metadata: [],
      mode: "call",
      delayMs: 0,
      isAdmin: false,
    }));
    this.#world.after(6_000, () => {
      if (!this.#requests.close(request)) return;
      if (this.#isCalm) this.#history.violate(`in the calm the query ${request} was not answered until its deadline`);
      this.#routers.left(request);
    });
  }

  /** Asks one router for the state of many entities at once. */
  lookAround(submit: Submit, strict: number = STRICT): void {
    for (const entity of ENTITIES) if (hasBook(entity.type)) this.#state(entity, submit, strict);
  }

  #state(entity: EntityAddress, submit?: Submit, strict: number = STRICT): void {
    const isStrict = this.#random.chance(strict);
    this.#world.count(isStrict ? "command.state.strict" : "command.state");
    const request = this.#requests.open({ kind: "state", entity, invokedAtMs: this.#world.nowMs, isStrict });
    const input = { kind: "stateAsked", request, of: entity, isAdmin: true, isStrict } as const;
    this.#requests.send(request, (wallMs) => ({ ...input, deadlineMs: wallMs + 60_000 }), submit);
  }

  #purge(): void {
    const entity = this.#random.pick(entitiesOf("sim/scratch"));
    this.#world.count("command.purge");
    this.#ask({ kind: "purgeAsked", request: 0, of: entity }, () => undefined);
  }

  #end(entity: EntityAddress, command: { readonly id: string; readonly input: Uint8Array }, action: "retry" | "drop"): void {
    const token = parsed<Ask>(command.input).t;
    this.#history.dead.add(token);
    const input = { kind: "deadLetterEnded", request: 0, of: entity, commandId: command.id, action } as const;
    // Whether it happens or not, and whether anybody hears of it: from now on it may.
    (action === "retry" ? this.#history.retried : this.#history.dropped).add(token);
    this.#world.count(`command.deadLetter.${action}`);
    this.#ask(input, () => undefined);
  }

  #ask(input: AdminAsked | ReadAsked, then: (answer: Answer) => void): void {
    const request = this.#requests.open({ kind: "other", what: input.kind, then });
    this.#requests.send(request, () => ({ ...input, request }));
  }
}
