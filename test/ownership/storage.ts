/** Journal, directory and snapshots as plain maps, performing the core's effects one by one; a test may step in before each. */
import { ByteWriter } from "../../src/core/bytes/byte-writer.js";
import type { Effect } from "../../src/core/effect.js";
import type { Input } from "../../src/core/input.js";
import type { Entry } from "../../src/core/log/entry.js";
import type { AppendOutcome, LogId } from "../../src/core/log/record.js";
import { type NodeDocument, nodeKey, type ShardDescriptor, shardKey } from "../../src/core/ownership/documents.js";
import { RECORD_FORMAT_KNOWN } from "../../src/core/ownership/record-formats.js";
import { mergeCells } from "../../src/core/store/key-spaces/cell.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import { recordCodec } from "../../src/protocol/record/record-codec.js";
import { StoreDriver } from "../store/store-driver.js";

export const CLUSTER_ID: Uint8Array = new Uint8Array(16).fill(0xc1);
export const codec: ReturnType<typeof recordCodec> = recordCodec(CLUSTER_ID);

interface StoredDocument {
  readonly token: string;
  readonly body: Uint8Array;
}

export class Storage {
  readonly documents = new Map<string, StoredDocument>();
  readonly logs = new Map<LogId, Map<number, Uint8Array>>();
  readonly driver = new StoreDriver(mergeCells);
  /** Everything that was asked for, in order. */
  readonly asked: Effect[] = [];
  /** What to report in place of performing; undefined: perform. `null`: no report ever. */
  intercept: (effect: Effect) => Input | null | undefined = () => undefined;
  #tokens = 0;
  #nonces = 0;

  /** Null where nothing is reported. */
  perform(effect: Effect): Input | null {
    this.asked.push(effect);
    const scripted = this.intercept(effect);
    return scripted === undefined ? this.performed(effect) : scripted;
  }

  performed(effect: Effect): Input | null {
    switch (effect.kind) {
      case "append":
        return { kind: "appendEnded", log: effect.log, position: effect.position, outcome: this.#append(effect) };
      case "readRecords": {
        const { log, position, countMax } = effect;
        const bodies: Uint8Array[] = [];
        for (let body = this.at(log, position); body !== undefined && bodies.length < countMax; ) {
          bodies.push(body);
          body = this.at(log, position + bodies.length);
        }
        return { kind: "recordsRead", log, position, outcome: { kind: "records", bodies } };
      }
      case "readDocument": {
        const document = this.documents.get(effect.key);
        const outcome = document === undefined ? ({ kind: "absent" } as const) : ({ kind: "found", document } as const);
        return { kind: "documentRead", key: effect.key, outcome };
      }
      case "listDocuments": {
        const { prefix } = effect;
        const documents = [...this.documents].flatMap(([key, document]) => (key.startsWith(prefix) ? [{ key, document }] : []));
        return { kind: "documentsListed", prefix, outcome: { kind: "listed", documents } };
      }
      case "swapDocument": {
        const { key, document, expected } = effect;
        const isExpected = (this.documents.get(key)?.token ?? null) === expected;
        if (isExpected) this.documents.set(key, document);
        return { kind: "documentSwapped", key, token: document.token, outcome: { kind: isExpected ? "happened" : "conflict" } };
      }
      case "removeDocument":
        if (this.documents.get(effect.key)?.token === effect.expected) this.documents.delete(effect.key);
        return null;
      case "trimLog":
        for (const position of [...(this.logs.get(effect.log)?.keys() ?? [])])
          if (position < effect.base) this.logs.get(effect.log)?.delete(position);
        return null;
      case "writeValue": {
        const { object, bytes } = effect;
        const isThere = this.driver.objects.has(object);
        if (!isThere) this.driver.objects.set(object, bytes.slice());
        return {
          kind: "valueWritten",
          object,
          result: isThere ? { kind: "refused", message: "it exists" } : { kind: "happened" },
        };
      }
      case "readValue": {
        const bytes = this.driver.objects.get(effect.object)?.slice(0, effect.length);
        return {
          kind: "valueRead",
          object: effect.object,
          result: bytes === undefined ? { kind: "absent" } : { kind: "found", bytes },
        };
      }
      case "deleteValue":
        this.driver.objects.delete(effect.object);
        return { kind: "valueDeleted", object: effect.object };
      case "listObjects": {
        const names = [...this.driver.objects.keys()].filter((name) => name.startsWith(effect.prefix));
        return { kind: "objectsListed", prefix: effect.prefix, outcome: { kind: "listed", names } };
      }
      case "store": {
        this.driver.queue = [effect.effect];
        return { kind: "store", shard: effect.shard, input: this.driver.perform(0) };
      }
      default:
        return null;
    }
  }

  at(log: LogId, position: number): Uint8Array | undefined {
    return this.logs.get(log)?.get(position);
  }

  /** Puts records of the given entries at positions 1 and up. */
  record(log: LogId, ...records: (readonly Entry[])[]): void {
    for (const [index, entries] of records.entries()) {
      const writer = new ByteWriter();
      codec.beginRecord(writer, this.#nonce());
      for (const entry of entries) codec.encodeEntry(entry, writer);
      this.put(log, index + 1, writer.take());
    }
  }

  seal(log: LogId, position: number, by: LogId = "somebody"): void {
    this.put(log, position, codec.encodeSeal(by, this.#nonce()));
  }

  put(log: LogId, position: number, body: Uint8Array): void {
    const records = this.logs.get(log) ?? new Map<number, Uint8Array>();
    this.logs.set(log, records.set(position, body));
  }

  putNode(document: Partial<NodeDocument> & { readonly incarnation: LogId }): void {
    const beats = { status: "alive", counter: 1, base: 1, seal: null, startedAtMs: 1, heardAtMs: 1 } as const;
    const place = { address: "", capacity: 1, isLeaving: false, recordFormat: RECORD_FORMAT_KNOWN };
    const node: NodeDocument = { ...beats, ...place, ...document };
    this.putDocument(nodeKey(node.incarnation), documentCodec.encodeNode(node, CLUSTER_ID));
  }

  putShard(document: Partial<ShardDescriptor> & { readonly shard: number }): void {
    const shard: ShardDescriptor = { epoch: 1, owner: null, covered: 0, ranges: [], segments: [], previous: null, ...document };
    this.putDocument(shardKey(shard.shard), documentCodec.encodeDescriptor(shard, CLUSTER_ID));
  }

  putDocument(key: string, body: Uint8Array): void {
    this.documents.set(key, { token: `t${++this.#tokens}`, body });
  }

  node(incarnation: LogId): NodeDocument | null {
    const document = this.documents.get(nodeKey(incarnation));
    return document === undefined ? null : documentCodec.decodeNode(document.body, CLUSTER_ID);
  }

  shard(shard: number): ShardDescriptor | null {
    const document = this.documents.get(shardKey(shard));
    return document === undefined ? null : documentCodec.decodeDescriptor(document.body, CLUSTER_ID);
  }

  #append({ log, position, body }: Effect & { readonly kind: "append" }): AppendOutcome {
    const there = this.at(log, position);
    if (there !== undefined) return { kind: "taken", body: there };
    this.put(log, position, body);
    return { kind: "happened" };
  }

  #nonce(): Uint8Array {
    return new Uint8Array(12).fill(++this.#nonces);
  }
}

/** An entry that is told from others by shard, epoch and sequence. */
export function entryOf(shard: number, epoch: number, sequence: number): Entry {
  return { shard, epoch, sequence, atMs: 1, body: { kind: "acknowledged", targetShard: 0, numbers: [] } };
}
