/** Runs the commands of one entity of an invocation, in order, and says what came of each. */
import type { JsonCommand, JsonEntity, JsonEntityResult, JsonOutcome } from "../protocol/function/json-form.js";
import { type Awaitable, andThen, isPromise } from "./awaitable.js";
import { CommandContext, CommandScope, QueryContext, type SignalSource } from "./command-context.js";
import type { Definition } from "./definition.js";
import { jsonCopy } from "./json-value.js";
import { INVALID_INPUT, isRefusal } from "./refusal.js";
import { check, fieldsText, type InvalidField, type Schema } from "./schema.js";
import { type StateCell, stateCell } from "./state-cell.js";

const FAULT_TEXT_MAX = 2_000;

/** What a handler threw that is no refusal, and where: for logs. */
export interface Fault {
  readonly error: unknown;
  readonly type: string;
  readonly id: string;
  readonly command: string;
  readonly commandId: string;
}

/** What an invocation brings besides its entities. */
export interface InvocationScope extends SignalSource {
  /** True once nobody waits for the invocation. */
  readonly isOver: boolean;
  onFault(fault: Fault): void;
}

/**
 * Never rejects. A refusal leaves the state as it was and the next command goes on; a fault leaves it as it was and the
 * rest is skipped, to run after the faulted one in another invocation.
 */
export async function runEntity(
  definition: Definition | undefined,
  entity: JsonEntity,
  scope: InvocationScope,
): Promise<JsonEntityResult> {
  const outcomes: JsonOutcome[] = [];
  let cell: StateCell | undefined;
  if (entity.commands.length === 0) cell = foldOnly(definition, entity, scope);
  for (const command of entity.commands) {
    if (outcomes.some(isFault)) {
      outcomes.push({ n: command.n, skipped: true });
      continue;
    }
    try {
      if (scope.isOver) throw new Error("the invocation's deadline passed before this command began");
      if (definition === undefined) throw new Error(`this function serves no entity type "${entity.type}"`);
      cell ??= stateCell(definition, entity);
    } catch (error) {
      outcomes.push(faulted(error, entity, command, scope));
      continue;
    }
    const running = runCommand(definition, entity, command, cell, scope);
    const outcome = isPromise(running) ? await running : running;
    outcomes.push(outcome);
  }
  return { n: entity.n, ...cell?.answer(), outcomes };
}

/** Without commands the router asks for the folded state alone: somebody wants to see it. */
function foldOnly(definition: Definition | undefined, entity: JsonEntity, scope: InvocationScope): StateCell | undefined {
  try {
    if (definition === undefined) throw new Error(`this function serves no entity type "${entity.type}"`);
    return stateCell(definition, entity);
  } catch (error) {
    scope.onFault({ error, type: entity.type, id: entity.id, command: "(fold)", commandId: "" });
    return undefined;
  }
}

function isFault(outcome: JsonOutcome): boolean {
  return "fault" in outcome;
}

function runCommand(
  definition: Definition,
  entity: JsonEntity,
  command: JsonCommand,
  cell: StateCell,
  scope: InvocationScope,
): Awaitable<JsonOutcome> {
  const effects = new CommandScope(definition);
  const failed = (thrown: unknown): JsonOutcome => {
    effects.close();
    cell.rollback();
    return isRefusal(thrown) || thrown instanceof InvalidInput
      ? refused(thrown, entity, command, scope)
      : faulted(thrown, entity, command, scope);
  };
  const done = (reply: unknown): JsonOutcome => {
    const kept = jsonCopy(reply, `the reply of "${command.name}"`);
    const collected = effects.close();
    const events = cell.commit();
    return {
      n: command.n,
      reply: kept,
      ...(events.length > 0 && { events }),
      ...(collected.length > 0 && { effects: collected }),
    };
  };
  try {
    const replied = callHandler(definition, entity, command, cell, scope, effects);
    return isPromise(replied) ? Promise.resolve(replied).then(done).catch(failed) : done(replied);
  } catch (thrown) {
    return failed(thrown);
  }
}

function callHandler(
  definition: Definition,
  entity: JsonEntity,
  command: JsonCommand,
  cell: StateCell,
  scope: InvocationScope,
  effects: CommandScope,
): Awaitable<unknown> {
  if (command.answer !== undefined) return callReplyHandler();
  return command.query === true ? callQuery() : callCommand();

  function callCommand(): Awaitable<unknown> {
    const spec = own(definition.contract.commands, command.name);
    const handler = definition.commands.get(command.name);
    if (spec === undefined || handler === undefined) throw new Error(`${entity.type} has no command "${command.name}"`);
    const replied = andThen(checkedInput(spec.input, command), (input) =>
      handler(new CommandContext(entity, command, scope, effects, cell), input),
    );
    return andThen(replied, (reply) => checkedReply(spec.reply, reply, command));
  }

  function callQuery(): Awaitable<unknown> {
    const spec = own(definition.contract.queries, command.name);
    const handler = definition.queries.get(command.name);
    if (spec === undefined || handler === undefined) throw new Error(`${entity.type} has no query "${command.name}"`);
    const context = new QueryContext(entity, command, scope);
    const replied = andThen(checkedInput(spec.input, command), (input) =>
      definition.kind === "action" ? handler(input, context) : handler(cell.current(), input, context),
    );
    return andThen(replied, (reply) => checkedReply(spec.reply, reply, command));
  }

  function callReplyHandler(): Awaitable<unknown> {
    const handler = definition.onReply.get(command.name);
    if (handler === undefined) throw new Error(`${entity.type} has no reply handler "${command.name}"`);
    const context = new CommandContext(entity, command, scope, effects, cell);
    return andThen(handler(context, command.answer, command.input), () => undefined);
  }
}

function checkedInput(schema: Schema | undefined, command: JsonCommand): Awaitable<unknown> {
  if (schema === undefined) return undefined;
  return andThen(check(schema, command.input), (checked) => {
    if (!checked.ok) throw new InvalidInput(command.name, checked.fields);
    return checked.value;
  });
}

function checkedReply(schema: Schema | undefined, reply: unknown, command: JsonCommand): Awaitable<unknown> {
  if (schema === undefined) return undefined;
  return andThen(check(schema, reply), (checked) => {
    if (!checked.ok) throw new TypeError(`the reply of "${command.name}" does not fit its schema: ${fieldsText(checked.fields)}`);
    return checked.value;
  });
}

/** The input does not fit: a refusal of the SDK's own, which the ingress turns into a 422 that names the fields. */
class InvalidInput extends Error {
  readonly code = INVALID_INPUT;
  readonly details: readonly InvalidField[];

  constructor(command: string, fields: readonly InvalidField[]) {
    super(`the input of "${command}" does not fit its schema: ${fieldsText(fields)}`);
    this.details = fields;
  }
}

function refused(
  refusal: { readonly code: string; readonly message: string; readonly details: unknown },
  entity: JsonEntity,
  command: JsonCommand,
  scope: InvocationScope,
): JsonOutcome {
  const { code, message } = refusal;
  try {
    const details = jsonCopy(refusal.details, "the details of a refusal");
    return { n: command.n, refusal: { code, message, ...(details !== undefined && { details }) } };
  } catch (error) {
    return faulted(error, entity, command, scope);
  }
}

function faulted(error: unknown, entity: JsonEntity, command: JsonCommand, scope: InvocationScope): JsonOutcome {
  scope.onFault({ error, type: entity.type, id: entity.id, command: command.name, commandId: command.id });
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { n: command.n, fault: { message: text.slice(0, FAULT_TEXT_MAX) } };
}

function own<T>(record: { readonly [name: string]: T }, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
