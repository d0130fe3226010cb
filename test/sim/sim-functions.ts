/**
 * The functions of the simulated business, behind an endpoint that does all that endpoints do: answer late, twice, in
 * part, in another order, wrongly, or not at all.
 */
import type { Effect } from "../../src/core/effect.js";
import { addressText, parseAddress } from "../../src/core/entity/address.js";
import type {
  CommandResult,
  EntityResult,
  FunctionEffect,
  InvocationCommand,
  InvocationEnd,
  InvocationEntity,
  NewEvent,
} from "../../src/core/entity/invocation.js";
import type { Input } from "../../src/core/input.js";
import { type Ask, behave, fold, type Send } from "./business/behaviour.js";
import { type Book, bytesOf, emptyBook, type Line, parsed, type Sight } from "./business/book.js";
import { BookShelf } from "./business/book-shelf.js";
import { DECLARED, STATE_BYTES_MAX } from "./business/catalog.js";
import type { Caller, Disk } from "./disk.js";
import { spoil } from "./spoil.js";

type Invoke = Effect & { readonly kind: "invoke" };
type Deliver = (input: Input) => void;

export class SimFunctions {
  readonly #disk: Disk;
  readonly #violate: (message: string) => void;
  readonly #shelf = new BookShelf();
  /** Nobody answers. */
  isDown = false;
  /** Commands that fault by themselves do so no more. */
  isRepaired = false;

  constructor(disk: Disk, violate: (message: string) => void) {
    this.#disk = disk;
    this.#violate = violate;
  }

