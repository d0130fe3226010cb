/** The clients of the simulated router that read events: some at a time, or all as they come, and again where a feed has ended. */
import type { Effect } from "../../src/core/effect.js";
import { addressText, type EntityAddress } from "../../src/core/entity/address.js";
import { parsed } from "./business/book.js";
import type { ClientMemory } from "./client-memory.js";
import { entitiesOf } from "./drawn-commands.js";
import type { History } from "./history.js";
import type { OpenRequests } from "./open-requests.js";
import type { Random } from "./random.js";
import type { World } from "./world.js";

export interface EventReadersParts {
  readonly world: World;
  /** That of all clients. */
  readonly random: Random;
  readonly history: History;
  readonly memory: ClientMemory;
  readonly requests: OpenRequests;
  isWindingUp(): boolean;
  /** The client of a request is gone. */
  left(request: number): void;
}

export class EventReaders {
  readonly #parts: EventReadersParts;

  constructor(parts: EventReadersParts) {
    this.#parts = parts;
  }

  readSome(): void {
    const { world, random, requests } = this.#parts;
    const entity = random.pick(entitiesOf(random.pick(["sim/ledger", "sim/listener"])));
    const after = random.below(10);
    world.count("command.events");
    const request = requests.open({ kind: "events", entity, after });
    const input = {
      kind: "eventsAsked",
      request,
      of: entity,
      after,
      limit: random.pick([1, 5, 100]),
      follow: false,
    } as const;
    requests.send(request, () => ({ ...input, isAdmin: false }));
  }

  follow(entity: EntityAddress, after: number): void {
    const { world, random, requests } = this.#parts;
    world.count("command.follow");
    const request = requests.open({ kind: "follow", entity, next: after + 1 });
    const input = { kind: "eventsAsked", request, of: entity, after, limit: 100, follow: true, isAdmin: false } as const;
    if (!requests.send(request, () => input)) return this.later(entity, after + 1);
    if (!random.chance(0.5)) return;
    world.after(random.between(10, 10_000), () => {
      if (requests.close(request)) this.#parts.left(request);
    });
  }

  /** Follows again after a while, or not. `next`: the version that comes next. */
  later(entity: EntityAddress, next: number): void {
    if (this.#parts.isWindingUp() || !this.#parts.random.chance(0.7)) return;
    this.#parts.world.after(this.#parts.random.between(100, 1_000), () => this.follow(entity, next - 1));
  }

  fed(effect: Effect & { readonly kind: "feed" }): void {
    const { world, history, memory, requests } = this.#parts;
    const asking = requests.of(effect.request);
    if (asking === undefined || asking.kind !== "follow") return;
    for (const event of effect.events) {
      if (event.version !== asking.next && asking.entity.type !== "sim/scratch") {
        history.violate(`a feed of ${addressText(asking.entity)} gave version ${event.version} instead of ${asking.next}`);
      }
      asking.next = event.version + 1;
      memory.sawEvent(asking.entity, event.version, parsed(event.data));
    }
    if (effect.ended === null) return;
    world.count(`feed.${effect.ended}`);
    requests.close(effect.request);
    this.later(asking.entity, effect.ended === "purged" ? 1 : asking.next);
  }
}
