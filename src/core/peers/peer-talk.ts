/** What other nodes say, handed to whom it concerns. */
import type { JoinedNode } from "../joined-node.js";
import type { LogId } from "../log/record.js";
import type { Asked } from "../request.js";
import { unreachable } from "../unreachable.js";
import type { Forwarding } from "./forwarding.js";
import type { PeerFrame } from "./frames.js";
import type { Served } from "./served.js";

export interface PeerTalkParts {
  readonly incarnation: LogId;
  readonly forwarding: Forwarding;
  readonly served: Served;
  /** Null until the incarnation has joined. */
  node(): JoinedNode | null;
  take(asked: Asked): void;
  left(request: number): void;
  send(to: LogId, frame: PeerFrame): void;
}

export class PeerTalk {
  readonly #parts: PeerTalkParts;

  constructor(parts: PeerTalkParts) {
    this.#parts = parts;
  }

  received(from: LogId, to: LogId, frame: PeerFrame): void {
    const { incarnation, send } = this.#parts;
    // It was for a former incarnation at this address, and is lost; an answer to it would go back and forth for ever.
    if (to !== incarnation) {
      if (frame.kind !== "notHere") send(from, { kind: "notHere", incarnation: to });
      return;
    }
    const node = this.#parts.node();
    if (node === null) return;
    node.heard(from);
    this.#take(from, frame, node);
  }

  /** What went to that node, or came from it, may be lost. */
  lost(peer: LogId): void {
    const { forwarding, served, left } = this.#parts;
    forwarding.lost(peer);
    this.#parts.node()?.delivery.lost(peer);
    for (const request of served.lost(peer)) left(request);
  }

  #take(from: LogId, frame: PeerFrame, node: JoinedNode): void {
    const { forwarding, served } = this.#parts;
    switch (frame.kind) {
      case "asked":
        // Asked again over a new link, and nobody has told us that the one before is lost: a refusal of the first would be
        // taken for an answer to both, and the second may run.
        this.#left(from, frame.asked.request);
        if (frame.shard >= 0 && frame.epoch > node.map.of(frame.shard).epoch) {
          // The sender has heard sooner that the shard is ours. The directory decides; until it has said so the request waits.
          node.map.told(frame.shard, frame.epoch, this.#parts.incarnation);
          node.holdings.descriptors.reread(frame.shard);
        }
        return this.#parts.take(served.adopt(from, frame.asked));
      case "askerLeft":
        return this.#left(from, frame.request);
      case "answered":
        return forwarding.answered(from, frame);
      case "fed":
        return forwarding.fed(from, frame);
      case "turnedAway":
        return forwarding.turnedAway(from, frame);
      case "messageSent":
        return node.delivery.received(from, frame);
      case "streamBroken":
        return node.delivery.broken(frame);
      case "messagesAcknowledged":
        return node.delivery.acknowledged(frame);
      case "shardMoved":
        node.map.told(frame.shard, frame.epoch, frame.owner);
        // The directory decides whether it is so; until it was asked, or its document was shown, nothing is opened.
        // Of no owner is one that was split, most of all.
        if (frame.owner === null || (frame.owner === this.#parts.incarnation && node.map.of(frame.shard).standing === null)) {
          node.holdings.descriptors.reread(frame.shard);
        }
        return;
      case "handOffAsked":
        return node.holdings.moves.asked(from, frame.shard, frame.epoch);
      case "shardShown":
        return node.holdings.moves.shown(from, frame.shard, { token: frame.token, body: frame.descriptor });
      case "handOffAwaited":
        return node.holdings.moves.awaited(from, frame.shard, frame.epoch);
      case "notHere":
        node.gone(frame.incarnation);
        return this.lost(frame.incarnation);
      default:
        return unreachable(frame);
    }
  }

  #left(peer: LogId, request: number): void {
    const number = this.#parts.served.left(peer, request);
    if (number !== null) this.#parts.left(number);
  }
}
