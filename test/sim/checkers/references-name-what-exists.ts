/**
 * No record that is needed refers to a value that is not there: not when it comes to stand, and not when a value is deleted
 * (RULES.md 11). Needed is what a claim would read: the log has a document, its base is not above the position, and a
 * descriptor names it; and what one would read that has gone back to the previous manifest.
 */
import type { LogId } from "../../../src/core/log/record.js";
import { type ClosedRange, nodeKey, SHARD_PREFIX } from "../../../src/core/ownership/documents.js";
import { documentCodec } from "../../../src/protocol/record/document-codec.js";
import { recordCodec } from "../../../src/protocol/record/record-codec.js";
import type { History } from "../history.js";
import type { World } from "../world.js";

type Documents = ReadonlyMap<string, { readonly body: Uint8Array }>;

export class ValueWatch {
  readonly #clusterId: Uint8Array;
  readonly #objects: () => ReadonlyMap<string, Uint8Array>;
  readonly #documents: () => Documents;
  readonly #history: History;
  readonly #world: World;
  readonly #recordByObject = new Map<string, { readonly log: LogId; readonly position: number }>();

  constructor(
    clusterId: Uint8Array,
    objects: () => ReadonlyMap<string, Uint8Array>,
    documents: () => Documents,
    history: History,
    world: World,
  ) {
    this.#clusterId = clusterId;
    this.#objects = objects;
    this.#documents = documents;
    this.#history = history;
    this.#world = world;
  }

  recorded(log: LogId, position: number, body: Uint8Array): void {
    const codec = recordCodec(this.#clusterId);
    const record = codec.mayRefer(body) ? codec.decode(body) : null;
    if (record?.kind !== "entries") return;
    for (const entry of record.entries) {
      if (!("value" in entry)) continue;
      const { object } = entry.value;
      const value = this.#objects().get(object);
      if (value === undefined) {
        this.#history.violate(`position ${position} of log ${log} refers to ${object}, which is not there`);
        continue;
      }
      this.#world.count(`spilled.${codec.decodeValue(value).body.kind}`);
      this.#recordByObject.set(object, { log, position });
    }
  }

  deleted(object: string): void {
    const record = this.#recordByObject.get(object);
    if (record === undefined) return;
    this.#recordByObject.delete(object);
    if (this.#isNeeded(record.log, record.position))
      this.#history.violate(`${object} was deleted while position ${record.position} of log ${record.log} needs it`);
  }

  #isNeeded(log: LogId, position: number): boolean {
    const node = this.#documents().get(nodeKey(log));
    const isAboveBase = node !== undefined && documentCodec.decodeNode(node.body, this.#clusterId).base <= position;
    for (const [key, { body }] of this.#documents()) {
      if (!key.startsWith(SHARD_PREFIX)) continue;
      const { owner, covered, ranges, previous } = documentCodec.decodeDescriptor(body, this.#clusterId);
      const isNamed = ({ log: of, from, to }: ClosedRange): boolean => of === log && from <= position && position < to;
      if (previous?.ranges.some(isNamed) === true) return true;
      if (isAboveBase && ((owner === log && covered < position) || ranges.some(isNamed))) return true;
    }
    return false;
  }
}
