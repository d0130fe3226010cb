/** The HTTP server behind `serve`: Node's own, one POST per request of the contract. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CONTENT_TYPE } from "../protocol/function/contract.js";
import { answerRequest, type CarriedAnswer, problem } from "./answer-request.js";
import type { RunOptions, Served } from "./invocation.js";

export interface ServeOptions extends RunOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Default 127.0.0.1: other machines reach the function only if you say so (`0.0.0.0` in a container). */
  readonly host?: string;
  /** The largest request body in bytes; larger ones get a 413. Default 64 MB. */
  readonly bodyBytesMax?: number;
}

/** A function that is being served. */
export interface FunctionServer {
  /** What to register with a router: `http://127.0.0.1:9000`. */
  readonly url: string;
  readonly port: number;
  /** Takes no more requests and resolves when the running ones have been answered. */
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 64 << 20;
/** Longer than routers keep idle connections: the side that sends decides when one is closed, so no request meets a closing one. */
const KEEP_ALIVE_MS = 120_000;

export async function listen(served: Served, options: ServeOptions): Promise<FunctionServer> {
  // Not imported: contracts share an entry with `serve`, and bundles of contracts for browsers have no such module.
  const { createServer } = process.getBuiltinModule("node:http");
  const running = new Set<ServerResponse>();
  let onAllAnswered: (() => void) | undefined;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => {
    running.add(response);
    response.once("close", () => {
      running.delete(response);
      if (running.size === 0) onAllAnswered?.();
    });
    answer(served, options, request, response).catch((error: unknown) => failed(response, error));
  });
  const host = options.host ?? "127.0.0.1";
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, host, resolve);
  });

  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve, reject) =>
      server.close((error) => (error === undefined ? resolve() : reject(error))),
    );
    if (running.size > 0) await new Promise<void>((resolve) => (onAllAnswered = resolve));
    server.closeAllConnections(); // idle ones: routers keep them open for as long as we let them
    await closed;
  };
  const { port } = server.address() as AddressInfo;
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`, port, close };
}

async function answer(served: Served, options: ServeOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== "POST") {
    response.setHeader("allow", "POST");
    return refuse(response, problem(405, "this is a Holdfast function: it takes POST requests from a router"));
  }
  const body = await bodyOf(request, options.bodyBytesMax ?? BODY_BYTES_MAX);
  if (body === null) return refuse(response, problem(413, "the request is larger than this function takes"));
  const left = new AbortController();
  response.once("close", () => left.abort());
  const { "content-type": contentType = CONTENT_TYPE.json, accept = "" } = request.headers;
  const answered = await answerRequest(served, options, { contentType, accept, body, signal: left.signal });
  if (answered.body instanceof Uint8Array) {
    response.writeHead(answered.status, { "content-type": answered.contentType }).end(answered.body);
  } else {
    response.writeHead(answered.status, { "content-type": answered.contentType });
    await writeStream(answered.body, response);
  }
}

/** What finishes in the same turn goes out in one write; the end line goes with the last entity. */
async function writeStream(chunks: AsyncIterable<Uint8Array>, response: ServerResponse): Promise<void> {
  let gathered: Uint8Array[] = [];
  let isFlushDue = false;
  for await (const chunk of chunks) {
    gathered.push(chunk);
    if (isFlushDue) continue;
    isFlushDue = true;
    setImmediate(() => {
      isFlushDue = false;
      if (gathered.length > 0) response.write(Buffer.concat(gathered));
      gathered = [];
    });
  }
  response.end(Buffer.concat(gathered));
  gathered = [];
}

/** Null: larger than allowed. */
async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed when it is too long: the 413 still has to go out on its connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) return null;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

function failed(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else refuse(response, problem(500, error instanceof Error ? error.message : String(error)));
}

/** The body may not have been read to its end: the connection is of no further use. */
function refuse(response: ServerResponse, answered: CarriedAnswer): void {
  response.writeHead(answered.status, { "content-type": answered.contentType, connection: "close" }).end(answered.body);
}
