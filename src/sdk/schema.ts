/**
 * Payloads are described by any library that speaks Standard Schema (https://standardschema.dev): the SDK knows its
 * interface alone and imports no library. What a schema accepts is what senders write; what it returns is what handlers get.
 */

import { type Awaitable, andThen, isPromise } from "./awaitable.js";

/** A Standard Schema: zod, valibot, arktype and others offer it. */
export interface Schema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** Present where the library can describe the schema as JSON Schema; used for discovery alone. */
    readonly jsonSchema?: JsonSchemaConverter | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export interface JsonSchemaConverter {
  readonly input: (options: { readonly target: string }) => Record<string, unknown>;
  readonly output: (options: { readonly target: string }) => Record<string, unknown>;
}

/** What a sender writes: `undefined` where there is no schema, so no payload. */
export type InputOf<S> = S extends Schema ? NonNullable<S["~standard"]["types"]>["input"] : undefined;

/** What a reader gets once the schema has had its say. */
export type OutputOf<S> = S extends Schema ? NonNullable<S["~standard"]["types"]>["output"] : undefined;

/** One thing wrong with a payload: where (`lines.0.quantity`, empty for the whole) and what. */
export interface InvalidField {
  readonly path: string;
  readonly message: string;
}

export type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly fields: readonly InvalidField[] };

/** A schema that only has a type: everything is accepted as it is. For payloads that need no check, or prototypes. */
export function unchecked<T>(): Schema<T, T> {
  return { "~standard": { version: 1, vendor: "holdfast", validate: (value) => ({ value: value as T }) } };
}

/** The same schema with a JSON Schema of your own for discovery, for libraries that cannot make one. */
export function described<Input, Output>(
  schema: Schema<Input, Output>,
  jsonSchema: Record<string, unknown>,
): Schema<Input, Output> {
  const converter: JsonSchemaConverter = { input: () => jsonSchema, output: () => jsonSchema };
  return { "~standard": { ...schema["~standard"], jsonSchema: converter } };
}

/** Checks `value`; the answer is a promise only where the library itself is asynchronous. No schema accepts anything. */
export function check(schema: Schema | undefined, value: unknown): Awaitable<Checked> {
  return schema === undefined ? { ok: true, value } : andThen(schema["~standard"].validate(value), checkedOf);
}

/** As `check`, for places that cannot wait. Throws where the library is asynchronous; `what` names the payload. */
export function checkNow(schema: Schema | undefined, value: unknown, what: string): Checked {
  const checked = check(schema, value);
  if (!isPromise(checked)) return checked;
  checked.catch(() => undefined);
  throw new TypeError(`the schema of ${what} is asynchronous; events and contexts need one that answers at once`);
}

/** `path: message; path: message`, for logs and fault messages. */
export function fieldsText(fields: readonly InvalidField[]): string {
  return fields.map((field) => (field.path === "" ? field.message : `${field.path}: ${field.message}`)).join("; ");
}

/** The JSON Schema of what senders write (`input`) or readers get (`output`); null where the library offers none. */
export function jsonSchemaOf(schema: Schema | undefined, side: "input" | "output"): Record<string, unknown> | null {
  const converter = schema?.["~standard"].jsonSchema;
  if (converter === undefined) return null;
  try {
    return converter[side]({ target: "draft-2020-12" });
  } catch {
    return null; // the library says so for schemas that JSON Schema has no words for: discovery then goes without
  }
}

export function isSchema(value: unknown): value is Schema {
  return (typeof value === "object" || typeof value === "function") && value !== null && "~standard" in value;
}

function checkedOf(result: SchemaResult<unknown>): Checked {
  if (result.issues === undefined) return { ok: true, value: result.value };
  return { ok: false, fields: result.issues.map((issue) => ({ path: pathText(issue), message: issue.message })) };
}

function pathText(issue: SchemaIssue): string {
  return (issue.path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment)).join(".");
}
