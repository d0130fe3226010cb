/** A router in which time passes only as far as somebody waits for something, or says so. */
import type { Answer } from "../core/answer.js";
import type { Input } from "../core/input.js";
import { MemoryDirectory } from "../directory-memory/memory-directory.js";
import { MemoryJournal } from "../journal-memory/memory-journal.js";
import type { Definition } from "../sdk/definition.js";
import { MemorySnapshots } from "../snapshots-memory/memory-snapshots.js";
import { DrivenCore } from "./driven-core.js";
import { TestFunctions } from "./test-functions.js";
import { VirtualClock } from "./virtual-clock.js";

/** How long an answer may take, and `settle`, in the test's time. */
const ANSWER_MS = 60_000;
const SETTLE_MS = 600_000;
/** With a function out of reach its messages wait without end; settling then gives the rest this long. */
const SETTLE_UNAVAILABLE_MS = 1_000;

export class VirtualRouter {
  readonly clock: VirtualClock;
  readonly functions: TestFunctions;
  readonly #storage = { journal: new MemoryJournal(), directory: new MemoryDirectory(), snapshots: new MemorySnapshots() };
  #driven: DrivenCore | null = null;
  #incarnations = 0;

  constructor(startMs: number) {
    this.clock = new VirtualClock(startMs);
    this.functions = new TestFunctions(this.clock);
  }

  async deploy(definitions: readonly Definition[]): Promise<void> {
    await this.functions.deploy(definitions);
    if (this.#driven !== null) this.#announce(this.#driven);
  }

  /** Drops the incarnation that runs, as a crash does, and starts another one on what is durable. */
  async restart(): Promise<void> {
    this.#driven?.crash();
    const driven = new DrivenCore(++this.#incarnations, this.#storage, (id) => this.functions.invokerOf(id), this.clock);
    this.#driven = driven;
    this.#announce(driven);
    const isOpen = (): boolean => driven.core.phase === "open";
    while (!isOpen()) {
      await driven.rest();
      if (!isOpen() && !this.#pass(driven, Infinity)) throw new Error("the router does not start");
    }
  }

  /** Lets time pass until the answer is there. Also when several ask at once. */
  async ask(makeInput: (request: number) => Input): Promise<Answer> {
    const untilMs = this.clock.nowMs() + ANSWER_MS;
    let answer: Answer | null = null;
    const answered = this.#requireDriven()
      .ask(makeInput)
      .then((given) => {
        answer = given;
      });
    while (answer === null) {
      const driven = await Promise.race([this.#rest(), answered.then(() => null)]);
      if (driven !== null && answer === null && !this.#pass(driven, untilMs)) throw new Error("the router gave no answer");
    }
    return answer;
  }

  async settle(): Promise<void> {
    const { guard } = this.functions;
    const untilMs = this.clock.nowMs() + (guard.hasUnavailable ? SETTLE_UNAVAILABLE_MS : SETTLE_MS);
    for (;;) {
      const driven = await this.#rest();
      const { slots, outbox } = driven.core.snapshot();
      if (slots === 0 && outbox === 0) return;
      if (this.#pass(driven, untilMs)) continue;
      if (guard.hasUnavailable) return;
      throw new Error(`work is still going on after ${SETTLE_MS / 60_000} minutes: ${slots} entities, ${outbox} messages`);
    }
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.clock.nowMs() + ms;
    while (this.#pass(await this.#rest(), untilMs));
    this.clock.advanceTo(untilMs);
    await this.settle();
  }

  #announce(driven: DrivenCore): void {
    const deployments = this.functions.active;
    const types = deployments.flatMap((deployment) => deployment.types);
    const placements = types.map(({ name, policy }) => ({ type: name, colocation: policy.colocation }));
    driven.submit({ kind: "deploymentsChanged", deployments, placements });
  }

  /** To the next moment that anything waits for; false if that is later than `untilMs`. */
  #pass(driven: DrivenCore, untilMs: number): boolean {
    if (!driven.isAtRest) return true; // somebody else let time pass: first see what comes of it
    const nextMs = this.clock.nextDueMs();
    if (nextMs > untilMs || nextMs === Infinity) return false;
    this.clock.advanceTo(nextMs);
    driven.stir();
    return true;
  }

  async #rest(): Promise<DrivenCore> {
    const driven = this.#requireDriven();
    await driven.rest();
    return driven;
  }

  #requireDriven(): DrivenCore {
    if (this.#driven === null) throw new Error("the router was not started");
    return this.#driven;
  }
}
