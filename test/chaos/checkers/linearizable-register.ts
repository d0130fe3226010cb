/**
 * Linearizability of one register (Wing and Gong's search with Lowe's memory of configurations, as Porcupine does it): is
 * there an order of all operations, each at some moment between its request and its answer, in which each of them answers what
 * a register would answer?
 */

export interface RegisterOperation {
  readonly kind: "read" | "write" | "compareAndSet";
  /** What was read, or is to be written. */
  readonly value: number;
  /** Of a compare-and-set: what it compares with, and whether it was told that it did set; null: nobody knows. */
  readonly expected?: number;
  readonly isSet?: boolean | null;
  readonly invokedAtMs: number;
  /** Infinity: never answered; it may have taken effect at any time, or not at all. */
  readonly answeredAtMs: number;
  /** Whose answer it was. */
  readonly node: string;
}

export type RegisterVerdict =
  | { readonly kind: "linearizable"; readonly steps: number }
  | { readonly kind: "violated"; readonly message: string }
  /** More steps than are taken: too many operations at the same time. */
  | { readonly kind: "undecided"; readonly message: string };

/** Thousands of operations take a few steps each; the search is exponential only where dozens of writes overlap. */
export const STEPS_MAX = 2_000_000;

interface Choice {
  readonly call: Moment;
  readonly before: number;
  /** Another choice in its place would find nothing that this one does not. */
  readonly isForced: boolean;
}

interface Moment {
  readonly operation: number;
  readonly isCall: boolean;
  previous: Moment | null;
  next: Moment | null;
}

/** `initial`: what the register holds before any operation. */
export function checkRegister(operations: readonly RegisterOperation[], initial = 0, stepsMax = STEPS_MAX): RegisterVerdict {
  return new Search(operations, initial, stepsMax).run();
}

class Search {
  readonly #operations: readonly RegisterOperation[];
  readonly #stepsMax: number;
  readonly #head: Moment;
  readonly #returns: readonly Moment[];
  readonly #isDone: Uint8Array;
  readonly #seen = new Set<string>();
  /** What was put in order so far, and the value before each. */
  readonly #chosen: Choice[] = [];
  #value: number;
  #required: number;
  #furthest = { count: -1, stuckAt: 0, value: 0 };

  constructor(unsorted: readonly RegisterOperation[], initial: number, stepsMax: number) {
    const operations = [...unsorted].sort((left, right) => left.invokedAtMs - right.invokedAtMs);
    this.#operations = operations;
    this.#stepsMax = stepsMax;
    this.#value = initial;
    this.#isDone = new Uint8Array(operations.length);
    this.#required = operations.filter(({ answeredAtMs }) => answeredAtMs !== Infinity).length;
    const { head, returns } = inOrder(operations);
    this.#head = head;
    this.#returns = returns;
  }

  run(): RegisterVerdict {
    let steps = 0;
    this.#takeWhatChangesNothing();
    let at = this.#head.next;
    while (this.#required > 0) {
      if (++steps > this.#stepsMax) return { kind: "undecided", message: `no verdict within ${this.#stepsMax} steps` };
      if (at?.isCall === true) {
        const after = this.#valueAfter(at.operation);
        if (after !== null && this.#chooseUnseen(at, after)) {
          this.#takeWhatChangesNothing();
          at = this.#head.next;
        } else at = at.next;
        continue;
      }
      // The answer of an operation that could not be put in order: the last choice was wrong.
      if (at !== null) this.#stuck(at.operation);
      let last = this.#undo();
      while (last?.isForced === true) last = this.#undo();
      if (last === null) return { kind: "violated", message: this.#story() };
      at = last.call.next;
    }
    return { kind: "linearizable", steps };
  }

  /** What could stand here and leaves the value as it is may as well stand here: whatever order there is, there is one with it here. */
  #takeWhatChangesNothing(): void {
    for (let at = this.#head.next; at?.isCall === true; at = at.next) {
      const isUnsure = this.#operations[at.operation]?.answeredAtMs === Infinity;
      if (!isUnsure && this.#valueAfter(at.operation) === this.#value) this.#choose(at, this.#value, true);
    }
  }

  /** Null: a register with this value would have answered otherwise. */
  #valueAfter(operation: number): number | null {
    const { kind, value, expected, isSet } = this.#operations[operation] as RegisterOperation;
    switch (kind) {
      case "read":
        return value === this.#value ? value : null;
      case "write":
        return value;
      case "compareAndSet": {
        const does = this.#value === expected;
        if (isSet !== null && isSet !== undefined && isSet !== does) return null;
        return does ? value : this.#value;
      }
    }
  }

  /** False: everything that could follow was looked at before. */
  #chooseUnseen(call: Moment, after: number): boolean {
    this.#choose(call, after, false);
    const configuration = `${this.#doneText()}=${after}`;
    if (this.#seen.has(configuration)) {
      this.#undo();
      return false;
    }
    this.#seen.add(configuration);
    return true;
  }

