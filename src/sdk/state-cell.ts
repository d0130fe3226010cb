/**
 * The state of one entity during one invocation. Commands run one after the other on it: what a command changed is
 * committed when it ended well and rolled back otherwise, so that nothing of a refused or thrown command survives.
 */
import type { JsonEntity, JsonNewEvent } from "../protocol/function/json-form.js";
import type { Definition } from "./definition.js";
import { jsonCopy, sealState } from "./json-value.js";
import { checkNow, fieldsText } from "./schema.js";

export interface StateCell {
  /** Frozen. What this command changed so far is in it. */
  current(): unknown;
  assign(state: unknown): void;
  emit(name: string, data: unknown): void;
  /** The command ended well. Answers the events it emitted. */
  commit(): readonly JsonNewEvent[];
  rollback(): void;
  /** What to answer as the entity's state: absent where it did not change. */
  answer(): { readonly state?: unknown };
}

/** Throws where the stored state cannot be read by this definition. */
export function stateCell(definition: Definition, entity: JsonEntity): StateCell {
  switch (definition.kind) {
    case "event-sourced":
      return new FoldedCell(definition, entity);
    case "value":
      return new ValueCell(definition, entity);
    case "action":
      return STATELESS;
  }
}

/** Whether the stored state has an older form. */
function isOlder(definition: Definition, entity: JsonEntity): boolean {
  return entity.state !== null && entity.state !== undefined && entity.stateVersion < definition.stateVersion;
}

/** The stored state in today's form; null where nothing is stored. */
function storedState(definition: Definition, entity: JsonEntity): unknown {
  if (entity.state === null || entity.state === undefined || entity.stateVersion === definition.stateVersion)
    return entity.state ?? null;
  const { type, stateVersion, migrate } = definition;
  const versions = `version ${entity.stateVersion}, this function reads version ${stateVersion}`;
  if (entity.stateVersion > stateVersion)
    throw new Error(`the state of ${type}/${entity.id} has ${versions}: it was written by a newer deployment`);
  if (migrate === null) throw new Error(`the state of ${type}/${entity.id} has ${versions} and has no 'migrate'`);
  return migrate(entity.state, entity.stateVersion);
}

class FoldedCell implements StateCell {
  readonly #definition: Definition;
  #committed: unknown;
  #current: unknown;
  #emitted: JsonNewEvent[] = [];
  /** True: the state differs from the one that came with the request. */
  #isChanged: boolean;

  constructor(definition: Definition, entity: JsonEntity) {
    this.#definition = definition;
    this.#current = sealState(storedState(definition, entity) ?? definition.initial());
    for (const event of entity.events) this.#apply(event.name, event.data, event.version);
    this.#committed = this.#current;
    this.#isChanged = entity.events.length > 0 || isOlder(definition, entity);
  }

  current(): unknown {
    return this.#current;
  }

  assign(): void {
    throw new TypeError(`${this.#definition.type} is event-sourced: its state changes by ctx.emit alone`);
  }

  emit(name: string, data: unknown): void {
    const spec = this.#definition.events.get(name);
    if (spec === undefined) throw new TypeError(`${this.#definition.type} declares no event "${name}"`);
    const checked = checkNow(spec.data, data, `event "${name}"`);
    if (!checked.ok) throw new TypeError(`event "${name}" does not fit its schema: ${fieldsText(checked.fields)}`);
    // Through JSON once, so that `apply` sees now what it will see at every later fold.
    const kept = jsonCopy(checked.value, `event "${name}"`);
    this.#apply(name, kept, spec.version);
    this.#emitted.push(spec.version === 1 ? { name, data: kept } : { name, version: spec.version, data: kept });
  }

  commit(): readonly JsonNewEvent[] {
    const emitted = this.#emitted;
    if (emitted.length > 0) {
      this.#emitted = [];
      this.#isChanged = true;
    }
    this.#committed = this.#current;
    return emitted;
  }

  rollback(): void {
    this.#current = this.#committed;
    this.#emitted = [];
  }

  answer(): { readonly state?: unknown } {
    return this.#isChanged ? { state: this.#committed } : {};
  }

  #apply(name: string, data: unknown, eventVersion: number): void {
    const apply = this.#definition.apply.get(name);
    if (apply === undefined) throw new Error(`${this.#definition.type} has no 'apply' for its event "${name}"`);
    const next = apply(this.#current, sealState(data), { name, eventVersion });
    if (next === undefined)
      throw new TypeError(`apply.${name} of ${this.#definition.type} returned nothing; it returns the new state`);
    this.#current = sealState(next);
  }
}

class ValueCell implements StateCell {
  readonly #definition: Definition;
  /** Null: nothing is stored. */
  #committed: unknown;
  /** Undefined: this command assigned nothing. */
  #assigned: unknown;
  #isChanged = false;

  constructor(definition: Definition, entity: JsonEntity) {
    this.#definition = definition;
    this.#committed = sealState(storedState(definition, entity));
  }

  current(): unknown {
    const state = this.#assigned === undefined ? this.#committed : this.#assigned;
    return state === null ? sealState(this.#definition.initial()) : state;
  }

  assign(state: unknown): void {
    if (state === undefined) throw new TypeError("ctx.state was assigned undefined; null deletes the state");
    this.#assigned = state;
  }

  emit(): void {
    throw new TypeError(`${this.#definition.type} is a value entity: it has no events, assign ctx.state`);
  }

  commit(): readonly JsonNewEvent[] {
    if (this.#assigned !== undefined) {
      this.#committed = sealState(this.#assigned);
      this.#assigned = undefined;
      this.#isChanged = true;
    }
    return [];
  }

  rollback(): void {
    this.#assigned = undefined;
  }

  answer(): { readonly state?: unknown } {
    return this.#isChanged ? { state: this.#committed } : {};
  }
}

const STATELESS: StateCell = {
  current: () => null,
  assign: () => {
    throw new TypeError("an action has no state");
  },
  emit: () => {
    throw new TypeError("an action has no events");
  },
  commit: () => [],
  rollback: () => undefined,
  answer: () => ({}),
};
