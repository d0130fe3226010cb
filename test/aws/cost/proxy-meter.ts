/**
 * What AWS would charge, seen from the wire: requests and their units by kind, reckoned by the services' own rules.
 *
 * Writes cost a unit for each KB begun of the larger of the old and the new item, also where a condition fails; reads one
 * for each 4 KB begun, half where eventually consistent, also where nothing is there. (DynamoDB Developer Guide, "Read and
 * write capacity unit consumption".) S3 and Lambda charge by requests.
 */
import type { RequestKind } from "../../../src/ports/request-meter.js";
import type { ProxiedReply, ProxiedRequest } from "../fault-proxy/aws-proxy.js";
import { itemBytes, type WireItem } from "./item-size.js";

export interface Charge {
  readonly requests: number;
  readonly units: number;
}

interface DynamoBody {
  readonly TableName?: string;
  readonly Item?: WireItem;
  readonly Key?: WireItem;
  readonly Items?: readonly WireItem[];
  readonly ConsistentRead?: boolean;
  readonly RequestItems?: Readonly<Record<string, { readonly Keys: readonly WireItem[]; readonly ConsistentRead?: boolean }>>;
  readonly Responses?: Readonly<Record<string, readonly WireItem[]>>;
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys: readonly WireItem[] }>>;
}

const NOTHING: Charge = { requests: 0, units: 0 };

export class ProxyMeter {
  readonly #charges = new Map<RequestKind, Charge>();
  readonly #keyAttributes: readonly string[];
  /** What lies in the tables, by table and key. */
  readonly #bytesByKey = new Map<string, number>();

  /** `keyAttributes`: of all tables. */
  constructor(keyAttributes: readonly string[]) {
    this.#keyAttributes = keyAttributes;
  }

  /** For `AwsProxyOptions.observe`. */
  readonly observe = (request: ProxiedRequest, reply: ProxiedReply): void => {
    switch (request.service) {
      case "dynamodb":
        return this.#dynamo(request, reply);
      case "s3":
        return this.#add(s3Kind(request), 1);
      case "lambda":
        if (request.action === "lambda:InvokeFunction") this.#add("lambda_invoke", 1);
    }
  };

  chargeOf(kind: RequestKind): Charge {
    return this.#charges.get(kind) ?? NOTHING;
  }

  #add(kind: RequestKind, units: number): void {
    const { requests, units: before } = this.chargeOf(kind);
    this.#charges.set(kind, { requests: requests + 1, units: before + units });
  }

  #dynamo({ action, body }: ProxiedRequest, reply: ProxiedReply): void {
    const asked = JSON.parse(body.toString() || "{}") as DynamoBody;
    const answered = JSON.parse(reply.body.toString() || "{}") as DynamoBody;
    switch (action.slice("dynamodb:".length)) {
      case "PutItem":
        return this.#write(asked, asked.Item ?? {}, asked.Item ?? {}, reply.status === 200);
      case "DeleteItem":
        return this.#write(asked, asked.Key ?? {}, null, reply.status === 200);
      case "GetItem":
        return this.#add("dynamodb_read", readUnits(answered.Item ?? {}, asked.ConsistentRead));
      case "BatchGetItem":
        return this.#add("dynamodb_read", batchUnits(asked, answered));
      case "Query": {
        const bytes = (answered.Items ?? []).reduce((sum, item) => sum + itemBytes(item), 0);
        return this.#add("dynamodb_read", Math.max(1, Math.ceil(bytes / 4096)) * (asked.ConsistentRead === true ? 1 : 0.5));
      }
      case "UpdateItem":
        throw new Error("the router was thought not to use UpdateItem: teach the meter what it costs");
      default: // Whatever describes or makes tables is free of charge.
    }
  }

  #write({ TableName }: DynamoBody, keyed: WireItem, item: WireItem | null, hasHappened: boolean): void {
    const key = `${TableName} ${JSON.stringify(this.#keyAttributes.map((name) => keyed[name]))}`;
    const before = this.#bytesByKey.get(key) ?? 0;
    const after = item === null ? 0 : itemBytes(item);
    this.#add("dynamodb_write", Math.max(1, Math.ceil(Math.max(before, after) / 1024)));
    if (!hasHappened) return;
    if (item === null) this.#bytesByKey.delete(key);
    else this.#bytesByKey.set(key, after);
  }
}

function readUnits(item: WireItem, isConsistent = false): number {
  return Math.max(1, Math.ceil(itemBytes(item) / 4096)) * (isConsistent ? 1 : 0.5);
}

/** Each item by itself; keys that were not processed cost nothing, absent ones the least. */
function batchUnits({ RequestItems = {} }: DynamoBody, { Responses = {}, UnprocessedKeys = {} }: DynamoBody): number {
  let units = 0;
  for (const [table, { Keys, ConsistentRead }] of Object.entries(RequestItems)) {
    const found = Responses[table] ?? [];
    const absent = Keys.length - found.length - (UnprocessedKeys[table]?.Keys.length ?? 0);
    for (const item of found) units += readUnits(item, ConsistentRead);
    units += absent * (ConsistentRead === true ? 1 : 0.5);
  }
  return units;
}

function s3Kind({ method, action }: ProxiedRequest): RequestKind {
  if (action === "s3:ListBucket" && method === "GET") return "s3_list";
  if (action === "s3:DeleteObject" || action === "s3:AbortMultipartUpload") return "s3_delete";
  return method === "GET" || method === "HEAD" ? "s3_get" : "s3_put";
}
