/** Server-sent events, read from a body as it comes (https://html.spec.whatwg.org/#parsing-an-event-stream). */

export interface StreamedEvent {
  /** `message` where the stream does not name it. */
  readonly event: string;
  readonly data: string;
  /** Empty where the stream gives none. */
  readonly id: string;
}

/** One event of a router's feed is at most a page of 1 MB; more than this is no such feed. */
const EVENT_CHARACTERS_MAX = 16 << 20;

/** Takes text in chunks cut anywhere, and gives whole events. */
export class EventStreamParser {
  #rest = "";
  #event = "";
  #id = "";
  #data: string[] = [];
  #characters = 0;

  push(chunk: string): StreamedEvent[] {
    const events: StreamedEvent[] = [];
    this.#rest += chunk;
    // A CR at the very end may be the first half of a CRLF: it waits for what follows.
    for (let end = /\r\n|\n|\r(?!$)/.exec(this.#rest); end !== null; end = /\r\n|\n|\r(?!$)/.exec(this.#rest)) {
      const line = this.#rest.slice(0, end.index);
      this.#rest = this.#rest.slice(end.index + end[0].length);
      if (line !== "") this.#field(line);
      else if (this.#data.length > 0) events.push(this.#dispatch());
      else this.#event = "";
    }
    if (this.#characters + this.#rest.length > EVENT_CHARACTERS_MAX) throw new RangeError("an event of this stream has no end");
    return events;
  }

  #dispatch(): StreamedEvent {
    const event = { event: this.#event === "" ? "message" : this.#event, data: this.#data.join("\n"), id: this.#id };
    this.#event = "";
    this.#data = [];
    this.#characters = 0;
    return event;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment: the heartbeat
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") {
      this.#data.push(value);
      this.#characters += value.length;
    } else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
  }
}
