/**
 * No live manifest names an object that is not there: not when it comes to stand, and not when an object is deleted. Nor
 * does it cover a position that is not in the log (RULES.md 15a). The same holds for the previous manifest that a descriptor
 * keeps, and the records that it needs are there as well.
 */

import type { LogId } from "../../../src/core/log/record.js";
import { namedBy } from "../../../src/core/ownership/custody.js";
import { type ClosedRange, type ShardDescriptor, shardKey } from "../../../src/core/ownership/documents.js";
import type { History } from "../history.js";

export interface LogLook {
  isDurable(log: LogId, position: number): boolean;
  holds(log: LogId, from: number, to: number): boolean;
}

export class ManifestWatch {
  readonly #objects: () => ReadonlyMap<string, Uint8Array>;
  readonly #log: LogLook;
  readonly #history: History;
  readonly #namedByShard = new Map<string, ReadonlySet<string>>();
  readonly #rangesByShard = new Map<string, readonly ClosedRange[]>();

  constructor(objects: () => ReadonlyMap<string, Uint8Array>, log: LogLook, history: History) {
    this.#objects = objects;
    this.#log = log;
    this.#history = history;
  }

  /** The descriptor is in force. */
  described(descriptor: ShardDescriptor): void {
    const key = shardKey(descriptor.shard);
    const { owner, covered, ranges, previous } = descriptor;
    const named = namedBy(descriptor);
    for (const object of named) {
      if (!this.#objects().has(object)) this.#history.violate(`the manifest of ${key} names ${object}, which is not there`);
    }
    this.#namedByShard.set(key, named);
    const needed = [...ranges, ...(previous?.ranges ?? [])];
    for (const { log, from, to } of needed) {
      if (!this.#log.holds(log, from, to))
        this.#history.violate(`${key} needs positions ${from} to ${to} of log ${log}, and they are not there`);
    }
    this.#rangesByShard.set(key, needed);
    if (owner !== null && !this.#log.isDurable(owner, covered))
      this.#history.violate(`the manifest of ${key} covers position ${covered} of log ${owner}, which is not durable`);
  }

  trimmed(log: LogId, base: number): void {
    for (const [key, ranges] of this.#rangesByShard) {
      if (ranges.some((range) => range.log === log && range.from < base))
        this.#history.violate(`log ${log} was trimmed below ${base} while ${key} needs it`);
    }
  }

  deleted(object: string): void {
    for (const [key, named] of this.#namedByShard) {
      if (named.has(object)) this.#history.violate(`${object} was deleted while the manifest of ${key} named it`);
    }
  }
}
