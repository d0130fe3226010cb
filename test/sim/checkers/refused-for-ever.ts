/**
 * A journal that refuses for ever what some commands do, whatever record it is in, and the claim about it: such a command
 * runs a second time, by itself, and then no more (RULES.md 12), so that everything else goes on. An operator's retry is a new
 * beginning. A few more are allowed, for retries on their way; who does not keep to it restarts without end.
 */
import type { Entry } from "../../../src/core/log/entry.js";
import { recordCodec } from "../../../src/protocol/record/record-codec.js";
import type { History } from "../history.js";

/** One seed of so many has such a journal. */
const SEEDS_OF = 5;
/** Of the commands, about one in so many. */
const COMMANDS_OF = 299;
const TIMES_MAX = 10;

export class RefusedForEver {
  readonly #isActive: boolean;
  readonly #clusterId: Uint8Array;
  readonly #objects: () => ReadonlyMap<string, Uint8Array>;
  readonly #history: History;
  /** By place of the process, then by command. */
  readonly #timesByPlace = new Map<string, Map<string, number>>();

  constructor(seed: number, clusterId: Uint8Array, objects: () => ReadonlyMap<string, Uint8Array>, history: History) {
    this.#isActive = seed % SEEDS_OF === 1;
    this.#clusterId = clusterId;
    this.#objects = objects;
    this.#history = history;
  }

  /** The commands on whose account a record is refused: those whose effects it holds. A dead letter is taken. */
  refusedIn(body: Uint8Array): readonly string[] {
    if (!this.#isActive) return [];
    return this.#entriesIn(body).flatMap(({ body: entry }) =>
      entry.kind === "effects"
        ? entry.consumed.flatMap(({ commandId, deadLetter }) => (deadLetter === null && isMarked(commandId) ? [commandId] : []))
        : [],
    );
  }

  refused(place: string, commandIds: readonly string[]): void {
    const timesById = this.#timesByPlace.get(place) ?? new Map<string, number>();
    this.#timesByPlace.set(place, timesById);
    for (const id of commandIds) {
      const times = (timesById.get(id) ?? 0) + 1;
      timesById.set(id, times);
      if (times > TIMES_MAX)
        this.#history.violate(`${id} ran ${times} times in one process, though the journal refuses it for ever`);
    }
  }

  /** A record has landed: who was retried by an operator begins anew. */
  recorded(body: Uint8Array): void {
    if (!this.#isActive) return;
    for (const { body: entry } of this.#entriesIn(body))
      if (entry.kind === "deadLetter" && entry.retried !== null) this.#retried(entry.commandId);
  }

  #retried(commandId: string): void {
    for (const timesById of this.#timesByPlace.values()) timesById.delete(commandId);
  }

  /** What a process knows of refusals it takes with it. */
  processEnded(place: string): void {
    this.#timesByPlace.delete(place);
  }

  #entriesIn(body: Uint8Array): readonly Entry[] {
    const codec = recordCodec(this.#clusterId);
    const record = codec.decode(body);
    if (record.kind !== "entries") return [];
    return record.entries.flatMap((entry) => {
      if (!("value" in entry)) return [entry];
      const value = this.#objects().get(entry.value.object);
      return value === undefined ? [] : [codec.decodeValue(value)];
    });
  }
}

function isMarked(commandId: string): boolean {
  let hash = 0x811c9dc5;
  for (let at = 0; at < commandId.length; at++) hash = Math.imul(hash ^ commandId.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % COMMANDS_OF === 0;
}
