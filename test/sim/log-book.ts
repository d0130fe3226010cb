/**
 * What came to stand in logs and descriptors, in order: all that checkers of ownership go by. It knows nothing of how the
 * core reads them.
 */
import { equalBytes } from "../../src/core/bytes/compare.js";
import { addressText } from "../../src/core/entity/address.js";
import type { Entry } from "../../src/core/log/entry.js";
import type { LogId } from "../../src/core/log/record.js";
import type { ShardDescriptor } from "../../src/core/ownership/documents.js";
import { streamOf } from "../../src/core/shard/stream-source.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";
import type { World } from "./world.js";

export interface LandedEntry {
  readonly shard: number;
  readonly epoch: number;
  readonly sequence: number;
  /** Of an entry with effects. */
  readonly effects: {
    readonly entity: string;
    readonly previousVersion: number;
    readonly version: number;
    readonly events: readonly Uint8Array[];
  } | null;
}

export interface LandedRecord {
  readonly log: LogId;
  readonly position: number;
  /** When it landed, among records and descriptors. */
  readonly order: number;
  readonly isSeal: boolean;
  readonly entries: readonly LandedEntry[];
}

export interface LandedDescriptor {
  readonly order: number;
  readonly descriptor: ShardDescriptor;
}

export class LogBook {
  readonly recordsByLog = new Map<LogId, Map<number, LandedRecord>>();
  readonly descriptorsByShard = new Map<number, LandedDescriptor[]>();
  /** Entries of bodies that were sent for a position at which another body stands, or was sent before. */
  readonly contested: { readonly log: LogId; readonly position: number; readonly body: Uint8Array }[] = [];
  readonly #clusterId: Uint8Array;
  readonly #objects: () => ReadonlyMap<string, Uint8Array>;
  readonly #world: World;
  readonly #firstBodyByPlace = new Map<string, Uint8Array>();
  /** Messages that are born and not consumed, and whether their shards have moved since. */
  readonly #underWay = new Map<
    string,
    { readonly source: number; readonly target: number; sourceMoved: boolean; targetMoved: boolean; targetSplit: boolean }
  >();
  #order = 0;

  constructor(clusterId: Uint8Array, objects: () => ReadonlyMap<string, Uint8Array>, world: World) {
    this.#clusterId = clusterId;
    this.#objects = objects;
    this.#world = world;
  }

  /** Descriptors of every shard: those of a shard that was split before those of its halves. */
  get inOrder(): readonly (readonly [shard: number, descriptors: readonly LandedDescriptor[]])[] {
    return [...this.descriptorsByShard].sort(([left], [right]) => left - right);
  }

  attempted(log: LogId, position: number, body: Uint8Array): void {
    const place = `${log}#${position}`;
    const first = this.#firstBodyByPlace.get(place);
    if (first === undefined) this.#firstBodyByPlace.set(place, body);
    else if (first !== body && !equalBytes(first, body)) {
      this.#world.count("log.contested");
      this.contested.push({ log, position, body: first }, { log, position, body });
    }
  }

  recorded(log: LogId, position: number, body: Uint8Array): void {
    const record = recordCodec(this.#clusterId).decode(body);
    const entries = this.entriesIn(body);
    let records = this.recordsByLog.get(log);
    if (records === undefined) {
      records = new Map();
      this.recordsByLog.set(log, records);
    }
    const isSeal = record.kind === "seal";
    records.set(position, { log, position, order: ++this.#order, isSeal, entries: entries.map(landed) });
    if (isSeal) this.#world.count("log.seal");
    for (const entry of entries) this.#follow(entry);
  }

  /** A descriptor is in force. */
  described(descriptor: ShardDescriptor): void {
    const { shard, lineage } = descriptor;
    const descriptors = this.descriptorsByShard.get(shard) ?? [];
    const before = descriptors.at(-1)?.descriptor;
    descriptors.push({ order: ++this.#order, descriptor });
    this.descriptorsByShard.set(shard, descriptors);
    if (before === undefined || before.epoch === descriptor.epoch) return;
    if (lineage?.isSplit === true) this.#split(shard);
    else this.#moved(shard, before);
  }

  /** All entries of a record, also of those that lie elsewhere. */
  entriesIn(body: Uint8Array): readonly Entry[] {
    const codec = recordCodec(this.#clusterId);
    const record = codec.decode(body);
    if (record.kind !== "entries") return [];
    return record.entries.flatMap((entry) => {
      if (!("value" in entry)) return [entry];
      const value = this.#objects().get(entry.value.object);
      return value === undefined ? [] : [codec.decodeValue(value)];
    });
  }

  #moved(shard: number, { owner }: ShardDescriptor): void {
    const isSealed = owner === null || [...(this.recordsByLog.get(owner)?.values() ?? [])].some(({ isSeal }) => isSeal);
    this.#world.count(isSealed ? "move.takeOver" : "move.handOff");
    let isAny = false;
    for (const message of this.#underWay.values()) {
      if (message.source === message.target) continue;
      if (message.source === shard) message.sourceMoved = true;
      if (message.target === shard) message.targetMoved = true;
      isAny ||= message.source === shard || message.target === shard;
    }
    if (isAny) this.#world.count("move.underMessages");
  }

  #split(shard: number): void {
    this.#world.count("move.split");
    for (const message of this.#underWay.values()) if (message.target === shard) message.targetSplit = true;
  }

  /** For coverage alone: whether shards move while messages between them are under way. */
  #follow({ shard, body }: Entry): void {
    if (body.kind === "effects") {
      for (const { sourceShard: source, targetShard: target, number } of body.born)
        this.#underWay.set(`${source}>${target}#${number}`, { source, target, ...NOT_MOVED });
      for (const { origin } of body.consumed)
        if (origin.kind === "message") this.#arrived(streamOf(origin.sourceShard, shard), origin.number);
    } else if (body.kind === "due" && body.born !== null) {
      const { sourceShard: source, targetShard: target, number } = body.born;
      this.#underWay.set(`${source}>${target}#${number}`, { source, target, ...NOT_MOVED });
    } else if (body.kind === "parked") {
      const { sourceShard: source, targetShard: target, number } = body.message;
      this.#arrived({ source, target }, number);
    }
  }

  #arrived({ source, target }: { readonly source: number; readonly target: number }, number: number): void {
    const key = `${source}>${target}#${number}`;
    const message = this.#underWay.get(key);
    if (message === undefined) return;
    this.#underWay.delete(key);
    if (message.sourceMoved) this.#world.count("moved.source");
    if (message.targetMoved) this.#world.count("moved.target");
    if (message.sourceMoved && message.targetMoved) this.#world.count("moved.both");
    if (message.targetSplit) this.#world.count("moved.targetSplit");
  }
}

const NOT_MOVED = { sourceMoved: false, targetMoved: false, targetSplit: false };

function landed({ shard, epoch, sequence, body }: Entry): LandedEntry {
  if (body.kind !== "effects") return { shard, epoch, sequence, effects: null };
  const { previousVersion, version, events } = body;
  const effects = { entity: addressText(body.entity), previousVersion, version, events: events.map(({ data }) => data) };
  return { shard, epoch, sequence, effects };
}
