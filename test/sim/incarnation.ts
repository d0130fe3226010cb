/** One start of a simulated router: the real core, driven by events of the world, until it ends or crashes. */

import type { CoreSettings } from "../../src/core/core-settings.js";
import type { Effect, EndReason } from "../../src/core/effect.js";
import type { Input } from "../../src/core/input.js";
import type { RefusedCommands } from "../../src/core/log/refused-commands.js";
import { nodeKey } from "../../src/core/ownership/documents.js";
import type { PeerFrame } from "../../src/core/peers/frames.js";
import { RouterCore } from "../../src/core/router-core.js";
import type { Moment } from "../../src/core/time/moment.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";
import { segmentTools } from "../../src/router/driver/segment-tools.js";
import { HeartbeatWatch } from "./checkers/feeds-only-under-a-lease.js";
import type { Caller } from "./disk.js";
import type { Random } from "./random.js";
import type { SimClock } from "./sim-clock.js";
import type { SimDirectory } from "./sim-directory.js";
import type { SimFunctions } from "./sim-functions.js";
import type { SimJournal } from "./sim-journal.js";
import type { PeerEnd, SimPeers } from "./sim-peers.js";
import type { SimSnapshots } from "./sim-snapshots.js";
import { codecsBefore } from "./version-before.js";
import type { World } from "./world.js";

export interface Surroundings {
  readonly world: World;
  readonly random: Random;
  readonly journal: SimJournal;
  readonly directory: SimDirectory;
  readonly snapshots: SimSnapshots;
  readonly functions: SimFunctions;
  readonly peers: SimPeers;
  /** Answers and feeds, for whoever asked. */
  output(incarnation: Incarnation, effect: Effect): void;
  started(incarnation: Incarnation): void;
  /** It has given away what others could take. */
  left(incarnation: Incarnation): void;
  shardRefused(incarnation: Incarnation, message: string): void;
  /** It has shown something in a feed though its lease was over. */
  shownUnleased(incarnation: Incarnation, overdueMs: number): void;
  /** Its time has come: it is killed, or left behind. */
  crashed(incarnation: Incarnation, isLeftBehind: boolean): void;
  /** Whether a process that is to crash is left behind instead. */
  drawLeftBehind(): boolean;
  ended(incarnation: Incarnation, reason: EndReason): void;
  /** It asks for its next turn at once, and has nothing to do there, again and again. */
  spins(incarnation: Incarnation): void;
  /** After every step. */
  stepped(incarnation: Incarnation): void;
}

/**
 * `answering`: when it answers with what has no entry of its own. `refusing`: when a result comes in which one command is
 * refused on what another has just done.
 */
export type CrashMoment = "any" | "answering" | "refusing";

/** So often woken at once in a row, with nothing else: it spins. */
const SPIN_STEPS = 200;

/** So many steps without its moment, and it crashes as it is. */
const CRASH_PATIENCE_STEPS = 400;

export class Incarnation implements Caller, PeerEnd {
  readonly name: string;
  readonly address: string;
  readonly core: RouterCore;
  /** Of the version before. */
  readonly isBefore: boolean;
  readonly clock: SimClock;
  readonly #around: Surroundings;
  readonly #heartbeats: HeartbeatWatch;
  /** By its own clocks, of the step. */
  #now: Moment;
  /** In this step it shows its clients what others feed them: that is covered by their leases. */
  #isPassingOn = false;
  #inputs: Input[] = [];
  #isAlive = true;
  #isTurnDue = false;
  #wakeAtMs = Infinity;
  #sleepsUntilMs = 0;
  /** By how much its monotonic clock has stood still: a machine that sleeps takes it along. */
  #stoodMs = 0;
  /** Nothing that it asks of the stores arrives there. */
  isCutOff = false;
  /** It goes on although the next one has started. */
  isZombie = false;
  #isWokenAtOnce = false;
  #wokenInARow = 0;
  /** Steps until it crashes in the middle of one. */
  crashAfterSteps = Infinity;
  /** It may go on for a while, to a worse moment than any. */
  crashMoment: CrashMoment = "any";

