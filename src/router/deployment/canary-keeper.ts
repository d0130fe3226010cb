/**
 * Watches the canaries that are under way: once a second it shows what became of commands in this router to the judge
 * (src/core/deployment/canary-watch.ts), and does what that says. Every router judges what it runs itself; the first one that
 * has seen enough changes the book, which all others follow. Looking costs no request.
 */
import { type CanaryVerdict, CanaryWatch } from "../../core/deployment/canary-watch.js";
import { type CommandCounts, noCounts } from "../../core/deployment/command-tally.js";
import type { ClockPort } from "../../ports/clock.js";
import type { Canary } from "./canary.js";
import type { DeploymentBook } from "./deployment-book.js";
import { Repeated } from "./repeated.js";

export type CommandsOf = (deployment: string) => Readonly<CommandCounts> | null;

export interface KeeperParts {
  readonly clock: ClockPort;
  readonly commandsOf: CommandsOf;
  book(): DeploymentBook;
  /** Does it by compare-and-swap, unless the canary has ended or has other terms meanwhile. Null, or why it could not be done. */
  end(canary: Canary, decision: "rollBack" | "promote", why: string): Promise<string | null>;
  warn(fields: object, message: string): void;
}

const LOOK_EVERY_MS = 1_000;

export class CanaryKeeper {
  readonly #parts: KeeperParts;
  readonly #looks: Repeated;
  #watchByKey = new Map<string, CanaryWatch>();
  #trouble: string | null = null;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#looks = new Repeated(parts.clock, LOOK_EVERY_MS, () => this.#look());
  }

  start(): void {
    this.#looks.start();
  }

  stop(): Promise<void> {
    return this.#looks.stop();
  }

  /** The book has changed, and nobody runs by it yet: whatever comes from now on counts for the canaries that are new in it. */
  begin(): void {
    const book = this.#parts.book();
    const former = this.#watchByKey;
    this.#watchByKey = new Map();
    for (const canary of book.canaries) {
      const known = former.get(keyOf(canary));
      const watch = known ?? new CanaryWatch({ faultsMax: canary.faultsMax / 10_000, forMs: canary.forMs });
      if (known === undefined) this.#lookAt(book, canary, watch);
      this.#watchByKey.set(keyOf(canary), watch);
    }
  }

  async #look(): Promise<void> {
    const book = this.#parts.book();
    for (const canary of book.canaries) {
      const watch = this.#watchByKey.get(keyOf(canary));
      if (watch !== undefined) await this.#judge(canary, this.#lookAt(book, canary, watch));
    }
  }

  #lookAt(book: DeploymentBook, canary: Canary, watch: CanaryWatch): CanaryVerdict {
    const { clock, commandsOf } = this.#parts;
    const stable = new Set(canary.types.map((type) => book.active[type] ?? ""));
    const elapsedMs = clock.nowMs() - canary.changedAtMs;
    const counts = commandsOf(canary.deployment) ?? noCounts();
    return watch.look(clock.monotonicMs(), elapsedMs, counts, sumOf([...stable].map(commandsOf)));
  }

  async #judge(canary: Canary, verdict: CanaryVerdict): Promise<void> {
    if (verdict.kind === "watching") return;
    let trouble: string | null;
    try {
      trouble = await this.#parts.end(canary, verdict.kind, verdict.why);
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
    }
    // It is tried again with the next look, and said again when something else is wrong.
    if (trouble !== null && trouble !== this.#trouble) {
      const fields = { deployment: canary.deployment, decision: verdict.kind, why: verdict.why, detail: trouble };
      this.#parts.warn(fields, "a canary should end, and the book of deployments cannot be changed; it is tried again");
    }
    this.#trouble = trouble;
  }
}

/** Other terms begin a new trial. */
function keyOf({ deployment, changedAtMs }: Canary): string {
  return `${deployment} ${changedAtMs}`;
}

function sumOf(counts: readonly (Readonly<CommandCounts> | null)[]): CommandCounts {
  const sum = noCounts();
  for (const one of counts) {
    sum.ran += one?.ran ?? 0;
    sum.faulted += one?.faulted ?? 0;
    sum.answers += one?.answers ?? 0;
    sum.unavailable += one?.unavailable ?? 0;
  }
  return sum;
}
