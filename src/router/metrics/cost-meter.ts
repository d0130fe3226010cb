/** What AWS charges for, counted while it is sent: `holdfast_cost_requests_total` and `holdfast_cost_units_total`. */
import { REQUEST_KINDS, type RequestKind, type RequestMeter } from "../../ports/request-meter.js";

export interface Cost {
  readonly requests: number;
  /** Write or read request units, billed milliseconds; requests where those are what is charged. */
  readonly units: number;
}

export class CostMeter implements RequestMeter {
  readonly #requests = zeros();
  readonly #units = zeros();

  count(kind: RequestKind, units: number): void {
    this.#requests[kind]++;
    this.#units[kind] += units;
  }

  costOf(kind: RequestKind): Cost {
    return { requests: this.#requests[kind], units: this.#units[kind] };
  }
}

function zeros(): Record<RequestKind, number> {
  return Object.fromEntries(REQUEST_KINDS.map((kind) => [kind, 0])) as Record<RequestKind, number>;
}
