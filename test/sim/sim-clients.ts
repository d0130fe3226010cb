/**
 * The clients of the simulated router: they call and send with and without keys, ask again, leave, read, follow, and
 * remember what they saw. One object for all of them.
 */
import type { Answer } from "../../src/core/answer.js";
import type { Effect } from "../../src/core/effect.js";
import { addressText, type EntityAddress } from "../../src/core/entity/address.js";
import type { Outcome } from "../../src/core/entity/command.js";
import type { Input } from "../../src/core/input.js";
import type { AdminAsked, ReadAsked } from "../../src/core/request.js";
import type { Ask } from "./business/behaviour.js";
import { bytesOf, decoder, type Line, parsed, type Sight } from "./business/book.js";
import { DECLARED, ENTITIES, ENTITIES_BY_TYPE } from "./business/catalog.js";
import { hasBook } from "./checkers/final-books.js";
import { checkCalm } from "./checkers/moves-fail-nothing.js";
import type { FaultMix } from "./faults.js";
import type { CommandRecord, History } from "./history.js";
import type { Random } from "./random.js";
import type { World } from "./world.js";

/** Where requests go: made by the clock of whoever takes them; false: nobody listens. */
export type Submit = (make: (wallMs: number) => Input) => boolean;

export interface Routers {
  readonly submit: Submit;
  /** The client of a request is gone. */
  left(request: number): void;
}

