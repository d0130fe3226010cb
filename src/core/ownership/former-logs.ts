/**
 * Ends the logs of incarnations that are over: marks a silent one dead, which freezes its base, and only then walks from that
 * base to the log's end and seals it (RULES.md 1, 2, 4). Any number of nodes may do so at the same time.
 */
import { MalformedBytes } from "../bytes/byte-reader.js";
import type { LogId } from "../log/record.js";
import type { RecordCodec } from "../log/record-codec.js";
import { rangesOf } from "./custody.js";
import type { DirectoryClient, FoundDocument, ListedDocument } from "./directory-client.js";
import { type DocumentCodec, type NodeDocument, nodeKey, SHARD_PREFIX, type ShardDescriptor } from "./documents.js";
import { sealLog, WALK_BYTES, WALK_COUNT } from "./log-end.js";
import type { OwnNode } from "./own-node.js";
import type { WalkedRecords } from "./walked-records.js";

export interface FormerLogSettings {
  readonly incarnation: LogId;
  /** How long records that are needed are kept for sure. */
  readonly recordTtlMs: number;
  /** Logs that an operator allows to be taken over although some of their records may have expired. */
  readonly acceptLossOf: readonly LogId[];
}

export interface FormerLogTools {
  readonly client: DirectoryClient;
  readonly codec: DocumentCodec;
  readonly ownNode: OwnNode;
  readonly clusterId: Uint8Array;
  readonly recordCodec: RecordCodec;
  readonly walked: WalkedRecords;
  nextToken(): string;
  nextNonce(): Uint8Array;
  refuse(code: string, message: string): void;
  /** The end of a log is known now, or that there is no such log. */
  ended(log: LogId): void;
}

/** A log whose end is known. */
export interface FormerLog {
  readonly document: NodeDocument;
  readonly token: string;
}

export class FormerLogs {
  readonly #settings: FormerLogSettings;
  readonly #tools: FormerLogTools;
  readonly #formerByLog = new Map<LogId, FormerLog>();
  /** Without a document: nothing of them exists (RULES.md 15k). With the version that was seen before it was gone, if any. */
  readonly #missing = new Map<LogId, string | null>();
  readonly #ending = new Set<LogId>();
  /** Whose documents were removed: the last look may still show them. */
  readonly #forgotten = new Set<LogId>();

  constructor(settings: FormerLogSettings, tools: FormerLogTools) {
    this.#settings = settings;
    this.#tools = tools;
  }

  /** Logs whose end is known and whose document stands. */
  get all(): readonly FormerLog[] {
    return [...this.#formerByLog.values()];
  }

  get size(): number {
    return this.#formerByLog.size;
  }

  of(log: LogId): FormerLog | null {
    return this.#formerByLog.get(log) ?? null;
  }

  /** Whether nothing will be written to the log any more, and all that was is known. */
  isOver(log: LogId): boolean {
    return this.#formerByLog.has(log) || this.#missing.has(log) || this.#forgotten.has(log);
  }

  /** Its document is removed. */
  forget(log: LogId): void {
    this.#tools.walked.forget(log);
    this.#formerByLog.delete(log);
    this.#forgotten.add(log);
  }

  /** Brings a log whose owner is silent, dead or closed to its end. `found` is how its document was seen. */
  end(document: NodeDocument, found: { readonly token: string }): void {
    const log = document.incarnation;
    if (this.#formerByLog.has(log) || this.#ending.has(log) || this.#forgotten.has(log)) return;
    // The last look may still show it.
    if (this.#missing.get(log) === found.token) return;
    this.#ending.add(log);
    this.#endOther(document, found.token);
  }

  /** Its owner's heartbeats are late: what a walk to its end would read, as far as it stands, is read while that shows. */
  readAhead({ incarnation: log, base, seal }: NodeDocument): void {
    const { client, walked } = this.#tools;
    if (seal !== null || this.isOver(log) || this.#ending.has(log) || walked.from(log, base, 1).length > 0) return;
    // It was late before, and lived: what was read then lies below its base by now.
    walked.forget(log);
    client.readRecords(log, base, WALK_COUNT, WALK_BYTES, (bodies) => walked.add(log, base, bodies));
  }

  /** A descriptor names an owner that the last look has not shown: it came later, or has no document at all. */
  lookFor(log: LogId): void {
    if (this.isOver(log) || this.#ending.has(log)) return;
    this.#ending.add(log);
    this.#tools.client.read(nodeKey(log), (found) => {
      this.#ending.delete(log);
      if (found === null) this.#missed(log, null);
    });
  }

  #endOther(node: NodeDocument, token: string): void {
    if (this.#mayHaveExpired(node)) return this.#refuseExpired(node);
    if (node.status !== "alive") return this.#seal(node, token);
    // Conditional on the version that was seen: whoever has changed it since lives.
    const dead: NodeDocument = { ...node, status: "dead" };
    this.#mark(
      token,
      dead,
      (next) => this.#seal(dead, next),
      (found) => this.#lookAgain(node.incarnation, token, found),
    );
  }

  /** Somebody else has changed the document: if its owner did, it lives. */
  #lookAgain(log: LogId, token: string, found: FoundDocument | null): void {
    if (found === null) return this.#missed(log, token);
    const node = this.#tools.codec.decodeNode(found.body, this.#tools.clusterId);
    if (node.status === "alive") this.#ending.delete(log);
    else this.#seal(node, found.token);
  }

  #missed(log: LogId, token: string | null): void {
    this.#ending.delete(log);
    this.#missing.set(log, token);
    this.#tools.ended(log);
  }

