/** What the entities of a chaos run can be told. Each keeps numbers that a client can reckon from the answers it was given. */
import { action, command, entity, query, unchecked } from "../../../src/sdk/index.js";

export interface Relay {
  readonly by: number;
  /** Who is told next, and by each in turn. */
  readonly path: readonly string[];
  readonly hop: number;
}

/** A number that many clients, messages and timers change. */
export const Tally = entity("chaos/tally", {
  commands: {
    add: command({ input: unchecked<{ readonly by: number }>(), reply: unchecked<{ readonly count: number }>() }),
    spend: command({ input: unchecked<{ readonly by: number }>(), reply: unchecked<{ readonly count: number }>() }),
    refuse: command({ input: unchecked<{ readonly to: string }>() }),
    crash: command({ input: unchecked<{ readonly by: number; readonly attempts: number }>() }),
    relay: command({ input: unchecked<Relay>() }),
    setTimer: command({ input: unchecked<{ readonly name: string; readonly by: number; readonly ms: number }>() }),
    moveTimer: command({ input: unchecked<{ readonly name: string; readonly ms: number }>(), reply: unchecked<TimerWas>() }),
    cancelTimer: command({ input: unchecked<{ readonly name: string }>(), reply: unchecked<TimerWas>() }),
    ring: command({ input: unchecked<{ readonly name: string }>(), internal: true }),
  },
  queries: { count: query({ reply: unchecked<number>() }) },
});

export interface TimerWas {
  readonly was: "pending" | "rung";
}

/** Stateless: tells many at once. */
export const Courier = action("chaos/courier", {
  commands: { deliver: command({ input: unchecked<{ readonly to: readonly string[]; readonly by: number }>() }) },
});

export const Register = entity("chaos/register", {
  commands: {
    write: command({ input: unchecked<{ readonly value: number }>() }),
    compareAndSet: command({
      input: unchecked<{ readonly expected: number; readonly value: number }>(),
      reply: unchecked<{ readonly isSet: boolean }>(),
    }),
  },
  queries: { read: query({ reply: unchecked<{ readonly value: number }>() }) },
});

export interface Posting {
  readonly by: number;
  /** The idempotency key it came under: a posting that stands in the history twice shows by it. */
  readonly key: string;
}

export const Ledger = entity("chaos/ledger", {
  events: { credited: unchecked<Posting>(), debited: unchecked<Posting>() },
  commands: {
    credit: command({ input: unchecked<Posting>(), reply: unchecked<{ readonly balance: number }>() }),
    debit: command({ input: unchecked<Posting>(), reply: unchecked<{ readonly balance: number }>() }),
  },
  queries: { balance: query({ reply: unchecked<number>() }) },
});

/** `fail`: faults as often as it is tried, and becomes a dead letter. */
export type AskedHow = "give" | "refuse" | "fail";

export const Answerer = entity("chaos/answerer", {
  commands: {
    answer: command({
      input: unchecked<{ readonly how: AskedHow; readonly by: number }>(),
      reply: unchecked<{ readonly by: number }>(),
      internal: true,
    }),
  },
});

export const Asker = entity("chaos/asker", {
  commands: {
    ask: command({
      input: unchecked<{ readonly of: string; readonly how: AskedHow; readonly by: number; readonly afterMs: number }>(),
    }),
  },
});

export interface Line {
  /** Unique. */
  readonly line: string;
  readonly sku: string;
  readonly quantity: number;
}

export const Stock = entity("chaos/stock", {
  commands: {
    restock: command({ input: unchecked<{ readonly quantity: number }>() }),
    reserve: command({ input: unchecked<Line>(), reply: unchecked<{ readonly free: number }>(), internal: true }),
    release: command({ input: unchecked<{ readonly line: string }>(), internal: true }),
  },
});

export const Cart = entity("chaos/cart", {
  events: {
    lineAsked: unchecked<Line>(),
    lineConfirmed: unchecked<{ readonly line: string }>(),
    lineRefused: unchecked<{ readonly line: string }>(),
    lineBought: unchecked<{ readonly line: string }>(),
    lineRemoved: unchecked<{ readonly line: string }>(),
    lineExpired: unchecked<{ readonly line: string }>(),
  },
  commands: {
    add: command({ input: unchecked<Line>() }),
    buy: command({ input: unchecked<{ readonly line: string }>() }),
    remove: command({ input: unchecked<{ readonly line: string }>() }),
    expire: command({ input: unchecked<{ readonly line: string }>(), internal: true }),
  },
});

/** Text that one client alone writes, so that it knows what any node must show. */
export const Note = entity("chaos/note", {
  commands: { put: command({ input: unchecked<NoteState>() }), forget: command() },
});

export interface NoteState {
  readonly digest: string;
  readonly text: string;
}
