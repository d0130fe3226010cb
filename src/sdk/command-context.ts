/** The `ctx` of a handler: what it may look at, and the effects it asks for until it ends. */
import type { JsonCommand, JsonEffect, JsonEntity } from "../protocol/function/json-form.js";
import { checkName, type EntityAddress } from "./address.js";
import type { Definition } from "./definition.js";
import { type Duration, delayMs } from "./duration.js";
import type { AskOptions, DelayOptions, ReadContext } from "./handlers.js";
import { jsonCopy } from "./json-value.js";
import type { Message } from "./message.js";
import { checkNow, fieldsText } from "./schema.js";
import type { StateCell } from "./state-cell.js";

/** More effects of one command than this are taken for a loop that does not end. */
const EFFECTS_MAX = 10_000;

/** Where the `AbortSignal` of an invocation comes from: made when first asked for. */
export interface SignalSource {
  readonly signal: AbortSignal;
}

/** Collects the effects of one command. Closed when the command ends: what a forgotten promise does later is an error. */
export class CommandScope {
  readonly #definition: Definition;
  readonly #effects: JsonEffect[] = [];
  #isOpen = true;

  constructor(definition: Definition) {
    this.#definition = definition;
  }

  close(): readonly JsonEffect[] {
    this.#isOpen = false;
    return this.#effects;
  }

  assertOpen(): void {
    if (!this.#isOpen) throw new Error("this command has ended: await everything a handler starts before it returns");
  }

  send(message: Message, afterMs: number, timer: string | undefined, replyTo?: { handler: string; context: unknown }): void {
    if (message?.kind !== "command") throw new TypeError("only commands can be sent: write Contract(id).command(input)");
    if (timer !== undefined) checkName(timer);
    this.#add({
      send: {
        to: message.to,
        command: message.name,
        input: jsonCopy(message.input, `the input of "${message.name}"`),
        ...(replyTo && { replyTo }),
        ...(afterMs > 0 && { afterMs }),
        ...(timer !== undefined && { timer }),
      },
    });
  }

  ask(message: Message, handler: string, context: unknown, options: AskOptions): void {
    const spec = this.#definition.replies.get(handler);
    if (spec === undefined) throw new TypeError(`${this.#definition.type} declares no reply "${handler}"`);
    if (message.to.type !== spec.type || message.name !== spec.command) {
      throw new TypeError(
        `reply "${handler}" takes answers of ${spec.type} "${spec.command}", not of ${message.to.type} "${message.name}"`,
      );
    }
    const checked = checkNow(spec.context, context, `the context of "${handler}"`);
    if (!checked.ok) throw new TypeError(`the context of "${handler}" does not fit its schema: ${fieldsText(checked.fields)}`);
    const kept = jsonCopy(checked.value, `the context of "${handler}"`);
    this.send(message, options.after === undefined ? 0 : delayMs(options.after), options.timer, { handler, context: kept });
  }

  cancel(timer: string): void {
    checkName(timer);
    this.#add({ cancel: { timer } });
  }

  #add(effect: JsonEffect): void {
    this.assertOpen();
    if (this.#effects.length === EFFECTS_MAX) throw new RangeError(`a command has more than ${EFFECTS_MAX} effects`);
    this.#effects.push(effect);
  }
}

/** What queries see. Getters lie on the prototype: on a literal they would cost more than all the rest. */
export class QueryContext implements ReadContext {
  readonly id: string;
  readonly #command: JsonCommand;
  readonly #source: SignalSource;

  constructor(entity: JsonEntity, command: JsonCommand, source: SignalSource) {
    this.id = entity.id;
    this.#command = command;
    this.#source = source;
  }

  get commandId(): string {
    return this.#command.id;
  }

  get attempt(): number {
    return this.#command.attempt;
  }

  get caller(): EntityAddress | null {
    return this.#command.caller;
  }

  get metadata(): { readonly [name: string]: string } {
    return this.#command.metadata;
  }

  get now(): Date {
    return new Date(this.#command.now);
  }

  get signal(): AbortSignal {
    return this.#source.signal;
  }
}

/** What command and answer handlers see. Its functions need no `this`, so that handlers may take them apart. */
export class CommandContext implements ReadContext {
  readonly id: string;
  readonly #command: JsonCommand;
  readonly #source: SignalSource;
  readonly #scope: CommandScope;
  readonly #cell: StateCell;

  constructor(entity: JsonEntity, command: JsonCommand, source: SignalSource, scope: CommandScope, cell: StateCell) {
    this.id = entity.id;
    this.#command = command;
    this.#source = source;
    this.#scope = scope;
    this.#cell = cell;
  }

  get commandId(): string {
    return this.#command.id;
  }

  get attempt(): number {
    return this.#command.attempt;
  }

  get caller(): EntityAddress | null {
    return this.#command.caller;
  }

  get metadata(): { readonly [name: string]: string } {
    return this.#command.metadata;
  }

  get now(): Date {
    return new Date(this.#command.now);
  }

  get signal(): AbortSignal {
    return this.#source.signal;
  }

  get state(): unknown {
    return this.#cell.current();
  }

  set state(value: unknown) {
    this.#scope.assertOpen();
    this.#cell.assign(value);
  }

  readonly emit = (name: string, data: unknown): void => {
    this.#scope.assertOpen();
    this.#cell.emit(name, data);
  };

  readonly send = (message: Message): void => this.#scope.send(message, 0, undefined);

  readonly sendAfter = (delay: Duration, message: Message, options: DelayOptions = {}): void =>
    this.#scope.send(message, delayMs(delay), options.timer);

  readonly ask = (message: Message, handler: string, context?: unknown, options: AskOptions = {}): void =>
    this.#scope.ask(message, handler, context, options);

  readonly cancel = (timer: string): void => this.#scope.cancel(timer);
}
