/** A core that answers as a test tells it to, at the end of the turn, as the real one does. */
import type { Answer } from "../../../src/core/answer.js";
import type { Effect } from "../../../src/core/effect.js";
import { DEFAULT_POLICY, type EntityType, type TypePolicy } from "../../../src/core/entity/entity-type.js";
import type { CommandArrived } from "../../../src/core/request.js";
import type { CoreLink, RequestInput, RequestListener } from "../../../src/router/ingress/core-link.js";
import { RequestTable } from "../../../src/router/ingress/request-table.js";
import type { TypeCatalog } from "../../../src/router/ingress/type-catalog.js";

export type Behaviour = (input: RequestInput, core: FakeCore) => Answer | null;

export class FakeCore implements CoreLink {
  readonly inputs: RequestInput[] = [];
  readonly left: number[] = [];
  readonly table = new RequestTable();
  behaviour: Behaviour;

  constructor(behaviour: Behaviour = replies) {
    this.behaviour = behaviour;
  }

  open(listener: RequestListener, isFollowed: boolean): number {
    return this.table.open(listener, isFollowed);
  }

  submit(input: RequestInput): void {
    this.inputs.push(input);
    setImmediate(() => {
      const answer = this.behaviour(input, this);
      if (answer !== null) this.table.answer(input.request, answer);
    });
  }

  leave(request: number): void {
    if (this.table.leave(request)) this.left.push(request);
  }

  nowMs(): number {
    return Date.now();
  }

  /** The last command that arrived. */
  get command(): CommandArrived {
    const found = this.inputs.findLast((input) => input.kind === "commandArrived");
    if (found === undefined) throw new Error("no command arrived");
    return found;
  }

  feed(effect: Omit<Extract<Effect, { kind: "feed" }>, "kind">): boolean {
    return this.table.feed(effect.request, effect.events, effect.ended);
  }
}

/** Answers commands with their own input. */
export function replies(input: RequestInput): Answer {
  if (input.kind !== "commandArrived") return { kind: "done" };
  if (input.mode === "send") return { kind: "accepted", commandId: input.id };
  const outcome = { kind: "replied", reply: input.input } as const;
  return { kind: "outcome", commandId: input.id, version: 7, outcome, isDuplicate: false };
}

export function text(value: string): Uint8Array {
  return Buffer.from(value);
}

export function cartType(policy: Partial<TypePolicy> = {}): EntityType {
  const spec = (name: string, exposure: "public" | "internal" = "public") =>
    [name, { name, exposure, inputSchema: null, replySchema: null }] as const;
  return {
    name: "shop/cart",
    kind: "event-sourced",
    stateVersion: 1,
    commands: new Map([spec("add"), spec("checkout"), spec("expire", "internal")]),
    queries: new Map([spec("view"), spec("audit", "internal")]),
    replies: new Set(["reserved"]),
    events: new Map([["lineAsked", { name: "lineAsked", eventVersion: 1 }]]),
    policy: { ...DEFAULT_POLICY, exposeEvents: true, ...policy },
  };
}

export function catalog(types: readonly EntityType[], undiscovered: readonly string[] = []): TypeCatalog {
  const byName = new Map(types.map((type) => [type.name, type]));
  const names = (): readonly string[] => [...byName.keys()].sort();
  return { isOpen: true, get: (name) => byName.get(name), names, undiscovered: () => undiscovered };
}
