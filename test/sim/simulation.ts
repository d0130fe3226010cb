/**
 * One simulation: phases of faults and of healing over one set of stores, through as many incarnations of as many routers as
 * it takes. At the end the system has to come to rest, and everything is read back, also by fresh incarnations.
 */
import type { Answer } from "../../src/core/answer.js";
import { addressText, type EntityAddress } from "../../src/core/entity/address.js";
import { SHARD_PREFIX } from "../../src/core/ownership/documents.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";
import { bookOf, type Line, parsed } from "./business/book.js";
import { DECLARED, drawTypes, ENTITIES, shardOf } from "./business/catalog.js";
import { check } from "./checkers/check.js";
import type { Books, FinalBook } from "./checkers/final-books.js";
import { ManifestWatch } from "./checkers/manifests-name-what-exists.js";
import { ValueWatch } from "./checkers/references-name-what-exists.js";
import { RefusedForEver } from "./checkers/refused-for-ever.js";
import { Cluster } from "./cluster.js";
import { Disk } from "./disk.js";
import { drawFaults, type FaultMix } from "./faults.js";
import { goBack } from "./going-back.js";
import { Halves } from "./halves.js";
import { History } from "./history.js";
import { LogBook } from "./log-book.js";
import { Operations } from "./operations.js";
import type { Random } from "./random.js";
import { drawShape, type SeedShape } from "./seed-shape.js";
import { SimClients } from "./sim-clients.js";
import { SimDirectory } from "./sim-directory.js";
import { SimFunctions } from "./sim-functions.js";
import { SimJournal } from "./sim-journal.js";
import { drawSettings, type SharedSettings } from "./sim-settings.js";
import { SimSnapshots } from "./sim-snapshots.js";
import { World } from "./world.js";

const QUIET_WITHIN_MS = 60_000;

export interface Report {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  readonly traceHash: number;
  readonly traceTail: readonly string[];
  readonly shape: SeedShape;
  readonly mix: FaultMix;
  readonly simulatedMs: number;
}

export function simulate(seed: number, isTracing = false): Report {
  return new Simulation(seed, isTracing).run();
}

class Simulation {
  readonly world: World;
  readonly random: Random;
  readonly #shape: SeedShape;
  readonly #mix: FaultMix;
  readonly #disk: Disk;
  readonly #functionDisk: Disk;
  readonly #settings: SharedSettings;
  readonly #functions: SimFunctions;
  readonly #snapshots: SimSnapshots;
  readonly #directory: SimDirectory;
  readonly #journal: SimJournal;
  readonly #history = new History();
  readonly #cluster: Cluster;
  readonly #operations: Operations;
  readonly #clients: SimClients;
  readonly #logBook: LogBook;
  #healings = 0;