  /** `isBefore`: it is a router of the version before. */
  constructor(
    settings: CoreSettings,
    refusedCommands: RefusedCommands,
    clock: SimClock,
    around: Surroundings,
    isBefore: boolean,
  ) {
    this.isBefore = isBefore;
    this.name = settings.incarnation;
    this.address = settings.node.address;
    this.clock = clock;
    this.#around = around;
    this.#heartbeats = new HeartbeatWatch(settings.lease, (token) => around.directory.hasStood(token));
    this.#now = clock.now();
    const codecs = isBefore ? codecsBefore(settings.incarnation) : { documentCodec, recordCodec };
    this.core = new RouterCore(settings, { ...codecs, refusedCommands, ...segmentTools });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  deliver(input: Input): void {
    if (!this.#isAlive) return;
    this.#inputs.push(input);
    this.#around.world.trace(`${this.name} < ${traceOfInput(input)}`);
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.#around.world.after(this.#around.random.between(0, 0.5), () => this.#turn());
  }

  /** Everything in its memory is gone; what it sent to storage may still land. */
  kill(): void {
    this.#isAlive = false;
  }

  /** Called once, when the next version of its own document is on its way. */
  afterHeartbeat: (() => void) | null = null;

  /** Takes no turn for so long; what comes meanwhile waits. With the machine, its monotonic clock stands still as well. */
  sleep(ms: number, isWithMachine = false): void {
    this.#sleepsUntilMs = this.#around.world.nowMs + ms;
    if (isWithMachine) this.#stoodMs += ms * this.clock.rate;
  }

  get isAsleep(): boolean {
    return this.#sleepsUntilMs > this.#around.world.nowMs;
  }

  #turn(): void {
    if (!this.#isAlive) return;
    const sleepMs = this.#sleepsUntilMs - this.#around.world.nowMs;
    if (sleepMs > 0) return this.#around.world.after(sleepMs, () => this.#turn());
    this.#isTurnDue = false;
    const { world } = this.#around;
    const inputs = this.#inputs;
    this.#inputs = [];
    const effects: Effect[] = [];
    this.#watchSpin(inputs);
    const { wallMs, monotonicMs } = this.clock.now();
    this.#now = { wallMs, monotonicMs: monotonicMs - this.#stoodMs };
    this.#isPassingOn = inputs.some((input) => input.kind === "peerReceived" && input.frame.kind === "fed");
    this.core.step(this.#now, inputs, effects);
    world.count("component.steps");
    if (!this.isZombie) this.#around.stepped(this);
    const isCrashing = --this.crashAfterSteps <= 0 && this.#isMomentToCrash(inputs, effects);
    const isLeftBehind = isCrashing && this.#around.drawLeftBehind();
    // Who lives on has done all that its last step asked for.
    const performed = isCrashing && !isLeftBehind ? this.#performedAtCrash(effects) : effects.length;
    for (let at = 0; at < performed && this.#isAlive; at++) this.#perform(effects[at] as Effect);
    if (!this.#isAlive) return;
    if (isCrashing) {
      this.crashAfterSteps = Infinity;
      this.#around.crashed(this, isLeftBehind);
      if (!this.#isAlive) return;
    }
    this.#planWake();
  }

  /** Who is woken again and again, and for nothing, burns a processor. */
  #watchSpin(inputs: readonly Input[]): void {
    this.#wokenInARow = inputs.length === 1 && inputs[0]?.kind === "woken" && this.#isWokenAtOnce ? this.#wokenInARow + 1 : 0;
    if (this.#wokenInARow === SPIN_STEPS) this.#around.spins(this);
  }

  #heartbeat(token: string): void {
    this.#heartbeats.sent(token, this.#now);
    const then = this.afterHeartbeat;
    this.afterHeartbeat = null;
    then?.();
  }

  #checkLease(): void {
    const overdueMs = this.#heartbeats.overdueMs(this.#now);
    if (overdueMs !== null) this.#around.shownUnleased(this, overdueMs);
  }

  #isMomentToCrash(inputs: readonly Input[], effects: readonly Effect[]): boolean {
    if (this.crashMoment === "any" || this.crashAfterSteps <= -CRASH_PATIENCE_STEPS) return true;
    return this.crashMoment === "answering" ? effects.some(isBorrowed) : inputs.some(isMixed);
  }

  /** How many effects of its last step still happen. At the worse moments: all answers, and none of the appends behind them. */
  #performedAtCrash(effects: readonly Effect[]): number {
    const { world, random } = this.#around;
    if (this.crashMoment === "any") return random.below(effects.length + 1);
    world.count(`fault.crash.${this.crashMoment}`);
    return effects.findLastIndex((effect) => effect.kind === "answer") + 1;
  }

  #planWake(): void {
    const { world } = this.#around;
    const askedMs = this.core.wakeAtMs() + this.#stoodMs - this.clock.now().monotonicMs;
    const wakeAtMs = world.nowMs + Math.max(0, this.clock.worldMs(askedMs));
    if (wakeAtMs === Infinity || this.#wakeAtMs <= wakeAtMs) return;
    this.#wakeAtMs = wakeAtMs;
    this.#isWokenAtOnce = wakeAtMs - world.nowMs < 0.01;
    world.after(wakeAtMs - world.nowMs, () => {
      if (this.#wakeAtMs !== wakeAtMs) return;
      this.#wakeAtMs = Infinity;
      this.deliver({ kind: "woken" });
    });
  }

  #perform(effect: Effect): void {
    const { journal, directory, snapshots, functions, world } = this.#around;
    const give = (input: Input): void => this.deliver(input);
    world.trace(traceOf(effect));
    switch (effect.kind) {
      case "feed":
        if (effect.events.length > 0 && !this.#isPassingOn) this.#checkLease();
        return this.#around.output(this, effect);
      case "answer":
        return this.#around.output(this, effect);
      case "invoke":
        return functions.invoke(this, effect, give);
      case "append": {
        const { log, position, body } = effect;
        return journal.append(this, log, position, body, (outcome) => give({ kind: "appendEnded", log, position, outcome }));
      }
      case "readRecords": {
        const { log, position, countMax, bytesMax } = effect;
        return journal.read(this, log, position, countMax, bytesMax, (outcome) =>
          give({ kind: "recordsRead", log, position, outcome }),
        );
      }
      case "trimLog":
        world.count("component.trims");
        return journal.trim(effect.log, effect.base);
      case "writeValue": {
        const { object, bytes } = effect;
        return snapshots.writeValue(this, object, bytes, (result) => give({ kind: "valueWritten", object, result }));
      }
      case "readValue": {
        const { object, length } = effect;
        return snapshots.readValue(this, object, length, (result) => give({ kind: "valueRead", object, result }));
      }
      case "deleteValue": {
        const { object } = effect;
        return snapshots.deleteValue(this, object, () => give({ kind: "valueDeleted", object }));
      }
      case "shardRefused":
        return this.#around.shardRefused(this, effect.message);
      case "readDocument":
        return directory.read(this, effect.key, (outcome) => give({ kind: "documentRead", key: effect.key, outcome }));
      case "listDocuments":
        return directory.list(this, effect.prefix, (outcome) =>
          give({ kind: "documentsListed", prefix: effect.prefix, outcome }),
        );
      case "swapDocument": {
        const { key, expected, document } = effect;
        if (key === nodeKey(this.name)) this.#heartbeat(document.token);
        return directory.swap(this, key, expected, document, (outcome) =>
          give({ kind: "documentSwapped", key, token: document.token, outcome }),
        );
      }
      case "removeDocument":
        return directory.remove(this, effect.key, effect.expected);
      case "listObjects": {
        const { prefix } = effect;
        world.count("component.orphanSweeps");
        return snapshots.list(this, prefix, (outcome) => give({ kind: "objectsListed", prefix, outcome }));
      }
      case "store": {
        const { shard } = effect;
        world.count(`component.store.${effect.effect.kind}`);
        return snapshots.perform(this, effect.effect, (input) => give({ kind: "store", shard, input }));
      }
      case "watching":
        return world.count("component.watching");
      case "peerSend":
        if (effect.frame.kind === "fed" && effect.frame.events.length > 0) this.#checkLease();
        return this.#around.peers.send(this, effect.to, effect.frame);
      case "peersKnown":
        return this.#around.peers.known(this, effect.peers);
      case "shardsChanged":
        return;
      case "left":
        return this.#around.left(this);
      case "started":
        return this.#around.started(this);
      case "ended":
        return this.#around.ended(this, effect.reason);
    }
  }
}

/** A refusal or a duplicate has no entry of its own: what it saw may be lost, if it left too early. */
function isBorrowed(effect: Effect): boolean {
  if (effect.kind !== "answer" || effect.answer.kind !== "outcome") return false;
  return effect.answer.isDuplicate || effect.answer.outcome.kind === "refused";
}

function isMixed(input: Input): boolean {
  if (input.kind !== "entityFinished") return false;
  const first = input.result.outcomes.findIndex((outcome) => outcome.kind === "done");
  return first >= 0 && input.result.outcomes.slice(first).some((outcome) => outcome.kind === "refused");
}

function traceOfInput(input: Input): string {
  switch (input.kind) {
    case "commandArrived":
      return `${input.mode} ${input.request} ${input.id} ${input.to.type}/${input.to.id} ${input.name} ${input.delayMs > 0 ? "delayed" : ""}`;
    case "entityFinished":
      return `finished ${input.attempt} ${input.result.n} ${input.result.outcomes.map((outcome) => outcome.kind)}`;
    case "invocationEnded":
      return `invocationEnded ${input.attempt} ${input.end.kind}`;
    case "appendEnded":
    case "recordsRead":
      return `${input.kind} ${input.log} ${input.position} ${input.outcome.kind}`;
    case "documentRead":
    case "documentSwapped":
      return `${input.kind} ${input.key} ${input.outcome.kind}`;
    case "valueWritten":
    case "valueRead":
      return `${input.kind} ${input.object} ${input.result.kind}`;
    case "store":
      return `${input.input.kind} ${input.input.request}`;
    case "peerReceived":
      return `${input.from} says ${traceOfFrame(input.frame)}${input.to}`;
    case "peerLost":
      return `peerLost ${input.incarnation}`;
    default:
      return "of" in input && input.of !== null ? `${input.kind} ${input.request} ${input.of.type}/${input.of.id}` : input.kind;
  }
}

function traceOfFrame(frame: PeerFrame): string {
  switch (frame.kind) {
    case "asked":
      return `asked ${frame.shard}@${frame.epoch} ${traceOfInput(frame.asked)} to `;
    case "messageSent":
      return `messageSent ${frame.message.sourceShard}>${frame.message.targetShard}#${frame.message.number} in ${frame.stream.epoch}.${frame.stream.number} behind ${frame.previous} to `;
    case "messagesAcknowledged":
      return `acknowledged ${frame.sourceShard}>${frame.targetShard} ${frame.numbers} to `;
    case "streamBroken":
      return `streamBroken ${frame.sourceShard}>${frame.targetShard} ${frame.stream.epoch}.${frame.stream.number} to `;
    case "shardMoved":
    case "handOffAsked":
    case "handOffAwaited":
      return `${frame.kind} ${frame.shard}@${frame.epoch} to `;
    case "shardShown":
      return `shardShown ${frame.shard} ${frame.token} to `;
    default:
      return `${frame.kind} ${"request" in frame ? frame.request : ""} to `;
  }
}

function traceOf(effect: Effect): string {
  switch (effect.kind) {
    case "peerSend":
      return `send ${effect.to} ${traceOfFrame(effect.frame)}`;
    case "answer":
      return `answer ${effect.request} ${effect.answer.kind === "problem" ? effect.answer.problem.code : effect.answer.kind}`;
    case "feed":
      return `feed ${effect.request} ${effect.events.length}`;
    case "invoke":
      return `invoke ${effect.attempt} ${effect.request.entities.map((one) => `${one.type}/${one.id}@${one.version}x${one.commands.length}`)}`;
    case "append":
      return `append ${effect.log} ${effect.position} ${effect.body.length}`;
    case "readRecords":
      return `readRecords ${effect.log} ${effect.position}`;
    case "writeValue":
    case "readValue":
    case "deleteValue":
      return `${effect.kind} ${effect.object}`;
    case "trimLog":
      return `trim ${effect.log} ${effect.base}`;
    case "swapDocument":
      return `swap ${effect.key} ${effect.expected} ${effect.document.token}`;
    case "store":
      return `store ${effect.shard} ${effect.effect.kind} ${effect.effect.request} ${"object" in effect.effect ? effect.effect.object : ""}`;
    case "ended":
      return `ended ${effect.reason.kind} ${"message" in effect.reason ? effect.reason.message : ""}`;
    default:
      return effect.kind;
  }
}
