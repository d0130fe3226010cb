/** Live feeds: requests that follow an entity's events. Each gets every version once, in order, when it is durable. */
import type { FeedEnd } from "../answer.js";
import type { HistoryEvent } from "../entity/invocation.js";
import type { EffectsBody } from "../log/entry.js";
import { decodeEvent, eventKey } from "../store/key-spaces/event.js";
import type { ShardContext } from "./shard-context.js";
import type { EntitySlot } from "./slot.js";
import type { StoreReads } from "./store-reads.js";

interface Follower {
  readonly request: number;
  readonly slot: EntitySlot;
  /** The next version it is to get. */
  next: number;
  isReading: boolean;
}

const PAGE = 500;
const PAGE_BYTES = 1 << 20;

export class Feeds {
  readonly #context: ShardContext;
  readonly #reads: StoreReads;
  readonly #followerByRequest = new Map<number, Follower>();
  readonly #followersByEntity = new Map<string, Follower[]>();

  constructor(context: ShardContext, reads: StoreReads) {
    this.#context = context;
    this.#reads = reads;
  }

  /** Follows the entity's events behind version `after`. */
  follow(request: number, slot: EntitySlot, after: number): void {
    const follower: Follower = { request, slot, next: after + 1, isReading: false };
    slot.followers++;
    this.#followerByRequest.set(request, follower);
    const others = this.#followersByEntity.get(slot.key);
    if (others === undefined) this.#followersByEntity.set(slot.key, [follower]);
    else others.push(follower);
    this.#catchUp(follower);
  }

  committed(slot: EntitySlot, body: EffectsBody, position: number): void {
    if (slot.followers === 0 || body.events.length === 0) return;
    const atMs = this.#context.state.timeMs;
    const events = body.events.map((event, index) => ({ version: body.previousVersion + 1 + index, atMs, ...event }));
    for (const follower of this.#followersByEntity.get(slot.key) ?? []) {
      if (follower.isReading) continue;
      if (follower.next === body.previousVersion + 1) this.#give(follower, events, position, null);
      else this.#catchUp(follower);
    }
  }

  unfollow(request: number): void {
    const follower = this.#followerByRequest.get(request);
    if (follower === undefined) return;
    this.#followerByRequest.delete(request);
    const { slot } = follower;
    const left = (this.#followersByEntity.get(slot.key) ?? []).filter((other) => other !== follower);
    if (left.length === 0) this.#followersByEntity.delete(slot.key);
    else this.#followersByEntity.set(slot.key, left);
    slot.followers--;
    this.#context.retire(slot);
  }

  /** Ends all feeds, or those of one entity. */
  end(reason: FeedEnd, slot: EntitySlot | null): void {
    for (const follower of [...this.#followerByRequest.values()]) {
      if (slot !== null && follower.slot !== slot) continue;
      this.#give(follower, [], slot?.position ?? 0, reason);
      this.unfollow(follower.request);
    }
  }

  #catchUp(follower: Follower): void {
    const { slot } = follower;
    if (follower.next > slot.version) return;
    follower.isReading = true;
    const to = eventKey(slot.prefix, slot.version + 1);
    this.#reads.scan({ from: eventKey(slot.prefix, follower.next), to, limit: PAGE, bytesMax: PAGE_BYTES }, (items, next) => {
      follower.isReading = false;
      if (!this.#followerByRequest.has(follower.request)) return;
      const events = items.map(({ key, value }) => decodeEvent(key, value));
      if (events.length > 0) this.#give(follower, events, this.#context.host.log.last, null);
      // Events that retention has removed are passed over.
      if (next === null && follower.next <= slot.version && events.length === 0) follower.next = slot.version + 1;
      this.#catchUp(follower);
    });
  }

  #give(follower: Follower, events: readonly HistoryEvent[], position: number, ended: FeedEnd | null): void {
    follower.next = (events.at(-1)?.version ?? follower.next - 1) + 1;
    this.#context.output(position, { kind: "feed", request: follower.request, events, ended });
  }
}
