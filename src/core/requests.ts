/** Requests on their way to a shard: who may ask what, which shard it is, where that is, and why not. */
import type { AdmissionControl } from "./admission/admission.js";
import type { Answer, ProblemCode } from "./answer.js";
import type { Effect } from "./effect.js";
import type { EntityAddress } from "./entity/address.js";
import type { Barrier } from "./log/barrier.js";
import type { Gate } from "./log/gate.js";
import type { LogWriter } from "./log/log-writer.js";
import type { LogId } from "./log/record.js";
import type { Upkeep } from "./ownership/upkeep.js";
import type { Forwarding } from "./peers/forwarding.js";
import type { AdminAsked, Asked, CommandArrived, ReadAsked } from "./request.js";
import type { FoundDeadLetter } from "./shard/reads.js";
import type { Shard } from "./shard/shard.js";
import { type TypeRegistry, unknownCommand } from "./type-registry.js";
import { unreachable } from "./unreachable.js";

/** What is there once the incarnation has joined its cluster. */
export interface OpenNode {
  readonly log: LogWriter;
  readonly upkeep: Upkeep;
  readonly barrier: Barrier;
  /** The shard if it is served here at this moment. */
  serving(shard: number): Shard | null;
  /** Why the shard, which is not here, serves nobody; null: it does, or nothing is known. */
  refusalOf(shard: number): string | null;
  /** All shards that are here, served or not. */
  readonly shards: readonly Shard[];
  /** Other nodes that live. */
  readonly peers: readonly LogId[];
}

export interface RequestParts {
  readonly types: TypeRegistry;
  readonly admission: AdmissionControl;
  readonly gate: Gate;
  readonly effects: Effect[];
  readonly forwarding: Forwarding;
  /** Null until the incarnation has joined. */
  open(): OpenNode | null;
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

  /** A request of a client of ours, or (with a negative number) of another node's. */
  take(asked: Asked): void {
    switch (asked.kind) {
      case "commandArrived":
        return this.#command(asked);
      case "stateAsked":
      case "eventsAsked":
      case "outcomeAsked":
        return this.#read(asked);
      case "timersAsked":
      case "deadLettersAsked":
      case "deadLetterEnded":
      case "purgeAsked":
        return this.#admin(asked);
      default:
        return unreachable(asked);
    }
  }

