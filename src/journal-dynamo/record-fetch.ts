/**
 * Fetches packed records by position: consistent reads only, so that what an answer lacks is absent and not late. An answer
 * to a batch lacks what was not processed as well (DynamoDB, BatchGetItem: more than 16 MB, or too much for a
 * partition); such keys are asked for again before anything is said to be absent.
 */
import { BatchGetItemCommand, type DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { type AwsFailure, awsFailure } from "../aws/failure.js";
import { type Item, itemBytes, readUnits } from "../aws/item-size.js";
import type { LogId } from "../core/log/record.js";
import type { ClockPort } from "../ports/clock.js";
import type { RequestMeter } from "../ports/request-meter.js";
import { KEY_ATTRIBUTE, keyOf, packedOf, recordKey } from "./record-item.js";

export interface FetchOptions {
  readonly client: DynamoDBClient;
  readonly clock: ClockPort;
  readonly meter: RequestMeter;
  readonly table: string;
  readonly cluster: string;
}

/** In the order of the positions; null: absent. */
export type Fetched =
  | { readonly kind: "fetched"; readonly packed: readonly (Uint8Array | null)[] }
  | { readonly kind: "failed"; readonly failure: AwsFailure };

/** Tries of a batch that made no progress, or was throttled, before the caller hears of it: with the waits about a second. */
const FRUITLESS_MAX = 6;
const WAIT_MIN_MS = 20;

export class RecordFetch {
  readonly #options: FetchOptions;

  constructor(options: FetchOptions) {
    this.#options = options;
  }

  /** The records at `count` positions from one on. Never rejects. */
  fetch(log: LogId, position: number, count: number): Promise<Fetched> {
    return this.#fetchKeys(Array.from({ length: count }, (_, n) => recordKey(this.#options.cluster, log, position + n)));
  }

  /** The one record with this key. Never rejects. */
  fetchKey(key: string): Promise<Fetched> {
    return this.#fetchKeys([key]);
  }

  async #fetchKeys(keys: readonly string[]): Promise<Fetched> {
    const found = new Map<string, Uint8Array>();
    let left: readonly string[] = keys;
    for (let fruitless = 0; left.length > 0; ) {
      const outcome = await this.#ask(left);
      if (outcome.kind === "failed" && outcome.failure.kind !== "throttled") return outcome;
      const before = left.length;
      if (outcome.kind === "answered") {
        for (const item of outcome.items) found.set(item[KEY_ATTRIBUTE]?.S ?? "", packedOf(item));
        left = outcome.unprocessed;
      }
      if (left.length < before) fruitless = 0;
      else if (++fruitless < FRUITLESS_MAX) await this.#options.clock.sleep(WAIT_MIN_MS * 2 ** (fruitless - 1));
      else return outcome.kind === "failed" ? outcome : slow(this.#options.table);
    }
    return { kind: "fetched", packed: keys.map((key) => found.get(key) ?? null) };
  }

  async #ask(keys: readonly string[]): Promise<Answer> {
    const { table } = this.#options;
    const action = keys.length === 1 ? "dynamodb:GetItem" : "dynamodb:BatchGetItem";
    try {
      const answer = keys.length === 1 ? await this.#get(keys[0] as string) : await this.#getBatch(keys);
      this.#count(answer, keys.length - answer.unprocessed.length);
      return answer;
    } catch (error) {
      const failure = awsFailure(error, { action, resource: { what: "table", name: table } });
      // Throttled requests are free; others may have been charged for what they did not bring.
      if (failure.kind === "ambiguous") this.#options.meter.count("dynamodb_read", keys.length);
      return { kind: "failed", failure };
    }
  }

  async #get(key: string): Promise<Answered> {
    const { client, table } = this.#options;
    const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: keyOf(key), ConsistentRead: true }));
    return { kind: "answered", items: Item === undefined ? [] : [Item], unprocessed: [] };
  }

  async #getBatch(keys: readonly string[]): Promise<Answered> {
    const { client, table } = this.#options;
    const RequestItems = { [table]: { Keys: keys.map(keyOf), ConsistentRead: true } };
    const { Responses, UnprocessedKeys } = await client.send(new BatchGetItemCommand({ RequestItems }));
    const unprocessed = (UnprocessedKeys?.[table]?.Keys ?? []).map((key) => key[KEY_ATTRIBUTE]?.S ?? "");
    return { kind: "answered", items: Responses?.[table] ?? [], unprocessed };
  }

  #count({ items }: Answered, processed: number): void {
    let units = processed - items.length;
    for (const item of items) units += readUnits(itemBytes(item));
    this.#options.meter.count("dynamodb_read", units);
  }
}

interface Answered {
  readonly kind: "answered";
  readonly items: readonly Item[];
  readonly unprocessed: readonly string[];
}

type Answer = Answered | { readonly kind: "failed"; readonly failure: AwsFailure };

function slow(table: string): Fetched {
  const message = `dynamodb:BatchGetItem on ${table}: no key was processed in ${FRUITLESS_MAX} tries. The table is short of read capacity.`;
  return { kind: "failed", failure: { kind: "throttled", code: "aws_throttled", retryAfterMs: null, message } };
}
