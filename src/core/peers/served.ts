/** Requests of other nodes' clients that are served here: under negative numbers, so that they meet none of our own clients'. */
import type { Effect } from "../effect.js";
import type { LogId } from "../log/record.js";
import type { Asked } from "../request.js";
import type { PeerFrame } from "./frames.js";

interface Asker {
  readonly peer: LogId;
  /** The number that the request has there. */
  readonly request: number;
}

export class Served {
  readonly #askerByNumber = new Map<number, Asker>();
  readonly #numbersByPeer = new Map<LogId, Map<number, number>>();
  #last = 0;

  get open(): number {
    return this.#askerByNumber.size;
  }

  /** The request under a number of ours. */
  adopt(peer: LogId, asked: Asked): Asked {
    const number = --this.#last;
    this.#askerByNumber.set(number, { peer, request: asked.request });
    const numbers = this.#numbersByPeer.get(peer);
    if (numbers === undefined) this.#numbersByPeer.set(peer, new Map([[asked.request, number]]));
    else numbers.set(asked.request, number);
    return { ...asked, request: number };
  }

  /** Our number of a request that its asker does not wait for any more; null: there is none. */
  left(peer: LogId, request: number): number | null {
    const number = this.#numbersByPeer.get(peer)?.get(request);
    if (number === undefined) return null;
    this.#forget(number);
    return number;
  }

  /** Our numbers of all that the node has asked for: it is lost, and asks again if it lives. */
  lost(peer: LogId): readonly number[] {
    const numbers = [...(this.#numbersByPeer.get(peer)?.values() ?? [])];
    for (const number of numbers) this.#forget(number);
    return numbers;
  }

  /** An output for another node's client as what is said to that node; null: nobody waits for it there. */
  outputOf(output: Effect & { readonly kind: "answer" | "feed" }): Effect | null {
    const asker = this.#askerByNumber.get(output.request);
    if (asker === undefined) return null;
    const { peer, request } = asker;
    if (output.kind === "feed") {
      if (output.ended !== null) this.#forget(output.request);
      return peerSend(peer, { kind: "fed", request, events: output.events, ended: output.ended });
    }
    this.#forget(output.request);
    return peerSend(peer, { kind: "answered", request, answer: output.answer });
  }

  turnedAway(number: number, shard: number): Effect | null {
    const asker = this.#askerByNumber.get(number);
    if (asker === undefined) return null;
    this.#forget(number);
    return peerSend(asker.peer, { kind: "turnedAway", request: asker.request, shard });
  }

  #forget(number: number): void {
    const asker = this.#askerByNumber.get(number);
    if (asker === undefined) return;
    this.#askerByNumber.delete(number);
    const numbers = this.#numbersByPeer.get(asker.peer);
    if (numbers?.get(asker.request) === number) numbers.delete(asker.request);
    if (numbers?.size === 0) this.#numbersByPeer.delete(asker.peer);
  }
}

function peerSend(to: LogId, frame: PeerFrame): Effect {
  return { kind: "peerSend", to, frame };
}
