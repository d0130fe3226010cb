/** What is there when all has settled, read from any node, and everything that is wrong with it. */
import { Random } from "../sim/random.js";
import { checkFields } from "./checkers/expected-equals-actual.js";
import { checkFeed } from "./checkers/feed-in-order.js";
import { checkHistory, type HistoryEvent } from "./checkers/history-is-the-state.js";
import { checkShop } from "./checkers/shop-invariants.js";
import type { Expectations } from "./clients/expectations.js";
import type { FeedFollower } from "./clients/feed-follower.js";
import type { Insistence } from "./clients/insistence.js";
import { BROKEN_ID } from "./clients/kinds/ask-kinds.js";
import { readHistory } from "./clients/read-history.js";
import { unsettledIn, viewOf } from "./cluster/cluster-view.js";
import type { RouterCluster } from "./cluster/router-cluster.js";
import type { RouterNode } from "./cluster/router-node.js";
import { Answerer } from "./functions/contracts.js";
import type { CartState, StockState } from "./functions/shop.js";

type State = Readonly<Record<string, unknown>> | null;

interface DeadLetterView {
  readonly entity: { readonly type: string; readonly id: string };
}

const READERS = 16;
const DEAD_LETTERS_MAX = 1_000;
const STREAM = 2_000_003;

export class EndState {
  readonly #insistence: Insistence;
  readonly #expectations: Expectations;
  readonly #random: Random;

  constructor(seed: number, insistence: Insistence, expectations: Expectations) {
    this.#insistence = insistence;
    this.#expectations = expectations;
    this.#random = new Random(seed, STREAM);
  }

  /** Reads every entity that was touched. */
  async violations(): Promise<readonly string[]> {
    const found: string[] = [];
    const stocks = new Map<string, StockState>();
    const carts = new Map<string, CartState>();
    await this.#each(this.#expectations.entities, async ([entity, fields]) => {
      const { version, state } = await this.#state(entity);
      found.push(...checkFields(entity, fields, state));
      const [, type = "", id = ""] = entity.split("/");
      if (type === "stock" && state !== null) stocks.set(id, state as unknown as StockState);
      if (type === "cart" && state !== null) carts.set(entity, state as unknown as CartState);
      if (type === "ledger") {
        const events = await this.#history(entity);
        const balance = Number(state?.["balance"] ?? 0);
        const postings = this.#expectations.postings.get(entity) ?? new Map<string, number>();
        found.push(...checkHistory(entity, events, { version, balance }, postings));
      }
    });
    return [...found, ...checkShop(stocks, carts, this.#expectations.lines)];
  }

  /** Whether all shards that there should be are where they should be, as each node sees it. */
  async clusterViolations({ nodes, shards }: RouterCluster, splits: number): Promise<readonly string[]> {
    const found: string[] = [];
    for (const node of nodes) {
      if (!node.build.hasPeers) continue;
      const view = await viewOf(node);
      found.push(...(view === null ? [`${node.name} does not show its cluster`] : unsettledIn(node.name, view, shards, splits)));
    }
    return found;
  }

  async feedViolations(followers: readonly FeedFollower[]): Promise<readonly string[]> {
    const found: string[] = [];
    for (const { entity, seen, problem } of followers) {
      if (problem !== null) found.push(problem);
      found.push(...checkFeed(entity, seen, await this.#history(entity)));
    }
    return found;
  }

  /** Messages that were given up: of those alone that were asked to fail. */
  async deadLetterViolations(nodes: readonly RouterNode[]): Promise<readonly string[]> {
    const found = new Set<string>();
    for (const node of nodes) {
      if (!(await node.isReady())) continue;
      const { text } = await node.admin(`/v1/dead-letters?limit=${DEAD_LETTERS_MAX}`);
      const { deadLetters } = JSON.parse(text) as { readonly deadLetters: readonly DeadLetterView[] };
      for (const letter of deadLetters) {
        if (letter.entity.type !== Answerer.type || !letter.entity.id.startsWith(BROKEN_ID))
          found.add(`a dead letter: ${JSON.stringify(letter)}`);
      }
    }
    return [...found];
  }

  async #state(entity: string): Promise<{ readonly version: number; readonly state: State }> {
    const { text } = await this.#insistence.read("end", this.#random, `/${entity}`);
    return JSON.parse(text) as { version: number; state: State };
  }

  #history(entity: string): Promise<readonly HistoryEvent[]> {
    return readHistory(entity, (path) => this.#insistence.read("end", this.#random, path));
  }

  async #each<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
    const left = items.values();
    const reader = async (): Promise<void> => {
      for (const item of left) await act(item);
    };
    await Promise.all(Array.from({ length: READERS }, reader));
  }
}