  /**
   * Whether the walk to a log's end could meet positions that have expired, and take the first for the end (RULES.md 3).
   * Where the end is known nothing is walked: what closed ranges lack shows by itself.
   */
  #mayHaveExpired(node: NodeDocument): boolean {
    const { recordTtlMs, acceptLossOf } = this.#settings;
    const { nowMs } = this.#tools.ownNode;
    return node.seal === null && nowMs - node.heardAtMs > recordTtlMs / 2 && !acceptLossOf.includes(node.incarnation);
  }

  #refuseExpired({ incarnation, heardAtMs }: NodeDocument): void {
    const days = Math.floor((this.#tools.ownNode.nowMs - heardAtMs) / 86_400_000);
    const message =
      `the last sign of life of log ${incarnation} is ${days} days old: records that were not flushed may have expired. ` +
      `'holdfast start --accept-loss ${incarnation}' takes over what is left`;
    this.#tools.refuse("records_expired", message);
  }

  #seal(node: NodeDocument, token: string): void {
    if (node.seal !== null) return this.#known({ document: node, token });
    const { client, recordCodec: codec, walked } = this.#tools;
    const ending = {
      codec,
      client,
      by: this.#settings.incarnation,
      nextNonce: () => this.#tools.nextNonce(),
      walked,
    };
    const sealed = (seal: number): void => {
      const document = { ...node, seal };
      this.#mark(
        token,
        document,
        (next) => this.#known({ document, token: next }),
        (found) => this.#lookAgain(node.incarnation, token, found),
      );
    };
    sealLog(ending, node.incarnation, node.base, sealed, (code, message) => {
      if (code === "format_newer") return this.#tools.refuse(code, message);
      this.#unlessNeeded(
        node,
        () => sealed(node.base),
        () => this.#tools.refuse(code, message),
      );
    });
  }

  #known(former: FormerLog): void {
    const log = former.document.incarnation;
    this.#ending.delete(log);
    this.#formerByLog.set(log, former);
    this.#tools.ended(log);
  }

  /**
   * A log that takes no seal has been removed as a whole if no descriptor names it: its document was deleted before, and
   * came back by a swap that landed late.
   */
  #unlessNeeded({ incarnation }: NodeDocument, then: () => void, needed: () => void): void {
    // One that cannot be read may name it.
    let isNamed = false;
    const listed = (found: readonly ListedDocument[]): void => {
      for (const { document } of found) {
        const descriptor = this.#descriptorOf(document.body);
        isNamed ||= descriptor === null || descriptor.owner === incarnation;
        isNamed ||= descriptor !== null && rangesOf(descriptor).some(({ log }) => log === incarnation);
      }
      if (isNamed) needed();
      else then();
    };
    this.#tools.client.list(SHARD_PREFIX, listed, () => {
      isNamed = true;
    });
  }

  #descriptorOf(body: Uint8Array): ShardDescriptor | null {
    try {
      return this.#tools.codec.decodeDescriptor(body, this.#tools.clusterId);
    } catch (error) {
      if (error instanceof MalformedBytes) return null;
      throw error;
    }
  }

  #mark(expected: string, next: NodeDocument, then: (token: string) => void, lost: (found: FoundDocument | null) => void): void {
    const { client, codec, clusterId } = this.#tools;
    const key = nodeKey(next.incarnation);
    const token = this.#tools.nextToken();
    client.swap(key, expected, { token, body: codec.encodeNode(next, clusterId) }, (end) => {
      if (end === "happened") then(token);
      else client.read(key, lost);
    });
  }
}
