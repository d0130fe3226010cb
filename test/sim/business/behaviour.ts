/**
 * What the entities of the simulated business do: pure, and with its own idea of folding. A command either refuses, and
 * leaves nothing, or writes lines and sends.
 */
import { addressText, type EntityAddress } from "../../../src/core/entity/address.js";
import { type Book, type Line, nextChain } from "./book.js";

/** The input of every command. `t` is its token; `p`: the function faults on it until it is repaired. */
export interface Ask {
  readonly t: string;
  readonly p?: boolean;
  readonly to?: string;
  readonly a?: string;
  readonly v?: number;
  readonly from?: string;
  readonly pad?: string;
  readonly relay?: boolean;
}

export interface Asked {
  readonly name: string;
  readonly ask: Ask;
  readonly nowMs: number;
  /** Set where it is an answer: how the asked command ended. */
  readonly outcome: string | null;
}

export interface Send {
  readonly to: string;
  readonly command: string;
  readonly ask: Ask;
  readonly handler: string | null;
  readonly afterMs: number;
  readonly timer: string | null;
}

export type Did =
  | { readonly kind: "refused"; readonly code: string }
  | {
      readonly kind: "done";
      readonly lines: readonly Line[];
      readonly sends: readonly Send[];
      readonly cancels: readonly string[];
    };

export function fold(type: string, book: Book, line: Line): void {
  book.n++;
  book.chain = nextChain(book.chain, line);
  book.log.push(line);
  const x = book.x;
  const add = (key: string, by: number): void => {
    x[key] = Number(x[key] ?? 0) + by;
  };
  switch (type) {
    case "sim/ledger":
      return add("balance", line.v ?? 0);
    case "sim/register":
      x["value"] = line.v ?? 0;
      return;
    case "sim/chatter":
      if (line.k === "say") for (const to of (line.a ?? "").split(",")) add(`to:${to}`, 1);
      return;
    case "sim/alarm":
      if (line.k === "arm" || line.k === "armOther") x[`armed:${line.a}`] = line.e?.[0] ?? "";
      else delete x[`armed:${line.a}`];
      return;
    case "sim/stock":
      return add("left", line.v ?? 0);
    default:
      return;
  }
}

