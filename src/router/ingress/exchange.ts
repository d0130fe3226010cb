/**
 * One HTTP request and its response: reads the body within bounds, writes one reply in one piece, and notices when the
 * client leaves. Knows nothing of entities.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { CoreLink, RequestListener } from "./core-link.js";
import { REFUSED_BODY_BYTES_MAX, REFUSED_BODY_MS } from "./ingress-limits.js";
import { PROBLEM_CONTENT_TYPE, type ProblemDocument, type Refusal, routerProblem } from "./problem-document.js";
import type { RequestBudget } from "./request-budget.js";

/** What all exchanges of one server share. */
export interface ExchangeHost {
  readonly core: CoreLink;
  readonly budget: RequestBudget;
  readonly bodyBytesMax: number;
  /** The server finishes what it has and takes nothing new: replies close their connections. */
  isStopping(): boolean;
  /** Something here went wrong that no input should be able to cause. */
  broke(error: unknown): void;
  /** The exchange is over; its reply may still be on its way to the client. */
  ended(exchange: Exchange, status: number): void;
}

/** Waits for what `ask` opened. */
export interface ExchangeListener extends RequestListener {
  /** The client left before the answer, which will not come any more. */
  left(): void;
}

const NOT_ASKED = -1;
const NO_BODY = Buffer.alloc(0);

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Headers that every reply of this exchange has: CORS, or what the route adds. */
  readonly headers: string[] = [];
  readonly #host: ExchangeHost;
  #asked = NOT_ASKED;
  #listener: ExchangeListener | null = null;
  #heldBytes = 0;
  #isOver = false;

  constructor(host: ExchangeHost, request: IncomingMessage, response: ServerResponse) {
    this.#host = host;
    this.request = request;
    this.response = response;
    response.on("close", () => this.#closed());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Opens a request to the core, which is left should the client leave first. */
  ask(listener: ExchangeListener, isFollowed = false): number {
    this.#listener = listener;
    this.#asked = this.#host.core.open(listener, isFollowed);
    return this.#asked;
  }

  /** The core is done with what `ask` opened. */
  settled(): void {
    this.#asked = NOT_ASKED;
  }

  /** Nobody waits any more for what `ask` opened. */
  leave(): void {
    if (this.#asked !== NOT_ASKED) this.#host.core.leave(this.#asked);
    this.#asked = NOT_ASKED;
  }

  /** Does a part of the work: what it refuses is answered, and so is a failure of our own, which must not end the process. */
  run(part: () => Refusal | null): void {
    let refusal: Refusal | null;
    try {
      refusal = part();
    } catch (error) {
      this.#host.broke(error);
      this.leave();
      refusal = { code: "internal_error", detail: "the router failed on this request; its log has more" };
    }
    if (refusal !== null) this.refuse(refusal);
  }

  /** Hands the whole body to `then`, which may refuse it; or refuses the request before. */
  readBody(then: (body: Buffer) => Refusal | null): void {
    const { request } = this;
    const announced = request.headers["content-length"];
    if (announced === undefined && request.headers["transfer-encoding"] === undefined) {
      this.run(() => then(NO_BODY));
      return;
    }
    if (announced !== undefined && Number(announced) > this.#host.bodyBytesMax) {
      this.#refuseBody();
      return;
    }
    if (request.headers.expect !== undefined) this.response.writeContinue();
    let first: Buffer = NO_BODY;
    let more: Buffer[] | null = null;
    request.on("data", (chunk: Buffer) => {
      if (this.#isOver || !this.#hold(chunk.length)) return;
      if (first === NO_BODY) first = chunk;
      else if (more === null) more = [first, chunk];
      else more.push(chunk);
    });
    request.on("end", () => {
      if (!this.#isOver) this.run(() => then(more === null ? first : Buffer.concat(more)));
    });
  }

  /** Writes the reply. `body` has to be the whole of it; of zero length: none. */
  respond(status: number, headers: readonly string[], body: Uint8Array | string): void {
    if (this.#isOver) return;
    const { response } = this;
    response.writeHead(status, this.#withOwn(headers));
    if (body.length === 0) response.end();
    else response.end(body);
    this.#over(status);
  }

  refuse(refusal: Refusal): void {
    const document = routerProblem(refusal.code, refusal.detail, refusal.members);
    this.respondProblem(document, "router", refusal.headers ?? [], refusal.retryAfterMs ?? null);
  }

  respondProblem(
    document: ProblemDocument,
    source: "router" | "function",
    headers: readonly string[],
    retryAfterMs: number | null,
  ): void {
    const body = Buffer.from(document.body);
    const fields = ["content-type", PROBLEM_CONTENT_TYPE, "content-length", String(body.length), "holdfast-error-source", source];
    if (retryAfterMs !== null) fields.push("retry-after", String(Math.max(1, Math.ceil(retryAfterMs / 1_000))));
    fields.push(...headers);
    this.respond(document.status, fields, body);
  }

  /** Begins a reply that is written piece by piece. The caller ends it, and calls `streamEnded` then. */
  stream(headers: readonly string[]): ServerResponse {
    this.response.writeHead(200, [...this.headers, ...headers]);
    this.response.flushHeaders();
    return this.response;
  }

  streamEnded(): void {
    if (this.#isOver) return;
    this.#over(200);
    this.response.end();
  }

  /** The headers array as it came, in the usual case. */
  #withOwn(headers: readonly string[]): string[] {
    const isStopping = this.#host.isStopping();
    if (this.headers.length === 0 && !isStopping) return headers as string[];
    return [...this.headers, ...headers, ...(isStopping ? ["connection", "close"] : [])];
  }

  #hold(bytes: number): boolean {
    this.#heldBytes += bytes;
    const isWithinBudget = this.#host.budget.hold(bytes);
    if (this.#heldBytes > this.#host.bodyBytesMax) {
      this.#refuseBody();
      return false;
    }
    if (isWithinBudget) return true;
    this.refuse({ code: "overloaded", detail: "too many bytes of requests are held at this moment", retryAfterMs: 1_000 });
    return false;
  }

  /**
   * Refuses a body for its size. The reply is whole at once, but the connection is closed only when the client has sent
   * what it wanted to send (within bounds): a close with unread bytes would reset the connection and take the reply along.
   */
  #refuseBody(): void {
    if (this.#isOver) return;
    const { request, response } = this;
    const detail = `the body is over the limit of ${this.#host.bodyBytesMax} bytes`;
    const document = routerProblem("body_too_large", detail, { limit: this.#host.bodyBytesMax });
    const body = Buffer.from(document.body);
    const fields = [
      "content-type",
      PROBLEM_CONTENT_TYPE,
      "content-length",
      String(body.length),
      "holdfast-error-source",
      "router",
    ];
    response.writeHead(413, [...this.headers, ...fields, "connection", "close"]);
    response.write(body);
    this.#over(413);
    let thrownAway = 0;
    const cut = setTimeout(() => request.destroy(), REFUSED_BODY_MS);
    request.on("data", (chunk: Buffer) => {
      thrownAway += chunk.length;
      if (thrownAway > REFUSED_BODY_BYTES_MAX) request.destroy();
    });
    request.on("end", () => response.end());
    request.on("close", () => clearTimeout(cut));
    request.resume();
  }

  #over(status: number): void {
    this.#isOver = true;
    if (this.#heldBytes > 0) this.#host.budget.release(this.#heldBytes);
    this.#heldBytes = 0;
    this.#host.ended(this, status);
  }

  #closed(): void {
    if (this.#asked !== NOT_ASKED) {
      this.leave();
      this.#listener?.left();
    }
    if (!this.#isOver) this.#over(CLIENT_LEFT);
  }
}

/** The status under which requests are counted whose client left before the reply. */
export const CLIENT_LEFT = 499;
