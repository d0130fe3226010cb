/** Calls a local function with the contract's JSON as values and reads its answer back: for unit tests of definitions. */
import { CONTENT_TYPE } from "../protocol/function/contract.js";
import type { JsonCommand, JsonEntity, JsonEntityResult, JsonHistoryEvent } from "../protocol/function/json-form.js";
import type { LocalFunction } from "./local.js";

/** A command as a test writes it; the rest is filled in. */
export type CallCommand = Partial<JsonCommand> & { readonly name: string };

/** An entity as a test writes it; the rest is filled in. */
export interface CallEntity {
  readonly type: string;
  readonly id?: string;
  readonly stateVersion?: number;
  readonly state?: unknown;
  readonly events?: readonly (Partial<JsonHistoryEvent> & { readonly name: string })[];
  readonly commands: readonly CallCommand[];
}

/** The text of an invocation. */
export function invocationText(entities: readonly CallEntity[], deadlineMs = 10_000): string {
  return JSON.stringify({ holdfast: "1", kind: "invoke", invocation: "i-1", deadlineMs, entities: entities.map(jsonEntity) });
}

/** The answer's text. */
export async function callText(
  call: LocalFunction,
  text: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<string> {
  const body = new TextEncoder().encode(text);
  const answer = await call({ contentType: CONTENT_TYPE.json, accept: CONTENT_TYPE.jsonStream, body, signal });
  const decoder = new TextDecoder();
  if (answer.body instanceof Uint8Array) return decoder.decode(answer.body);
  let answered = "";
  for await (const chunk of answer.body) answered += decoder.decode(chunk);
  return answered;
}

/** The results in the order they came. Throws where the stream has no end line, or one with another number. */
export async function callLocal(
  call: LocalFunction,
  entities: readonly CallEntity[],
  signal?: AbortSignal,
): Promise<JsonEntityResult[]> {
  const text = await callText(call, invocationText(entities), signal);
  const lines = text.trimEnd().split("\n");
  if (lines.pop() !== `{"end":${entities.length}}`) throw new Error(`the answer does not end as it should: ${text}`);
  return lines.map((line) => JSON.parse(line) as JsonEntityResult);
}

function jsonEntity(entity: CallEntity, n: number): JsonEntity {
  return {
    n,
    type: entity.type,
    id: entity.id ?? "a",
    version: 0,
    stateVersion: entity.stateVersion ?? 1,
    state: entity.state ?? null,
    events: (entity.events ?? []).map((event, at) => ({
      entityVersion: at + 1,
      at: "2026-11-20T08:00:00.000Z",
      version: 1,
      ...event,
    })),
    commands: entity.commands.map((command, at) => ({
      n: at,
      id: `c-${at}`,
      now: "2026-11-20T08:00:00.000Z",
      attempt: 1,
      caller: null,
      metadata: {},
      ...command,
    })),
  };
}
