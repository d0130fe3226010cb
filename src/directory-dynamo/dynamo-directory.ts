/**
 * The directory port on one DynamoDB table: an item for each document, replaced and removed on the condition that its token
 * is the one that was read. All reads are consistent.
 */
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type PutItemCommandOutput,
  QueryCommand,
  type QueryCommandOutput,
  ScanCommand,
} from "@aws-sdk/client-dynamodb";
import type { AwsProblem } from "../aws/aws-problem.js";
import type { AwsConnections, AwsSettings } from "../aws/client-options.js";
import { openDynamo } from "../aws/dynamo-client.js";
import { type AwsFailure, awsFailure } from "../aws/failure.js";
import { firstAnswer, mayPass, tableProblem } from "../aws/first-answer.js";
import { type Item, itemBytes, readUnits, writeUnits } from "../aws/item-size.js";
import { BytePacker } from "../aws/packed-bytes.js";
import type { ClockPort } from "../ports/clock.js";
import {
  DIRECTORY_KEY,
  type DirectoryPort,
  DOCUMENT_BYTES_MAX,
  type Document,
  type DocumentListOutcome,
  type DocumentReadOutcome,
  type SwapOutcome,
} from "../ports/directory.js";
import type { RequestMeter } from "../ports/request-meter.js";
import {
  BODY_ATTRIBUTE,
  documentItem,
  GROUP_ATTRIBUTE,
  groupOfPrefix,
  KEY_ATTRIBUTE,
  keyOf,
  TOKEN_ATTRIBUTE,
  TOKEN_BYTES_MAX,
} from "./document-item.js";

export interface DynamoDirectoryOptions {
  readonly aws: AwsSettings;
  readonly table: string;
  /** In front of every group: clusters may share a table. Without `#`. */
  readonly cluster: string;
  readonly clock: ClockPort;
  readonly meter: RequestMeter;
}

/** A heartbeat, a query and a swap for each shard that is being flushed or claimed; heartbeats must not wait. */
const CONNECTIONS: AwsConnections = { socketsMax: 64, connectTimeoutMs: 1_000, answerTimeoutMs: 3_000, silenceTimeoutMs: 3_000 };
const COUNTED = { ReturnConsumedCapacity: "TOTAL" } as const;
const CLOSED = "the directory is closed";

type Found = DocumentReadOutcome & { readonly kind: "found" };
type Failed = DocumentReadOutcome & { readonly kind: "failed" };

export class DynamoDirectory implements DirectoryPort {
  readonly #options: DynamoDirectoryOptions;
  readonly #client: DynamoDBClient;
  readonly #packer = new BytePacker();
  readonly #inFlight = new Set<Promise<unknown>>();
  #hasAnswered = false;
  #isClosed = false;

  private constructor(options: DynamoDirectoryOptions) {
    this.#options = options;
    this.#client = openDynamo(options.aws, CONNECTIONS, null);
  }

  /**
   * Looks whether the table answers (`silence`), for a second or two; one that does not is opened all the same. Throws AwsProblem
   * where waiting would not mend it.
   */
  static async open(options: DynamoDirectoryOptions): Promise<DynamoDirectory> {
    const directory = new DynamoDirectory(options);
    const problem = await firstAnswer(options.clock, () => directory.silence());
    if (problem === null || mayPass(problem.code)) return directory;
    await directory.close();
    throw problem;
  }

