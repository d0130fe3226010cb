/**
 * `testRouter`: definitions on a real router in this process, for unit tests. The core is the one of production, with its
 * journal, messages, timers and retries; memory stands in for the disk, and time passes only when the test lets it.
 */
import { HoldfastError, RefusedError } from "../client/errors.js";
import type { Answer } from "../core/effect.js";
import type { HistoryEvent } from "../core/entity/invocation.js";
import type { ActiveDeployment } from "../core/input.js";
import { MemoryDirectory } from "../directory-memory/memory-directory.js";
import { type InProcessFunction, InProcessInvoker } from "../invoker/in-process/in-process-invoker.js";
import { MemoryJournal } from "../journal-memory/memory-journal.js";
import type { InvokerPort } from "../ports/invoker.js";
import { DEFAULT_DEPLOYMENT_LIMITS } from "../router/config/settings.js";
import { readManifest } from "../router/deployment/manifest-reader.js";
import { bodyHash, keyedCommandId } from "../router/ingress/command-id.js";
import { type Duration, delayMs, durationMs } from "../sdk/duration.js";
import {
  type AnyRef,
  type Definition,
  type EntityAddress,
  type EventOf,
  type Fault,
  local,
  type Message,
  type QueryMessage,
} from "../sdk/index.js";
import { MemorySnapshots } from "../snapshots-memory/memory-snapshots.js";
import { DrivenCore } from "./driven-core.js";
import { HandlerGuard, type HandlerRun, PlannedFault } from "./handler-guard.js";
import { VirtualClock } from "./virtual-clock.js";

export interface TestRouterOptions {
  /** What `ctx.now` begins with. Default: 2026-01-01T00:00:00Z. */
  readonly now?: Date;
}

export interface TestCallOptions {
  readonly idempotencyKey?: string;
  /** What handlers see as `ctx.metadata`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A timer that is set. */
export interface TestTimer {
  /** The name it was given, or one of the router's. */
  readonly name: string;
  readonly at: Date;
  readonly to: EntityAddress;
  readonly command: string;
  readonly input: unknown;
}

/** A message that was given up after its last attempt. */
export interface TestDeadLetter {
  readonly to: EntityAddress;
  readonly command: string;
  readonly input: unknown;
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
}

/** How long a call may wait for its reply, and `settle` for everything else, in the test's time. */
const CALL_MS = 30_000;
const SETTLE_MS = 600_000;
/** With a function out of reach its messages wait without end; settling then gives the rest this long. */
const SETTLE_UNAVAILABLE_MS = 1_000;
const PAGE = 1_000;

/** Starts a router for the definitions. Nothing has to be stopped: it holds no port, no file and no timer. */
export async function testRouter(definitions: readonly Definition[], options: TestRouterOptions = {}): Promise<TestRouter> {
  const router = new TestRouter(definitions, options);
  await router.restart();
  return router;
}

export class TestRouter {
  /** What handlers threw that was no refusal and not asked for by `fail`, oldest first. */
  readonly faults: Fault[] = [];
  readonly #clock: VirtualClock;
  readonly #guard = new HandlerGuard();
  readonly #functionByType: ReadonlyMap<string, InProcessFunction>;
  readonly #invokers: ReadonlyMap<string, InvokerPort>;
  readonly #storage = { journal: new MemoryJournal(), directory: new MemoryDirectory(), snapshots: new MemorySnapshots() };
  #driven: DrivenCore | null = null;
  #incarnations = 0;
  #commands = 0;

