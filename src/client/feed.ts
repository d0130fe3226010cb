/** An entity's events as an async iterator: pages of history, then, where it follows, the live feed, resumed when it breaks. */
import type { HappenedEvent } from "../sdk/declarations.js";
import { jsonOf } from "./answer.js";
import { HoldfastError } from "./errors.js";
import { EventStreamParser } from "./event-stream.js";
import { sleep, type Transport, waitBefore } from "./transport.js";

export interface EventsOptions {
  /** Begins behind this version of the entity. Default 0: from its first event. */
  readonly after?: number;
  /** Goes on with events as they happen, until the loop is left or `signal` aborts. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

const PAGE = 1_000;
/** Feeds send a heartbeat every 15 s; one that is silent for longer than this is dead. */
const SILENCE_MS = 45_000;

interface WireEvent {
  readonly entityVersion: number;
  readonly at: string;
  readonly name: string;
  readonly version: number;
  readonly data: unknown;
}

export async function* history(transport: Transport, path: string, options: EventsOptions): AsyncGenerator<HappenedEvent, void> {
  for (let after: number | null = options.after ?? 0; after !== null; ) {
    const page = (await transport.request(
      {
        method: "GET",
        path: `${path}/$events?after=${after}&limit=${PAGE}`,
        headers: {},
        isRepeatable: true,
        idempotencyKey: null,
        timeoutMs: undefined,
        signal: options.signal,
      },
      jsonOf,
    )) as { readonly events: readonly WireEvent[]; readonly next: number | null };
    for (const event of page.events) yield happened(event);
    after = page.next;
  }
}

/** Ends when `signal` aborts or the entity was purged; breaks are mended, from the last event seen. */
export async function* feed(transport: Transport, path: string, options: EventsOptions): AsyncGenerator<HappenedEvent, void> {
  const left = new AbortController();
  const signal = options.signal === undefined ? left.signal : AbortSignal.any([left.signal, options.signal]);
  let after = options.after ?? 0;
  let failures = 0;
  try {
    while (!signal.aborted) {
      try {
        for await (const event of connection(transport, path, after, signal)) {
          if (event === "purged") return;
          failures = 0;
          after = event.version;
          yield event;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof HoldfastError && !error.retryable) throw error;
      }
      failures = Math.min(failures + 1, 10);
      await sleep(waitBefore(failures + 1, null), signal);
    }
  } finally {
    left.abort();
  }
}

async function* connection(
  transport: Transport,
  path: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<HappenedEvent | "purged", void> {
  const silence = new AbortController();
  const watch = (): ReturnType<typeof setTimeout> => setTimeout(() => silence.abort(), SILENCE_MS);
  const headers = { accept: "text/event-stream", "last-event-id": String(after) };
  let timer = watch();
  try {
    const ended = AbortSignal.any([signal, silence.signal]);
    const response = await transport.open(`${path}/$events`, headers, ended);
    const parser = new EventStreamParser();
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    // Of a body that is being read nothing but this may be left to end it: Node 20 loses the way from a request's signal to its
    // connection once the request is collected.
    ended.addEventListener("abort", () => void reader?.cancel().catch(() => undefined), { once: true });
    for (let chunk = await reader?.read(); chunk !== undefined && !chunk.done; chunk = await reader?.read()) {
      clearTimeout(timer);
      for (const streamed of parser.push(chunk.value)) {
        if (streamed.event === "message") yield happened(JSON.parse(streamed.data) as WireEvent);
        else if (streamed.event === "holdfast-end" && streamed.data.includes(`"purged"`)) yield "purged";
      }
      timer = watch();
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

function happened(event: WireEvent): HappenedEvent {
  const { name, data, entityVersion, at, version } = event;
  return { name, data, version: entityVersion, at: new Date(at), eventVersion: version };
}
