/**
 * No live manifest names an object that is not there: not when it comes to stand, and not when an object is deleted. Nor
 * does it cover a position that is not in the log (RULES.md 15a).
 */

import type { LogId } from "../../../src/core/log/record.js";
import { SHARD_PREFIX } from "../../../src/core/ownership/documents.js";
import { documentCodec } from "../../../src/protocol/record/document-codec.js";
import type { History } from "../history.js";

export class ManifestWatch {
  readonly #clusterId: Uint8Array;
  readonly #objects: () => ReadonlyMap<string, Uint8Array>;
  readonly #isDurable: (log: LogId, position: number) => boolean;
  readonly #history: History;
  readonly #namedByShard = new Map<string, ReadonlySet<string>>();

  constructor(
    clusterId: Uint8Array,
    objects: () => ReadonlyMap<string, Uint8Array>,
    isDurable: (log: LogId, position: number) => boolean,
    history: History,
  ) {
    this.#clusterId = clusterId;
    this.#objects = objects;
    this.#isDurable = isDurable;
    this.#history = history;
  }

  swapped(key: string, body: Uint8Array): void {
    if (!key.startsWith(SHARD_PREFIX)) return;
    const { segments, owner, covered } = documentCodec.decodeDescriptor(body, this.#clusterId);
    const named = new Set(segments.map((segment) => segment.object));
    for (const object of named) {
      if (!this.#objects().has(object)) this.#history.violate(`the manifest of ${key} names ${object}, which is not there`);
    }
    this.#namedByShard.set(key, named);
    if (owner !== null && !this.#isDurable(owner, covered))
      this.#history.violate(`the manifest of ${key} covers position ${covered} of log ${owner}, which is not durable`);
  }

  deleted(object: string): void {
    for (const [key, named] of this.#namedByShard) {
      if (named.has(object)) this.#history.violate(`${object} was deleted while the manifest of ${key} named it`);
    }
  }
}
