/**
 * All that concerns one other node, known by its address: the frames that wait for it and the one link there is.
 *
 *   idle ──dial──> dialling ──answered──> linked ──forget, queue empty──> ending
 *    ^  <──no answer──┘                     │                               │
 *    └──────────────── the stream is over: `lost` ──────────────────────────┘
 *   A hello of the other node leads from any state to linked, or is refused: see `offer`.
 *
 * Must hold: there is at most one stream in use; a link that is over is told `lost` before the next one carries a frame;
 * what was queued before a `lost` is dropped with it; the listener is never called from within a call of the core.
 */
import { MalformedBytes } from "../core/bytes/byte-reader.js";
import type { ClockPort } from "../ports/clock.js";
import type { PeerListener } from "../ports/peers.js";
import { BEAT, costOf, FrameQueue, type QueueTotal } from "./frame-queue.js";
import { FrameReader } from "./frame-reader.js";
import { decodeHello, encodeHello, type Hello, helloProblem, isPeerAddress } from "./hello.js";
import {
  ALL_QUEUES_BYTES_MAX,
  BACK_OFF_FIRST_MS,
  BACK_OFF_MAX_MS,
  CROSSED_BEATS_MAX,
  ENDING_BEATS_MAX,
  IN_FLIGHT_BYTES_MAX,
  SILENT_BEATS_MAX,
} from "./limits.js";
import type { LinkStream, StreamListener } from "./link-stream.js";
import type { Notices } from "./notices.js";

/** What the peers of a port have in common. */
export interface PeerContext {
  readonly clock: ClockPort;
  readonly listener: PeerListener;
  readonly notices: Notices;
  readonly cluster: string;
  readonly address: string;
  readonly total: QueueTotal;
  readonly queueBytesMax: number;
  /** The hello of this node for a stream, with the next number. */
  nextHello(): Hello;
  dial(address: string, listener: StreamListener): LinkStream;
  /** Has `turn` called at the end of this turn of the event loop. */
  atTurnEnd(peer: Peer): void;
  /** Nothing is left to remember. */
  remove(peer: Peer): void;
}

interface Dialling {
  readonly kind: "dialling";
  readonly stream: LinkStream;
  silentBeats: number;
}

interface Linked {
  readonly kind: "linked";
  readonly stream: LinkStream;
  readonly reader: FrameReader;
  /** The other end's hello. */
  readonly hello: Hello;
  silentBeats: number;
  /** Beats since this end ended the stream; null: it did not. */
  endingBeats: number | null;
}

type State = { readonly kind: "idle" } | Dialling | Linked;

/** The reason of a refused dial that the other end's own dial makes superfluous. */
const CROSSED = "crossed: this node is dialling there itself";

export class Peer {
  readonly address: string;
  readonly #context: PeerContext;
  readonly #queue: FrameQueue;
  #state: State = IDLE;
  /** Frames were sent to it since it was last forgotten: a link that is over is dialled again. */
  #isKnown = false;
  /** The link is to end behind what is queued. Not so one that the other node wants, and that this end has no frames for. */
  #isForgotten = false;
  /** Frames were dropped, and `lost` has not been told yet. */
  #isOverflowed = false;
  #isClosed = false;
  /** The last reason that was told, so that it is told once and not at each try. */
  #toldReason = "";
  /** Dials and links in a row that came to nothing. */
  #failures = 0;
  #cancelBackOff: (() => void) | null = null;

  constructor(context: PeerContext, address: string) {
    this.#context = context;
    this.address = address;
    this.#queue = new FrameQueue(context.total);
  }

