/**
 * A Lambda to test against: the Invoke API over HTTP, functions in processes of their own, and Lambda's limits (payload
 * sizes, one event at a time in an environment that is frozen in between, timeout, memory, concurrency). Signatures are not
 * checked, logs are not kept, and time is not billed. docs/testing.md says why it exists.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerBuffered, answerStreamed, refuse } from "./answers.js";
import { type Alias, type FunctionOptions, type FunctionVersion, LATEST, LambdaFunction, type Refusal } from "./functions.js";

export const REGION = "eu-west-1";
const ACCOUNT = "123456789012";
/** Of a synchronous request; what its refusal says. */
export const REQUEST_BYTES_MAX = 6_291_456;

export interface LambdaServerOptions {
  /** Actions, such as `lambda:GetAlias`, that are denied to everybody. */
  readonly denied?: readonly string[];
  /** False: like an emulator that knows no InvokeWithResponseStream. */
  readonly streaming?: boolean;
  /** Default: any that is free. */
  readonly port?: number;
}

export class LambdaServer {
  readonly #server: Server;
  readonly #options: LambdaServerOptions;
  readonly #functionByName = new Map<string, LambdaFunction>();
  /** Requests by operation, refused ones included. */
  readonly requests = new Map<string, number>();
  /** That were ever made to it. */
  connections = 0;

  private constructor(options: LambdaServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    this.#server.on("connection", () => this.connections++);
  }

