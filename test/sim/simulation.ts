/**
 * One simulation: phases of faults and of healing over one set of stores, through as many incarnations of the router as
 * it takes. At the end the system has to come to rest, and everything is read back, also by a fresh incarnation.
 */
import type { Answer } from "../../src/core/answer.js";
import type { Effect, EndReason } from "../../src/core/effect.js";
import { addressText, type EntityAddress } from "../../src/core/entity/address.js";
import type { Input } from "../../src/core/input.js";
import { RefusedCommands } from "../../src/core/log/refused-commands.js";
import type { RouterCore } from "../../src/core/router-core.js";
import { bookOf, type Line, parsed } from "./business/book.js";
import { DECLARED, drawTypes, ENTITIES, PLACEMENTS, shardOf } from "./business/catalog.js";
import { check } from "./checkers/check.js";
import type { Books, FinalBook } from "./checkers/final-books.js";
import { ManifestWatch } from "./checkers/manifests-name-what-exists.js";
import { checkQueues } from "./checkers/queues-within-limits.js";
import { ValueWatch } from "./checkers/references-name-what-exists.js";
import { RefusedForEver } from "./checkers/refused-for-ever.js";
import { Disk } from "./disk.js";
import { drawFaults, type FaultMix } from "./faults.js";
import { goBack } from "./going-back.js";
import { History } from "./history.js";
import { type CrashMoment, Incarnation, type Surroundings } from "./incarnation.js";
import type { Random } from "./random.js";
import { SimClients } from "./sim-clients.js";
import { SimDirectory } from "./sim-directory.js";
import { SimFunctions } from "./sim-functions.js";
import { SimJournal } from "./sim-journal.js";
import { deploymentsOf, drawSettings, SHARDS, type SharedSettings } from "./sim-settings.js";
import { SimSnapshots } from "./sim-snapshots.js";
import { World } from "./world.js";

const CRASH_MOMENTS: readonly CrashMoment[] = ["any", "any", "answering", "refusing"];
const COMMANDS_MIN = 2_000;
const QUIET_WITHIN_MS = 60_000;

export interface Report {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
  readonly traceHash: number;
  readonly traceTail: readonly string[];
  readonly mix: FaultMix;
  readonly simulatedMs: number;
}

export function simulate(seed: number, isTracing = false): Report {
  return new Simulation(seed, isTracing).run();
}

class Simulation implements Surroundings {
  readonly world: World;
  readonly random: Random;
  readonly journal: SimJournal;
  readonly directory: SimDirectory;
  readonly snapshots: SimSnapshots;
  readonly functions: SimFunctions;
  readonly #mix: FaultMix;
  readonly #disk: Disk;
  readonly #functionDisk: Disk;
  readonly #settings: SharedSettings;
  readonly #types: ReturnType<typeof drawTypes>;
  readonly #history = new History();
  readonly #clients: SimClients;
  readonly #manifests: ManifestWatch;
  readonly #values: ValueWatch;
  readonly #refused: RefusedForEver;
  /** Of the process that runs now. */
  #refusedCommands = new RefusedCommands();
  #incarnation: Incarnation | null = null;
  /** Where leases rule: one that was left behind and goes on serving its clients, as far as it may. */
  #elder: Incarnation | null = null;
  #isElderAsked = false;
  readonly #serverByRequest = new Map<number, Incarnation>();
  #starts = 0;
  #isMissingTypes = false;
  #isStarted = false;
  #crashesLeft = 0;
  #isGoingBack = false;

