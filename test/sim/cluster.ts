/**
 * The processes of a simulated cluster: they start, crash, are left behind or put to sleep, end, and start again. A single
 * router is a cluster of one place, at which a former process may still go on.
 */
import type { Effect, EndReason } from "../../src/core/effect.js";
import type { Input } from "../../src/core/input.js";
import { RefusedCommands } from "../../src/core/log/refused-commands.js";
import { type drawTypes, PLACEMENTS } from "./business/catalog.js";
import { checkQueues } from "./checkers/queues-within-limits.js";
import type { RefusedForEver } from "./checkers/refused-for-ever.js";
import type { Disk } from "./disk.js";
import type { FaultMix } from "./faults.js";
import type { History } from "./history.js";
import { type CrashMoment, Incarnation, type Surroundings } from "./incarnation.js";
import type { Random } from "./random.js";
import { drawRate, type SeedShape } from "./seed-shape.js";
import type { SimClients } from "./sim-clients.js";
import { SimClock } from "./sim-clock.js";
import type { SimDirectory } from "./sim-directory.js";
import type { SimFunctions } from "./sim-functions.js";
import type { SimJournal } from "./sim-journal.js";
import { SimNode } from "./sim-node.js";
import { SimPeers } from "./sim-peers.js";
import { deploymentsOf, type SharedSettings } from "./sim-settings.js";
import type { SimSnapshots } from "./sim-snapshots.js";
import type { World } from "./world.js";

const CRASH_MOMENTS: readonly CrashMoment[] = ["any", "any", "answering", "refusing"];

export interface ClusterParts {
  readonly world: World;
  readonly shape: SeedShape;
  readonly mix: FaultMix;
  readonly settings: SharedSettings;
  readonly types: ReturnType<typeof drawTypes>;
  readonly disk: Disk;
  readonly journal: SimJournal;
  readonly directory: SimDirectory;
  readonly snapshots: SimSnapshots;
  readonly functions: SimFunctions;
  readonly history: History;
  readonly refused: RefusedForEver;
  clients(): SimClients;
}

