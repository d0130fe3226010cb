/**
 * One run: clients run their programs while faults come and go; then everything heals and settles, and what is there is
 * compared with what the clients were told. Once more after all nodes were killed at the same time.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { checkRegister, type RegisterOperation } from "./checkers/linearizable-register.js";
import { checkMinimum, minimumsOf } from "./checkers/minimums.js";
import { ChaosClient, type CommandKind, type Surroundings } from "./clients/chaos-client.js";
import { Expectations } from "./clients/expectations.js";
import { FeedFollower } from "./clients/feed-follower.js";
import { Insistence } from "./clients/insistence.js";
import { ASK_KINDS } from "./clients/kinds/ask-kinds.js";
import { SHOP_KINDS } from "./clients/kinds/shop-kinds.js";
import { TALLY_KINDS } from "./clients/kinds/tally-kinds.js";
import { VALUE_KINDS } from "./clients/kinds/value-kinds.js";
import { LoadBalancer } from "./clients/load-balancer.js";
import { HOT_ENTITIES, Population } from "./clients/population.js";
import { ownBuild } from "./cluster/build.js";
import { otherBuild } from "./cluster/other-build.js";
import { RouterCluster } from "./cluster/router-cluster.js";
import { EndState } from "./end-state.js";
import { FaultDriver, SPLIT, SPLITS } from "./faults/fault-driver.js";
import { FAULT_KINDS } from "./faults/fault-kinds.js";
import type { ChaosOptions } from "./options.js";
import { StandStill, Watch, whoWaitsForWhat } from "./stand-still.js";

export const COMMAND_KINDS: readonly CommandKind[] = [...TALLY_KINDS, ...ASK_KINDS, ...VALUE_KINDS, ...SHOP_KINDS];

export interface ChaosReport {
  readonly violations: readonly string[];
  readonly commands: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  readonly storeFaults: ReadonlyMap<string, number>;
  readonly indefinite: ReadonlyMap<string, number>;
  /** Orderly stops that were not, routers that ended by themselves, and the like. */
  readonly notes: ReadonlyMap<string, number>;
  readonly figures: Readonly<Record<string, string | number>>;
  /** Logs and settings of the nodes; kept where something was wrong. */
  readonly folder: string;
}

/** Delays, timers and late requests are over by then. */
const QUIET_MS = 7_000;
/**
 * As long as fewer and fewer are wrong it is waited for the rest. What is asked to fail is tried ten times, ever more slowly,
 * and on a machine with much else to do that took a minute.
 */
const SETTLED_WITHIN_MS = 120_000;
const SETTLE_EVERY_MS = 2_000;
/** A feed that hears nothing for 45 s is opened anew. */
const FEEDS_WITHIN_MS = 60_000;
/** A verdict on linearizability needs reads through more than one node, where more than one serves. */
const READ_NODES_MIN = 2;
const FEED_STREAM = 3_000_017;
const LOOK_EVERY_MS = 1_000;
const BLOCKED_AFTER_MS = 5_000;
/** Of a run, how much belongs to upgrades and ways back, before the last upgrade and the splits. */
const SPLITS_AFTER = 0.5;
/** A shorter one has no time for a round of faults before, and for two splits under faults behind it. */
const SPLITS_SECONDS_MIN = 240;

export async function runChaos(options: ChaosOptions, log: (line: string) => void): Promise<ChaosReport> {
  const own = await ownBuild();
  const { seed, rate, shards, nodes, seconds, gapMs } = options;
  const settings = ["memory: { cache: 8MB, total: 300MB }"];
  const cluster = await RouterCluster.make({ seed, rate, shards, nodes, build: own, settings });
  let isFine = false;
  try {
    const other = await otherBuild(options.otherBuild, join(cluster.folder, "other-build"), log);
    const peers = own.hasPeers ? "yes" : "no, one node serves at a time";
    log(`${nodes} nodes on ${other.name}, to be upgraded to ${own.name}; peers: ${peers}`);
    await cluster.start(other);
    const isSplit = seconds >= SPLITS_SECONDS_MIN && own.hasPeers;
    if (!isSplit) log(`no shard is split: that takes peers and a run of ${SPLITS_SECONDS_MIN} s or more`);
    const driver = new FaultDriver({
      cluster,
      seed,
      builds: [own, other],
      splitsAfterMs: isSplit ? seconds * 1_000 * SPLITS_AFTER : null,
      gapMs,
      log: options.isVerbose ? log : () => undefined,
    });
    const report = await new ChaosRun(cluster, driver, options, log).run();
    isFine = report.violations.length === 0;
    return report;
  } finally {
    await cluster.close(!isFine);
  }
}