  constructor(seed: number, isTracing: boolean) {
    this.world = new World(seed, isTracing);
    this.random = this.world.fork();
    const { world } = this;
    const shape = drawShape(world.fork(), seed);
    this.#shape = shape;
    this.#mix = drawFaults(world.random, shape);
    this.#settings = drawSettings(world.random, seed, shape);
    const types = drawTypes(world.random, shape.isCalm);
    this.#disk = new Disk(world, this.#mix);
    this.#functionDisk = new Disk(world, this.#mix);
    this.#history.areLeasesVoid = shape.clocks === "wild";
    const { freshClusterId: clusterId } = this.#settings;
    const objects = (): ReadonlyMap<string, Uint8Array> => this.#snapshots.objects;
    const look = {
      isDurable: (log: string, position: number) => this.#journal.isDurable(log, position),
      holds: (log: string, from: number, to: number) => this.#journal.holds(log, from, to),
    };
    const manifests = new ManifestWatch(objects, look, this.#history);
    const values = new ValueWatch(clusterId, objects, () => this.#directory.documents, this.#history, world);
    const refused = new RefusedForEver(seed, clusterId, objects, this.#history);
    const logBook = new LogBook(clusterId, objects, world);
    this.#logBook = logBook;
    this.#journal = new SimJournal(this.#disk, {
      attempted: (log, position, body) => logBook.attempted(log, position, body),
      recorded: (log, position, body) => {
        if (shape.temper === "upgrading" && recordCodec(clusterId).mayRefer(body)) this.#newerRecord(log, position);
        values.recorded(log, position, body);
        refused.recorded(body);
        logBook.recorded(log, position, body);
      },
      refusedIn: (body) => (shape.isCalm ? [] : refused.refusedIn(body)),
      refused: (caller, commandIds) => {
        const node = this.#cluster.nodeOf(caller);
        if (node.incarnation?.name === caller.name) refused.refused(node.address, commandIds);
      },
      trimmed: (log, base) => manifests.trimmed(log, base),
    });
    const halves = new Halves(shape.shards);
    this.#directory = new SimDirectory(this.#disk, (key, body) => {
      if (!key.startsWith(SHARD_PREFIX)) return;
      for (const descriptor of halves.inForceWith(documentCodec.decodeDescriptor(body, clusterId))) {
        manifests.described(descriptor);
        logBook.described(descriptor);
      }
    });
    this.#snapshots = new SimSnapshots(this.#disk, (object) => {
      manifests.deleted(object);
      values.deleted(object);
    });
    this.#functions = new SimFunctions(this.#functionDisk, (message) => this.#history.violate(message));
    this.#cluster = new Cluster({
      world,
      shape,
      mix: this.#mix,
      settings: this.#settings,
      types,
      disk: this.#disk,
      journal: this.#journal,
      directory: this.#directory,
      snapshots: this.#snapshots,
      functions: this.#functions,
      history: this.#history,
      refused,
      clients: () => this.#clients,
    });
    this.#operations = new Operations({ world, shape, cluster: this.#cluster, directory: this.#directory, clusterId });
    this.#clients = new SimClients(world, this.#mix, this.#history, shape.isCalm, {
      submit: (make) => this.#cluster.submit(make),
      left: (request) => this.#cluster.leaveRequest(request),
    });
  }

  #newerRecord(log: string, position: number): void {
    this.world.count("log.newerRecord");
    const [before] = this.#cluster.livingBefore;
    if (before !== undefined)
      this.#history.violate(`position ${position} of log ${log} is of a format that ${before.name} does not know, and it lives`);
  }

  run(): Report {
    let books: Books | null = null;
    try {
      for (const node of this.#cluster.nodes) this.#cluster.start(node);
      this.#faultyPhase(this.#shape.commandsMin / 2);
      this.#heal();
      this.#faultyPhase(this.#shape.commandsMin);
      this.#clients.isWindingUp = true;
      this.#heal();
      books = this.#readBooks();
      if (this.world.seed % 3 === 0) this.#cluster.crashAll();
      else this.#stopAndGoBack();
      this.#heal({ isRepairing: false });
      const again = this.#readBooks();
      if (books !== null && again !== null) this.#conclude(books, again);
    } catch (error) {
      this.#history.violate(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    return {
      seed: this.world.seed,
      violations: this.#history.violations,
      counts: this.world.counts,
      traceHash: this.world.traceHash,
      traceTail: this.world.traceTail,
      shape: this.#shape,
      mix: this.#mix,
      simulatedMs: this.world.nowMs,
    };
  }

  /** All routers stop in good order, and an operator goes back to the previous manifests before they start again. */
  #stopAndGoBack(): void {
    const { world } = this;
    const wanted = this.#cluster.nodes.filter(({ isWanted }) => isWanted);
    this.#cluster.stopAll();
    world.run(world.nowMs + 60_000, () => this.#cluster.running.length === 0);
    if (this.#cluster.running.length > 0) this.#history.violate("the routers did not stop");
    goBack(this.#directory, this.#snapshots, this.#settings.freshClusterId, world);
    for (const node of wanted) node.isWanted = true;
  }

  /** Clients at work and faults all around, until enough commands have run. */
  #faultyPhase(commandsMin: number): void {
    const { world, random } = this;
    const cluster = this.#cluster;
    this.#disk.isHealed = false;
    this.#functionDisk.isHealed = false;
    this.#functions.isRepaired = false;
    cluster.peers.isHealed = false;
    cluster.crashesLeft = Math.ceil(this.#mix.crashes / 2);
    this.#crashOne(700);
    const beganAtMs = world.nowMs;
    const paceMs = random.pick([4, 10, 20]);
    this.#planTroubles(paceMs * 600);
    this.#operations.plan(Math.max(paceMs * 500, 6_000));
    const isEnough = (): boolean => this.#executed >= commandsMin;
    const isDone = (): boolean => isEnough() && cluster.isPastCrashes && this.#operations.isResting;
    const act = (): void => {
      if (isDone()) return;
      this.#clients.act();
      // In the hour without functions, or while there is to be no router, little is asked, or it would fill up with refusals.
      const isNobody = !cluster.nodes.some(({ isWanted }) => isWanted);
      const isDown = isNobody || (this.#functions.isDown && this.#mix.longOutages > 0);
      const isServed = cluster.isServed && !this.#functions.isDown;
      // Once it is enough, the rest of the phase takes its time.
      const factor = isDown ? 400 : this.#shape.kind === "cluster" && isEnough() ? 10 : 1;
      world.after(random.between(0, 2 * paceMs * factor * (isServed ? 1 : 5)), act);
    };
    // Several routers' crashes: the next one when the last one is past.
    const crash = (): void => {
      if (isDone() || this.#disk.isHealed) return;
      if (this.#shape.kind === "cluster" && cluster.running.every((one) => one.crashAfterSteps === Infinity)) this.#crashOne(500);
      world.after(500, crash);
    };
    crash();
    act();
    // What is violated in the middle of a run is never mended: routers that break again and again would take minutes.
    const isViolated = (): boolean => this.#history.violations.length > 0;
    world.run(beganAtMs + 400_000 + (this.#mix.longOutages > 0 ? 3_700_000 : 0), () => isDone() || isViolated());
    if (!isDone() && !isViolated())
      this.#history.violate(`only ${this.#executed} commands ran in ${world.nowMs - beganAtMs} ms: the system stands still`);
    this.#operations.isOver = true;
  }

  #crashOne(withinSteps: number): void {
    const { running } = this.#cluster;
    if (running.length === 0 || this.#cluster.crashesLeft === 0) return;
    this.#cluster.crashesLeft--;
    this.#cluster.planCrash(this.random.pick(running), withinSteps);
  }

  get #executed(): number {
    return this.world.countOf("outcome.done") + this.world.countOf("outcome.refused");
  }

  #planTroubles(withinMs: number): void {
    const { world, random } = this;
    const during = (count: number, lastsMs: number, begin: () => void, end: () => void): void => {
      for (let left = count; left > 0; left--) {
        const atMs = random.between(0, withinMs);
        world.after(atMs, begin);
        world.after(atMs + lastsMs, end);
      }
    };
    during(
      this.#mix.clockJumps,
      0,
      () => this.#jump(),
      () => undefined,
    );
    during(
      this.#mix.fullDisks,
      random.between(500, 5_000),
      () => this.#trouble("fullDisk", () => (this.#disk.isFull = true)),
      () => (this.#disk.isFull = false),
    );
    during(
      this.#mix.slowDisks,
      random.between(500, 5_000),
      () => this.#trouble("slowDisk", () => (this.#disk.isSlow = true)),
      () => (this.#disk.isSlow = false),
    );
    const outageMs = this.#mix.longOutages > 0 ? 3_600_000 : random.between(500, 20_000);
    const outages = Math.max(this.#mix.outages, this.#mix.longOutages);
    during(
      outages,
      outageMs,
      () => this.#trouble(outageMs > 1e6 ? "hourDown" : "down", () => (this.#functions.isDown = true)),
      () => (this.#functions.isDown = false),
    );
    during(
      this.#mix.redeployments,
      random.between(100, 4_000),
      () => this.#redeploy(true),
      () => this.#redeploy(false),
    );
    during(
      this.#mix.stops,
      0,
      () => this.#trouble("stop", () => this.#cluster.running[0]?.deliver({ kind: "stopAsked" })),
      () => undefined,
    );
  }

  #trouble(name: string, begin: () => void): void {
    if (this.#disk.isHealed) return;
    this.world.count(`fault.${name}`);
    this.world.trace(`trouble: ${name}`);
    begin();
  }

  #jump(): void {
    const ms = this.random.between(-6_000, 6_000);
    const { clock } = this.random.pick(this.#cluster.nodes);
    if (Math.abs(clock.offsetMs + ms) > 10_000) return;
    this.#trouble(ms < 0 ? "clockBack" : "clockForth", () => clock.jump(ms));
  }

  #redeploy(isMissingTypes: boolean): void {
    if (isMissingTypes && this.#disk.isHealed) return;
    if (isMissingTypes) this.world.count("fault.redeployment");
    this.#cluster.isMissingTypes = isMissingTypes;
    this.#cluster.deploy(this.#shape.kind === "cluster" ? 2_000 : 0);
  }

  /** Faults stop; what was begun has to come to an end by itself, but for an operator who ends dead letters. */
  #heal({ isRepairing } = { isRepairing: true }): void {
    const { world } = this;
    world.trace("healing");
    world.count("component.healings");
    this.#disk.isHealed = true;
    this.#functionDisk.isHealed = true;
    this.#functions.isDown = false;
    this.#functions.isRepaired = true;
    this.#cluster.heal();
    const untilMs = world.nowMs + QUIET_WITHIN_MS;
    const healing = ++this.#healings;
    const operate = (): void => {
      if (world.nowMs > untilMs || !this.#disk.isHealed || healing !== this.#healings) return;
      this.#cluster.deploy(0);
      if (isRepairing) this.#clients.repair(this.random.chance(0.2) ? "drop" : "retry");
      world.after(2_000, operate);
    };
    world.after(130, operate);
    for (let quietMs = 0; world.nowMs < untilMs; ) {
      world.run(world.nowMs + 500);
      quietMs = this.#unrest() === null ? quietMs + 500 : 0;
      if (quietMs > 1_500) return;
    }
    this.#history.violate(
      `at ${world.nowMs}: not quiescent ${QUIET_WITHIN_MS} ms after the faults ended: ${this.#unrest() ?? "it was for a moment"}`,
    );
  }

  /** What is still going on; null: nothing. */
  #unrest(): string | null {
    const { running, nodes } = this.#cluster;
    if (running.length < nodes.filter(({ isWanted }) => isWanted).length) return "a router is down";
    if (running.some(({ isAsleep }) => isAsleep) || nodes.some(({ elder }) => elder !== null)) return "a process is left behind";
    let owned = 0;
    for (const { name, core } of running) {
      if (core.phase !== "open") return `router ${name} is ${core.phase}`;
      const { gateHeld, appendDepth, uncommittedBytes, queues, flushing, shards } = core.snapshot();
      owned += shards;
      if (gateHeld > 0 || appendDepth > 0)
        return `${name}: ${gateHeld} outputs wait, ${appendDepth} appends, ${uncommittedBytes} bytes`;
      for (const [at, queue] of queues.entries()) {
        const { commands, unrest, outbox, inbox, timers, reads } = queue;
        if (commands + unrest + outbox + inbox + timers + reads > 0)
          return `${name}, the shard that is number ${at} there: ${JSON.stringify(queue)}`;
      }
      if (flushing > 0) return `${name}: ${flushing} flushes`;
    }
    if (this.#clients.waiting > 0) return `requests wait: ${this.#clients.waitingFor}`;
    const shards = this.#shape.shards * 2 ** this.#operations.splits;
    return owned === shards ? null : `${owned} of ${shards} shards have an owner`;
  }

  /** Reads every book through the router: its state, and where there is one its history. */
  #readBooks(): Books | null {
    const books = new Map<string, FinalBook>();
    for (const entity of ENTITIES) this.#readBook(entity, (book) => books.set(addressText(entity), book));
    let letters: Answer | null = null;
    this.#clients.ask({ kind: "deadLettersAsked", request: 0, of: null, limit: 10_000 }, (answer) => {
      letters = answer;
    });
    this.world.run(this.world.nowMs + 10_000, () => books.size === ENTITIES.length && letters !== null);
    const missing = ENTITIES.filter((entity) => !books.has(addressText(entity)));
    if (missing.length > 0)
      this.#history.violate(`these cannot be read: ${missing.map((entity) => addressText(entity)).join(", ")}`);
    const answer = letters as Answer | null;
    if (answer?.kind === "deadLetters") {
      for (const { deadLetter } of answer.deadLetters) this.#history.dead.add(parsed<{ t: string }>(deadLetter.command.input).t);
    }
    return missing.length === 0 ? books : null;
  }

  #readBook(entity: EntityAddress, then: (book: FinalBook) => void): void {
    this.#clients.ask(
      { kind: "stateAsked", request: 0, of: entity, isAdmin: true, isStrict: false, deadlineMs: Infinity },
      (answer) => {
        if (answer.kind !== "state") return;
        const book = bookOf(answer.state);
        const { version } = answer;
        if (DECLARED[entity.type]?.kind !== "event-sourced") then({ book, version, history: null });
        else this.#readHistory(entity, 0, [], (history) => then({ book, version, history }));
      },
    );
  }

  #readHistory(entity: EntityAddress, after: number, lines: Line[], then: (lines: readonly Line[]) => void): void {
    const page = { kind: "eventsAsked", request: 0, of: entity, after, limit: 50, follow: false, isAdmin: true } as const;
    this.#clients.ask(page, (answer) => {
      if (answer.kind !== "events") return;
      for (const event of answer.events) lines.push(parsed<Line>(event.data));
      if (answer.next === null) then(lines);
      else this.#readHistory(entity, answer.next, lines, then);
    });
  }

  #conclude(books: Books, again: Books): void {
    const history = this.#history;
    for (const [entity, { book }] of books) {
      for (const { t, k, a } of book.log) {
        if (k === "transferred" || k === "reserved") history.outcomeByAnswer.set(`${entity} ${t}`, a ?? "");
      }
    }
    const kept = ENTITIES.filter((entity) => (books.get(addressText(entity))?.version ?? 0) > 0);
    this.world.count("end.entities", kept.length);
    this.world.count("end.shards", new Set(kept.map((entity) => shardOf(entity, this.#shape.shards))).size);
    history.clockSpreadMs = this.world.clockSpreadMs;
    check(books, again, this.#logBook, this.#shape.shards, history);
    this.world.count("checker.tooConcurrent", history.tooConcurrent);
  }
}
