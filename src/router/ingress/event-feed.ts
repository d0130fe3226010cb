/**
 * A live feed (`text/event-stream`): pages through history at the reader's pace, then follows. A reader that lets more
 * than its buffer pile up is disconnected; it comes back with Last-Event-ID and misses nothing.
 *
 *     paging --last page--> following --ended--> closed
 *        ^  \--reader slow--> (waits for drain)     (any) --client left--> closed
 */
import type { Answer, FeedEnd } from "../../core/answer.js";
import type { EntityAddress } from "../../core/entity/address.js";
import type { HistoryEvent } from "../../core/entity/invocation.js";
import { writeProblem } from "./answer-reply.js";
import type { CoreLink } from "./core-link.js";
import { eventJson } from "./event-json.js";
import type { Exchange, ExchangeListener } from "./exchange.js";
import { FEED_BUFFER_BYTES_MAX, FEED_HEARTBEAT_MS, FEED_PAGE } from "./ingress-limits.js";

const HEADERS = ["content-type", "text/event-stream", "cache-control", "no-cache, no-transform", "x-accel-buffering", "no"];

/** What a feed needs of its server. */
export interface FeedContext {
  readonly core: CoreLink;
  readonly isAdmin: boolean;
  /** The feeds that are open: a stop ends them, since they would not end by themselves. */
  readonly feeds: Set<EventFeed>;
}

export class EventFeed implements ExchangeListener {
  readonly #exchange: Exchange;
  readonly #core: CoreLink;
  readonly #of: EntityAddress;
  readonly #isAdmin: boolean;
  readonly #feeds: Set<EventFeed>;
  #after: number;
  #phase: "opening" | "paging" | "following" | "closed" = "opening";
  #heartbeat: NodeJS.Timeout | null = null;

  constructor(context: FeedContext, exchange: Exchange, of: EntityAddress, after: number) {
    this.#exchange = exchange;
    this.#core = context.core;
    this.#isAdmin = context.isAdmin;
    this.#feeds = context.feeds;
    this.#of = of;
    this.#after = after;
  }

  start(): void {
    this.#feeds.add(this);
    this.#exchange.response.on("close", () => this.#close());
    this.#askPage();
  }

  answered(answer: Answer): void {
    if (this.#phase === "closed") return;
    if (answer.kind === "problem") {
      this.#exchange.settled();
      if (this.#phase === "opening") writeProblem(this.#exchange, answer.problem);
      else this.#end(answer.problem.code);
      return;
    }
    if (answer.kind !== "events") throw new Error(`a feed was answered with '${answer.kind}'`);
    if (this.#phase === "opening") this.#open();
    this.#write(answer.events);
    if (this.#phase !== "paging") return;
    this.#exchange.settled();
    if (answer.next === null) this.#follow();
    else this.#askPageWhenRead();
  }

  fed(events: readonly HistoryEvent[], ended: FeedEnd | null): void {
    if (ended !== null) this.#exchange.settled();
    if (this.#phase === "closed") return;
    this.#write(events);
    if (ended !== null) this.#end(ended);
  }

  /** The server stops: the reader comes back to another one, or to this one later. */
  stop(): void {
    if (this.#phase === "closed") return;
    this.#exchange.leave();
    if (this.#phase === "opening")
      this.#exchange.refuse({ code: "stopping", detail: "the router is stopping", retryAfterMs: 1_000 });
    else this.#end("stopping");
  }

  left(): void {
    this.#close();
  }

  #open(): void {
    this.#phase = "paging";
    this.#exchange.stream(HEADERS);
    this.#heartbeat = setInterval(() => this.#send(Buffer.from(":\n\n")), FEED_HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  #askPage(): void {
    const request = this.#exchange.ask(this);
    this.#ask(request, false, FEED_PAGE);
  }

  #askPageWhenRead(): void {
    if (this.#exchange.response.writableNeedDrain) {
      this.#exchange.response.once("drain", () => {
        if (this.#phase === "paging") this.#askPage();
      });
    } else this.#askPage();
  }

  #follow(): void {
    this.#phase = "following";
    this.#ask(this.#exchange.ask(this, true), true, FEED_PAGE);
  }

  #ask(request: number, follow: boolean, limit: number): void {
    const after = this.#after;
    this.#core.submit({ kind: "eventsAsked", request, of: this.#of, after, limit, follow, isAdmin: this.#isAdmin });
  }

  #write(events: readonly HistoryEvent[]): void {
    if (events.length === 0) return;
    const parts: Uint8Array[] = [];
    for (const event of events) {
      parts.push(Buffer.from(`id: ${event.version}\ndata: `), ...dataLines(Buffer.concat(eventJson(event))), END_OF_EVENT);
      this.#after = event.version;
    }
    this.#send(Buffer.concat(parts));
  }

  #send(bytes: Buffer): void {
    const { response } = this.#exchange;
    if (response.writableLength > FEED_BUFFER_BYTES_MAX) {
      this.#close();
      response.destroy(); // there is no room to say why
    } else response.write(bytes);
  }

  #end(reason: string): void {
    this.#send(Buffer.from(`event: holdfast-end\ndata: ${JSON.stringify({ reason })}\n\n`));
    this.#close();
    this.#exchange.streamEnded();
  }

  #close(): void {
    this.#phase = "closed";
    this.#feeds.delete(this);
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#heartbeat = null;
  }
}

const END_OF_EVENT = Buffer.from("\n\n");
const NEXT_LINE = Buffer.from("\ndata: ");

/** JSON text may hold line ends between its tokens; each line of it is a field of its own. A lone CR ends a line, too. */
function dataLines(json: Buffer): readonly Uint8Array[] {
  if (json.indexOf(0x0a) < 0 && json.indexOf(0x0d) < 0) return [json];
  const parts: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte !== 0x0a && byte !== 0x0d) continue;
    parts.push(json.subarray(from, at), NEXT_LINE);
    from = at + 1;
  }
  parts.push(json.subarray(from));
  return parts;
}
