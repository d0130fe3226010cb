/**
 * The journal port on one DynamoDB table: an item for each record, put there on the condition that nothing stands there.
 * That condition is the linearisation point. Records are never deleted, they expire (RULES.md 1, 3, 14).
 *
 * How failures are told (RULES.md 7, 12, 15h): what the service refused, or never got, is `refused` and may be tried again,
 * unless it can never succeed; anything less certain is `unknown`.
 */
import { ConditionalCheckFailedException, type DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { AwsProblem } from "../aws/aws-problem.js";
import type { AwsConnections, AwsSettings } from "../aws/client-options.js";
import { openDynamo } from "../aws/dynamo-client.js";
import { type AwsFailure, awsFailure } from "../aws/failure.js";
import { firstAnswer, mayPass, tableProblem } from "../aws/first-answer.js";
import { type Item, itemBytes, writeUnits } from "../aws/item-size.js";
import { BytePacker } from "../aws/packed-bytes.js";
import { CLOCK_SKEW_MAX_MS, ServerTime } from "../aws/server-time.js";
import { type AppendOutcome, FIRST_POSITION, type LogId, type ReadOutcome } from "../core/log/record.js";
import { unreachable } from "../core/unreachable.js";
import type { ClockPort } from "../ports/clock.js";
import { type JournalPort, WHOLE_LOG } from "../ports/journal.js";
import type { RequestMeter } from "../ports/request-meter.js";
import { RecordFetch } from "./record-fetch.js";
import { addressProblem, KEY_ATTRIBUTE, packedOf, RECORD_BYTES_MAX, recordItem, recordKey } from "./record-item.js";
import { RecordReader } from "./record-reader.js";

export interface DynamoJournalOptions {
  readonly aws: AwsSettings;
  readonly table: string;
  /** In front of every key: clusters may share a table. Without `#`. */
  readonly cluster: string;
  /** How long records are kept: at least twice the longest outage to be survived (RULES.md 3). */
  readonly ttlMs: number;
  readonly clock: ClockPort;
  readonly meter: RequestMeter;
}

/** The core has a handful of appends under way, and as many looks: none ever waits for a socket, least of all behind a replay. */
const WRITING: AwsConnections = {
  socketsMax: 32,
  connectTimeoutMs: 1_000,
  // The slowest of a thousand writes takes under 100 ms; a longer wait than this would only delay the look.
  answerTimeoutMs: 3_000,
  silenceTimeoutMs: 3_000,
};
/** Two logs that are read at full speed; answers have up to a megabyte. */
const READING: AwsConnections = { socketsMax: 32, connectTimeoutMs: 5_000, answerTimeoutMs: 10_000, silenceTimeoutMs: 10_000 };
/** From here on an S3 object and a reference cost less than write units (32 of them, twice the price of a PUT). */
const SPILL_BYTES_MIN = 32 << 10;
/** Removed logs that are remembered, so that nobody in this process takes one for a log that never began. */
const REMOVED_LOGS_MAX = 1_000;
/** Before something is tried again that only an operator, or new credentials, can change. */
const OPERATOR_RETRY_MS = 1_000;
const UNREACHABLE_RETRY_MS = 100;

export class DynamoJournal implements JournalPort {
  readonly recordBytesMax: number = RECORD_BYTES_MAX;
  readonly spillBytesMin: number = SPILL_BYTES_MIN;
  readonly ttlMs: number;
  readonly #options: DynamoJournalOptions;
  readonly #client: DynamoDBClient;
  readonly #readingClient: DynamoDBClient;
  readonly #serverTime: ServerTime;
  readonly #packer = new BytePacker();
  /** At single positions, beside the appends. */
  readonly #look: RecordReader;
  readonly #lookFetch: RecordFetch;
  readonly #reader: RecordReader;
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #removedLogs = new Set<LogId>();
  /** Resolves when the append before has been handed over: records leave in the order they came. */
  #lastPacked: Promise<unknown> = Promise.resolve();
  #hasAnswered = false;
  #isClosed = false;

  private constructor(options: DynamoJournalOptions) {
    this.ttlMs = options.ttlMs;
    this.#options = options;
    this.#serverTime = new ServerTime(options.clock);
    this.#client = openDynamo(options.aws, WRITING, this.#serverTime);
    this.#readingClient = openDynamo(options.aws, READING, null);
    this.#lookFetch = new RecordFetch({ ...options, client: this.#client });
    this.#look = new RecordReader(this.#lookFetch, this.#packer);
    this.#reader = new RecordReader(new RecordFetch({ ...options, client: this.#readingClient }), this.#packer);
  }

  /**
   * Looks whether the table answers (`silence`), for a second or two; one that does not is opened all the same. Throws AwsProblem
   * where waiting would not mend it.
   */
  static async open(options: DynamoJournalOptions): Promise<DynamoJournal> {
    const journal = new DynamoJournal(options);
    const problem = await firstAnswer(options.clock, () => journal.silence());
    if (problem === null || mayPass(problem.code)) return journal;
    await journal.close();
    throw problem;
  }

  /**
   * Reads, until it was answered once, to see that the table is there and what time it is at AWS. Null: all is well; else
   * `aws_clock_off`, `aws_table_missing`, `aws_table_unfit`, or why AWS cannot be asked.
   */
  async silence(): Promise<AwsProblem | null> {
    if (this.#hasAnswered) return null;
    const { table, cluster } = this.#options;
    const fetched = await this.#lookFetch.fetchKey(recordKey(cluster, "", FIRST_POSITION));
    if (fetched.kind === "failed") return tableProblem(fetched.failure);
    const { skewMs } = this.#serverTime;
    this.#hasAnswered = Math.abs(skewMs) <= CLOCK_SKEW_MAX_MS;
    if (this.#hasAnswered) return null;
    const by = `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? "ahead of" : "behind"}`;
    const message = `This machine's clock is ${by} that of AWS (table ${table}). Set it, then start again.`;
    return new AwsProblem("aws_clock_off", message);
  }

  append(log: LogId, position: number, body: Uint8Array): Promise<AppendOutcome> {
    const problem = this.#problemOf(log, position, body);
    if (problem !== null) return Promise.resolve({ kind: "refused", isPermanent: true, retryAfterMs: null, message: problem });
    const before = this.#lastPacked;
    const packing = this.#packer.pack(body);
    this.#lastPacked = Promise.allSettled([packing, before]).then(() => undefined);
    return this.#track(this.#putAfter(before, packing, recordKey(this.#options.cluster, log, position)));
  }

  async read(log: LogId, position: number, countMax: number, bytesMax: number): Promise<ReadOutcome> {
    if (this.#isClosed) return { kind: "failed", message: CLOSED };
    const isAbsent = this.#removedLogs.has(log) || addressProblem(this.#options.cluster, log, position) !== null;
    if (isAbsent) return { kind: "records", bodies: [] };
    return this.#track((countMax <= 1 ? this.#look : this.#reader).read(log, position, countMax, bytesMax));
  }

  /** Removes nothing: deleting a record costs as many write units as writing it did, and expiry is free. */
  async trim(log: LogId, base: number): Promise<void> {
    if (this.#isClosed) throw new Error(CLOSED);
    if (base !== WHOLE_LOG) return;
    this.#removedLogs.add(log);
    for (const oldest of this.#removedLogs) {
      if (this.#removedLogs.size <= REMOVED_LOGS_MAX) break;
      this.#removedLogs.delete(oldest);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    this.#client.destroy();
    this.#readingClient.destroy();
  }

  #problemOf(log: LogId, position: number, body: Uint8Array): string | null {
    if (this.#isClosed) return CLOSED;
    if (this.#removedLogs.has(log)) return `log ${log} has been removed`;
    if (body.length === 0 || body.length > RECORD_BYTES_MAX) {
      return `a record of ${body.length} bytes; 1 to ${RECORD_BYTES_MAX} are allowed`;
    }
    return addressProblem(this.#options.cluster, log, position);
  }

  async #putAfter(before: Promise<unknown>, packing: Promise<Uint8Array>, key: string): Promise<AppendOutcome> {
    const packed = await packing;
    await before;
    return this.#put(key, packed);
  }

  async #put(key: string, packed: Uint8Array): Promise<AppendOutcome> {
    const { table, meter, ttlMs, clock } = this.#options;
    const item = recordItem(key, packed, (this.#serverTime.nowMs() ?? clock.nowMs()) + ttlMs);
    meter.count("dynamodb_write", writeUnits(itemBytes(item)));
    try {
      await this.#client.send(
        new PutItemCommand({
          TableName: table,
          Item: item,
          ConditionExpression: `attribute_not_exists(${KEY_ATTRIBUTE})`,
          ReturnValuesOnConditionCheckFailure: "ALL_OLD",
        }),
      );
      return { kind: "happened" };
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return this.#taken(key, error.Item);
      return outcomeOf(awsFailure(error, { action: "dynamodb:PutItem", resource: { what: "table", name: table } }));
    }
  }

  /** What stands there. Emulators may not show it with the refusal. */
  async #taken(key: string, item: Item | undefined): Promise<AppendOutcome> {
    let packed = item === undefined ? null : packedOf(item);
    if (packed === null) {
      const fetched = await this.#lookFetch.fetchKey(key);
      if (fetched.kind === "failed") return { kind: "unknown", message: fetched.failure.message };
      packed = fetched.packed[0] ?? null;
      if (packed === null) return { kind: "unknown", message: `${key} was taken a moment ago, and is absent now` };
    }
    const unpacked = await this.#packer.unpack(packed, RECORD_BYTES_MAX);
    // What is no record of this format is somebody else's all the same: the position is gone.
    return { kind: "taken", body: unpacked.kind === "content" ? unpacked.bytes : packed.slice() };
  }

  #track<Result>(work: Promise<Result>): Promise<Result> {
    const tracked: Promise<Result> = work.finally(() => this.#inFlight.delete(tracked));
    this.#inFlight.add(tracked);
    return tracked;
  }
}

const CLOSED = "the journal is closed";

function outcomeOf(failure: AwsFailure): AppendOutcome {
  const { code, message } = failure;
  const refused = (retryAfterMs: number | null): AppendOutcome => {
    return { kind: "refused", isPermanent: false, retryAfterMs, message, code };
  };
  switch (failure.kind) {
    case "throttled":
      return refused(failure.retryAfterMs);
    case "notSent":
      return refused(UNREACHABLE_RETRY_MS);
    case "denied":
    case "missing":
    case "credentials":
      return refused(OPERATOR_RETRY_MS);
    case "invalid":
      // Only what DynamoDB has said of the record itself: the core takes it for the fault of the commands in it.
      if (!failure.isForGood) return refused(OPERATOR_RETRY_MS);
      return { kind: "refused", isPermanent: true, retryAfterMs: null, message, code };
    case "ambiguous":
      return { kind: "unknown", message };
    default:
      return unreachable(failure);
  }
}