  invoke(caller: Caller, effect: Invoke, deliver: Deliver): void {
    const { world, random, mix } = this.#disk;
    const { attempt, timeoutMs } = effect;
    const end = (ms: number, ended: InvocationEnd): void =>
      world.after(ms, () => caller.isAlive && deliver({ kind: "invocationEnded", attempt, end: ended }));
    const faults = mix.functions;
    world.count("component.invocations");
    if (this.isDown || random.chance(faults.unavailable)) {
      world.count(this.isDown ? "fault.function.down" : "fault.function.unavailable");
      return end(random.between(0.1, 5), { kind: "unavailable", message: "simulated", retryAfterMs: random.pick([null, 100]) });
    }
    let results = random.shuffled(effect.request.entities.map((entity) => this.#run(entity)));
    let tookMs = random.between(0.2, 8) * (random.chance(faults.slow) ? 100 : 1);
    let ended: InvocationEnd = { kind: "complete" };
    if (random.chance(faults.timeout)) {
      world.count("fault.function.timeout");
      end(timeoutMs, { kind: "timeout", message: "simulated" });
      tookMs = timeoutMs + random.between(1, 2_000);
      world.count("fault.function.late", results.length);
    } else if (random.chance(faults.malformed)) {
      world.count("fault.function.malformed");
      ended = { kind: "malformed", code: "malformed_answer", message: "simulated" };
      results = results.slice(random.below(results.length + 1));
    } else if (random.chance(faults.cut)) {
      world.count("fault.function.cut");
      ended = { kind: "cut", message: "simulated" };
      results = results.slice(random.below(results.length + 1));
    } else if (random.chance(faults.partial)) {
      world.count("fault.function.partial");
      results = results.slice(random.below(results.length + 1));
    }
    if (results.length > 1) world.count("fault.function.reordered");
    let lastMs = 0;
    for (const result of results) {
      const atMs = random.between(tookMs / 2, tookMs);
      lastMs = Math.max(lastMs, atMs);
      this.#answer(caller, attempt, atMs, result, deliver);
    }
    end(lastMs + random.between(0, 1), ended);
  }

  #answer(caller: Caller, attempt: number, atMs: number, right: EntityResult, deliver: Deliver): void {
    const { world, random, mix } = this.#disk;
    let result = right;
    if (random.chance(mix.functions.wrong)) {
      const spoilt = spoil(random, right, STATE_BYTES_MAX);
      world.count(`fault.answer.${spoilt.how}`);
      result = spoilt.result;
    }
    const give = (ms: number): void =>
      world.after(ms, () => caller.isAlive && deliver({ kind: "entityFinished", attempt, result }));
    give(atMs);
    if (!random.chance(mix.functions.doubled)) return;
    world.count("fault.function.doubled");
    give(atMs + random.between(0, 20));
  }

  #run(entity: InvocationEntity): EntityResult {
    const { world, random } = this.#disk;
    const kind = DECLARED[entity.type]?.kind;
    const self = { type: entity.type, id: entity.id };
    const address = addressText(self);
    const book = kind === "action" ? emptyBook() : this.#shelf.read(address, entity.state);
    for (const event of entity.events) fold(entity.type, book, parsed<Line>(event.data));
    const isPage = entity.commands.length === 0 && book.n < entity.version;
    if (kind === "event-sourced" && book.n !== entity.version && !isPage) {
      this.#violate(`${address} at version ${entity.version} was handed a state that is the fold of ${book.n} events`);
    }
    const outcomes: CommandResult[] = [];
    let didChange = false;
    for (const command of entity.commands) {
      const outcome: CommandResult = outcomes.some((before) => before.kind === "faulted")
        ? { n: command.n, kind: "skipped" }
        : this.#runOne(self, book, command);
      world.count(`outcome.${outcome.kind}`);
      if (outcome.kind === "done" && !command.isQuery) didChange = true;
      outcomes.push(outcome);
    }
    const isFolding = entity.events.length > 0 || didChange;
    if (kind === "event-sourced" && isFolding) {
      // Whether a function gives the folded state is its own affair; where it only folds, that is what it is there for.
      return entity.commands.length > 0 && random.chance(0.2)
        ? { n: entity.n, outcomes }
        : { n: entity.n, state: this.#shelf.write(address, book), outcomes };
    }
    return kind === "value" && didChange
      ? { n: entity.n, state: this.#shelf.write(address, book), outcomes }
      : { n: entity.n, outcomes };
  }

  #runOne(self: { readonly type: string; readonly id: string }, book: Book, command: InvocationCommand): CommandResult {
    const { n } = command;
    const { world } = this.#disk;
    const ask = parsed<Ask>(command.input);
    if (command.isQuery)
      return done(n, { n: book.n, chain: book.chain, x: book.x, log: ask.a === "log" ? book.log : undefined }, [], []);
    if (ask.p === true && command.answer === null && !this.isRepaired) return { n, kind: "faulted", message: "poison" };
    if (this.#disk.random.chance(this.#disk.mix.functions.fault)) return { n, kind: "faulted", message: "simulated" };
    if (command.nowMs > world.wallMaxMs)
      this.#violate(`${ask.t} ran before its time: ${command.nowMs}, it is ${world.wallMaxMs}`);
    const outcome = command.answer === null ? null : command.answer.kind;
    const did = behave(self, book, { name: command.name, ask, nowMs: command.nowMs, outcome });
    if (did.kind === "refused") {
      const sight: Sight = { n: book.n, chain: book.chain };
      return { n, kind: "refused", code: did.code, message: "no", details: bytesOf(sight) };
    }
    for (const line of did.lines) fold(self.type, book, line);
    const events: NewEvent[] =
      DECLARED[self.type]?.kind === "event-sourced"
        ? did.lines.map((line) => ({ name: line.k, eventVersion: 1, data: bytesOf(line) }))
        : [];
    const effects: FunctionEffect[] = [
      ...did.sends.map((send) => effectOf(send)),
      ...did.cancels.map((timer) => ({ kind: "cancel", timer }) as const),
    ];
    return done(n, { n: book.n, chain: book.chain, v: book.x["value"] }, events, effects);
  }
}

function done(n: number, reply: unknown, events: readonly NewEvent[], effects: readonly FunctionEffect[]): CommandResult {
  return { n, kind: "done", reply: bytesOf(reply), events, effects };
}

function effectOf(send: Send): FunctionEffect {
  const to = parseAddress(send.to);
  if (to === null) throw new Error(`'${send.to}' is no address`);
  return {
    kind: "send",
    to,
    command: send.command,
    input: bytesOf(send.ask),
    replyTo: send.handler === null ? null : { handler: send.handler, context: bytesOf(send.ask) },
    afterMs: send.afterMs,
    timer: send.timer,
  };
}