type Asking =
  | { readonly kind: "command"; readonly record: CommandRecord }
  | { readonly kind: "query" | "state"; readonly entity: EntityAddress; readonly invokedAtMs: number; readonly isStrict: boolean }
  | { readonly kind: "events"; readonly entity: EntityAddress; readonly after: number }
  | { readonly kind: "follow"; readonly entity: EntityAddress; next: number }
  | { readonly kind: "outcome"; readonly record: CommandRecord }
  | { readonly kind: "reused"; readonly record: CommandRecord }
  | { readonly kind: "other"; readonly what: string; readonly then: (answer: Answer) => void };

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
  readonly #submit: Submit;
  readonly #routers: Routers;
  readonly #isCalm: boolean;
  readonly #askingByRequest = new Map<number, Asking>();
  /** Commands that the clients gave up because their connection broke, by request. */
  readonly #leftBehind = new Map<number, CommandRecord>();
  #requests = 0;
  #commands = 0;
  /** No more feeds, retries of what is unknown, or mischief. */
  isWindingUp = false;

  constructor(world: World, mix: FaultMix, history: History, isCalm: boolean, routers: Routers) {
    this.#world = world;
    this.#random = world.fork();
    this.#mix = mix;
    this.#history = history;
    this.#routers = routers;
    this.#submit = routers.submit;
    this.#isCalm = isCalm;
  }

  /** Requests that wait for an answer; followers do not count. */
  get waiting(): number {
    let count = 0;
    for (const asking of this.#askingByRequest.values()) if (asking.kind !== "follow") count++;
    return count;
  }

  get waitingFor(): string {
    const all = [...this.#askingByRequest].filter(([, asking]) => asking.kind !== "follow");
    return all.map(([request, asking]) => `${request} ${asking.kind === "other" ? asking.what : asking.kind}`).join(", ");
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
    if (roll < 0.93) return this.#events();
    if (roll < 0.95) return this.#follow(random.pick(this.#of(random.pick(["sim/ledger", "sim/listener", "sim/scratch"]))), 0);
    if (roll < 0.97) return this.#ask({ kind: "timersAsked", request: 0, of: entity, limit: 50 }, () => undefined);
    if (roll < 0.98) return this.#isCalm ? this.#events() : this.#purge();
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

  /** The router is gone: nobody knows what came of what was under way. */
  /** The connections of the requests that `isLost` says are gone. */
  disconnected(isLost: (request: number) => boolean): void {
    for (const [request, asking] of [...this.#askingByRequest]) {
      if (!isLost(request)) continue;
      this.#askingByRequest.delete(request);
      if (this.#isCalm && !this.isWindingUp && asking.kind !== "follow")
        this.#history.violate(`in the calm request ${request} (${asking.kind}) was left without an answer`);
      if (asking.kind === "command") {
        this.#leftBehind.set(request, asking.record);
        this.#unknown(asking.record);
      } else if (asking.kind === "follow") this.#followLater(asking.entity, asking.next);
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
    if (effect.kind === "feed") return this.#fed(effect);
    if (effect.kind !== "answer") return;
    const asking = this.#askingByRequest.get(effect.request);
    if (asking === undefined) return;
    this.#askingByRequest.delete(effect.request);
    const { answer } = effect;
    this.#world.count(`answer.${answer.kind === "problem" ? answer.problem.code : answer.kind}`);
    if (this.#isCalm) checkCalm(asking.kind, effect.request, answer, this.#history);
    switch (asking.kind) {
      case "command":
        return this.#answered(asking.record, answer);
      case "reused":
        return this.#answeredReuse(asking.record, answer);
      case "outcome":
        if (answer.kind === "outcome") this.#learned(asking.record, answer);
        else if (answer.kind === "pending" && !this.isWindingUp && this.#random.chance(0.5)) this.#askOutcome(asking.record);
        return;
      case "query":
      case "state":
        return this.#saw(asking, answer);
      case "events":
        if (answer.kind === "events")
          for (const event of answer.events) this.#sawEvent(asking.entity, event.version, parsed(event.data));
        return;
      case "follow":
        // Only a refusal comes as an answer: the feed has not begun.
        return this.#followLater(asking.entity, asking.next);
      case "other":
        return asking.then(answer);
    }
  }

  #of(type: string): readonly EntityAddress[] {
    return ENTITIES_BY_TYPE.get(type) ?? [];
  }

  #burst(): void {
    const entity = this.#random.pick(ENTITIES);
    this.#world.count("client.burst");
    for (let left = 5 + this.#random.below(25); left > 0; left--) this.#command(entity);
  }

  #command(entity: EntityAddress): void {
    const random = this.#random;
    const name = random.pick((DECLARED[entity.type] as (typeof DECLARED)[string]).commands);
    const id = `c${++this.#commands}`;
    const isSend = random.chance(0.25);
    const record: CommandRecord = {
      id,
      entity,
      name,
      input: bytesOf(this.#input(entity, name, id)),
      mode: isSend ? "send" : "call",
      hasKey: random.chance(0.5),
      delayMs: isSend && random.chance(0.4) ? random.between(1, 6_000) : 0,
      invokedAtMs: this.#world.nowMs,
      open: 0,
      mayHaveRun: false,
      status: "none",
      answeredAtMs: Infinity,
      wasAccepted: false,
      sight: null,
      replyText: "",
    };
    this.#history.commands.set(id, record);
    this.#world.count(`command.${record.mode}${record.delayMs > 0 ? ".delayed" : ""}${record.hasKey ? ".keyed" : ""}`);
    this.#world.count(`command.${entity.type}.${name}`);
    this.#try(record, 0);
    if (record.hasKey && random.chance(this.#mix.clients.duplicate)) {
      this.#world.count("fault.client.duplicate");
      // Most of them before the first is durable.
      this.#world.after(random.between(0, random.pick([10, 30, 500])), () => this.#try(record, RETRIES_MAX));
    }
    if (record.hasKey && random.chance(this.#mix.clients.reuse))
      this.#world.after(random.between(50, 2_000), () => this.#reuse(record));
  }

  #input(entity: EntityAddress, name: string, t: string): Ask {
    const random = this.#random;
    const p = random.chance(this.#mix.functions.poison) ? { p: true } : {};
    const someone = (type: string): string => addressText(random.pick(this.#of(type)));
    switch (`${entity.type} ${name}`) {
      case "sim/ledger transfer":
        return { t, ...p, to: someone("sim/ledger"), v: 1 + random.below(30) };
      case "sim/ledger post":
        return { t, ...p, v: random.below(60) - 15, ...(random.chance(0.05) ? { pad: "x".repeat(random.below(6_000)) } : {}) };
      case "sim/register cas":
        return { t, ...p, a: String(random.below(4)), v: random.below(4) };
      case "sim/register write":
        return { t, ...p, v: random.below(4) };
      case "sim/chatter say": {
        const targets = Array.from({ length: 1 + random.below(4) }, () => someone("sim/listener"));
        const pad = random.chance(0.05) ? { pad: "y".repeat(random.below(4_000)) } : {};
        return { t, ...p, ...pad, to: targets.join(","), ...(random.chance(0.2) ? { relay: true } : {}) };
      }
      case "sim/alarm arm": {
        const isOwn = random.chance(0.8);
        return {
          t,
          to: isOwn ? addressText(entity) : someone("sim/alarm"),
          a: random.pick(["tea", "egg", "bus"]),
          v: Math.floor(random.between(1, 3_000)),
        };
      }
      case "sim/alarm disarm":
        return { t, a: random.pick(["tea", "egg", "bus"]) };
      case "sim/cart order":
        return { t, to: someone("sim/stock"), v: 1 + random.below(5) };
      default:
        return { t, ...p, v: 1 + random.below(20) };
    }
  }

  #try(record: CommandRecord, tries: number): void {
    const { id, entity, name, input, hasKey, delayMs } = record;
    const isOtherMode = hasKey && delayMs === 0 && !this.#isCalm && this.#random.chance(0.1);
    const mode = isOtherMode ? (record.mode === "call" ? "send" : "call") : record.mode;
    const deadlineMs = this.#random.between(this.#isCalm ? DEADLINE_MAX_MS / 2 : DEADLINE_MIN_MS, DEADLINE_MAX_MS);
    const request = ++this.#requests;
    record.open++;
    this.#askingByRequest.set(request, { kind: "command", record });
    const isTaken = this.#submit((wallMs) => ({
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
      this.#askingByRequest.delete(request);
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
    if (!this.#askingByRequest.delete(request)) return;
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
        return this.#learned(record, answer);
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

  #learned(record: CommandRecord, answer: Answer & { readonly kind: "outcome" }): void {
    const { outcome } = answer;
    if (answer.isDuplicate) this.#world.count("answer.duplicate");
    if (answer.commandId !== record.id)
      this.#history.violate(`${record.id} was answered with the outcome of ${answer.commandId}`);
    const replyText = textOf(outcome);
    const isFinal = outcome.kind !== "failed";
    const isForgetful = record.entity.type === "sim/scratch";
    if (!isForgetful && (record.status === "replied" || record.status === "refused")) {
      if (outcome.kind !== record.status || replyText !== record.replyText) {
        this.#history.violate(
          `${record.id} ended twice: ${record.status} ${record.replyText}, then ${outcome.kind} ${replyText}`,
        );
      }
      return;
    }
    if (record.mode === "send" && outcome.kind === "failed") return;
    record.status = outcome.kind;
    record.replyText = replyText;
    if (!isFinal) return;
    record.answeredAtMs = this.#world.nowMs;
    if (outcome.kind === "replied") record.sight = parsed<Sight>(outcome.reply);
    else if (hasBook(record.entity.type)) this.#sawRefusal(record, parsed<Sight>(outcome.details));
  }

  /** A refusal shows the book that it was decided on: as binding as a read. */
  #sawRefusal({ entity, id, invokedAtMs, answeredAtMs }: CommandRecord, sight: Sight): void {
    this.#world.count("client.refusalSeen");
    this.#history.sights.push({
      entity,
      what: `refusal of ${id}`,
      isStrict: false,
      sight,
      invokedAtMs,
      answeredAtMs,
      value: null,
      tokens: null,
    });
  }

  #askOutcome(record: CommandRecord): void {
    const request = ++this.#requests;
    const waitMs = this.#random.pick([0, 1_000, 5_000]);
    this.#askingByRequest.set(request, { kind: "outcome", record });
    const input = { kind: "outcomeAsked", request, of: record.entity, commandId: record.id } as const;
    this.#world.after(this.#random.between(20, 2_000), () => {
      if (!this.#askingByRequest.has(request)) return;
      if (!this.#submit((wallMs) => ({ ...input, untilMs: wallMs + waitMs }))) this.#askingByRequest.delete(request);
    });
  }

  /** The same key with another body: never runs, whatever is answered. */
  #reuse(record: CommandRecord): void {
    if (record.status !== "replied" && record.status !== "refused") return;
    this.#world.count("fault.client.reuse");
    const request = ++this.#requests;
    this.#askingByRequest.set(request, { kind: "reused", record });
    const { id, entity, name, mode } = record;
    const sent = {
      kind: "commandArrived",
      isRepeat: false,
      isStrict: false,
      request,
      to: entity,
      name,
      // One that would do something: a router that does not know yet that it is dead may even run it.
      input: bytesOf({ ...this.#input(entity, name, id), t: `${id}-other` }),
      id,
      hasKey: true,
    } as const;
    const isTaken = this.#submit((wallMs) => ({
      ...sent,
      bodyHash: "another",
      acceptedAtMs: wallMs,
      deadlineMs: wallMs + 5_000,
      metadata: [],
      mode,
      delayMs: 0,
      isAdmin: false,
    }));
    if (!isTaken) this.#askingByRequest.delete(request);
    this.#world.after(6_000, () => this.#askingByRequest.delete(request) && this.#routers.left(request));
  }

  #answeredReuse(record: CommandRecord, answer: Answer): void {
    // A purged entity has forgotten the key as well.
    if (answer.kind === "problem" || record.entity.type === "sim/scratch") return;
    this.#history.violate(`the key of ${record.id}, used for another body, was answered with '${answer.kind}'`);
  }

  #query(entity: EntityAddress): void {
    const request = ++this.#requests;
    const wantsLog = entity.type === "sim/set";
    const isStrict = this.#random.chance(STRICT);
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
    this.#askingByRequest.set(request, { kind: "query", entity, invokedAtMs: this.#world.nowMs, isStrict });
    this.#world.count(isStrict ? "command.query.strict" : "command.query");
    const isTaken = this.#submit((wallMs) => ({
      ...sent,
      input: bytesOf({ t: `q${request}`, ...(wantsLog ? { a: "log" } : {}) }),
      acceptedAtMs: wallMs,
      deadlineMs: wallMs + 5_000,
      metadata: [],
      mode: "call",
      delayMs: 0,
      isAdmin: false,
    }));
    if (!isTaken) this.#askingByRequest.delete(request);
    this.#world.after(6_000, () => {
      if (!this.#askingByRequest.delete(request)) return;
      if (this.#isCalm) this.#history.violate(`in the calm the query ${request} was not answered until its deadline`);
      this.#routers.left(request);
    });
  }

  /** Asks one router for the state of many entities at once. */
  lookAround(submit: Submit, strict: number = STRICT): void {
    for (const entity of ENTITIES) if (hasBook(entity.type)) this.#state(entity, submit, strict);
  }

  #state(entity: EntityAddress, submit: Submit = this.#submit, strict: number = STRICT): void {
    const request = ++this.#requests;
    const isStrict = this.#random.chance(strict);
    this.#world.count(isStrict ? "command.state.strict" : "command.state");
    this.#askingByRequest.set(request, { kind: "state", entity, invokedAtMs: this.#world.nowMs, isStrict });
    const input = { kind: "stateAsked", request, of: entity, isAdmin: true, isStrict } as const;
    if (!submit((wallMs) => ({ ...input, deadlineMs: wallMs + 60_000 }))) this.#askingByRequest.delete(request);
  }

  #events(): void {
    const entity = this.#random.pick(this.#of(this.#random.pick(["sim/ledger", "sim/listener"])));
    const request = ++this.#requests;
    const after = this.#random.below(10);
    this.#world.count("command.events");
    this.#askingByRequest.set(request, { kind: "events", entity, after });
    const input = {
      kind: "eventsAsked",
      request,
      of: entity,
      after,
      limit: this.#random.pick([1, 5, 100]),
      follow: false,
    } as const;
    if (!this.#submit(() => ({ ...input, isAdmin: false }))) this.#askingByRequest.delete(request);
  }

  #follow(entity: EntityAddress, after: number): void {
    const request = ++this.#requests;
    this.#world.count("command.follow");
    this.#askingByRequest.set(request, { kind: "follow", entity, next: after + 1 });
    const input = { kind: "eventsAsked", request, of: entity, after, limit: 100, follow: true, isAdmin: false } as const;
    if (!this.#submit(() => input)) {
      this.#askingByRequest.delete(request);
      return this.#followLater(entity, after + 1);
    }
    if (!this.#random.chance(0.5)) return;
    this.#world.after(this.#random.between(10, 10_000), () => {
      if (this.#askingByRequest.delete(request)) this.#routers.left(request);
    });
  }

  #followLater(entity: EntityAddress, next: number): void {
    if (this.isWindingUp || !this.#random.chance(0.7)) return;
    this.#world.after(this.#random.between(100, 1_000), () => this.#follow(entity, next - 1));
  }

  #fed(effect: Effect & { readonly kind: "feed" }): void {
    const asking = this.#askingByRequest.get(effect.request);
    if (asking === undefined || asking.kind !== "follow") return;
    for (const event of effect.events) {
      if (event.version !== asking.next && asking.entity.type !== "sim/scratch") {
        this.#history.violate(`a feed of ${addressText(asking.entity)} gave version ${event.version} instead of ${asking.next}`);
      }
      asking.next = event.version + 1;
      this.#sawEvent(asking.entity, event.version, parsed(event.data));
    }
    if (effect.ended === null) return;
    this.#world.count(`feed.${effect.ended}`);
    this.#askingByRequest.delete(effect.request);
    this.#followLater(asking.entity, effect.ended === "purged" ? 1 : asking.next);
  }

  #purge(): void {
    const entity = this.#random.pick(this.#of("sim/scratch"));
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
    const request = ++this.#requests;
    this.#askingByRequest.set(request, { kind: "other", what: input.kind, then });
    if (!this.#submit(() => ({ ...input, request }))) this.#askingByRequest.delete(request);
  }

  #saw(asking: Asking & { readonly kind: "query" | "state" }, answer: Answer): void {
    const { kind: what, entity, invokedAtMs, isStrict } = asking;
    const answeredAtMs = this.#world.nowMs;
    let seen: (Sight & { readonly x?: Record<string, unknown>; readonly log?: readonly Line[] }) | null = null;
    if (answer.kind === "outcome" && answer.outcome.kind === "replied") seen = parsed(answer.outcome.reply);
    else if (answer.kind === "state") seen = answer.state === null ? { n: 0, chain: 0, x: {}, log: [] } : parsed(answer.state);
    if (seen === null) return;
    const value = entity.type === "sim/register" ? Number(seen.x?.["value"] ?? 0) : null;
    const tokens = entity.type === "sim/set" && seen.log !== undefined ? seen.log.map((line) => line.t) : null;
    this.#history.sights.push({
      entity,
      what: isStrict ? `strict ${what}` : what,
      isStrict,
      sight: { n: seen.n, chain: seen.chain },
      invokedAtMs,
      answeredAtMs,
      value,
      tokens,
    });
  }

  #sawEvent(entity: EntityAddress, version: number, line: Line): void {
    if (entity.type !== "sim/scratch") this.#history.fed.push({ entity, version, line });
  }
}

/** All that it says: a duplicate must be answered with the same. */
function textOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case "replied":
      return decoder.decode(outcome.reply);
    case "refused":
      return `${outcome.code} ${decoder.decode(outcome.details)}`;
    case "failed":
      return outcome.code;
  }
}
