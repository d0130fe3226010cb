/** Which requests go wrong, and how: drawn from a seed, at a rate for each service. */
import { PASS, type ProxiedRequest, type Treatment } from "./aws-proxy.js";
import { failed, throttled } from "./aws-replies.js";
import type { AwsService } from "./aws-request.js";

export interface FaultRates {
  /** Of all requests, how many something happens to: 0 to 1. */
  readonly rate: number;
  /** The longest wait that a delay, a late landing or a second copy has. */
  readonly delayMsMax: number;
}

export type FaultKind =
  | Exclude<Treatment["kind"], "pass" | "answer" | "swallow">
  | "delay"
  | "error"
  | "errorAfterEffect"
  | "throttle";

const KINDS: readonly FaultKind[] = [
  "delay",
  "drop",
  "landLater",
  "loseReply",
  "duplicate",
  "error",
  "errorAfterEffect",
  "throttle",
];

export class Faults {
  readonly #random: () => number;
  readonly #rates: Readonly<Record<AwsService, FaultRates>>;
  readonly #counts = new Map<string, number>();
  /** False: everything passes. */
  isOn = true;

  constructor(seed: number, rates: Readonly<Record<AwsService, FaultRates>>) {
    this.#random = randomOf(seed);
    this.#rates = rates;
  }

  readonly plan = (request: ProxiedRequest): Treatment => {
    const { rate, delayMsMax } = this.#rates[request.service];
    if (!this.isOn || this.#random() >= rate) return PASS;
    const kind = KINDS[Math.floor(this.#random() * KINDS.length)] ?? "delay";
    const what = `${request.service} ${kind}`;
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    return treatmentOf(kind, request, Math.ceil(this.#random() * delayMsMax));
  };

  /** How often what happened to whom, for the report of a run. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}

function treatmentOf(kind: FaultKind, request: ProxiedRequest, ms: number): Treatment {
  switch (kind) {
    case "delay":
      return { kind: "pass", delayMs: ms };
    case "drop":
    case "loseReply":
      return { kind };
    case "landLater":
    case "duplicate":
      return { kind, afterMs: ms };
    case "error":
    case "errorAfterEffect":
      return { kind: "answer", reply: failed(request), isAfterEffect: kind === "errorAfterEffect" };
    case "throttle":
      return { kind: "answer", reply: throttled(request), isAfterEffect: false };
  }
}

/** mulberry32: small, and the same everywhere. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
