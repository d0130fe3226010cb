/**
 * DynamoDB for measurements: the requests that the router sends, in memory and as cheap as can be, so that what is counted
 * is the router's. Not for tests of correctness: those have dynalite and DynamoDB Local, which were not written here.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type ExpressionNames, holds } from "./expression.js";
import type { WireItem } from "./item-size.js";

interface Table {
  readonly keys: readonly string[];
  readonly description: Readonly<Record<string, unknown>>;
  readonly items: Map<string, WireItem>;
  ttlAttribute: string | null;
}

interface Asked extends ExpressionNames {
  readonly TableName: string;
  readonly Item: WireItem;
  readonly Key: WireItem;
  readonly ConditionExpression?: string;
  readonly KeyConditionExpression?: string;
  readonly ReturnValuesOnConditionCheckFailure?: string;
  readonly RequestItems: Readonly<Record<string, { readonly Keys: readonly WireItem[] }>>;
  readonly KeySchema: readonly { readonly AttributeName: string }[];
  readonly TimeToLiveSpecification?: { readonly AttributeName: string };
}

type Answer = Readonly<Record<string, unknown>>;

class Refusal extends Error {
  readonly type: string;
  readonly more: Answer;

  constructor(type: string, message: string, more: Answer = {}) {
    super(message);
    this.type = type;
    this.more = more;
  }
}

export class MemoryDynamo {
  readonly url: string;
  readonly #server: Server;
  readonly #tables = new Map<string, Table>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const action = String(request.headers["x-amz-target"]).split(".")[1] ?? "";
        const [status, answer] = this.#answer(action, JSON.parse(Buffer.concat(chunks).toString()) as Asked);
        const body = JSON.stringify(answer);
        response.writeHead(status, { "content-type": "application/x-amz-json-1.0", "content-length": Buffer.byteLength(body) });
        response.end(body);
      });
    });
  }

  static async open(): Promise<MemoryDynamo> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new MemoryDynamo(server);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #answer(action: string, asked: Asked): readonly [status: number, answer: Answer] {
    try {
      return [200, this.#do(action, asked)];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return [400, { __type: `com.amazonaws.dynamodb.v20120810#${error.type}`, message: error.message, ...error.more }];
    }
  }

  #do(action: string, asked: Asked): Answer {
    switch (action) {
      case "PutItem":
        return this.#change(asked, asked.Item, (items, key) => items.set(key, asked.Item));
      case "DeleteItem":
        return this.#change(asked, asked.Key, (items, key) => items.delete(key));
      case "GetItem":
        return found(this.#table(asked.TableName), asked.Key);
      case "BatchGetItem":
        return { Responses: this.#batch(asked), UnprocessedKeys: {} };
      case "Query":
        return this.#query(asked);
      default:
        return this.#doWithTable(action, asked);
    }
  }

  #doWithTable(action: string, asked: Asked): Answer {
    switch (action) {
      case "CreateTable": {
        if (this.#tables.has(asked.TableName)) throw new Refusal("ResourceInUseException", "Table already exists");
        const description = {
          ...asked,
          TableStatus: "ACTIVE",
          TableArn: `arn:aws:dynamodb:eu-west-1:1:table/${asked.TableName}`,
        };
        const keys = asked.KeySchema.map(({ AttributeName }) => AttributeName);
        this.#tables.set(asked.TableName, { keys, description, items: new Map(), ttlAttribute: null });
        return { TableDescription: description };
      }
      case "DescribeTable":
        return { Table: this.#table(asked.TableName).description };
      case "UpdateTimeToLive":
        this.#table(asked.TableName).ttlAttribute = asked.TimeToLiveSpecification?.AttributeName ?? null;
        return { TimeToLiveSpecification: asked.TimeToLiveSpecification };
      case "DescribeTimeToLive": {
        const { ttlAttribute: AttributeName } = this.#table(asked.TableName);
        const TimeToLiveStatus = AttributeName === null ? "DISABLED" : "ENABLED";
        return { TimeToLiveDescription: { TimeToLiveStatus, AttributeName } };
      }
      case "UpdateContinuousBackups":
      case "DescribeContinuousBackups":
        return {
          ContinuousBackupsDescription: {
            ContinuousBackupsStatus: "ENABLED",
            PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: "ENABLED" },
          },
        };
      case "TagResource":
        return {};
      default:
        throw new Refusal("UnknownOperationException", `${action} is not known here`);
    }
  }

  #table(name: string): Table {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Refusal("ResourceNotFoundException", "Cannot do operations on a non-existent table");
    return table;
  }

  #change(asked: Asked, keyed: WireItem, change: (items: Map<string, WireItem>, key: string) => unknown): Answer {
    const table = this.#table(asked.TableName);
    const key = keyOf(table, keyed);
    const before = table.items.get(key);
    if (!holds(asked.ConditionExpression, before, asked)) {
      const shown = asked.ReturnValuesOnConditionCheckFailure === "ALL_OLD" && before !== undefined ? { Item: before } : {};
      throw new Refusal("ConditionalCheckFailedException", "The conditional request failed", shown);
    }
    change(table.items, key);
    return {};
  }

  #batch({ RequestItems }: Asked): Answer {
    const responses: Record<string, readonly WireItem[]> = {};
    for (const [name, { Keys }] of Object.entries(RequestItems)) {
      const table = this.#table(name);
      const items = Keys.map((key) => table.items.get(keyOf(table, key)));
      responses[name] = items.filter((item) => item !== undefined);
    }
    return responses;
  }

  #query(asked: Asked): Answer {
    const table = this.#table(asked.TableName);
    const items = [...table.items].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, item]) => item);
    const Items = items.filter((item) => holds(asked.KeyConditionExpression, item, asked));
    return { Items, Count: Items.length, ScannedCount: Items.length };
  }
}

function keyOf({ keys }: Table, item: WireItem): string {
  return JSON.stringify(keys.map((name) => Object.values(item[name] ?? {})[0]));
}

function found(table: Table, key: WireItem): Answer {
  const item = table.items.get(keyOf(table, key));
  return item === undefined ? {} : { Item: item };
}