  static async start(options: LambdaServerOptions = {}): Promise<LambdaServer> {
    const server = new LambdaServer(options);
    await new Promise<void>((resolve) => server.#server.listen(options.port ?? 0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Makes or updates `$LATEST` and publishes it; gives the ARN of the version. */
  deploy(name: string, options: FunctionOptions): string {
    const known = this.#functionByName.get(name);
    known?.update(options);
    const made = known ?? new LambdaFunction(name, `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`, options);
    this.#functionByName.set(name, made);
    return made.publish().arn;
  }

  /** Gives the ARN of the alias. */
  alias(name: string, alias: string, version: string, weights: Alias["weights"] = {}): string {
    const found = this.function(name);
    found.aliases.set(alias, { version, weights });
    return `${found.arn}:${alias}`;
  }

  function(name: string): LambdaFunction {
    const found = this.#functionByName.get(name);
    if (found === undefined) throw new Error(`no function ${name}`);
    return found;
  }

  version(arn: string): FunctionVersion {
    const [name = "", version = ""] = arn.split(":").slice(6);
    const found = this.function(name).versions.get(version);
    if (found === undefined) throw new Error(`no version ${arn}`);
    return found;
  }

  async close(): Promise<void> {
    for (const one of this.#functionByName.values()) one.end();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://lambda");
    const [version = "", what, rawName = "", ...rest] = url.pathname.split("/").slice(1);
    const body = await bodyOf(request);
    if (what !== "functions") return refuse(response, { status: 404, code: "UnknownOperationException", message: url.pathname });
    const [name = "", inName] = named(decodeURIComponent(rawName));
    const qualifier = url.searchParams.get("Qualifier") ?? inName ?? LATEST;
    const action = actionOf(request.method ?? "", version, rest);
    const isStreamed = version === "2021-11-15";
    const operation = isStreamed ? "InvokeWithResponseStream" : action;
    this.requests.set(operation, (this.requests.get(operation) ?? 0) + 1);
    if (this.#options.denied?.includes(`lambda:${action}`)) {
      const message = `User: arn:aws:iam::${ACCOUNT}:user/test is not authorized to perform: lambda:${action} on resource: ${name}`;
      return refuse(response, { status: 403, code: "AccessDeniedException", message });
    }
    const found = this.#functionByName.get(name);
    if (found === undefined) return refuse(response, missing(`${ACCOUNT}:function:${name}`));
    switch (action) {
      case "InvokeFunction":
        return this.#invoke(found, qualifier, request, body, response, isStreamed);
      case "GetFunctionConfiguration": {
        const one = found.find(qualifier);
        return one === null ? refuse(response, missing(`${found.arn}:${qualifier}`)) : json(response, 200, configuration(one));
      }
      case "GetAlias": {
        const alias = found.aliases.get(rest[1] ?? "");
        if (alias === undefined) return refuse(response, missing(`${found.arn}:${rest[1]}`));
        const AliasArn = `${found.arn}:${rest[1]}`;
        const RoutingConfig = { AdditionalVersionWeights: alias.weights };
        return json(response, 200, { AliasArn, Name: rest[1], FunctionVersion: alias.version, RoutingConfig });
      }
      case "ListVersionsByFunction":
        return json(response, 200, { Versions: [...found.versions.values()].map(configuration) });
      case "PublishVersion":
        return json(response, 201, configuration(found.publish()));
      case "DeleteFunction":
        found.remove(qualifier);
        response.writeHead(204).end();
        return;
      default:
        return refuse(response, { status: 404, code: "UnknownOperationException", message: `${request.method} ${url.pathname}` });
    }
  }

  async #invoke(
    found: LambdaFunction,
    qualifier: string,
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
    isStreamed: boolean,
  ): Promise<void> {
    if (isStreamed && this.#options.streaming === false) {
      return refuse(response, { status: 404, code: "UnknownOperationException", message: "InvokeWithResponseStream" });
    }
    const version = found.find(qualifier);
    const refusal = found.refusal ?? (version === null ? missing(`${found.arn}:${qualifier}`) : refusalOf(found, body));
    if (refusal !== null || version === null) return refuse(response, refusal ?? missing(found.arn));
    if (request.headers["x-amz-invocation-type"] === "DryRun") return void response.writeHead(204).end();
    const { "x-amz-client-context": encoded } = request.headers;
    const clientContext: unknown = typeof encoded === "string" ? JSON.parse(Buffer.from(encoded, "base64").toString()) : null;
    const event = body.length === 0 ? Buffer.from("{}") : body;
    const requestId = randomUUID();
    response.setHeader("x-amzn-requestid", requestId);
    response.setHeader("x-amz-executed-version", version.version);
    found.active++;
    try {
      const run = (sink: Parameters<FunctionVersion["invoke"]>[3]) => version.invoke(requestId, clientContext, event, sink);
      await (isStreamed ? answerStreamed(response, run) : answerBuffered(response, run));
    } finally {
      found.active--;
    }
  }
}

function refusalOf(found: LambdaFunction, body: Buffer): Refusal | null {
  if (body.length > REQUEST_BYTES_MAX) {
    const message = `${body.length} byte payload is too large for the RequestResponse invocation type (limit ${REQUEST_BYTES_MAX} bytes)`;
    return { status: 413, code: "RequestTooLargeException", message };
  }
  if (body.length > 0 && !isJson(body)) {
    return { status: 400, code: "InvalidRequestContentException", message: "Could not parse request body into json" };
  }
  if (found.active < found.concurrencyMax) return null;
  found.throttled++;
  const reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
  return { status: 429, code: "TooManyRequestsException", message: "Rate Exceeded.", reason, retryAfterSeconds: 1 };
}

function missing(arn: string): Refusal {
  return { status: 404, code: "ResourceNotFoundException", message: `Function not found: ${arn}` };
}

/** The name, and the qualifier where the name is an ARN with one, or `name:qualifier`. */
function named(text: string): readonly (string | undefined)[] {
  return text.startsWith("arn:") ? text.split(":").slice(6) : text.split(":");
}

function actionOf(method: string, version: string, rest: readonly string[]): string {
  const path = `${method} ${version} ${rest[0] ?? ""}`;
  if (path === "POST 2015-03-31 invocations" || path === "POST 2021-11-15 response-streaming-invocations")
    return "InvokeFunction";
  if (path === "GET 2015-03-31 configuration") return "GetFunctionConfiguration";
  if (path === "GET 2015-03-31 aliases" && rest.length === 2) return "GetAlias";
  if (path === "GET 2015-03-31 versions") return "ListVersionsByFunction";
  if (path === "POST 2015-03-31 versions") return "PublishVersion";
  if (path === "DELETE 2015-03-31 ") return "DeleteFunction";
  return path;
}

function configuration(version: FunctionVersion): object {
  return {
    FunctionName: version.name,
    FunctionArn: version.arn,
    Version: version.version,
    Timeout: Math.ceil(version.timeoutMs / 1000),
    MemorySize: version.memoryMb,
    State: "Active",
  };
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString());
    return true;
  } catch {
    return false;
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