export class Cluster implements Surroundings {
  readonly nodes: readonly SimNode[];
  readonly peers: SimPeers;
  readonly random: Random;
  readonly #parts: ClusterParts;
  readonly #serverByRequest = new Map<number, Incarnation>();
  readonly #nodeByName = new Map<string, SimNode>();
  #starts = 0;
  #isElderAsked = false;
  /** Crashes that are still to come, beside those that running processes are about to have. */
  crashesLeft = 0;
  isMissingTypes = false;
  /** Who waits for a process to have given away its shards. */
  readonly #leaving = new Map<Incarnation, () => void>();

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    const { world, shape, settings } = parts;
    this.random = world.fork();
    this.peers = new SimPeers(world, shape.network);
    const isCluster = shape.kind === "cluster";
    const isCrowded = shape.temper === "sleepy" || shape.temper === "restless";
    const isBefore = shape.temper === "upgrading";
    this.nodes = Array.from({ length: shape.nodes }, (_, at) => {
      const clock = new SimClock(world, drawRate(this.random, shape, at), isCluster ? this.random.between(-900, 900) : 0);
      const { address, capacity } = isCluster ? { address: `node${at}:1`, capacity: this.random.pick([1, 1, 2]) } : settings.node;
      const node = new SimNode(address, capacity, clock, at === 0 || isCrowded || this.random.chance(0.7));
      node.isBefore = isBefore;
      return node;
    });
  }

  get world(): World {
    return this.#parts.world;
  }

  get journal(): SimJournal {
    return this.#parts.journal;
  }

  get directory(): SimDirectory {
    return this.#parts.directory;
  }

  get snapshots(): SimSnapshots {
    return this.#parts.snapshots;
  }

  get functions(): SimFunctions {
    return this.#parts.functions;
  }

  get isLeased(): boolean {
    return this.#parts.settings.lease !== null;
  }

  /** Processes that run, but for those that were left behind. */
  get running(): readonly Incarnation[] {
    return this.nodes.flatMap(({ incarnation }) => incarnation ?? []);
  }

  get isServed(): boolean {
    return this.running.some(({ core }) => core.phase === "open");
  }

  /** Routers of the version before that live as others see it: nothing may be written that they cannot read. */
  get livingBefore(): readonly Incarnation[] {
    return this.running.filter(
      ({ isBefore, isAsleep, isCutOff, core }) => isBefore && !isAsleep && !isCutOff && core.phase === "open",
    );
  }

  nodeOf({ name }: { readonly name: string }): SimNode {
    return this.#nodeByName.get(name) as SimNode;
  }

  // What incarnations report.

  output(incarnation: Incarnation, effect: Effect): void {
    if (incarnation.isZombie && !this.isLeased) this.#parts.clients().outputLate(effect);
    else this.#parts.clients().output(effect);
  }

  started(incarnation: Incarnation): void {
    if (incarnation.isZombie) return;
    this.nodeOf(incarnation).isStarted = true;
    this.world.count("component.started");
    if (this.random.chance(0.3)) incarnation.deliver(this.deployments());
  }

  left(incarnation: Incarnation): void {
    this.world.count("component.left");
    this.#leaving.get(incarnation)?.();
    this.#leaving.delete(incarnation);
  }

  /** Nothing here damages what is stored. */
  shardRefused(incarnation: Incarnation, message: string): void {
    if (!incarnation.isZombie) this.#parts.history.violate(`${incarnation.name} has lost data: ${message}`);
  }

  shownUnleased({ name }: Incarnation, overdueMs: number): void {
    this.#parts.history.violate(`${name} has shown events in a feed ${overdueMs} ms behind the end of its lease`);
  }

  spins({ name }: Incarnation): void {
    this.#parts.history.violate(`${name} spins: it is woken at once, again and again, and has nothing to do`);
  }

  stepped({ core }: Incarnation): void {
    const { settings, types, history } = this.#parts;
    checkQueues(core, settings, types, history, this.world.countOf("component.steps") % 8 === 0);
  }

  drawLeftBehind(): boolean {
    const { zombies } = this.#parts.mix;
    return this.random.chance(this.isLeased ? Math.max(0.5, zombies) : zombies);
  }

  crashed(incarnation: Incarnation, isLeftBehind: boolean): void {
    const { world } = this;
    if (!isLeftBehind) {
      world.trace(`${incarnation.name} crashes`);
      world.count("fault.crash");
      return this.ended(incarnation, { kind: "broken", message: "crash" });
    }
    world.trace(`${incarnation.name} is left behind`);
    world.count("fault.zombie");
    // In a cluster it may also only hang, and nobody takes its place.
    if (this.#parts.shape.kind === "cluster" && this.random.chance(0.6)) return this.pause(incarnation);
    const node = this.nodeOf(incarnation);
    incarnation.isZombie = true;
    this.#forgetProcess(node);
    if (!this.isLeased) {
      this.#leave(node);
      world.after(this.random.between(100, 8_000), () => incarnation.kill());
      return;
    }
    this.#leaveBehind(incarnation, node);
  }

  /** Takes no turn for a while, perhaps for longer than its lease, and goes on as if nothing had happened. */
  pause(incarnation: Incarnation): void {
    const sleepMs = this.random.pick([700, 2_800, 4_500, 9_000, 12_000]);
    const isWithMachine = this.mayStandStill && this.random.chance(0.5);
    this.world.count("fault.pause");
    const fallAsleep = (): void => {
      incarnation.sleep(sleepMs, isWithMachine);
      this.world.after(sleepMs, () => this.lookAround(incarnation));
      // When others have had the time to take over, if it still answers then.
      this.world.after(sleepMs + this.random.between(1_500, 3_500), () => this.lookAround(incarnation));
    };
    if (this.random.chance(0.5)) fallAsleep();
    else incarnation.afterHeartbeat = fallAsleep;
  }

  ended(incarnation: Incarnation, reason: EndReason): void {
    const { world, history, shape } = this.#parts;
    const node = this.nodeOf(incarnation);
    incarnation.kill();
    this.peers.ended(incarnation);
    // It ended before it could crash: another one will.
    if (!incarnation.isZombie && incarnation.crashAfterSteps !== Infinity) this.crashesLeft++;
    const isCrash = reason.kind === "broken" && reason.message === "crash";
    world.count(`end.${isCrash ? "crash" : reason.kind}`);
    world.trace(`${incarnation.name} ended: ${JSON.stringify(reason)}`);
    const isRefusedDisk = reason.kind === "refused" && reason.message === "simulated";
    // Started, or awake again, when all others had agreed: it is the last of its version.
    const isOutdated = incarnation.isBefore && reason.kind === "refused" && reason.code === "format_newer";
    if (isOutdated) node.isBefore = false;
    if ((reason.kind === "broken" && !isCrash) || (reason.kind === "refused" && !isRefusedDisk && !isOutdated)) {
      history.violate(`${incarnation.name} ended: ${reason.message}`);
    }
    if (shape.isCalm && reason.kind === "fenced") history.violate(`${incarnation.name} ended in the calm: ${reason.message}`);
    // Others only ever seal a log: entries that stand in it are its owner's own.
    if (reason.kind === "fenced" && reason.message.includes("taken by somebody else's entries")) {
      history.violate(`${incarnation.name} took its own record for another's: ${reason.message}`);
    }
    if (!incarnation.isZombie) {
      if (reason.kind !== "fenced") this.#forgetProcess(node);
      return this.#leave(node);
    }
    if (reason.kind === "fenced") world.count("end.fencedElder");
    if (incarnation === node.elder) node.elder = null;
    this.#disconnect(incarnation);
  }

  // What the simulation does with them.

  start(node: SimNode): void {
    if (node.incarnation !== null || !node.isWanted) return;
    const { world, shape, disk, settings } = this.#parts;
    const { address, capacity } = node;
    const incarnation = new Incarnation(
      { ...settings, node: { address, capacity }, incarnation: `i${++this.#starts}`, nonceSeed: this.random.bytes(12) },
      node.refusedCommands,
      node.clock,
      this,
      node.isBefore,
    );
    this.#nodeByName.set(incarnation.name, node);
    node.incarnation = incarnation;
    node.status = "serving";
    this.peers.listen(incarnation);
    if (this.crashesLeft > 0) {
      this.crashesLeft--;
      this.planCrash(incarnation, this.random.chance(0.25) ? 60 : 800);
    }
    world.trace(`${incarnation.name} starts at ${address}`);
    const isToldAtOnce = disk.isHealed || shape.isCalm || this.random.chance(0.7);
    incarnation.deliver(isToldAtOnce ? this.deployments() : { kind: "woken" });
    world.after(this.random.between(0, 4_000), () => incarnation.deliver(this.deployments()));
  }

  planCrash(incarnation: Incarnation, withinSteps: number): void {
    incarnation.crashAfterSteps = 1 + this.random.below(withinSteps);
    incarnation.crashMoment = this.random.pick(CRASH_MOMENTS);
  }

  /** All crashes have happened, and what came after the last one runs. */
  get isPastCrashes(): boolean {
    return this.crashesLeft === 0 && this.running.length > 0 && this.running.every((one) => one.crashAfterSteps === Infinity);
  }

  /** Every process stops in good order, and none is started again until it is wanted. */
  stopAll(): void {
    for (const node of this.nodes) node.isWanted = false;
    for (const incarnation of this.running) incarnation.deliver({ kind: "stopAsked" });
  }

  crashAll(): void {
    for (const incarnation of this.running) this.ended(incarnation, { kind: "broken", message: "crash" });
  }

  /** Whether a monotonic clock may stand still: where the wall clock is not set back meanwhile (RULES.md 4b). */
  get mayStandStill(): boolean {
    return this.#parts.mix.clockJumps === 0;
  }

  /** Asks one that slept for what it remembers. Others may have changed it meanwhile: then it must not show it. */
  lookAround(sleeper: Incarnation, strict?: number): void {
    if (!sleeper.isAlive) return;
    this.#parts.clients().lookAround((make) => this.#deliver(sleeper, make), strict);
  }

  /** Faults stop; every place that should have a process has one soon. */
  heal(): void {
    this.isMissingTypes = false;
    this.crashesLeft = 0;
    this.peers.heal();
    if (!this.nodes.some(({ isWanted }) => isWanted)) (this.nodes[0] as SimNode).isWanted = true;
    for (const node of this.nodes) {
      node.isUnreachable = false;
      if (node.incarnation === null) this.start(node);
      else {
        node.incarnation.crashAfterSteps = Infinity;
        node.incarnation.isCutOff = false;
      }
    }
    this.deploy(0);
  }

  deploy(withinMs: number): void {
    for (const incarnation of this.running) {
      if (withinMs === 0) incarnation.deliver(this.deployments());
      else this.world.after(this.random.between(0, withinMs), () => incarnation.deliver(this.deployments()));
    }
  }

  /** Tells a process that it is to stop soon; `then` when others have its shards, or it has ended otherwise. */
  leave(incarnation: Incarnation, then: () => void): void {
    this.nodeOf(incarnation).status = "leaving";
    this.#leaving.set(incarnation, then);
    incarnation.deliver({ kind: "leaveAsked" });
  }

  /** A request of a client goes to whom the load balancer picks; false: nobody listens. */
  submit(make: (wallMs: number) => Input): boolean {
    const { random } = this;
    const elders = this.nodes.flatMap(({ elder }) => elder ?? []);
    if (elders.length > 0 && (this.#isElderAsked || random.chance(0.5 / this.nodes.length)))
      return this.#deliver(random.pick(elders), make);
    const { isCalm } = this.#parts.shape;
    const reachable = this.nodes.filter(({ isUnreachable }) => !isUnreachable);
    const listening = reachable.filter(({ incarnation, status }) => incarnation !== null && (!isCalm || status !== "stopping"));
    const ready = listening.filter(({ isStarted }) => isStarted);
    // Before it has started nobody listens, though some requests come so early that they are refused.
    const candidates = ready.length === 0 && !isCalm && random.chance(0.1) ? listening : ready;
    const node = candidates.length === 0 ? undefined : random.pick(candidates);
    return node?.incarnation != null && this.#deliver(node.incarnation, make);
  }

  /** The client of a request is gone; its server hears of it. */
  leaveRequest(request: number): void {
    this.#serverByRequest.get(request)?.deliver({ kind: "requestLeft", request });
  }

  deployments(): Input {
    const all = this.#parts.types;
    const types = this.isMissingTypes ? all.filter(({ name }) => name !== "sim/relay" && name !== "sim/listener") : all;
    return { kind: "deploymentsChanged", deployments: deploymentsOf(types, this.world.seed % 3 === 0), placements: PLACEMENTS };
  }

  // What follows from it.

  #deliver(incarnation: Incarnation, make: (wallMs: number) => Input): boolean {
    const input = make(incarnation.clock.now().wallMs);
    if ("request" in input) this.#serverByRequest.set(input.request, incarnation);
    incarnation.deliver(input);
    return true;
  }

  /** It sleeps, perhaps beyond its lease, while the next one starts in its place, and wakes up: nobody has told its clients. */
  #leaveBehind(incarnation: Incarnation, node: SimNode): void {
    const { world } = this;
    // Nearly as long as the lease, or long enough to be taken for dead.
    const sleepMs = this.random.pick([0, 2_800, 2_800, 9_000, 12_000]);
    const isWithMachine = this.mayStandStill && this.random.chance(0.3);
    node.elder = incarnation;
    node.incarnation = null;
    node.isStarted = false;
    const fallAsleep = (): void => {
      incarnation.sleep(sleepMs, isWithMachine);
      world.after(sleepMs, () => incarnation === node.elder && this.lookAround(incarnation));
    };
    if (this.random.chance(0.5)) fallAsleep();
    else incarnation.afterHeartbeat = fallAsleep;
    world.after(this.random.between(1, this.random.pick([50, 50, 3_000])), () => this.start(node));
    world.after(sleepMs + this.random.between(600, 4_000), () => {
      if (!incarnation.isAlive) return;
      world.count("fault.crash");
      this.ended(incarnation, { kind: "broken", message: "crash" });
    });
  }

  /** The next incarnation is one of a new process. */
  #forgetProcess(node: SimNode): void {
    node.refusedCommands = new RefusedCommands();
    this.#parts.refused.processEnded(node.address);
  }

  /** The clients' connections to the process are gone, and the next one starts soon. */
  #leave(node: SimNode): void {
    const left = node.incarnation;
    node.incarnation = null;
    node.isStarted = false;
    if (left !== null) {
      this.#disconnect(left);
      this.left(left);
    }
    const pauseMs = this.random.chance(0.5) ? this.random.between(1, 50) : this.random.between(50, 3_000);
    this.world.after(pauseMs, () => this.start(node));
  }

  #disconnect(incarnation: Incarnation): void {
    this.#parts.clients().disconnected((request) => this.#serverByRequest.get(request) === incarnation);
  }
}
