/** Hands each try to a node that runs, by chance: any node must do. */
import type { Random } from "../../sim/random.js";
import type { RouterNode } from "../cluster/router-node.js";

/** Whoever finds no node at all asks again after this. */
const NOBODY_MS = 100;

export class LoadBalancer {
  readonly #nodes: () => readonly RouterNode[];

  constructor(nodes: () => readonly RouterNode[]) {
    this.#nodes = nodes;
  }

  /** Among those whose process runs, also when it is stopped: that shows to nobody at once. */
  async pick(random: Random): Promise<RouterNode> {
    for (;;) {
      const running = this.#nodes().filter(({ isUp }) => isUp);
      if (running.length > 0) return random.pick(running);
      await new Promise((resolve) => setTimeout(resolve, NOBODY_MS));
    }
  }

  /** `fetch` for the SDK's client: whatever address it was given, a node gets the request. */
  fetchOf(random: Random): typeof fetch {
    return async (input, init) => {
      const node = await this.pick(random);
      const { pathname, search } = new URL(String(input));
      return fetch(`${node.ingressUrl}${pathname}${search}`, init);
    };
  }
}
