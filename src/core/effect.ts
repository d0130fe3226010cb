/** Everything the core asks for: plain data, imperative. A driver performs exactly one IO for each and reports what came of it. */
import type { Answer, FeedEnd } from "./answer.js";
import type { HistoryEvent, InvocationRequest } from "./entity/invocation.js";
import type { LogId } from "./log/record.js";
import type { PeerFrame } from "./peers/frames.js";
import type { StoreEffect } from "./store/store-io.js";

export type Effect =
  /** Answers a request; its gate has opened. Exactly one for each request, unless its client left first. */
  | { readonly kind: "answer"; readonly request: number; readonly answer: Answer }
  /** More for a followed request, in order. `ended` closes it. */
  | { readonly kind: "feed"; readonly request: number; readonly events: readonly HistoryEvent[]; readonly ended: FeedEnd | null }
  | {
      readonly kind: "invoke";
      readonly attempt: number;
      readonly deployment: string;
      readonly timeoutMs: number;
      readonly request: InvocationRequest;
    }
  | { readonly kind: "append"; readonly log: LogId; readonly position: number; readonly body: Uint8Array }
  | {
      readonly kind: "readRecords";
      readonly log: LogId;
      readonly position: number;
      readonly countMax: number;
      readonly bytesMax: number;
    }
  | { readonly kind: "trimLog"; readonly log: LogId; readonly base: number }
  /** Writes a spilled value, whole. */
  | { readonly kind: "writeValue"; readonly object: string; readonly bytes: Uint8Array }
  /** Reads a spilled value from its beginning, so many bytes at most. */
  | { readonly kind: "readValue"; readonly object: string; readonly length: number }
  | { readonly kind: "deleteValue"; readonly object: string }
  | { readonly kind: "readDocument"; readonly key: string }
  | { readonly kind: "listDocuments"; readonly prefix: string }
  | {
      readonly kind: "swapDocument";
      readonly key: string;
      readonly expected: string | null;
      readonly document: { readonly token: string; readonly body: Uint8Array };
    }
  /** Nothing waits for it: what stays is removed at another time. */
  | { readonly kind: "removeDocument"; readonly key: string; readonly expected: string }
  | { readonly kind: "listObjects"; readonly prefix: string }
  | { readonly kind: "store"; readonly shard: number; readonly effect: StoreEffect }
  /** Says something to another router. Best effort: what is lost is said again. */
  | { readonly kind: "peerSend"; readonly to: LogId; readonly frame: PeerFrame }
  /** Where the others are reached, whenever that changes. Those that are not named are gone. */
  | { readonly kind: "peersKnown"; readonly peers: readonly { readonly incarnation: LogId; readonly address: string }[] }
  /** All shards that should be here are open: requests are taken from now on. */
  | { readonly kind: "started" }
  /** Whether an incarnation lives is not known yet; what it owns waits. Told once of each. */
  | { readonly kind: "watching"; readonly incarnation: LogId }
  /** The shard came, or went. For the operator's eyes. */
  | { readonly kind: "shardsChanged"; readonly owned: number }
  /** After `leaveAsked`: other nodes have what they could take. */
  | { readonly kind: "left"; readonly shards: number }
  /** That shard serves nobody until the operator has mended it; the others go on. */
  | { readonly kind: "shardRefused"; readonly shard: number; readonly message: string }
  /** The incarnation is over; nothing more comes of it. The driver starts the next one, or stops the process. */
  | { readonly kind: "ended"; readonly reason: EndReason };

export type EndReason =
  | { readonly kind: "stopped" }
  /** Lost its log, or cannot go on with it. A new incarnation may be started at once. */
  | {
      readonly kind: "fenced";
      readonly message: string;
      /** The journal refused a record for ever, and the next incarnation will do better: it knows more of whose record that was. */
      readonly isLearned?: boolean;
    }
  /** An invariant does not hold: going on could do harm. What is durable is as it was. */
  | { readonly kind: "broken"; readonly message: string }
  /** What is stored does not allow a start: `code` has an entry in docs/errors.md. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string };
