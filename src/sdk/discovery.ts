/** What a function says of itself when the router asks: its manifest. */
import type { Encoding } from "../protocol/function/contract.js";
import type {
  JsonSchema,
  Manifest,
  ManifestCommand,
  ManifestQuery,
  ManifestType,
  TypeWishes,
} from "../protocol/function/manifest.js";
import type { CommandSpec, QuerySpec } from "./declarations.js";
import type { Definition } from "./definition.js";
import { type Duration, durationMs } from "./duration.js";
import type { Served } from "./invocation.js";
import type { Wishes } from "./options.js";
import { jsonSchemaOf } from "./schema.js";

export function manifestOf(served: Served, encodings: readonly Encoding[]): Manifest {
  return { holdfast: "1", contracts: ["1"], encodings, types: [...served.values()].map(manifestType) };
}

function manifestType(definition: Definition): ManifestType {
  const { contract } = definition;
  return {
    type: definition.type,
    kind: definition.kind,
    stateVersion: definition.stateVersion,
    commands: Object.entries(contract.commands).map(
      ([name, spec]): ManifestCommand => ({ name, exposure: spec.access, ...schemas(spec) }),
    ),
    queries: Object.entries(contract.queries).map(
      ([name, spec]): ManifestQuery => ({ name, exposure: "public", ...schemas(spec) }),
    ),
    replies: [...definition.replies.keys()],
    events: [...definition.events].map(([name, spec]) => ({ name, version: spec.version })),
    wishes: typeWishes(definition.wishes),
  };
}

/** Callers write what the input schema takes, and get what the reply schema makes. */
function schemas(spec: CommandSpec | QuerySpec): { readonly input: JsonSchema | null; readonly reply: JsonSchema | null } {
  return { input: jsonSchemaOf(spec.input, "input"), reply: jsonSchemaOf(spec.reply, "output") };
}

function typeWishes(wishes: Wishes): TypeWishes {
  const { history, idempotencyRetention, stateTtl, ...rest } = wishes;
  return {
    ...rest,
    ...(history !== undefined && { history: history === "none" || history === "forever" ? history : durationText(history) }),
    ...(idempotencyRetention !== undefined && { idempotencyRetention: durationText(idempotencyRetention) }),
    ...(stateTtl !== undefined && { stateTtl: stateTtl === "none" ? stateTtl : durationText(stateTtl) }),
  };
}

function durationText(duration: Duration): string {
  return `${durationMs(duration)}ms`;
}