  constructor(seed: number, isTracing: boolean) {
    this.world = new World(seed, isTracing);
    this.random = this.world.fork();
    this.#mix = drawFaults(this.world.random);
    this.#settings = drawSettings(this.world.random, seed);
    this.#types = drawTypes(this.world.random);
    this.#disk = new Disk(this.world, this.#mix);
    this.#functionDisk = new Disk(this.world, this.#mix);
    this.#manifests = new ManifestWatch(
      this.#settings.freshClusterId,
      () => this.snapshots.objects,
      {
        isDurable: (log, position) => this.journal.isDurable(log, position),
        holds: (log, from, to) => this.journal.holds(log, from, to),
      },
      this.#history,
    );
    this.#values = new ValueWatch(
      this.#settings.freshClusterId,
      () => this.snapshots.objects,
      () => this.directory.documents,
      this.#history,
      this.world,
    );
    const { freshClusterId } = this.#settings;
    this.#refused = new RefusedForEver(seed, freshClusterId, () => this.snapshots.objects, this.#history);
    this.journal = new SimJournal(this.#disk, {
      recorded: (log, position, body) => {
        this.#values.recorded(log, position, body);
        this.#refused.recorded(body);
      },
      refusedIn: (body) => this.#refused.refusedIn(body),
      refused: (caller, commandIds) => {
        if (this.#incarnation?.name === caller.name) this.#refused.refused(commandIds);
      },
      trimmed: (log, base) => this.#manifests.trimmed(log, base),
    });
    this.directory = new SimDirectory(this.#disk, (key, body) => this.#manifests.swapped(key, body));
    this.snapshots = new SimSnapshots(this.#disk, (object) => {
      this.#manifests.deleted(object);
      this.#values.deleted(object);
    });
    this.functions = new SimFunctions(this.#functionDisk, (message) => this.#history.violate(message));
    this.#clients = new SimClients(this.world, this.#mix, this.#history, (input) => this.#submit(input));
  }

  run(): Report {
    let books: Books | null = null;
    try {
      this.#start();
      this.#faultyPhase(COMMANDS_MIN / 2);
      this.#heal();
      this.#faultyPhase(COMMANDS_MIN);
      this.#clients.isWindingUp = true;
      this.#heal();
      books = this.#readBooks();
      if (this.world.seed % 3 === 0) this.#crash();
      else this.#stopAndGoBack();
      this.#heal();
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
      mix: this.#mix,
      simulatedMs: this.world.nowMs,
    };
  }

  output(incarnation: Incarnation, effect: Effect): void {
    if (incarnation.isZombie && !this.#isLeased) this.#clients.outputLate(effect);
    else this.#clients.output(effect);
  }

  started(incarnation: Incarnation): void {
    if (incarnation.isZombie) return;
    this.#isStarted = true;
    this.world.count("component.started");
    if (this.random.chance(0.3)) incarnation.deliver(this.#deployments());
  }

  /** Nothing here damages what is stored. */
  shardRefused(incarnation: Incarnation, message: string): void {
    if (!incarnation.isZombie) this.#history.violate(`${incarnation.name} has lost data: ${message}`);
  }

  drawLeftBehind(): boolean {
    return this.random.chance(this.#isLeased ? Math.max(0.5, this.#mix.zombies) : this.#mix.zombies);
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
    incarnation.isZombie = true;
    this.#forgetProcess();
    if (!this.#isLeased) {
      this.#leave();
      world.after(this.random.between(100, 8_000), () => incarnation.kill());
      return;
    }
    // It sleeps, perhaps beyond its lease, and goes on as if nothing had happened: nobody has told its clients.
    // Nearly as long as the lease, or long enough to be taken for dead.
    const sleepMs = this.random.pick([0, 2_800, 2_800, 9_000, 12_000]);
    this.#elder = incarnation;
    this.#incarnation = null;
    this.#isStarted = false;
    const fallAsleep = (): void => {
      incarnation.sleep(sleepMs);
      world.after(sleepMs, () => this.#wakeUpWithQuestions(incarnation));
    };
    if (this.random.chance(0.5)) fallAsleep();
    else incarnation.afterHeartbeat = fallAsleep;
    world.after(this.random.between(1, this.random.pick([50, 50, 3_000])), () => this.#start());
    world.after(sleepMs + this.random.between(600, 4_000), () => {
      if (!incarnation.isAlive) return;
      world.count("fault.crash");
      this.ended(incarnation, { kind: "broken", message: "crash" });
    });
  }

  /** What it remembers may have been changed elsewhere while it slept: it must not show it. */
  #wakeUpWithQuestions(elder: Incarnation): void {
    if (elder !== this.#elder) return;
    this.#isElderAsked = true;
    this.#clients.lookAround();
    this.#isElderAsked = false;
  }

  get #isLeased(): boolean {
    return this.#settings.lease !== null;
  }

  ended(incarnation: Incarnation, reason: EndReason): void {
    incarnation.kill();
    // It ended before it could crash: the next one will.
    if (!incarnation.isZombie && incarnation.crashAfterSteps !== Infinity) this.#crashesLeft++;
    const isCrash = reason.kind === "broken" && reason.message === "crash";
    this.world.count(`end.${isCrash ? "crash" : reason.kind}`);
    this.world.trace(`${incarnation.name} ended: ${JSON.stringify(reason)}`);
    const isRefusedDisk = reason.kind === "refused" && reason.message === "simulated";
    if ((reason.kind === "broken" && !isCrash) || (reason.kind === "refused" && !isRefusedDisk)) {
      this.#history.violate(`${incarnation.name} ended: ${reason.message}`);
    }
    // Others only ever seal a log: entries that stand in it are its owner's own.
    if (reason.kind === "fenced" && reason.message.includes("taken by somebody else's entries")) {
      this.#history.violate(`${incarnation.name} took its own record for another's: ${reason.message}`);
    }
    if (!incarnation.isZombie) {
      if (reason.kind !== "fenced") this.#forgetProcess();
      return this.#leave();
    }
    if (reason.kind === "fenced") this.world.count("end.fencedElder");
    if (incarnation === this.#elder) this.#elder = null;
    this.#clients.disconnected((request) => this.#serverByRequest.get(request) === incarnation);
  }

  /** The next incarnation is one of a new process. */
  #forgetProcess(): void {
    this.#refusedCommands = new RefusedCommands();
    this.#refused.processEnded();
  }

  /** The clients' connections to the router are gone, and the next one starts soon. */
  #leave(): void {
    const left = this.#incarnation;
    this.#incarnation = null;
    this.#isStarted = false;
    this.#clients.disconnected((request) => this.#serverByRequest.get(request) === left);
    if (this.#isGoingBack) {
      this.#isGoingBack = false;
      goBack(this.directory, this.snapshots, this.#settings.freshClusterId, this.world);
    }
    const pauseMs = this.random.chance(0.5) ? this.random.between(1, 50) : this.random.between(50, 3_000);
    this.world.after(pauseMs, () => this.#start());
  }

  stepped(core: RouterCore): void {
    checkQueues(core, this.#settings, this.#types, this.#history, this.world.countOf("component.steps") % 8 === 0);
  }

  #start(): void {
    if (this.#incarnation !== null) return;
    const incarnation = new Incarnation(
      { ...this.#settings, incarnation: `i${++this.#starts}`, nonceSeed: this.random.bytes(12) },
      this.#refusedCommands,
      this,
    );
    this.#incarnation = incarnation;
    if (this.#crashesLeft > 0) {
      this.#crashesLeft--;
      incarnation.crashAfterSteps = this.random.chance(0.25) ? 1 + this.random.below(60) : 1 + this.random.below(800);
      incarnation.crashMoment = this.random.pick(CRASH_MOMENTS);
    }
    this.world.trace(`${incarnation.name} starts`);
    incarnation.deliver(this.#disk.isHealed || this.random.chance(0.7) ? this.#deployments() : { kind: "woken" });
    this.world.after(this.random.between(0, 4_000), () => incarnation.deliver(this.#deployments()));
  }

  #submit(input: Input): boolean {
    const elder = this.#elder;
    if (elder !== null && (this.#isElderAsked || this.random.chance(0.5))) return this.#deliver(elder, input);
    const incarnation = this.#incarnation;
    if (incarnation === null) return false;
    // Before it has started nobody listens, though some requests come so early that they are refused.
    if (!this.#isStarted && !this.random.chance(0.1)) return false;
    return this.#deliver(incarnation, input);
  }

  #deliver(incarnation: Incarnation, input: Input): boolean {
    if ("request" in input && input.kind !== "requestLeft") this.#serverByRequest.set(input.request, incarnation);
    incarnation.deliver(input);
    return true;
  }

  #deployments(): Input {
    const types = this.#isMissingTypes
      ? this.#types.filter((type) => type.name !== "sim/relay" && type.name !== "sim/listener")
      : this.#types;
    return { kind: "deploymentsChanged", deployments: deploymentsOf(types, this.world.seed % 3 === 0), placements: PLACEMENTS };
  }

  /** Clients at work and faults all around, until enough commands have run. */
  #faultyPhase(commandsMin: number): void {
    const { world, random } = this;
    this.#disk.isHealed = false;
    this.#functionDisk.isHealed = false;
    this.functions.isRepaired = false;
    this.#crashesLeft = Math.ceil(this.#mix.crashes / 2);
    const incarnation = this.#incarnation;
    if (incarnation !== null) {
      this.#crashesLeft--;
      incarnation.crashAfterSteps = 1 + random.below(700);
      incarnation.crashMoment = random.pick(CRASH_MOMENTS);
    }
    const beganAtMs = world.nowMs;
    const paceMs = random.pick([4, 10, 20]);
    this.#planTroubles(paceMs * 600);
    const isDone = (): boolean => this.#executed >= commandsMin && this.#isPastCrashes;
    const act = (): void => {
      if (isDone()) return;
      this.#clients.act();
      // In the hour without functions little is asked, or it would fill up with refusals.
      const isServed = this.#incarnation?.core.phase === "open" && !this.functions.isDown;
      const hourly = this.functions.isDown && this.#mix.longOutages > 0 ? 400 : 1;
      world.after(random.between(0, 2 * paceMs * hourly * (isServed ? 1 : 5)), act);
    };
    act();
    world.run(beganAtMs + 400_000 + (this.#mix.longOutages > 0 ? 3_700_000 : 0), isDone);
    if (!isDone())
      this.#history.violate(`only ${this.#executed} commands ran in ${world.nowMs - beganAtMs} ms: the system stands still`);
  }

  /** All crashes of the phase have happened, and what came after the last one runs. */
  get #isPastCrashes(): boolean {
    return this.#crashesLeft === 0 && this.#incarnation?.crashAfterSteps === Infinity;
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
      () => this.#trouble(outageMs > 1e6 ? "hourDown" : "down", () => (this.functions.isDown = true)),
      () => (this.functions.isDown = false),
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
      () => this.#trouble("stop", () => this.#incarnation?.deliver({ kind: "stopAsked" })),
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
    if (Math.abs(this.world.wallOffsetMs + ms) > 10_000) return;
    this.#trouble(ms < 0 ? "clockBack" : "clockForth", () => {
      this.world.jumpClock(ms);
      if (ms < 0) this.#history.clockBackMs -= ms;
    });
  }

  #redeploy(isMissingTypes: boolean): void {
    if (isMissingTypes && this.#disk.isHealed) return;
    if (isMissingTypes) this.world.count("fault.redeployment");
    this.#isMissingTypes = isMissingTypes;
    this.#incarnation?.deliver(this.#deployments());
  }

  /** Faults stop; what was begun has to come to an end by itself, but for an operator who ends dead letters. */
  #heal(): void {
    const { world } = this;
    this.world.trace("healing");
    world.count("component.healings");
    this.#disk.isHealed = true;
    this.#functionDisk.isHealed = true;
    this.functions.isDown = false;
    this.functions.isRepaired = true;
    this.#isMissingTypes = false;
    this.#crashesLeft = 0;
    if (this.#incarnation !== null) this.#incarnation.crashAfterSteps = Infinity;
    this.#incarnation?.deliver(this.#deployments());
    const untilMs = world.nowMs + QUIET_WITHIN_MS;
    const operate = (): void => {
      if (world.nowMs > untilMs || !this.#disk.isHealed) return;
      this.#incarnation?.deliver(this.#deployments());
      this.#clients.repair(this.random.chance(0.2) ? "drop" : "retry");
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
    const core = this.#incarnation?.core;
    if (core === undefined || core.phase !== "open") return `the router is ${core?.phase ?? "down"}`;
    const { gateHeld, appendDepth, uncommittedBytes, queues, flushing } = core.snapshot();
    if (gateHeld > 0 || appendDepth > 0) return `${gateHeld} outputs wait, ${appendDepth} appends, ${uncommittedBytes} bytes`;
    for (const [shard, queue] of queues.entries()) {
      const { commands, unrest, outbox, inbox, timers, reads } = queue;
      if (commands + unrest + outbox + inbox + timers + reads > 0) return `shard ${shard}: ${JSON.stringify(queue)}`;
    }
    if (this.#clients.waiting > 0) return `requests wait: ${this.#clients.waitingFor}`;
    return flushing > 0 ? `${flushing} flushes` : null;
  }

  #crash(): void {
    const incarnation = this.#incarnation;
    if (incarnation !== null) this.ended(incarnation, { kind: "broken", message: "crash" });
  }

  /** The newest segments of every shard are lost: an operator stops the router and goes back to what was before. */
  #stopAndGoBack(): void {
    this.#isGoingBack = true;
    this.#incarnation?.deliver({ kind: "stopAsked" });
    this.world.run(this.world.nowMs + 30_000, () => !this.#isGoingBack);
    if (this.#isGoingBack) this.#history.violate("the router did not stop");
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
    this.world.count("end.shards", new Set(kept.map((entity) => shardOf(entity, SHARDS))).size);
    check(books, again, history);
    this.world.count("checker.tooConcurrent", history.tooConcurrent);
  }
}