  send(frame: Uint8Array): void {
    this.#isKnown = true;
    this.#isForgotten = false;
    this.#context.atTurnEnd(this);
    if (this.#isOverflowed) return;
    const { total, queueBytesMax } = this.#context;
    const cost = costOf(frame);
    if (this.#queue.bytes + cost > queueBytesMax || total.bytes + cost > ALL_QUEUES_BYTES_MAX) {
      this.#isOverflowed = true;
      this.#queue.clear();
    } else this.#queue.push(frame);
  }

  forget(): void {
    this.#isKnown = false;
    this.#isForgotten = true;
    this.#context.atTurnEnd(this);
  }

  /** Sends what this turn of the event loop has queued. */
  turn(): void {
    if (this.#isOverflowed) this.#over("more is queued than there is room for");
    switch (this.#state.kind) {
      case "idle":
        if (this.#cancelBackOff !== null) return;
        if (this.#isKnown || !this.#queue.isEmpty) this.#dial();
        else this.#context.remove(this);
        return;
      case "dialling":
        return;
      case "linked":
        this.#pump(this.#state);
    }
  }

  /** Called every `BEAT_MS`. */
  beat(): void {
    const state = this.#state;
    if (state.kind === "idle") return;
    if (state.kind === "linked") {
      if (state.endingBeats !== null && state.endingBeats++ === ENDING_BEATS_MAX) return this.#over("the other end did not end");
      if (state.silentBeats === 0) this.#failures = 0;
      // Where the transport takes nothing there is something on its way already, or nobody to hear it.
      if (state.stream.bytesInFlight < IN_FLIGHT_BYTES_MAX) state.stream.write(BEAT_MESSAGE, NOTHING);
    }
    if (++state.silentBeats === SILENT_BEATS_MAX) this.#over("nothing was heard for too long");
  }

  /**
   * The other node has dialled and said hello. Where both dial at once, the stream that the node with the lower address dialled
   * is used; but one that came through is better than one that still waits. A hello in a link is news of a newer one: the
   * other end has lost it or is another process; unless it was said before the link came to be, and overtaken.
   */
  offer(stream: LinkStream, hello: Hello): void {
    const state = this.#state;
    if (state.kind === "dialling") {
      const isOursFirst = this.#context.address < this.address && state.silentBeats <= CROSSED_BEATS_MAX;
      if (isOursFirst) return stream.cut(CROSSED);
      state.stream.cut("crossed");
    } else if (state.kind === "linked") {
      if (hello.session === state.hello.session && hello.number <= state.hello.number)
        return stream.cut("older than the link there is");
      const isReplaced = hello.session !== state.hello.session;
      this.#over(isReplaced ? "another process has taken its address" : "the other end has lost it");
    }
    // The listener was perhaps told `lost`, and closed the port.
    if (this.#isClosed) return stream.cut(CLOSING);
    this.#isForgotten = false;
    stream.write(encodeHello(this.#context.nextHello()), NOTHING);
    this.#link(stream, hello);
  }

  /** Ends the link behind what is queued; nothing is dialled any more. */
  close(): void {
    this.#isClosed = true;
    this.#isKnown = false;
    this.#isForgotten = true;
    this.#cancelBackOff?.();
    this.#cancelBackOff = null;
    if (this.#state.kind === "linked") this.#pump(this.#state);
    else this.cut();
  }

  /** Ends everything at once, and is told to nobody. */
  cut(): void {
    if (this.#state.kind !== "idle") this.#state.stream.cut(CLOSING);
    this.#state = IDLE;
    this.#queue.clear();
    this.#context.remove(this);
  }

  #dial(): void {
    if (!isPeerAddress(this.address)) return this.#over("this is no address of a node");
    const stream = this.#context.dial(this.address, {
      message: (bytes) => this.#answered(stream, bytes),
      ended: (reason) => this.#ended(stream, reason),
    });
    this.#state = { kind: "dialling", stream, silentBeats: 0 };
    stream.write(encodeHello(this.#context.nextHello()), NOTHING);
  }

  #answered(stream: LinkStream, bytes: Uint8Array): void {
    let problem: string | null;
    try {
      const hello = decodeHello(bytes);
      problem = helloProblem(hello, this.#context.cluster);
      if (hello.address !== this.address) problem ??= `the node there calls itself ${hello.address}`;
      if (problem === null) return this.#link(stream, hello);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      problem = error.message;
    }
    this.#over(problem);
  }

  #link(stream: LinkStream, hello: Hello): void {
    this.#cancelBackOff?.();
    this.#cancelBackOff = null;
    const linked: Linked = { kind: "linked", stream, reader: new FrameReader(), hello, silentBeats: 0, endingBeats: null };
    this.#state = linked;
    stream.listen({ message: (bytes) => this.#received(linked, bytes), ended: (reason) => this.#ended(stream, reason) });
    this.#context.notices.tell("info", this.address, "linked");
    // At the turn's end: behind a `lost` that was told just now, with what the core sends because of it.
    this.#context.atTurnEnd(this);
  }

  #received(linked: Linked, bytes: Uint8Array): void {
    linked.silentBeats = 0;
    if (this.#isClosed) return;
    try {
      linked.reader.read(bytes, (frame) => {
        this.#context.listener.received(this.address, frame);
        // The core may have closed the port, or queued too much.
        return this.#state === linked && !this.#isOverflowed && !this.#isClosed;
      });
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      this.#over(`it sent nonsense: ${error.message}`);
    }
  }

  #pump(linked: Linked): void {
    const { stream } = linked;
    if (linked.endingBeats !== null) return;
    while (!this.#queue.isEmpty && stream.bytesInFlight < IN_FLIGHT_BYTES_MAX) {
      stream.write(this.#queue.nextMessage(), () => {
        if (this.#state === linked) this.#pump(linked);
      });
    }
    if (!this.#isForgotten || !this.#queue.isEmpty) return;
    linked.endingBeats = 0;
    stream.end();
  }

  #ended(stream: LinkStream, reason: string): void {
    if (this.#state.kind !== "idle" && this.#state.stream === stream) this.#over(reason);
  }

  /** The dial or link has come to an end, or there is none and frames were dropped. */
  #over(reason: string): void {
    const state = this.#state;
    this.#state = IDLE;
    const isCrossed = state.kind === "dialling" && reason === CROSSED && !this.#isOverflowed;
    const isLost = !isCrossed && (state.kind === "linked" || this.#isOverflowed || !this.#queue.isEmpty);
    if (state.kind !== "idle") state.stream.cut(reason);
    if (!isCrossed) this.#queue.clear();
    this.#isOverflowed = false;
    this.#failures++;
    if (!this.#isClosed && (this.#isKnown || isCrossed)) this.#backOff();
    this.#context.atTurnEnd(this);
    if (!isCrossed && (state.kind === "linked" || reason !== this.#toldReason)) {
      this.#toldReason = reason;
      const what = state.kind === "linked" ? "the link has ended" : "not reached";
      this.#context.notices.tell("warn", this.address, `${what}: ${reason}`);
    }
    if (isLost && !this.#isClosed) this.#context.listener.lost(this.address);
  }

  #backOff(): void {
    if (this.#cancelBackOff !== null) return;
    const ms = Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** (this.#failures - 1));
    this.#cancelBackOff = this.#context.clock.after(ms, () => {
      this.#cancelBackOff = null;
      this.turn();
    });
  }
}

const IDLE = { kind: "idle" } as const;
const CLOSING = "the node is closing";
const BEAT_MESSAGE = Buffer.of(BEAT);
const NOTHING = () => undefined;
