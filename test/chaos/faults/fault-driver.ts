/** Draws faults from the seed, every few seconds one, and sees to it that each is undone: whatever is hurt comes back. */
import { Random } from "../../sim/random.js";
import type { Build } from "../cluster/build.js";
import type { RouterCluster } from "../cluster/router-cluster.js";
import type { RouterNode } from "../cluster/router-node.js";
import { FAULT_KINDS, type FaultKind, type FaultWorld } from "./fault-kinds.js";

export interface FaultDriverOptions {
  readonly cluster: RouterCluster;
  readonly seed: number;
  readonly builds: readonly [Build, Build];
  readonly gapMs: readonly [least: number, most: number];
  readonly log: (line: string) => void;
}

const STREAM = 1_000_003;
const RETRY_MS = 200;

export class FaultDriver {
  readonly counts = new Map<string, number>();
  /** What is not as it should be, and no loss either, by how often. */
  readonly notes = new Map<string, number>();
  /** What goes on at this moment, and on what. */
  readonly current = new Set<string>();
  readonly #options: FaultDriverOptions;
  readonly #random: Random;
  readonly #busy = new Map<RouterNode, Promise<void>>();
  readonly #under = new Set<Promise<void>>();
  readonly #over = new AbortController();
  #bag: FaultKind[] = [];
  #failure: Error | null = null;

  constructor(options: FaultDriverOptions) {
    this.#options = options;
    this.#random = new Random(options.seed, STREAM);
  }

  /** Until `stop`. Rejects where a fault could not be done or undone. */
  async run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await this.#wait(this.#random.between(...this.#options.gapMs));
      if (this.#over.signal.aborted) break;
      await this.#begin(this.#next());
    }
    await Promise.all(this.#under);
    if (this.#failure !== null) throw this.#failure;
  }

  /** What goes on is undone at once; nothing new begins. */
  stop(): void {
    this.#over.abort();
  }

  /** All kinds, as often as they weigh, in an order that the seed decides; then again: so each of them comes. */
  #next(): FaultKind {
    if (this.#bag.length === 0) {
      this.#bag = this.#random.shuffled(FAULT_KINDS.flatMap((kind) => Array.from({ length: kind.weight }, () => kind)));
    }
    return this.#bag.pop() as FaultKind;
  }

  async #begin(kind: FaultKind): Promise<void> {
    const { on, name } = kind;
    if (on.kind === "cluster") {
      // One of a kind at a time: the functions are not killed twice, nor two upgrades rolled.
      if (this.current.has(name)) return;
      return this.#track(name, name, on.run(this.#world(name)));
    }
    const node = await this.#freeNode();
    if (node === null) return;
    const world = this.#world(`${name} ${node.name}`);
    this.#track(
      name,
      `${name} ${node.name}`,
      world.withNode(node, () => on.run(world, node)),
    );
  }

  /** One that nothing is being done to, and not the last such one: while single nodes are hurt, some node is well. */
  async #freeNode(): Promise<RouterNode | null> {
    for (;;) {
      const free = this.#options.cluster.nodes.filter((node) => !this.#busy.has(node));
      if (free.length > 1 || this.#options.cluster.nodes.length === 1) return this.#random.pick(free);
      await this.#wait(RETRY_MS);
      if (this.#over.signal.aborted) return null;
    }
  }

  #track(kind: string, what: string, run: Promise<void>): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#options.log(what);
    this.current.add(what);
    const tracked = run.finally(() => {
      this.current.delete(what);
      this.#under.delete(tracked);
    });
    this.#under.add(tracked);
    tracked.catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      this.stop();
    });
  }

  #world(what: string): FaultWorld {
    const { cluster, builds, log } = this.#options;
    return {
      cluster,
      builds,
      // A stream of its own for each: what is drawn must not depend on which one comes first.
      random: new Random(this.#options.seed, STREAM + 1 + this.#random.u32()),
      wait: (ms) => this.#wait(ms),
      isOver: () => this.#over.signal.aborted,
      withNode: (node, act) => this.#withNode(node, act),
      note: (text) => {
        log(`${what}: ${text}`);
        this.notes.set(text, (this.notes.get(text) ?? 0) + 1);
      },
    };
  }

  async #withNode(node: RouterNode, act: () => Promise<void>): Promise<void> {
    for (let before = this.#busy.get(node); before !== undefined; before = this.#busy.get(node)) await before;
    const acting = act().finally(() => this.#busy.delete(node));
    this.#busy.set(
      node,
      acting.catch(() => undefined), // whoever waits for the node is not told; `acting` is
    );
    await acting;
  }

  #wait(ms: number): Promise<void> {
    const { signal } = this.#over;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
    });
  }
}
