/** What operators and the network do to a cluster in a phase of faults; in a calm seed operators alone. */
import { NO_PLAN, PLAN_KEY, type PlanDocument } from "../../src/core/ownership/documents.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import type { Cluster } from "./cluster.js";
import type { Caller } from "./disk.js";
import { nap } from "./nap.js";
import type { Random } from "./random.js";
import type { SeedShape } from "./seed-shape.js";
import type { SimDirectory } from "./sim-directory.js";
import type { SimNode } from "./sim-node.js";
import { toAndFro } from "./to-and-fro.js";
import { upgrade } from "./upgrade.js";
import type { World } from "./world.js";

export interface OperationParts {
  readonly world: World;
  readonly shape: SeedShape;
  readonly cluster: Cluster;
  readonly directory: SimDirectory;
  readonly clusterId: Uint8Array;
}

const OPERATOR: Caller = { name: "operator", isAlive: true, isCutOff: false };
/** Operators do not wait for ever for a process to leave. */
const LEAVE_MS_MAX = 25_000;
/** Of a sleepy phase, and of a restless one. */
const NAPS = 4;
const ROUND_TRIPS = 2;
/** About as long as a split is under way. */
const CRASH_WITHIN_STEPS = 40;

export class Operations {
  readonly #parts: OperationParts;
  readonly #random: Random;
  #plans = 0;
  /** Operations that have begun and not come to their end. */
  #open = 0;
  #isUpgraded = false;
  isOver = false;

  constructor(parts: OperationParts) {
    this.#parts = parts;
    this.#random = parts.world.fork();
  }

  get #plan(): PlanDocument {
    const standing = this.#parts.directory.documents.get(PLAN_KEY);
    return standing === undefined ? NO_PLAN : documentCodec.decodePlan(standing.body, this.#parts.clusterId);
  }

  /** How often the shards are meant to have been halved. */
  get splits(): number {
    return this.#plan.splits ?? 0;
  }

  get isResting(): boolean {
    return this.#open === 0;
  }

