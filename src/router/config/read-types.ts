/** The `types` section: what the operator sets for an entity type, whatever its function wishes. */
import { typeProblem } from "../../core/entity/address.js";
import type { HistoryRetention, TypePolicy } from "../../core/entity/entity-type.js";
import type { SettingNode } from "./setting-node.js";

const MEMBERS = ["history", "idempotencyRetention", "stateTtl", "stateMax", "mailboxMax", "expose", "onPoison"];
const DAY_MS = 86_400_000;
const YEARS_MS = 100 * 366 * DAY_MS;
export const STATE_BYTES_MAX = 4 << 20;
/** Results outlive the longest deadline, or a command that is sent again runs twice. */
export const IDEMPOTENCY_RETENTION_MIN_MS = 3_600_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function readTypes(node: SettingNode): Readonly<Record<string, Partial<TypePolicy>>> {
  const policies: Record<string, Partial<TypePolicy>> = {};
  for (const [name, one] of node.entries()) {
    const problem = typeProblem(name);
    if (problem !== null) one.refuse(problem);
    else policies[name] = readPolicy(one);
  }
  return policies;
}

function readPolicy(node: SettingNode): Partial<TypePolicy> {
  node.mapping(MEMBERS);
  const policy: Partial<Mutable<TypePolicy>> = {};
  const history = node.member("history");
  if (history.isSet) policy.history = readHistory(history);
  const retention = node.member("idempotencyRetention");
  if (retention.isSet)
    policy.idempotencyRetentionMs = retention.durationMs(0, { min: IDEMPOTENCY_RETENTION_MIN_MS, max: YEARS_MS });
  const ttl = node.member("stateTtl");
  if (ttl.isSet) policy.stateTtlMs = ttl.raw === "none" ? null : ttl.durationMs(0, { min: 1_000, max: YEARS_MS });
  const state = node.member("stateMax");
  if (state.isSet) policy.stateBytesMax = state.bytes(0, { min: 1 << 10, max: STATE_BYTES_MAX });
  const mailbox = node.member("mailboxMax");
  if (mailbox.isSet) policy.mailboxMax = mailbox.wholeNumber(0, { min: 1, max: 1_000_000 });
  const expose = node.member("expose");
  if (expose.isSet) {
    const shown = expose.list().map((one) => one.choice(["state", "events"], "state"));
    policy.exposeState = shown.includes("state");
    policy.exposeEvents = shown.includes("events");
  }
  const onPoison = node.member("onPoison");
  if (onPoison.isSet) policy.onPoison = onPoison.choice(["dead-letter", "pause"], "dead-letter");
  return policy;
}

function readHistory(node: SettingNode): HistoryRetention {
  if (node.raw === "none" || node.raw === "forever") return { kind: node.raw };
  return { kind: "ms", ms: node.durationMs(0, { min: 0, max: YEARS_MS }) };
}
