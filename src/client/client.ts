/** `connect`: the client of a router, for Node and browsers. Takes messages as values, so it needs contracts and no handlers. */
import type { EventOf } from "../sdk/declarations.js";
import { type Duration, delayMs, durationMs } from "../sdk/duration.js";
import type { AnyRef, Message, QueryMessage } from "../sdk/message.js";
import type { Outcome } from "../sdk/replies.js";
import { jsonOf } from "./answer.js";
import { HoldfastError, RefusedError } from "./errors.js";
import { type EventsOptions, feed, history } from "./feed.js";
import { type ClientOptions, Transport } from "./transport.js";

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** How long this request may take in all, retries included: instead of the client's own. */
  readonly timeout?: Duration;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface CallOptions extends RequestOptions {
  /**
   * Commands with the same key to the same entity take effect once, for 24 h by default. Without one the client makes its
   * own, which covers its retries; `null` sends none, and then nothing is retried that might have taken effect.
   */
  readonly idempotencyKey?: string | null;
}

export interface SendOptions extends CallOptions {
  /** Runs later: at most 366 days. */
  readonly delay?: Duration;
}

export interface OutcomeOptions extends RequestOptions {
  /** How long to wait for an outcome that is not there yet. Default 0; at most 10 minutes. */
  readonly wait?: Duration;
}

/** Not there yet: accepted, waiting for its time, or running. */
export interface Pending {
  readonly kind: "pending";
  readonly status: "accepted" | "scheduled" | "running";
}

/** A router, as a client speaks to it. */
export interface HoldfastClient {
  /** Sends a command and waits for its reply. Throws a `RefusedError` where the function refuses, a `HoldfastError` else. */
  call<Reply>(message: Message<string, string, Reply, "public">, options?: CallOptions): Promise<Reply>;
  /** Hands a command over and does not wait for it: resolves once it is durable and will run. */
  send(message: Message<string, string, unknown, "public">, options?: SendOptions): Promise<{ readonly commandId: string }>;
  /** What came of a command. Throws `command_not_found` where its result is no longer kept, or it never was. */
  outcome(of: AnyRef, commandId: string, options?: OutcomeOptions): Promise<Outcome | Pending>;
  query<Reply>(message: QueryMessage<string, string, Reply>, options?: RequestOptions): Promise<Reply>;
  /** The state as it is stored, where its type shows it; null for an entity that was never changed. */
  state<State = unknown>(
    of: AnyRef,
    options?: RequestOptions,
  ): Promise<{ readonly version: number; readonly state: State | null }>;
  /** The entity's history, oldest first, where its type shows it; with `follow`, what happens from then on, too. */
  events<Events>(of: AnyRef<string, Events>, options?: EventsOptions): AsyncIterable<EventOf<Events>>;
}

/** Speaks to the router at `url`, such as `http://127.0.0.1:8080`. Nothing is sent before the first call. */
export function connect(url: string, options: ClientOptions = {}): HoldfastClient {
  return new HttpClient(new Transport(url, options));
}

/** Longer inputs of queries go into a body: request lines have a limit everywhere. */
const QUERY_CHARACTERS_MAX = 2_000;

class HttpClient implements HoldfastClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  call<Reply>(message: Message<string, string, Reply, "public">, options: CallOptions = {}): Promise<Reply> {
    return this.#post(message, "", options, (response) => jsonOf(response) as Promise<Reply>);
  }

  send(message: Message<string, string, unknown, "public">, options: SendOptions = {}): Promise<{ readonly commandId: string }> {
    const delay = options.delay === undefined ? "" : `&delay=${delayMs(options.delay)}ms`;
    return this.#post(message, `?mode=send${delay}`, options, async (response) => {
      const { commandId } = (await jsonOf(response)) as { readonly commandId: string };
      return { commandId };
    });
  }

  async outcome(of: AnyRef, commandId: string, options: OutcomeOptions = {}): Promise<Outcome | Pending> {
    const waitMs = durationMs(options.wait ?? 0);
    const path = `${pathOf(of.$address)}/$commands/${encodeURIComponent(commandId)}?wait=${waitMs}ms`;
    // The time to wait comes on top of the time that a request may take.
    const timeoutMs = options.timeout === undefined ? waitMs + 30_000 : durationMs(options.timeout);
    try {
      return await this.#get(path, { ...options, timeout: timeoutMs }, async (response): Promise<Outcome | Pending> => {
        const answer = await jsonOf(response);
        if (response.status !== 202) return { kind: "replied", reply: answer };
        return { kind: "pending", status: (answer as Pending).status };
      });
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      const { code, message, details } = error;
      if (error instanceof RefusedError) return { kind: "refused", code, message, details };
      // With the command's id: not the question failed, the command did.
      if (error.commandId === commandId) return { kind: "failed", code, message };
      throw error;
    }
  }

  query<Reply>(message: QueryMessage<string, string, Reply>, options: RequestOptions = {}): Promise<Reply> {
    const path = `${pathOf(message.to)}/${message.name}`;
    const read = (response: Response): Promise<Reply> => jsonOf(response) as Promise<Reply>;
    if (message.input === undefined) return this.#get(path, options, read);
    const body = JSON.stringify(message.input);
    const encoded = encodeURIComponent(body);
    if (encoded.length <= QUERY_CHARACTERS_MAX) return this.#get(`${path}?input=${encoded}`, options, read);
    const headers = { ...options.headers, "content-type": "application/json" };
    const exchange = { method: "POST", path, headers, body, isRepeatable: true, idempotencyKey: null } as const;
    return this.#transport.request({ ...exchange, ...limits(options) }, read);
  }

  state<State>(of: AnyRef, options: RequestOptions = {}): Promise<{ readonly version: number; readonly state: State | null }> {
    type Answer = { readonly version: number; readonly state: State | null };
    return this.#get(pathOf(of.$address), options, (response) => jsonOf(response) as Promise<Answer>);
  }

  events<Events>(of: AnyRef<string, Events>, options: EventsOptions = {}): AsyncIterable<EventOf<Events>> {
    const path = pathOf(of.$address);
    const events = options.follow === true ? feed(this.#transport, path, options) : history(this.#transport, path, options);
    return events as unknown as AsyncIterable<EventOf<Events>>;
  }

  #get<T>(path: string, options: RequestOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const exchange = { method: "GET", path, headers: options.headers ?? {}, isRepeatable: true, idempotencyKey: null } as const;
    return this.#transport.request({ ...exchange, ...limits(options) }, read);
  }

  #post<T>(message: Message, query: string, options: CallOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const key = options.idempotencyKey === undefined ? newKey() : options.idempotencyKey;
    const headers: Record<string, string> = { ...options.headers };
    if (key !== null) headers["idempotency-key"] = key;
    if (message.input !== undefined) headers["content-type"] = "application/json";
    return this.#transport.request(
      {
        method: "POST",
        path: `${pathOf(message.to)}/${message.name}${query}`,
        headers,
        ...(message.input !== undefined && { body: JSON.stringify(message.input) }),
        isRepeatable: key !== null,
        idempotencyKey: key,
        ...limits(options),
      },
      read,
    );
  }
}

function limits(options: RequestOptions): { readonly timeoutMs: number | undefined; readonly signal: AbortSignal | undefined } {
  return { timeoutMs: options.timeout === undefined ? undefined : durationMs(options.timeout), signal: options.signal };
}

function pathOf(address: { readonly type: string; readonly id: string }): string {
  return `/${address.type}/${encodeURIComponent(address.id)}`;
}

/** 128 random bits. (`randomUUID` is there in secure contexts alone.) */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