  #command(input: CommandArrived): void {
    const { types, admission } = this.#parts;
    // First: while the router starts it cannot know which types there will be.
    if (this.#openFor(input) === null) return;
    const served = types.servedTo(input.to);
    if (served === null) return this.#unknownType(input, input.to);
    const { type } = served;
    const query = type.queries.get(input.name);
    const command = type.commands.get(input.name) ?? query;
    if (command === undefined || (command.exposure === "internal" && !input.isAdmin)) {
      return this.problem(input.request, "unknown_command", unknownCommand(type, input.name));
    }
    const shard = this.#shardFor(input.to, input);
    if (shard === null) return;
    const bytes = input.input.length;
    const isForwarded = input.request < 0;
    const arrival = {
      origin: "client",
      isForwarded,
      isQuery: query !== undefined,
      bytes,
      mailboxLength: 0,
      mailboxMax: 1,
    } as const;
    const admitted = admission.decide(arrival, this.#load);
    // What may have run already is no new work: a refusal would say that it has not.
    if (admitted.kind !== "refuse" || input.isRepeat) return shard.arrived(input, type);
    const { code, message, retryAfterMs } = admitted.problem;
    this.problem(input.request, code, message, retryAfterMs);
  }

  #read(input: ReadAsked): void {
    if (this.#openFor(input) === null) return;
    const { types } = this.#parts;
    const type = types.servedTo(input.of)?.type ?? null;
    if (input.kind !== "outcomeAsked") {
      if (type === null) return this.#unknownType(input, input.of);
      const isState = input.kind === "stateAsked";
      const isExposed = input.isAdmin || (isState ? type.policy.exposeState : type.policy.exposeEvents);
      if (!isExposed) {
        return this.problem(input.request, "not_exposed", `${type.name} does not expose its ${isState ? "state" : "events"}`);
      }
    }
    this.#shardFor(input.of, input)?.read(input, type);
  }

  #admin(input: AdminAsked): void {
    if (input.kind === "deadLettersAsked") return this.#deadLetters(input);
    const shard = this.#shardFor(input.of, input);
    shard?.admin(input, input.of, this.#parts.types.servedTo(input.of)?.type ?? null);
  }

  /** Another node's client knows the type: this node is about to. It asks again. */
  #unknownType(asked: Asked, of: EntityAddress): void {
    const { types, forwarding } = this.#parts;
    if (asked.request < 0) forwarding.turnAway(asked.request, this.#parts.shardOf(of));
    else if ("isRepeat" in asked && asked.isRepeat)
      this.problem(asked.request, "outcome_unknown", `it may have run, and this router does not know ${of.type} any more`);
    else this.problem(asked.request, "unknown_type", types.unknownType(of.type));
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

  /** Of one entity; of all shards here; or, where a client of ours asks, of those of other nodes as well. */
  #deadLetters(input: AdminAsked & { readonly kind: "deadLettersAsked" }): void {
    const { request, of, limit } = input;
    const opened = this.#openFor(input);
    if (opened === null) return;
    const one = of === null ? null : this.#shardFor(of, input);
    if (of !== null && one === null) return;
    const here = opened.shards;
    // One on its way to somebody else is not waited for: what is read of it may never come.
    const isAsked = ({ shard, refusal, isOpen }: Shard): boolean => refusal === null && isOpen && opened.serving(shard) !== null;
    const asked = one === null ? here.filter(isAsked) : [one];
    const peers = one === null && request >= 0 ? opened.peers : [];
    if (asked.length === 0 && peers.length === 0 && here.length > 0) {
      const refusal = here.find((shard) => shard.refusal !== null)?.refusal;
      if (refusal === undefined) return this.problem(request, "shard_moving", "no shard is open yet", 1_000);
      return this.problem(request, "shard_refused", `no shard serves anybody: ${refusal}`);
    }
    const found: FoundDeadLetter[] = [];
    let left = asked.length + peers.length;
    const done = (some: readonly FoundDeadLetter[]): void => {
      found.push(...some);
      if (--left > 0) return;
      this.#pass(opened, request, { kind: "deadLetters", deadLetters: found.slice(0, limit) });
    };
    if (left === 0) return this.#pass(opened, request, { kind: "deadLetters", deadLetters: [] });
    for (const shard of asked) shard.deadLetters(of, limit, done);
    for (const peer of peers) {
      this.#parts.forwarding.askNode(peer, input, (answer) => done(answer?.kind === "deadLetters" ? answer.deadLetters : []));
    }
  }

  #pass({ log }: OpenNode, request: number, answer: Answer): void {
    this.#parts.gate.pass(log.last, { kind: "answer", request, answer }, this.#parts.effects);
  }

  /** The shard of an entity if it is served here; else the request goes where it is, or is answered, and null. */
  #shardFor(address: EntityAddress, asked: Asked): Shard | null {
    const opened = this.#openFor(asked);
    if (opened === null) return null;
    const number = this.#parts.shardOf(address);
    const shard = opened.serving(number);
    const refusal = shard === null ? opened.refusalOf(number) : shard.refusal;
    if (refusal !== null) {
      this.problem(asked.request, "shard_refused", `shard ${number} serves nobody: ${refusal}`);
      return null;
    }
    if (shard === null) {
      this.#parts.forwarding.route(number, asked);
      return null;
    }
    if (!("isStrict" in asked) || !asked.isStrict) return shard;
    opened.barrier.pass(() => this.take(this.#proven(asked, shard, opened)));
    return null;
  }

  /** Behind a barrier the read is as any other, where the shard is still here; elsewhere it needs one there. */
  #proven<Read extends Asked>(asked: Read, shard: Shard, opened: OpenNode): Read {
    return opened.serving(shard.shard) === shard ? { ...asked, isStrict: false } : asked;
  }

  /** The node if it takes requests; else the request is answered, and null. */
  #openFor(asked: Asked): OpenNode | null {
    const { admission, forwarding } = this.#parts;
    const opened = this.#parts.open();
    if (opened !== null && admission.phase === "open") return opened;
    // Of another node's client: what is open here serves it, also before all is. Who stops gives back what it is asked for.
    if (asked.request < 0) {
      if (opened !== null && admission.phase === "starting") return opened;
      forwarding.turnAway(asked.request, "of" in asked && asked.of !== null ? this.#parts.shardOf(asked.of) : 0);
      return null;
    }
    const { request } = asked;
    if (admission.phase === "stopping") this.problem(request, "stopping", "the router is stopping and takes nothing new", 1_000);
    else this.problem(request, "starting", "the router is starting: its shards are not open yet", 1_000);
    return null;
  }
}
