/**
 * `testRouter`: definitions on a real router in this process, for unit tests. The core is the one of production, with its
 * journal, messages, timers and retries; memory stands in for the disk, and time passes only when the test lets it.
 */
import type { Answer } from "../core/answer.js";
import type { HistoryEvent } from "../core/entity/invocation.js";
import { bodyHash, keyedCommandId } from "../router/ingress/command-id.js";
import type { Definition } from "../sdk/definition.js";
import { type Duration, delayMs, durationMs } from "../sdk/duration.js";
import type { AnyRef, EntityAddress, EventOf, Fault, Message, QueryMessage } from "../sdk/index.js";
import { errorOf, parsed } from "./answers.js";
import type { HandlerRun } from "./handler-guard.js";
import { VirtualRouter } from "./virtual-router.js";

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

/** How long a call waits for its reply before it fails, in the test's time. */
const CALL_MS = 30_000;
const PAGE = 1_000;

/** Starts a router for the definitions. Nothing has to be stopped: it holds no port, no file and no timer. */
export async function testRouter(definitions: readonly Definition[], options: TestRouterOptions = {}): Promise<TestRouter> {
  const router = new VirtualRouter((options.now ?? new Date("2026-01-01T00:00:00Z")).getTime());
  await router.deploy(definitions);
  await router.restart();
  return new TestRouter(router);
}

export class TestRouter {
  readonly #router: VirtualRouter;
  #commands = 0;

  constructor(router: VirtualRouter) {
    this.#router = router;
  }

  /** What handlers threw that was no refusal and not asked for by `fail`, oldest first. */
  get faults(): readonly Fault[] {
    return this.#router.functions.faults;
  }

  /** The test's time. */
  get now(): Date {
    return new Date(this.#router.clock.nowMs());
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
    const deadlineMs = this.#router.clock.nowMs() + CALL_MS;
    const asked = { kind: "stateAsked", of: of.$address, isAdmin: true, isStrict: false, deadlineMs } as const;
    const answer = await this.#router.ask((request) => ({ ...asked, request }));
    if (answer.kind !== "state") throw errorOf(answer);
    return parsed(answer.state) as State | null;
  }

  /** Everything that has happened to the entity, oldest first. */
  async events<Events>(of: AnyRef<string, Events>): Promise<EventOf<Events>[]> {
    const events: HistoryEvent[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const from: number = after;
      const asked = { kind: "eventsAsked", of: of.$address, after: from, limit: PAGE, follow: false, isAdmin: true } as const;
      const answer = await this.#router.ask((request) => ({ ...asked, request }));
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
    const answer = await this.#router.ask((request) => ({ kind: "timersAsked", request, of: of.$address, limit: PAGE }));
    if (answer.kind !== "timers") throw errorOf(answer);
    return answer.timers.map(({ name, dueAtMs, to, command }) => {
      return { name, at: new Date(dueAtMs), to, command: command.name, input: parsed(command.input) ?? undefined };
    });
  }

  /** What was given up, of one entity or of all. */
  async deadLetters(of?: AnyRef): Promise<TestDeadLetter[]> {
    const address = of?.$address ?? null;
    const answer = await this.#router.ask((request) => ({ kind: "deadLettersAsked", request, of: address, limit: PAGE }));
    if (answer.kind !== "deadLetters") throw errorOf(answer);
    return answer.deadLetters.map(({ entity, deadLetter: { command, code, message, attempts } }) => {
      return { to: entity, command: command.name, input: parsed(command.input) ?? undefined, code, message, attempts };
    });
  }

  /** What handlers of this entity ran, every attempt of it, oldest first: for actions, which have nothing else to show. */
  ran(of: AnyRef): readonly HandlerRun[] {
    return this.#router.functions.guard.runs(of);
  }

  /**
   * Waits until every message has been delivered and every command has run; timers that are not due stay set. Time passes
   * only as far as retries need it. While a type is `unavailable` what is meant for it is left waiting.
   */
  settle(): Promise<void> {
    return this.#router.settle();
  }

  /** Lets time pass: timers that become due fire in their order, each at its moment. Settles at the end. */
  advance(duration: Duration): Promise<void> {
    return this.#router.advance(durationMs(duration));
  }

  /** The next `times` times that a command or answer handler of this entity would run, it throws instead. */
  fail(of: AnyRef, times = 1): void {
    this.#router.functions.guard.fail(of, times);
  }

  /** From now on the function of this type cannot be reached: its commands wait, and nobody is at fault. */
  unavailable(contract: { readonly type: string }): void {
    this.#router.functions.guard.setUnavailable(contract.type, true);
  }

  /** Ends `unavailable`. */
  available(contract: { readonly type: string }): void {
    this.#router.functions.guard.setUnavailable(contract.type, false);
  }

  /** Ends the router as a crash does and starts another one on what is durable. */
  restart(): Promise<void> {
    return this.#router.restart();
  }

  /** Deploys new definitions of their types: stored states of a lower `stateVersion` are migrated or folded again. */
  deploy(definitions: readonly Definition[]): Promise<void> {
    return this.#router.deploy(definitions);
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
    const nowMs = this.#router.clock.nowMs();
    return this.#router.ask((request) => ({
      kind: "commandArrived",
      isRepeat: false,
      isStrict: false,
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

  #replyOf(answer: Answer): unknown {
    if (answer.kind !== "outcome" || answer.outcome.kind !== "replied") throw errorOf(answer, this.faults.at(-1));
    return answer.outcome.reply.length === 0 ? undefined : parsed(answer.outcome.reply);
  }
}