export function behave(self: EntityAddress, book: Book, asked: Asked): Did {
  const { name, ask } = asked;
  const t = ask.t;
  const token = (index: number): string => `${self.type}/${self.id}#${book.n}.${index}`;
  switch (`${self.type} ${name}`) {
    case "sim/ledger post": {
      const v = ask.v ?? 0;
      if (Number(book.x["balance"] ?? 0) + v < 0) return refused("negative");
      return wrote({ t, k: "post", v });
    }
    case "sim/ledger transfer": {
      const v = ask.v ?? 0;
      if (Number(book.x["balance"] ?? 0) < v) return refused("poor");
      const e = token(0);
      const send = message(ask.to ?? "", "receive", { t: e, v, ...(ask.p === true ? { p: true } : {}) });
      return {
        kind: "done",
        lines: [{ t, k: "transfer", v: -v, e: [e] }],
        sends: [{ ...send, handler: "transferred" }],
        cancels: [],
      };
    }
    case "sim/ledger receive":
      return (ask.v ?? 0) % 7 === 0 ? refused("unlucky") : wrote({ t, k: "receive", v: ask.v ?? 0 });
    case "sim/ledger transferred":
      return wrote({ t: `${t}!`, k: "transferred", a: asked.outcome ?? "", v: asked.outcome === "replied" ? 0 : (ask.v ?? 0) });
    case "sim/register write":
      return wrote({ t, k: "write", v: ask.v ?? 0 });
    case "sim/register cas":
      if (Number(book.x["value"] ?? 0) !== Number(ask.a)) return refused("mismatch");
      return wrote({ t, k: "cas", v: ask.v ?? 0, a: ask.a ?? "" });
    case "sim/set add":
      return wrote({ t, k: "add", v: ask.v ?? 0 });
    case "sim/chatter say":
      return say(self, book, ask, token);
    case "sim/listener note":
      return wrote({ t, k: "note" });
    case "sim/listener hear":
      return wrote({ t, k: "hear", a: ask.from ?? "", v: ask.v ?? 0 });
    case "sim/relay ping":
      return { kind: "done", lines: [], sends: [], cancels: [] };
    case "sim/relay relay": {
      const send = message(ask.to ?? "", "hear", { ...ask, t: `${t}>`, from: "" });
      return { kind: "done", lines: [], sends: [send], cancels: [] };
    }
    case "sim/alarm arm": {
      const e = token(0);
      const send = { ...message(ask.to ?? "", "ring", { t: e, a: ask.a ?? "" }), afterMs: ask.v ?? 0, timer: ask.a ?? null };
      return {
        kind: "done",
        lines: [
          { t, k: ask.to === addressText(self) ? "arm" : "armOther", a: ask.a ?? "", v: asked.nowMs + (ask.v ?? 0), e: [e] },
        ],
        sends: [send],
        cancels: [],
      };
    }
    case "sim/alarm disarm":
      return { kind: "done", lines: [{ t, k: "disarm", a: ask.a ?? "" }], sends: [], cancels: [ask.a ?? ""] };
    case "sim/alarm ring":
      return wrote({ t, k: "ring", a: ask.a ?? "", v: asked.nowMs });
    case "sim/cart order": {
      const e = token(0);
      const send = { ...message(ask.to ?? "", "reserve", { t: e, v: ask.v ?? 0 }), handler: "reserved" };
      return { kind: "done", lines: [{ t, k: "order", a: ask.to ?? "", v: ask.v ?? 0, e: [e] }], sends: [send], cancels: [] };
    }
    case "sim/cart reserved":
      return wrote({ t: `${t}!`, k: "reserved", a: asked.outcome ?? "", v: ask.v ?? 0 });
    case "sim/stock restock":
      return wrote({ t, k: "restock", v: ask.v ?? 0 });
    case "sim/stock reserve":
      return Number(book.x["left"] ?? 0) < (ask.v ?? 0) ? refused("sold_out") : wrote({ t, k: "reserve", v: -(ask.v ?? 0) });
    case "sim/scratch touch":
      return wrote({ t, k: "touch" });
    default:
      throw new Error(`${self.type} was asked to ${name}`);
  }
}

/** Numbers what it says to each listener, so that the order can be checked at the other end. */
function say(self: EntityAddress, book: Book, ask: Ask, token: (index: number) => string): Did {
  const targets = (ask.to ?? "").split(",");
  const said = new Map<string, number>();
  const sends: Send[] = [];
  for (const [index, to] of targets.entries()) {
    const v = Number(book.x[`to:${to}`] ?? 0) + (said.get(to) ?? 0) + 1;
    said.set(to, (said.get(to) ?? 0) + 1);
    const isPoison = ask.p === true && index === 0;
    const heard: Ask = { t: token(index), from: `${self.type}/${self.id}`, v, ...(isPoison ? { p: true } : {}) };
    const pad = ask.pad === undefined ? {} : { pad: ask.pad };
    if (ask.relay === true)
      sends.push(message(`sim/relay/${self.id.slice(0, 1)}:${self.id.slice(0, 1)}`, "relay", { ...heard, to }));
    else sends.push(message(to, "hear", { ...heard, ...pad }));
  }
  const line: Line = {
    t: ask.t,
    k: ask.relay === true ? "relayed" : "say",
    a: targets.join(","),
    e: sends.map((send) => send.ask.t),
  };
  return { kind: "done", lines: [line], sends, cancels: [] };
}

function message(to: string, command: string, ask: Ask): Send {
  return { to, command, ask, handler: null, afterMs: 0, timer: null };
}

function wrote(line: Line): Did {
  return { kind: "done", lines: [line], sends: [], cancels: [] };
}

function refused(code: string): Did {
  return { kind: "refused", code };
}