  /** Plans what a phase brings. */
  plan(withinMs: number): void {
    const random = this.#random;
    const { shape } = this.#parts;
    this.isOver = false;
    const some = (count: number, act: () => void): void => {
      for (let left = count; left > 0; left--) {
        this.#parts.world.after(random.between(0, withinMs), () => {
          if (!this.isOver) act();
        });
      }
    };
    if (shape.temper === "dividing") some(1, () => this.#splitAtCrash());
    else some(random.below(1 + shape.splitsMax), () => this.#split());
    if (shape.kind === "single") return;
    if (shape.temper === "sleepy") return this.#inARow((isOver, then) => nap(NAPS, this.#parts, random, isOver, then));
    if (shape.temper === "upgrading") this.#upgrade();
    if (shape.temper === "restless") {
      const gather = (node: SimNode): void => this.#gather(node);
      return this.#inARow((isOver, then) => toAndFro(ROUND_TRIPS, this.#parts, random, gather, isOver, then));
    }
    some(random.below(3), () => this.#changePlan());
    some(random.chance(0.4) ? 1 : 0, () => this.#rollingRestart());
    some(1 + random.below(2), () => this.#restart(this.#anyNode(), random.chance(0.4)));
    some(random.below(3), () => this.#join());
    if (shape.temper === "patient") some(2, () => this.#rollingRestart());
    if (shape.isCalm) return;
    some(random.below(3), () => this.#cut());
    some(random.below(3), () => this.#pause());
    some(random.chance(0.3) ? 1 : 0, () => this.#cutOffFromStores());
    some(random.chance(0.15) ? 1 : 0, () => this.#restartAll());
    some(random.chance(0.1) ? 1 : 0, () => this.#nobodyForLong());
  }

  #count(what: string): void {
    this.#parts.world.count(`operation.${what}`);
    this.#parts.world.trace(`operation: ${what}`);
  }

  #anyNode(): SimNode {
    return this.#random.pick(this.#parts.cluster.nodes);
  }

  /** What comes one after the other: the phase lasts until it has. */
  #inARow(begin: (isOver: () => boolean, then: () => void) => void): void {
    this.#open++;
    const ended = (): void => {
      this.#open--;
    };
    begin(() => this.isOver, ended);
  }

  /** Where a node is meant to own nothing, or shards are meant to lie. */
  #changePlan(): void {
    const random = this.#random;
    const { cluster, shape } = this.#parts;
    this.#count("plan");
    const drained = cluster.nodes.flatMap(({ address }) => (random.chance(0.25) ? [address] : []));
    // Of all generations that there may be: what is wanted of a shard that was split is wanted of its halves.
    const ids = shape.shards * (2 ** (this.splits + 1) - 1);
    const placed = Array.from({ length: ids }, (_, shard) => shard).flatMap((shard): [number, string][] =>
      random.chance(0.4) ? [[shard, this.#anyNode().address]] : [],
    );
    this.#writePlan({ drained, placed, splits: this.splits });
  }

  /** All shards are meant to lie at one node. */
  #gather(node: SimNode): void {
    const { shape } = this.#parts;
    this.#count("gather");
    const placed = Array.from({ length: shape.shards }, (_, shard) => [shard, node.address] as const);
    this.#writePlan({ drained: [], placed, splits: this.splits });
  }

  #split(): void {
    if (this.splits >= this.#parts.shape.splitsMax) return;
    this.#count("split");
    this.#writePlan({ ...this.#plan, splits: this.splits + 1 });
  }

  /** What a router has not heard of as consumed its next owner sends again, when its target is two halves. */
  #splitAtCrash(): void {
    const { cluster } = this.#parts;
    const { incarnation } = this.#anyNode();
    if (incarnation !== null && incarnation.crashAfterSteps === Infinity) cluster.planCrash(incarnation, CRASH_WITHIN_STEPS);
    this.#split();
  }

  #writePlan(plan: PlanDocument): void {
    const { cluster, directory, clusterId } = this.#parts;
    const body = documentCodec.encodePlan(plan, clusterId);
    const expected = directory.documents.get(PLAN_KEY)?.token ?? null;
    directory.swap(OPERATOR, PLAN_KEY, expected, { token: `plan.${++this.#plans}`, body }, () => {
      // Others read it with their next beat; a router of its own has none.
      for (const incarnation of cluster.running) incarnation.deliver({ kind: "planChanged" });
    });
  }

  /** One after the other: each leaves, stops, and starts again. */
  #rollingRestart(): void {
    this.#count("rollingRestart");
    const next = (at: number): void => {
      const node = this.#parts.cluster.nodes[at];
      if (node === undefined) return;
      if (node.incarnation === null) return next(at + 1);
      this.#restart(node, true, () => this.#whenStarted(node, () => next(at + 1)));
    };
    next(0);
  }

  #whenStarted(node: SimNode, then: () => void): void {
    const { world } = this.#parts;
    const untilMs = world.nowMs + LEAVE_MS_MAX;
    this.#open++;
    const look = (): void => {
      if (!node.isStarted && world.nowMs < untilMs) return world.after(100, look);
      this.#open--;
      if (!this.isOver) then();
    };
    look();
  }

  /** Orderly: its shards go to others first. It starts again, or stays away until it joins. */
  #restart(node: SimNode, isComingBack: boolean, then: () => void = () => undefined): void {
    const { cluster, world, shape } = this.#parts;
    const { incarnation } = node;
    const isServing = (other: SimNode): boolean => other.isWanted && other.isStarted && other.status === "serving";
    const others = cluster.nodes.filter((other) => other !== node && isServing(other));
    if (incarnation === null || node.status !== "serving" || (shape.isCalm && (others.length === 0 || !node.isStarted)))
      return then();
    this.#count(isComingBack ? "restart" : "leave");
    if (!isComingBack && others.length > 0) node.isWanted = false;
    this.#open++;
    let isStopped = false;
    const stop = (): void => {
      if (isStopped) return;
      isStopped = true;
      if (incarnation.isAlive && node.incarnation === incarnation) {
        // The load balancer hears of it first; some are told at once.
        node.status = "stopping";
        if (shape.temper === "upgrading") node.isBefore = !this.#isUpgraded && this.#random.chance(0.5);
        const afterMs = shape.isCalm ? 300 : this.#random.pick([0, 300]);
        world.after(afterMs, () => incarnation.deliver({ kind: "stopAsked" }));
      }
      this.#whenEnded(node, incarnation.name, () => {
        this.#open--;
        then();
      });
    };
    cluster.leave(incarnation, stop);
    world.after(LEAVE_MS_MAX, stop);
  }

  /** The first phase has routers of two versions, now more of these, now of those; in the second all become new. */
  #upgrade(): void {
    const { world } = this.#parts;
    if (world.countOf("component.healings") === 0) return;
    this.#isUpgraded = true;
    this.#count("upgrade");
    const restart = (node: SimNode, then: () => void): void => this.#restart(node, true, then);
    this.#inARow((isOver, then) => upgrade(this.#parts, restart, isOver, then));
  }

  #whenEnded(node: SimNode, name: string, then: () => void): void {
    if (node.incarnation?.name !== name) return then();
    this.#parts.world.after(50, () => this.#whenEnded(node, name, then));
  }

  #join(): void {
    const { cluster } = this.#parts;
    const node = cluster.nodes.find(({ isWanted }) => !isWanted);
    if (node === undefined) return;
    this.#count("join");
    node.isWanted = true;
    cluster.start(node);
  }

  #cut(): void {
    const random = this.#random;
    const { cluster } = this.#parts;
    const [one, other] = random.shuffled(cluster.nodes);
    if (one === undefined || other === undefined) return;
    const isOneWay = random.chance(0.5);
    this.#count(isOneWay ? "cutOneWay" : "cut");
    const forMs = random.pick([300, 2_000, 15_000]);
    cluster.peers.cut(one.address, other.address, forMs);
    if (!isOneWay) cluster.peers.cut(other.address, one.address, forMs);
  }

  #pause(): void {
    const { incarnation } = this.#anyNode();
    if (incarnation !== null && !incarnation.isAsleep) this.#parts.cluster.pause(incarnation);
  }

  /** It reaches its peers, and no store. */
  #cutOffFromStores(): void {
    const { incarnation } = this.#anyNode();
    if (incarnation === null) return;
    this.#count("cutOffFromStores");
    incarnation.isCutOff = true;
    this.#parts.world.after(this.#random.between(500, 12_000), () => {
      incarnation.isCutOff = false;
    });
  }

  #restartAll(): void {
    this.#count("restartAll");
    this.#parts.cluster.crashAll();
  }

  #nobodyForLong(): void {
    const { cluster, world } = this.#parts;
    this.#count("nobodyForLong");
    const wanted = cluster.nodes.filter(({ isWanted }) => isWanted);
    for (const node of wanted) node.isWanted = false;
    cluster.crashAll();
    this.#open++;
    world.after(this.#random.between(20_000, 300_000), () => {
      this.#open--;
      for (const node of wanted) {
        node.isWanted = true;
        cluster.start(node);
      }
    });
  }
}
