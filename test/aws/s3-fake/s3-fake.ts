/**
 * An S3 server in memory, for tests that may use npm alone: the subset that Holdfast uses, as strict as Amazon's where it
 * matters (conditions, ranges, checksums, codes of errors). It passes the probe (../s3-probe.ts). Signatures are not
 * checked. A test may put faults in front of it, or behind it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerBucket } from "./bucket-requests.js";
import { answerObject } from "./object-requests.js";
import { type S3Answer, S3Error, type S3Request, text } from "./s3-request.js";
import { S3Store } from "./s3-store.js";

/**
 * What becomes of one request. `fail` answers in place of the server; `cut` ends the connection with the request undone,
 * `loseAnswer` after it was done; `cutAnswer` in the middle of the answer's body; `damage` changes a byte of the request's
 * body; `hold` waits before it is done.
 */
export type S3Fault =
  | { readonly kind: "none" }
  | { readonly kind: "fail"; readonly status: number; readonly code: string; readonly retryAfterSeconds?: number }
  | { readonly kind: "cut" }
  | { readonly kind: "loseAnswer" }
  | { readonly kind: "cutAnswer" }
  | { readonly kind: "damage" }
  | { readonly kind: "hold"; readonly until: Promise<unknown> };

export interface S3Fake {
  readonly endpoint: string;
  readonly store: S3Store;
  /** Asked for each request; a test replaces it. */
  faultOf: (request: S3Request) => S3Fault;
  readonly close: () => Promise<void>;
}

/** No object of a test is larger. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

export async function startS3Fake(): Promise<S3Fake> {
  const store = new S3Store();
  const server = createServer((request, response) => {
    handle(fake, request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const fake: S3Fake = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    store,
    faultOf: () => ({ kind: "none" }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return fake;
}

async function handle(fake: S3Fake, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = await read(incoming);
  const fault = fake.faultOf(request);
  if (fault.kind === "cut") return void response.destroy();
  if (fault.kind === "hold") await fault.until;
  if (fault.kind === "damage") request.body[0] = (request.body[0] ?? 0) ^ 1;
  const answer =
    fault.kind === "fail" ? failed(new S3Error(fault.status, fault.code, "by order of the test")) : answerOf(fake, request);
  if (fault.kind === "loseAnswer") return void response.destroy();
  const headers: Record<string, string | number> = { "content-length": answer.body.length, ...answer.headers };
  if (fault.kind === "fail" && fault.retryAfterSeconds !== undefined) headers["retry-after"] = fault.retryAfterSeconds;
  response.writeHead(answer.status, headers);
  if (fault.kind === "cutAnswer") {
    response.write(answer.body.subarray(0, answer.body.length / 2), () => response.destroy());
    return;
  }
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

function answerOf(fake: S3Fake, request: S3Request): S3Answer {
  try {
    if (request.headers["x-amz-content-sha256"]?.startsWith("STREAMING-")) {
      throw new S3Error(501, "NotImplemented", "bodies in signed chunks are not understood here");
    }
    return request.key === "" ? answerBucket(fake.store, request) : answerObject(fake.store, request);
  } catch (error) {
    if (error instanceof S3Error) return failed(error);
    throw error;
  }
}

function failed(error: S3Error): S3Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${error.code}</Code><Message>${text(error.message)}</Message></Error>`;
  return { status: error.status, headers: { "content-type": "application/xml" }, body: Buffer.from(body) };
}

async function read(incoming: IncomingMessage): Promise<S3Request> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > BODY_BYTES_MAX) throw new Error("a body larger than any test sends");
  }
  const target = incoming.url ?? "/";
  const question = target.indexOf("?");
  // Not by `URL`, which would resolve dots in the path.
  const path = (question < 0 ? target : target.slice(0, question)).slice(1);
  const slash = path.indexOf("/");
  return {
    method: incoming.method ?? "GET",
    bucket: decodeURIComponent(slash < 0 ? path : path.slice(0, slash)),
    key: slash < 0 ? "" : decodeURIComponent(path.slice(slash + 1)),
    query: new URLSearchParams(question < 0 ? "" : target.slice(question + 1)),
    headers: Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(chunks),
  };
}
