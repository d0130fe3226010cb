/** Draws faults from the seed, every few seconds one, and sees to it that each is undone: whatever is hurt comes back. */
import { Random } from "../../sim/random.js";
import type { Build } from "../cluster/build.js";
import type { RouterCluster } from "../cluster/router-cluster.js";
import type { RouterNode } from "../cluster/router-node.js";
import { FAULT_KINDS, type FaultKind, replaced, UPGRADE } from "./fault-kinds.js";
import type { FaultWorld } from "./fault-world.js";
import { askForSplit, splitIsDone } from "./operators.js";

export interface FaultDriverOptions {
  readonly cluster: RouterCluster;
  readonly seed: number;
  /** The one that is tested, and the one that its nodes are upgraded from, and go back to. */
  readonly builds: readonly [own: Build, other: Build];
  /** When the last rolling upgrade begins, after which shards are split; null: never. */
  readonly splitsAfterMs: number | null;
  readonly gapMs: readonly [least: number, most: number];
  readonly log: (line: string) => void;
}

/** Not among the faults that are drawn: as soon as it was asked for, the other build has no place any more. */
export const SPLIT = "split";
/** Each doubles the shards: with more of them, two processors would do little else than write their segments. */
export const SPLITS = 2;

const STREAM = 1_000_003;
const SPLIT_STREAM = 1_000_002;
const RETRY_MS = 200;
/** A node starts slowly on a machine with much else to do: nobody would ever serve if the next fault came by the clock alone. */
const WELL_WITHIN_MS = 15_000;
const LAST_UPGRADE = "lastUpgrade";

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
  /** How long each split took until all shards were halves. */
  readonly splitMs: number[] = [];
  #bag: FaultKind[] = [];
  #isOtherBuildOver = false;
  #failure: Error | null = null;

  constructor(options: FaultDriverOptions) {
    this.#options = options;
    this.#random = new Random(options.seed, STREAM);
  }

  get isSplitting(): boolean {
    return this.#options.splitsAfterMs !== null;
  }

  /** Until `stop`. Rejects where a fault could not be done or undone. */
  async run(): Promise<void> {
    const { splitsAfterMs } = this.#options;
    if (splitsAfterMs !== null) void this.#watch(this.#splitting(splitsAfterMs));
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
    let index = this.#bag.findLastIndex((kind) => this.#mayBegin(kind));
    if (index < 0) {
      const round = FAULT_KINDS.flatMap((kind) => Array.from({ length: kind.weight }, () => kind));
      this.#bag = [...this.#bag, ...this.#random.shuffled(round)];
      index = this.#bag.findLastIndex((kind) => this.#mayBegin(kind));
    }
    return this.#bag.splice(index, 1)[0] as FaultKind;
  }

  /** One at a time of what concerns all nodes: the functions are not killed twice, nor two upgrades rolled. */
  #mayBegin({ name, on }: FaultKind): boolean {
    if (name === UPGRADE && this.current.has(LAST_UPGRADE)) return false;
    return on.kind === "node" || !this.current.has(name);
  }

  /**
   * From here on each node that starts is of the build that is tested. Only when none of the other is left is a split asked for:
   * a version that knows no splits ends at a plan with one.
   */
  async #splitting(afterMs: number): Promise<void> {
    const { cluster, seed, builds, gapMs } = this.#options;
    // Luck of its own, as it goes on beside all that is drawn.
    const random = new Random(seed, SPLIT_STREAM);
    await this.#wait(afterMs);
    if (this.#over.signal.aborted) return;
    this.#isOtherBuildOver = true;
    await this.#track(null, LAST_UPGRADE, this.#lastUpgrade(this.#world(LAST_UPGRADE, random)));
    for (let splits = 0; splits < SPLITS; splits++) {
      await this.#wait(random.between(...gapMs));
      if (this.#over.signal.aborted) return;
      if (cluster.nodes.some(({ build }) => build !== builds[0]))
        throw new Error("shards are to be split while a node is of the other build");
      await this.#track(null, SPLIT, this.#split(this.#world(SPLIT, random), splits));
    }
  }

  async #lastUpgrade(world: FaultWorld): Promise<void> {
    for (const node of this.#options.cluster.nodes) {
      if (world.isOver()) return;
      await this.#withNode(node, async () => {
        if (node.build !== world.nextBuild(node)) await replaced(world, node);
      });
    }
  }

  async #split(world: FaultWorld, before: number): Promise<void> {
    if (!(await askForSplit(world, before))) return;
    this.counts.set(SPLIT, before + 1);
    const askedAtMs = performance.now();
    if (!(await splitIsDone(world, before + 1))) return;
    this.splitMs.push(performance.now() - askedAtMs);
  }

  async #begin(kind: FaultKind): Promise<void> {
    const { on, name } = kind;
    if (on.kind === "cluster") return void this.#track(name, name, on.run(this.#world(name)));
    const node = await this.#freeNode();
    if (node === null) return;
    const world = this.#world(`${name} ${node.name}`);
    void this.#track(
      name,
      `${name} ${node.name}`,
      world.withNode(node, () => on.run(world, node)),
    );
  }

  /** One that nothing is being done to, and another such one serves meanwhile, or had long enough to come to that. */
  async #freeNode(): Promise<RouterNode | null> {
    const { nodes } = this.#options.cluster;
    const free = (): readonly RouterNode[] => nodes.filter((node) => !this.#busy.has(node));
    for (const beganAtMs = performance.now(); !this.#over.signal.aborted; await this.#wait(RETRY_MS)) {
      const ready = await Promise.all(free().map((node) => node.isReady()));
      const areTwoWell = ready.filter(Boolean).length > 1 || performance.now() - beganAtMs > WELL_WITHIN_MS;
      // Somebody may have taken one meanwhile.
      const left = free();
      if (left.length > 0 && (nodes.length === 1 || (areTwoWell && left.length > 1))) return this.#random.pick(left);
    }
    return null;
  }

  /** `kind`: what it is counted as, at once; null: it is counted by itself. */
  #track(kind: string | null, what: string, run: Promise<void>): Promise<void> {
    if (kind !== null) this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#options.log(what);
    this.current.add(what);
    return this.#watch(run.finally(() => void this.current.delete(what)));
  }

  /** Waited for in the end; what goes wrong in it ends the faults. Resolves when it is over, however. */
  #watch(run: Promise<void>): Promise<void> {
    const watched = run
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
        this.stop();
      })
      .finally(() => this.#under.delete(watched));
    this.#under.add(watched);
    return watched;
  }

  #world(what: string, random = this.#random): FaultWorld {
    const { cluster, builds, log } = this.#options;
    const [own, other] = builds;
    return {
      cluster,
      nextBuild: ({ build }) => (build === own && !this.#isOtherBuildOver ? other : own),
      // A stream of its own for each: what is drawn must not depend on which one comes first.
      random: new Random(this.#options.seed, STREAM + 1 + random.u32()),
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
