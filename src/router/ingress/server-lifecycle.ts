/**
 * A bounded HTTP server: listening, time limits, connections, the orderly stop. What it serves is handed in.
 *
 * Order of a stop: no new connections; idle ones are closed; what is under way is finished, and its replies say
 * `connection: close`; whoever is left after the grace period is cut off.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { HEADER_BYTES_MAX, type IngressLimits, KEEP_ALIVE_MS, TIMEOUT_CHECK_MS } from "./ingress-limits.js";
import { PROBLEM_CONTENT_TYPE, routerProblem } from "./problem-document.js";
import type { RequestProblemCode } from "./problem-table.js";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** The address cannot be used. Code `listen_failed`. */
export class ListenProblem extends Error {
  override readonly name = "ListenProblem";
  readonly code = "listen_failed";
}

/** How often a stop looks for connections that have fallen idle. */
const STOP_SWEEP_MS = 50;

export class BoundedServer {
  readonly #server: Server;
  /** Connections that have not sent a request yet: Node counts them as busy, so a stop would wait for them. */
  readonly #silent = new Set<Socket>();
  #isStopping = false;

  constructor(limits: IngressLimits, serve: (request: IncomingMessage, response: ServerResponse) => void) {
    const options = {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    };
    const begin = (request: IncomingMessage, response: ServerResponse): void => {
      this.#silent.delete(request.socket);
      serve(request, response);
    };
    this.#server = createServer(options, begin);
    this.#server.maxConnections = limits.connectionsMax;
    this.#server.on("clientError", refuseBytes);
    // 100-continue: the exchange looks at the announced length first, and only then is the client told to go on.
    this.#server.on("checkContinue", begin);
    this.#server.on("connection", (socket: Socket) => {
      this.#silent.add(socket);
      socket.on("close", () => this.#silent.delete(socket));
    });
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Resolves with the address that it has; port 0 takes any free one. Throws `ListenProblem`. */
  async listen(address: ListenAddress): Promise<ListenAddress> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException) => reject(new ListenProblem(listenMessage(address, error)));
      server.once("error", failed);
      server.listen({ host: address.host, port: address.port, backlog: 4_096 }, () => {
        server.off("error", failed);
        resolve();
      });
    });
    return { host: address.host, port: (server.address() as AddressInfo).port };
  }

  /** Resolves when every connection is closed: by itself, or after the grace period by force. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    const server = this.#server;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    for (const socket of this.#silent) socket.destroy();
    // A reply that was on its way when the stop began said nothing of a close: its connection falls idle later.
    const sweep = setInterval(() => server.closeIdleConnections(), STOP_SWEEP_MS);
    const force = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(force);
  }
}

function listenMessage(address: ListenAddress, error: NodeJS.ErrnoException): string {
  const where = `${address.host}:${address.port}`;
  if (error.code === "EADDRINUSE") return `${where} is in use by another process; stop it, or choose another port under 'listen'`;
  if (error.code === "EACCES") return `${where} may not be used by this user; ports below 1024 need a privilege`;
  return `${where} cannot be used: ${error.message}`;
}

const REFUSALS: Readonly<Record<string, { readonly code: RequestProblemCode; readonly detail: string }>> = {
  HPE_HEADER_OVERFLOW: { code: "headers_too_large", detail: `request line and headers are over ${HEADER_BYTES_MAX} bytes` },
  ERR_HTTP_REQUEST_TIMEOUT: { code: "request_timeout", detail: "the request did not arrive in time" },
};

/** Bytes that Node's parser gave up on: there is no request to answer, so the reply is written by hand. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = REFUSALS[error.code ?? ""] ?? { code: "malformed_http", detail: "the bytes are not an HTTP/1.1 request" };
  const { status, body } = routerProblem(refusal.code, refusal.detail);
  const head = [
    `HTTP/1.1 ${status} Refused`,
    `content-type: ${PROBLEM_CONTENT_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "holdfast-error-source: router",
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
