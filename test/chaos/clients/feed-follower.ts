/** Follows the live feed of a ledger with the SDK's client, over whatever nodes come and go, and keeps what it was shown. */
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "../../../src/client/index.js";
import { Random } from "../../sim/random.js";
import type { HistoryEvent } from "../checkers/history-is-the-state.js";
import { Ledger } from "../functions/contracts.js";
import type { LoadBalancer } from "./load-balancer.js";

/** The run goes on without a follower that does not hear of its end. */
const STOP_MS = 1_000;

export class FeedFollower {
  readonly entity: string;
  readonly seen: HistoryEvent[] = [];
  readonly #left = new AbortController();
  readonly #ended: Promise<void>;
  /** Connections, first one included. */
  connections = 0;
  problem: string | null = null;

  constructor(id: string, seed: number, stream: number, balancer: LoadBalancer) {
    this.entity = `${Ledger.type}/${id}`;
    const toAny = balancer.fetchOf(new Random(seed, stream));
    const counted: typeof fetch = (input, init) => {
      this.connections++;
      return toAny(input, init);
    };
    this.#ended = this.#follow(id, counted);
  }

  async stop(): Promise<void> {
    this.#left.abort();
    await Promise.race([this.#ended, delay(STOP_MS)]);
  }

  async #follow(id: string, fetchAny: typeof fetch): Promise<void> {
    const client = connect("http://any-node", { fetch: fetchAny });
    try {
      for await (const event of client.events(Ledger(id), { follow: true, signal: this.#left.signal })) {
        this.seen.push({ entityVersion: event.version, name: event.name, data: event.data });
      }
    } catch (error) {
      this.problem = `the feed of ${this.entity} ended: ${String(error)}`;
    }
  }
}
