/** The commands of the simulated router's clients, and what they say: drawn, so that commands of all entities meet one another. */
import { addressText, type EntityAddress } from "../../src/core/entity/address.js";
import type { Ask } from "./business/behaviour.js";
import { bytesOf } from "./business/book.js";
import { DECLARED, ENTITIES_BY_TYPE } from "./business/catalog.js";
import type { FaultMix } from "./faults.js";
import type { CommandRecord } from "./history.js";
import type { Random } from "./random.js";

/** A command that no client has sent yet. */
export function drawCommand(random: Random, mix: FaultMix, entity: EntityAddress, id: string, nowMs: number): CommandRecord {
  const name = random.pick((DECLARED[entity.type] as (typeof DECLARED)[string]).commands);
  const isSend = random.chance(0.25);
  return {
    id,
    entity,
    name,
    input: bytesOf(drawInput(random, mix, entity, name, id)),
    mode: isSend ? "send" : "call",
    hasKey: random.chance(0.5),
    delayMs: isSend && random.chance(0.4) ? random.between(1, 6_000) : 0,
    invokedAtMs: nowMs,
    open: 0,
    mayHaveRun: false,
    status: "none",
    answeredAtMs: Infinity,
    wasAccepted: false,
    sight: null,
    replyText: "",
  };
}

/** `t`: the token that the command is known by wherever it leaves a trace. */
export function drawInput(random: Random, mix: FaultMix, entity: EntityAddress, name: string, t: string): Ask {
  const p = random.chance(mix.functions.poison) ? { p: true } : {};
  const someone = (type: string): string => addressText(random.pick(entitiesOf(type)));
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

export function entitiesOf(type: string): readonly EntityAddress[] {
  return ENTITIES_BY_TYPE.get(type) ?? [];
}
