/** Requests on their way to a shard: who may ask what, which shard it is, and why not. */
import type { AdmissionControl } from "./admission/admission.js";
import type { Effect, ProblemCode } from "./effect.js";
import type { EntityAddress } from "./entity/address.js";
import type { AdminAsked, CommandArrived, ReadAsked } from "./input.js";
import type { Gate } from "./log/gate.js";
import type { LogWriter } from "./log/log-writer.js";
import type { Upkeep } from "./ownership/upkeep.js";
import type { FoundDeadLetter } from "./shard/reads.js";
import type { Shard } from "./shard/shard.js";
import { type TypeRegistry, unknownCommand } from "./type-registry.js";

export interface OpenShards {
  readonly shards: readonly Shard[];
  readonly log: LogWriter;
  readonly upkeep: Upkeep;
}

export interface RequestParts {
  readonly types: TypeRegistry;
  readonly admission: AdmissionControl;
  readonly gate: Gate;
  readonly effects: Effect[];
  /** Null until all shards are open. */
  open(): OpenShards | null;
  shardOf(address: EntityAddress): number;
  /** Monotonic time of the step. */
  tickMs(): number;
}

export class Requests {
  readonly #parts: RequestParts;
  readonly #load = { tailBytes: 0, tailRecords: 0, durableLagMs: 0, recordAgeMs: 0 };

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  command(input: CommandArrived): void {
    const { types, admission } = this.#parts;
    // First: while the router starts it cannot know which types there will be.
    if (this.#openFor(input.request) === null) return;
    const served = types.servedTo(input.to);
    if (served === null) return this.problem(input.request, "unknown_type", types.unknownType(input.to.type));
    const { type } = served;
    const query = type.queries.get(input.name);
    const command = type.commands.get(input.name) ?? query;
    if (command === undefined || (command.exposure === "internal" && !input.isAdmin)) {
      return this.problem(input.request, "unknown_command", unknownCommand(type, input.name));
    }
    const shard = this.#shardFor(input.to, input.request);
    if (shard === null) return;
    const bytes = input.input.length;
    const arrival = { origin: "client", isQuery: query !== undefined, bytes, mailboxLength: 0, mailboxMax: 1 } as const;
    const admitted = admission.decide(arrival, this.#load);
    if (admitted.kind !== "refuse") return shard.arrived(input, type);
    const { code, message, retryAfterMs } = admitted.problem;
    this.problem(input.request, code, message, retryAfterMs);
  }

  read(input: ReadAsked): void {
    const shard = this.#shardFor(input.of, input.request);
    if (shard === null) return;
    const { types } = this.#parts;
    const type = types.servedTo(input.of)?.type ?? null;
    if (input.kind === "outcomeAsked") return shard.read(input, type);
    if (type === null) return this.problem(input.request, "unknown_type", types.unknownType(input.of.type));
    const isState = input.kind === "stateAsked";
    const isExposed = input.isAdmin || (isState ? type.policy.exposeState : type.policy.exposeEvents);
    if (isExposed) return shard.read(input, type);
    this.problem(input.request, "not_exposed", `${type.name} does not expose its ${isState ? "state" : "events"}`);
  }

  admin(input: AdminAsked): void {
    if (input.kind === "deadLettersAsked") return this.#deadLetters(input);
    const shard = this.#shardFor(input.of, input.request);
    shard?.admin(input, input.of, this.#parts.types.servedTo(input.of)?.type ?? null);
  }

  /** What admission goes by. Once a turn. */
  measure(): void {
    const opened = this.#parts.open();
    if (opened === null) return;
    this.#load.tailBytes = opened.upkeep.tailBytes;
    this.#load.tailRecords = opened.upkeep.tailRecords;
    this.#load.recordAgeMs = opened.upkeep.recordAgeMs(this.#parts.tickMs());
    this.#load.durableLagMs = opened.log.lagMs(this.#parts.tickMs());
  }

  problem(request: number, code: ProblemCode, message: string, retryAfterMs: number | null = null): void {
    const answer = { kind: "problem", problem: { code, message, retryAfterMs } } as const;
    this.#parts.effects.push({ kind: "answer", request, answer });
  }

  #deadLetters(input: AdminAsked & { readonly kind: "deadLettersAsked" }): void {
    const { request, of, limit } = input;
    const opened = this.#openFor(request);
    if (opened === null) return;
    const one = of === null ? null : this.#shardFor(of, request);
    if (of !== null && one === null) return;
    const asked = one === null ? opened.shards.filter((shard) => shard.refusal === null) : [one];
    if (asked.length === 0)
      return this.problem(request, "shard_refused", `no shard serves anybody: ${opened.shards[0]?.refusal}`);
    const found: FoundDeadLetter[] = [];
    let left = asked.length;
    for (const shard of asked) {
      shard.deadLetters(of, limit, (some) => {
        found.push(...some);
        if (--left > 0) return;
        const answer = { kind: "deadLetters", deadLetters: found.slice(0, limit) } as const;
        this.#parts.gate.pass(opened.log.last, { kind: "answer", request, answer }, this.#parts.effects);
      });
    }
  }

  /** The shard of an entity if it is open; else the request is answered, and null. */
  #shardFor(address: EntityAddress, request: number): Shard | null {
    const opened = this.#openFor(request);
    if (opened === null) return null;
    const shard = opened.shards[this.#parts.shardOf(address)] ?? null;
    if (shard === null || shard.refusal === null) return shard;
    this.problem(request, "shard_refused", `shard ${shard.shard} serves nobody: ${shard.refusal}`);
    return null;
  }

  /** The open shards; else the request is answered, and null. */
  #openFor(request: number): OpenShards | null {
    const { admission } = this.#parts;
    const opened = this.#parts.open();
    if (admission.phase === "open" && opened !== null) return opened;
    if (admission.phase === "stopping") this.problem(request, "stopping", "the router is stopping and takes nothing new", 1_000);
    else this.problem(request, "starting", "the router is starting: its shards are not open yet", 1_000);
    return null;
  }
}
