/**
 * The lowest record format that every record has (RULES.md 15d): raised by compare-and-swap, only when every living node has
 * known the next one for a while. Incarnations that begin behind that write it. A node of an older version that starts in
 * that very moment finds a record that it cannot read, and ends with `format_newer`; nothing is lost by that.
 */
import type { DirectoryClient } from "./directory-client.js";
import { CLUSTER_KEY, type DocumentCodec, type NodeDocument } from "./documents.js";
import type { OwnNode } from "./own-node.js";

export interface FormatFloorTools {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly ownNode: OwnNode;
  nextToken(): string;
}

/** A rolling upgrade has nodes of both versions, now more of these, now of those: for so long there must be none of the old. */
const AGREED_FOR_MS = 60_000;

export class FormatFloor {
  readonly #tools: FormatFloorTools;
  #floor: number;
  #agreedSinceMs: number | null = null;
  #isRaising = false;

  constructor(floor: number, tools: FormatFloorTools) {
    this.#floor = floor;
    this.#tools = tools;
  }

  /** Behind every look at the members. One node does it for all: the first by name. */
  looked(living: readonly NodeDocument[], tickMs: number): void {
    const known = Math.min(...living.map(({ recordFormat }) => recordFormat));
    const { incarnation } = this.#tools.ownNode.document;
    if (known <= this.#floor || living.some((node) => node.incarnation < incarnation)) {
      this.#agreedSinceMs = null;
      return;
    }
    this.#agreedSinceMs ??= tickMs;
    if (tickMs - this.#agreedSinceMs >= AGREED_FOR_MS && !this.#isRaising) this.#raise(known);
  }

  #raise(known: number): void {
    const { client, codec, nextToken } = this.#tools;
    this.#isRaising = true;
    client.readAnew(CLUSTER_KEY, (found) => {
      const cluster = found === null ? null : codec.decodeCluster(found.body);
      if (found === null || cluster === null || cluster.recordFormatFloor >= known) {
        this.#isRaising = false;
        this.#floor = cluster?.recordFormatFloor ?? this.#floor;
        return;
      }
      const body = codec.encodeCluster({ ...cluster, recordFormatFloor: known });
      client.swap(CLUSTER_KEY, found.token, { token: nextToken(), body }, (end) => {
        this.#isRaising = false;
        if (end === "happened") this.#floor = known;
      });
    });
  }
}