class ChaosRun {
  readonly #cluster: RouterCluster;
  readonly #driver: FaultDriver;
  readonly #options: ChaosOptions;
  readonly #log: (line: string) => void;
  readonly #insistence: Insistence;
  readonly #expectations = new Expectations();
  readonly #registers = new Map<string, RegisterOperation[]>();
  readonly #commands = new Map<string, number>();
  readonly #watch: Watch;
  readonly #followers: readonly FeedFollower[];
  readonly #clients: readonly ChaosClient[];
  readonly #end: EndState;

  constructor(cluster: RouterCluster, driver: FaultDriver, options: ChaosOptions, log: (line: string) => void) {
    this.#cluster = cluster;
    this.#driver = driver;
    this.#options = options;
    this.#log = log;
    const balancer = new LoadBalancer(() => cluster.nodes);
    const insistence = new Insistence(balancer);
    const { seed, entities, clients } = options;
    const surroundings: Surroundings = {
      insistence,
      expectations: this.#expectations,
      population: new Population(entities),
      registers: this.#registers,
    };
    this.#insistence = insistence;
    this.#watch = new Watch(insistence);
    this.#end = new EndState(seed, insistence, this.#expectations);
    this.#clients = Array.from({ length: clients }, (_, index) => new ChaosClient(seed, index, surroundings));
    this.#followers = Array.from(
      { length: HOT_ENTITIES },
      (_, index) => new FeedFollower(`ledger-${index}`, seed, FEED_STREAM + index, balancer),
    );
  }

  async run(): Promise<ChaosReport> {
    const over = new AbortController();
    const watching = this.#watch.run(over.signal);
    watching.catch(() => undefined); // it is raced below
    let violations: readonly string[] = [];
    try {
      await Promise.race([this.#trouble(), watching]);
      violations = await Promise.race([this.#aftermath(), watching.then(() => [])]);
    } catch (error) {
      // Before anything is undone: that would be what it tells.
      if (error instanceof StandStill) this.#log(await whoWaitsForWhat(this.#cluster, this.#insistence, this.#driver));
      this.#driver.stop();
      violations = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    } finally {
      over.abort();
      await Promise.all(this.#followers.map((follower) => follower.stop()));
    }
    return this.#report([...violations, ...this.#expectations.violations, ...this.#seldom()]);
  }

  /** Clients and faults, for as long as was asked for. */
  async #trouble(): Promise<void> {
    const over = new AbortController();
    const count = (kind: string): void => void this.#commands.set(kind, (this.#commands.get(kind) ?? 0) + 1);
    const faults = this.#options.isBlocked ? this.#blocked(over.signal) : this.#driver.run();
    const clients = Promise.all(this.#clients.map((one) => one.run(COMMAND_KINDS, this.#options.thinkMs, over.signal, count)));
    const timer = this.#longEnough(over.signal);
    try {
      await Promise.race([timer, clients, faults]);
      this.#log("everything heals");
      this.#driver.stop();
      over.abort();
      await faults;
      await this.#cluster.heal();
      await clients;
    } finally {
      this.#driver.stop();
      over.abort();
      timer.catch(() => undefined);
    }
  }

  /** On a machine with much else to do, until all has come as often as a verdict needs, and at most as long again. */
  async #longEnough(signal: AbortSignal): Promise<void> {
    const { seconds } = this.#options;
    await delay(seconds * 1_000, undefined, { signal });
    const untilMs = performance.now() + seconds * 1_000;
    this.#log(`${seconds} s are over`);
    for (let last = ""; performance.now() < untilMs; await delay(LOOK_EVERY_MS, undefined, { signal })) {
      const seldom = this.#seldom();
      if (seldom.length === 0) return;
      if (seldom[0] !== last) this.#log(`it goes on: ${seldom[0]}`);
      last = seldom[0] ?? "";
    }
  }

  /** Nothing can move any more: for whoever wants to see that it is noticed. */
  async #blocked(signal: AbortSignal): Promise<void> {
    await delay(BLOCKED_AFTER_MS);
    this.#log("no node reaches the store any more");
    for (const { door } of this.#cluster.nodes) door.cut("swallow");
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  }

  async #aftermath(): Promise<readonly string[]> {
    this.#log(`all commands have definite answers: ${this.#insistence.definite} in ${this.#insistence.tries} tries`);
    await delay(QUIET_MS);
    const settled = await this.#settled();
    if (settled.length > 0) return settled;
    const feeds = await this.#feeds();
    this.#log("expected equals actual; once more after all nodes were killed");
    await Promise.all(this.#cluster.nodes.map((node) => node.kill()));
    for (const node of this.#cluster.nodes) node.start();
    const again = await this.#end.violations();
    return [
      ...feeds,
      ...again.map((text) => `after a kill of all nodes: ${text}`),
      ...(await this.#end.deadLetterViolations(this.#cluster.nodes)),
      ...this.#registerViolations(),
    ];
  }

  /** What is still wrong when nothing gets better any more. */
  async #settled(): Promise<readonly string[]> {
    let fewest = Number.POSITIVE_INFINITY;
    let violations: readonly string[] = [];
    for (let betterAtMs = performance.now(); performance.now() - betterAtMs < SETTLED_WITHIN_MS; await delay(SETTLE_EVERY_MS)) {
      violations = [...(await this.#end.violations()), ...(await this.#end.clusterViolations(this.#cluster, this.#splits))];
      if (violations.length === 0) return [];
      if (violations.length < fewest) {
        fewest = violations.length;
        betterAtMs = performance.now();
      }
      this.#log(`not settled yet: ${violations.length} differ, such as ${violations[0]}`);
    }
    return violations;
  }

  async #feeds(): Promise<readonly string[]> {
    for (const untilMs = performance.now() + FEEDS_WITHIN_MS; ; await delay(SETTLE_EVERY_MS)) {
      const violations = await this.#end.feedViolations(this.#followers);
      if (violations.length === 0 || performance.now() > untilMs) return violations;
    }
  }

  get #splits(): number {
    return this.#driver.counts.get(SPLIT) ?? 0;
  }

  get #hasPeers(): boolean {
    return this.#cluster.nodes.every(({ build }) => build.hasPeers);
  }

  #registerViolations(): readonly string[] {
    const violations: string[] = [];
    for (const [register, operations] of this.#registers) {
      const verdict = checkRegister(operations);
      if (verdict.kind !== "linearizable") violations.push(`${register} (${operations.length} operations): ${verdict.message}`);
    }
    return violations;
  }

  /** What has not come as often as a verdict needs. */
  #seldom(): readonly string[] {
    const { perCommandKind, perFaultKind } = minimumsOf(this.#options.seconds, this.#hasPeers);
    const commands = COMMAND_KINDS.map(({ name }) => name);
    const faults = FAULT_KINDS.map(({ name }) => name);
    const splits = this.#driver.isSplitting ? Math.min(SPLITS, perFaultKind) : 0;
    return [
      ...checkMinimum("command", this.#commands, commands, perCommandKind),
      ...checkMinimum("fault", this.#driver.counts, faults, perFaultKind),
      ...checkMinimum("fault", this.#driver.counts, [SPLIT], splits),
      ...(perCommandKind > 0 && this.#hasPeers ? this.#narrowRegisters() : []),
    ];
  }

  #narrowRegisters(): readonly string[] {
    const wanted = Math.min(READ_NODES_MIN, this.#options.nodes);
    const found: string[] = [];
    for (const [register, operations] of this.#registers) {
      const nodes = new Set(operations.filter(({ kind }) => kind === "read").map(({ node }) => node));
      if (nodes.size < wanted)
        found.push(`${register} was read through ${nodes.size} nodes; at least ${wanted} are needed for a verdict`);
    }
    return found;
  }

  #report(violations: readonly string[]): ChaosReport {
    const storeFaults = new Map<string, number>();
    const notes = new Map(this.#driver.notes);
    for (const { door, ownEnds } of this.#cluster.nodes) {
      for (const [what, count] of door.counts) storeFaults.set(what, (storeFaults.get(what) ?? 0) + count);
      for (const [how, count] of ownEnds) {
        const note = `a router ended by itself (${how}) and was started again`;
        notes.set(note, (notes.get(note) ?? 0) + count);
      }
    }
    const operations = [...this.#registers.values()].reduce((sum, { length }) => sum + length, 0);
    return {
      violations,
      commands: this.#commands,
      faults: this.#driver.counts,
      storeFaults,
      indefinite: this.#insistence.indefinite,
      notes,
      figures: {
        "definite answers": this.#insistence.definite,
        tries: this.#insistence.tries,
        "entities compared": this.#expectations.entities.length,
        registers: this.#registers.size,
        "register operations": operations,
        "feed events": this.#followers.reduce((sum, { seen }) => sum + seen.length, 0),
        "feed connections": this.#followers.reduce((sum, { connections }) => sum + connections, 0),
        "shards in the end": this.#cluster.shards * 2 ** this.#splits,
        "splits took, s": this.#driver.splitMs.map((ms) => (ms / 1_000).toFixed(1)).join(" ") || "none",
        "longest time without a definite answer, s": (this.#watch.longestMs / 1_000).toFixed(1),
      },
      folder: this.#cluster.folder,
    };
  }
}