  constructor(definitions: readonly Definition[], options: TestRouterOptions) {
    this.#clock = new VirtualClock((options.now ?? new Date("2026-01-01T00:00:00Z")).getTime());
    const onFault = (fault: Fault): void => {
      if (!(fault.error instanceof PlannedFault)) this.faults.push(fault);
    };
    this.#functionByType = new Map(
      definitions.map((definition) => {
        const answer = local([this.#guard.around(definition)], { onFault });
        return [definition.type, async (request) => (this.#guard.isUnavailable(definition.type) ? UNAVAILABLE : answer(request))];
      }),
    );
    this.#invokers = new Map(
      [...this.#functionByType].map(([type, callee]) => [type, new InProcessInvoker(callee, this.#clock)]),
    );
  }

  /** The test's time. */
  get now(): Date {
    return new Date(this.#clock.nowMs());
  }

  /**
   * Sends a command and waits for its reply; internal commands, too. Rejects with a `RefusedError` where the handler refuses,
   * with a `HoldfastError` where it failed. Messages that the command sent may still be on their way: see `settle`.
   */
  async call<Reply>(message: Message<string, string, Reply>, options: TestCallOptions = {}): Promise<Reply> {
    return this.#replyOf(await this.#submit(message, options, "call", 0)) as Reply;
  }

  /** Hands a command over, perhaps for later, and does not wait for it. */
  async send(
    message: Message,
    options: TestCallOptions & { readonly delay?: Duration } = {},
  ): Promise<{ readonly commandId: string }> {
    const answer = await this.#submit(message, options, "send", delayMs(options.delay ?? 0));
    if (answer.kind !== "accepted") throw errorOf(answer);
    return { commandId: answer.commandId };
  }

  async query<Reply>(message: QueryMessage<string, string, Reply>, options: TestCallOptions = {}): Promise<Reply> {
    return this.#replyOf(await this.#submit(message, options, "call", 0)) as Reply;
  }

  /** The state as it is stored; null for an entity that has none. */
  async state<State = unknown>(of: AnyRef): Promise<State | null> {
    const answer = await this.#ask((request) => ({ kind: "stateAsked", request, of: of.$address, isAdmin: true }));
    if (answer.kind !== "state") throw errorOf(answer);
    return parsed(answer.state) as State | null;
  }

  /** Everything that has happened to the entity, oldest first. */
  async events<Events>(of: AnyRef<string, Events>): Promise<EventOf<Events>[]> {
    const events: HistoryEvent[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const from: number = after;
      const asked = { kind: "eventsAsked", of: of.$address, after: from, limit: PAGE, follow: false, isAdmin: true } as const;
      const answer = await this.#ask((request) => ({ ...asked, request }));
      if (answer.kind !== "events") throw errorOf(answer);
      events.push(...answer.events);
      after = answer.next;
    }
    return events.map(({ name, data, version, atMs, eventVersion }) => {
      return { name, data: parsed(data), version, at: new Date(atMs), eventVersion } as EventOf<Events>;
    });
  }

  /** The timers that the entity has set and that are not due yet. */
  async timers(of: AnyRef): Promise<TestTimer[]> {
    const answer = await this.#ask((request) => ({ kind: "timersAsked", request, of: of.$address, limit: PAGE }));
    if (answer.kind !== "timers") throw errorOf(answer);
    return answer.timers.map(({ name, dueAtMs, to, command }) => {
      return { name, at: new Date(dueAtMs), to, command: command.name, input: parsed(command.input) ?? undefined };
    });
  }

  /** What was given up, of one entity or of all. */
  async deadLetters(of?: AnyRef): Promise<TestDeadLetter[]> {
    const address = of?.$address ?? null;
    const answer = await this.#ask((request) => ({ kind: "deadLettersAsked", request, of: address, limit: PAGE }));
    if (answer.kind !== "deadLetters") throw errorOf(answer);
    return answer.deadLetters.map(({ entity, deadLetter: { command, code, message, attempts } }) => {
      return { to: entity, command: command.name, input: parsed(command.input) ?? undefined, code, message, attempts };
    });
  }

  /** What handlers of this entity ran, every attempt of it, oldest first: for actions, which have nothing else to show. */
  ran(of: AnyRef): readonly HandlerRun[] {
    return this.#guard.runs(of);
  }

  /**
   * Waits until every message has been delivered and every command has run; timers that are not due stay set. Time passes
   * only as far as retries need it. While a type is `unavailable` what is meant for it is left waiting.
   */
  async settle(): Promise<void> {
    const untilMs = this.#clock.nowMs() + (this.#guard.hasUnavailable ? SETTLE_UNAVAILABLE_MS : SETTLE_MS);
    for (;;) {
      const driven = await this.#rest();
      const { slots, outbox } = driven.core.snapshot();
      if (slots === 0 && outbox === 0) return;
      if (this.#pass(driven, untilMs)) continue;
      if (this.#guard.hasUnavailable) return;
      throw new Error(`work is still going on after ${SETTLE_MS / 60_000} minutes: ${slots} entities, ${outbox} messages`);
    }
  }

  /** Lets time pass: timers that become due fire in their order, each at its moment. Settles at the end. */
  async advance(duration: Duration): Promise<void> {
    const untilMs = this.#clock.nowMs() + durationMs(duration);
    while (this.#pass(await this.#rest(), untilMs));
    this.#clock.advanceTo(untilMs);
    await this.settle();
  }

  /** The next `times` times that a command or answer handler of this entity would run, it throws instead. */
  fail(of: AnyRef, times = 1): void {
    this.#guard.fail(of, times);
  }

  /** From now on the function of this type cannot be reached: its commands wait, and nobody is at fault. */
  unavailable(contract: { readonly type: string }): void {
    this.#guard.setUnavailable(contract.type, true);
  }

  /** Ends `unavailable`. */
  available(contract: { readonly type: string }): void {
    this.#guard.setUnavailable(contract.type, false);
  }

  /** Ends the router as a crash does and starts another one on what is durable. */
  async restart(): Promise<void> {
    this.#driven?.crash();
    const driven = new DrivenCore(++this.#incarnations, this.#storage, this.#invokers, this.#clock);
    this.#driven = driven;
    const deployments = await Promise.all([...this.#invokers].map(([id, invoker]) => deploymentOf(id, invoker)));
    const types = deployments.flatMap((deployment) => deployment.types);
    const placements = types.map(({ name, policy }) => ({ type: name, colocation: policy.colocation }));
    driven.submit({ kind: "deploymentsChanged", deployments, placements });
    const isOpen = (): boolean => driven.core.phase === "open";
    while (!isOpen()) {
      await driven.rest();
      if (!isOpen() && !this.#pass(driven, Infinity)) throw new Error("the router does not start");
    }
  }

  async #submit(
    message: Message | QueryMessage,
    options: TestCallOptions,
    mode: "call" | "send",
    delay: number,
  ): Promise<Answer> {
    const { type, id } = message.to;
    const { idempotencyKey: key } = options;
    const input = message.input === undefined ? new Uint8Array(0) : Buffer.from(JSON.stringify(message.input));
    const commandId = key === undefined ? `c-${++this.#commands}` : keyedCommandId(type, id, key);
    const nowMs = this.#clock.nowMs();
    return this.#ask((request) => ({
      kind: "commandArrived",
      request,
      to: { type, id },
      name: message.name,
      input,
      id: commandId,
      hasKey: key !== undefined,
      bodyHash: key === undefined ? "" : bodyHash(message.name, input, delay),
      acceptedAtMs: nowMs,
      deadlineMs: nowMs + CALL_MS,
      metadata: Object.entries(options.metadata ?? {}),
      mode,
      delayMs: delay,
      isAdmin: true,
    }));
  }

  /** Lets time pass until the answer is there. Also when several ask at once. */
  async #ask(makeInput: Parameters<DrivenCore["ask"]>[0]): Promise<Answer> {
    const asked = this.#requireDriven();
    const untilMs = this.#clock.nowMs() + 2 * CALL_MS;
    let answer: Answer | null = null;
    const answered = asked.ask(makeInput).then((given) => {
      answer = given;
    });
    while (answer === null) {
      const driven = await Promise.race([this.#rest(), answered.then(() => null)]);
      if (driven !== null && answer === null && !this.#pass(driven, untilMs)) throw new Error("the router gave no answer");
    }
    return answer;
  }

  /** To the next moment that anything waits for; false if that is later than `untilMs`. */
  #pass(driven: DrivenCore, untilMs: number): boolean {
    if (!driven.isAtRest) return true; // somebody else let time pass: first see what comes of it
    const nextMs = this.#clock.nextDueMs();
    if (nextMs > untilMs || nextMs === Infinity) return false;
    this.#clock.advanceTo(nextMs);
    driven.stir();
    return true;
  }

  async #rest(): Promise<DrivenCore> {
    const driven = this.#requireDriven();
    await driven.rest();
    return driven;
  }

  #requireDriven(): DrivenCore {
    if (this.#driven === null) throw new Error("make test routers with testRouter()");
    return this.#driven;
  }

  #replyOf(answer: Answer): unknown {
    if (answer.kind !== "outcome" || answer.outcome.kind !== "replied") throw errorOf(answer, this.faults.at(-1));
    return answer.outcome.reply.length === 0 ? undefined : parsed(answer.outcome.reply);
  }
}

const UNAVAILABLE = { status: 503, contentType: "text/plain", body: Buffer.from("the test makes this function unavailable") };

/** One deployment for each definition, so that one can be out of reach and the others not. */
async function deploymentOf(id: string, invoker: InvokerPort): Promise<ActiveDeployment> {
  const outcome = await invoker.discover(new AbortController().signal);
  if (outcome.kind !== "discovered") throw new Error(`${id} cannot be discovered: ${outcome.message}`);
  return { id, types: readManifest(outcome.manifest, {}), limits: DEFAULT_DEPLOYMENT_LIMITS };
}

/** The error that an answer other than the hoped-for one stands for: the same that the client throws. */
function errorOf(answer: Answer, fault?: Fault): Error {
  const known = { retryable: false, status: null, source: "router" } as const;
  if (answer.kind === "problem") return new HoldfastError(answer.problem.message, { ...known, code: answer.problem.code });
  if (answer.kind !== "outcome") return new Error(`an answer of the kind ${answer.kind} was not expected`);
  const { outcome, commandId } = answer;
  switch (outcome.kind) {
    case "refused": {
      const details = parsed(outcome.details) ?? undefined;
      return new RefusedError(outcome.message, { ...known, source: "function", code: outcome.code, details, commandId });
    }
    case "failed":
      return new HoldfastError(outcome.message, { ...known, code: outcome.code, commandId, cause: fault?.error });
    case "replied":
      return new Error("a reply was not expected");
  }
}

function parsed(payload: Uint8Array | null): unknown {
  return payload === null || payload.length === 0 ? null : JSON.parse(Buffer.from(payload).toString());
}