  #choose(call: Moment, after: number, isForced: boolean): void {
    this.#isDone[call.operation] = 1;
    this.#chosen.push({ call, before: this.#value, isForced });
    this.#value = after;
    if (this.#isRequired(call)) this.#required--;
    for (const moment of [call, this.#returns[call.operation] as Moment]) {
      if (moment.previous !== null) moment.previous.next = moment.next;
      if (moment.next !== null) moment.next.previous = moment.previous;
    }
  }

  #undo(): Choice | null {
    const last = this.#chosen.pop();
    if (last === undefined) return null;
    const { call, before } = last;
    this.#isDone[call.operation] = 0;
    this.#value = before;
    if (this.#isRequired(call)) this.#required++;
    for (const moment of [this.#returns[call.operation] as Moment, call]) {
      if (moment.previous !== null) moment.previous.next = moment;
      if (moment.next !== null) moment.next.previous = moment;
    }
    return last;
  }

  #isRequired(call: Moment): boolean {
    return (this.#operations[call.operation] as RegisterOperation).answeredAtMs !== Infinity;
  }

  /** The first that is not done, and those behind it that are: short, since few operations overlap. */
  #doneText(): string {
    // Operations are numbered by their calls, and the first moment that is left is a call.
    const first = this.#head.next?.operation ?? this.#operations.length;
    let text = `${first}`;
    let left = this.#chosen.length - first;
    for (let index = first + 1; left > 0; index++) {
      if (this.#isDone[index] !== 1) continue;
      text += `,${index}`;
      left--;
    }
    return text;
  }

  #stuck(operation: number): void {
    const count = this.#chosen.length;
    if (count > this.#furthest.count) this.#furthest = { count, stuckAt: operation, value: this.#value };
  }

  #story(): string {
    const { count, stuckAt, value } = this.#furthest;
    const stuck = this.#operations[stuckAt] as RegisterOperation;
    const near = this.#operations
      .filter((one) => one.invokedAtMs <= stuck.answeredAtMs && one.answeredAtMs >= stuck.invokedAtMs - NEAR_MS)
      .map(operationText);
    return `no order explains ${operationText(stuck)}: behind ${count} operations the register held ${value}; near it: ${near.join("; ")}`;
  }
}

const NEAR_MS = 1_000;

function operationText({ kind, value, expected, isSet, invokedAtMs, answeredAtMs, node }: RegisterOperation): string {
  const what = kind === "compareAndSet" ? `${kind} ${expected} -> ${value} (${isSet})` : `${kind} ${value}`;
  return `${what} [${invokedAtMs.toFixed(1)}, ${answeredAtMs.toFixed(1)}] ${node}`;
}

/** Calls and answers in the order of time; at the same moment the call comes first, which allows more. */
function inOrder(operations: readonly RegisterOperation[]): { readonly head: Moment; readonly returns: readonly Moment[] } {
  const moments = operations.flatMap(({ invokedAtMs, answeredAtMs }, operation) => [
    { atMs: invokedAtMs, moment: { operation, isCall: true, previous: null, next: null } as Moment },
    { atMs: answeredAtMs, moment: { operation, isCall: false, previous: null, next: null } as Moment },
  ]);
  moments.sort((left, right) =>
    left.atMs === right.atMs ? Number(right.moment.isCall) - Number(left.moment.isCall) : left.atMs - right.atMs,
  );
  const head: Moment = { operation: -1, isCall: true, previous: null, next: null };
  const returns: Moment[] = [];
  let last = head;
  for (const { moment } of moments) {
    last.next = moment;
    moment.previous = last;
    last = moment;
    if (!moment.isCall) returns[moment.operation] = moment;
  }
  return { head, returns };
}