  /**
   * Reads, until it was answered once, to see that the table is there. Null: it is; else `aws_table_missing`, `aws_table_unfit`,
   * or why AWS cannot be asked.
   */
  async silence(): Promise<AwsProblem | null> {
    if (this.#hasAnswered) return null;
    const item = await this.#get("cluster");
    this.#hasAnswered = item?.kind !== "failed";
    return item?.kind === "failed" ? tableProblem(item.failure) : null;
  }

  async read(key: string): Promise<DocumentReadOutcome> {
    checkKey(key);
    if (this.#isClosed) return { kind: "failed", message: CLOSED };
    return this.#track(this.#read(key));
  }

  async list(prefix: string): Promise<DocumentListOutcome> {
    if (this.#isClosed) return { kind: "failed", message: CLOSED };
    return this.#track(this.#list(prefix));
  }

  async swap(key: string, expected: string | null, document: Document): Promise<SwapOutcome> {
    checkKey(key);
    if (document.body.length > DOCUMENT_BYTES_MAX) throw new RangeError(`a document of ${document.body.length} bytes`);
    if (Buffer.byteLength(document.token) > TOKEN_BYTES_MAX) throw new RangeError("a token that is too long");
    if (this.#isClosed) return { kind: "unknown", message: CLOSED };
    return this.#track(this.#swap(key, expected, document.token, document.body.slice()));
  }

  async remove(key: string, expected: string): Promise<SwapOutcome> {
    checkKey(key);
    if (this.#isClosed) return { kind: "unknown", message: CLOSED };
    const { cluster, table } = this.#options;
    const condition = conditionOf(expected);
    const command = new DeleteItemCommand({ TableName: table, Key: keyOf(cluster, key), ...condition, ...COUNTED });
    return this.#track(this.#change("dynamodb:DeleteItem", 0, () => this.#client.send(command)));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    this.#client.destroy();
  }

  async #read(key: string): Promise<DocumentReadOutcome> {
    const item = await this.#get(key);
    if (item === null) return { kind: "absent" };
    if (item.kind === "failed") return failed(item.failure);
    return this.#documentOf(key, item.item);
  }

  async #get(key: string): Promise<Got | null> {
    const { cluster, table, meter } = this.#options;
    try {
      const command = new GetItemCommand({ TableName: table, Key: keyOf(cluster, key), ConsistentRead: true });
      const { Item } = await this.#client.send(command);
      meter.count("dynamodb_read", Item === undefined ? 1 : readUnits(itemBytes(Item)));
      return Item === undefined ? null : { kind: "item", item: Item };
    } catch (error) {
      return { kind: "failed", failure: this.#failure("dynamodb:GetItem", error) };
    }
  }

  async #list(prefix: string): Promise<DocumentListOutcome> {
    const documents: { key: string; document: Document }[] = [];
    const damaged: { key: string; message: string }[] = [];
    let from: Item | undefined;
    do {
      let page: Pick<QueryCommandOutput, "Items" | "LastEvaluatedKey">;
      try {
        page = await this.#page(prefix, from);
      } catch (error) {
        return failed(this.#failure(groupOfPrefix("", prefix) === null ? "dynamodb:Scan" : "dynamodb:Query", error));
      }
      for (const item of page.Items ?? []) {
        const key = item[KEY_ATTRIBUTE]?.S ?? "";
        const found = await this.#documentOf(key, item);
        if (found.kind === "found") documents.push({ key, document: found.document });
        else if (found.code === "document_damaged") damaged.push({ key, message: found.message });
        else return found;
      }
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    documents.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    return damaged.length === 0 ? { kind: "listed", documents } : { kind: "listed", documents, damaged };
  }

  /** At most 1 MB. Keys under a prefix without '/' may lie anywhere: the table is scanned. The router never lists so. */
  async #page(prefix: string, from: Item | undefined): Promise<Pick<QueryCommandOutput, "Items" | "LastEvaluatedKey">> {
    const { cluster, table, meter } = this.#options;
    const group = groupOfPrefix(cluster, prefix);
    const paging = from === undefined ? {} : { ExclusiveStartKey: from };
    const common = { TableName: table, ConsistentRead: true, ...COUNTED, ...paging };
    const page =
      group === null
        ? await this.#client.send(new ScanCommand({ ...common, ...filterOf(cluster, prefix) }))
        : await this.#client.send(new QueryCommand({ ...common, ...rangeOf(group, prefix) }));
    meter.count("dynamodb_read", page.ConsumedCapacity?.CapacityUnits ?? 1);
    return page;
  }

  async #swap(key: string, expected: string | null, token: string, body: Uint8Array): Promise<SwapOutcome> {
    const { cluster, table } = this.#options;
    const item = documentItem(cluster, key, token, await this.#packer.pack(body));
    const command = new PutItemCommand({ TableName: table, Item: item, ...conditionOf(expected), ...COUNTED });
    return this.#change("dynamodb:PutItem", itemBytes(item), () => this.#client.send(command));
  }

  /** The item before counts too, when it is larger than `bytes`: only the answer says so. */
  async #change(
    action: string,
    bytes: number,
    send: () => Promise<Pick<PutItemCommandOutput, "ConsumedCapacity">>,
  ): Promise<SwapOutcome> {
    const { meter } = this.#options;
    try {
      const { ConsumedCapacity } = await send();
      meter.count("dynamodb_write", ConsumedCapacity?.CapacityUnits ?? writeUnits(bytes));
      return { kind: "happened" };
    } catch (error) {
      meter.count("dynamodb_write", writeUnits(bytes));
      if (error instanceof ConditionalCheckFailedException) return { kind: "conflict" };
      const { code, message } = this.#failure(action, error);
      return { kind: "unknown", code, message };
    }
  }

  async #documentOf(key: string, item: Item): Promise<Found | Failed> {
    const unpacked = await this.#packer.unpack(item[BODY_ATTRIBUTE]?.B ?? new Uint8Array(0), DOCUMENT_BYTES_MAX);
    if (unpacked.kind === "content") {
      return { kind: "found", document: { token: item[TOKEN_ATTRIBUTE]?.S ?? "", body: unpacked.bytes } };
    }
    const message = `document ${key} in table ${this.#options.table}: ${unpacked.message}`;
    return { kind: "failed", code: unpacked.kind === "damaged" ? "document_damaged" : unpacked.kind, message };
  }

  #failure(action: string, error: unknown): AwsFailure {
    return awsFailure(error, { action, resource: { what: "table", name: this.#options.table } });
  }

  #track<Result>(work: Promise<Result>): Promise<Result> {
    const tracked: Promise<Result> = work.finally(() => this.#inFlight.delete(tracked));
    this.#inFlight.add(tracked);
    return tracked;
  }
}

type Got = { readonly kind: "item"; readonly item: Item } | { readonly kind: "failed"; readonly failure: AwsFailure };

function failed({ code, message }: AwsFailure): Failed {
  return { kind: "failed", code, message };
}

function conditionOf(expected: string | null) {
  if (expected === null) return { ConditionExpression: `attribute_not_exists(${KEY_ATTRIBUTE})` };
  return { ConditionExpression: `${TOKEN_ATTRIBUTE} = :expected`, ExpressionAttributeValues: { ":expected": { S: expected } } };
}

function rangeOf(group: string, prefix: string) {
  return {
    KeyConditionExpression: `${GROUP_ATTRIBUTE} = :group AND begins_with(${KEY_ATTRIBUTE}, :prefix)`,
    ExpressionAttributeValues: { ":group": { S: group }, ":prefix": { S: prefix } },
  };
}

function filterOf(cluster: string, prefix: string) {
  const ofCluster = `begins_with(${GROUP_ATTRIBUTE}, :cluster)`;
  const values = { ":cluster": { S: `${cluster}#` } };
  if (prefix === "") return { FilterExpression: ofCluster, ExpressionAttributeValues: values };
  return {
    FilterExpression: `${ofCluster} AND begins_with(${KEY_ATTRIBUTE}, :prefix)`,
    ExpressionAttributeValues: { ...values, ":prefix": { S: prefix } },
  };
}

function checkKey(key: string): void {
  if (!DIRECTORY_KEY.test(key)) throw new RangeError(`not a key of the directory: ${JSON.stringify(key)}`);
}
