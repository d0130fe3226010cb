/** What the driver tells of its work, handed on to metrics and traces. */
import type { Effect } from "../core/effect.js";
import type { ClockPort } from "../ports/clock.js";
import type { TraceContext } from "../ports/invoker.js";
import type { DriverObserver } from "./driver/incarnation.js";
import type { RouterMetrics } from "./metrics/router-metrics.js";
import type { Tracing } from "./tracing/tracing.js";

export class RouterObserver implements DriverObserver {
  readonly #metrics: RouterMetrics;
  readonly #tracing: Tracing;
  readonly #clock: ClockPort;

  constructor(metrics: RouterMetrics, tracing: Tracing, clock: ClockPort) {
    this.#metrics = metrics;
    this.#tracing = tracing;
    this.#clock = clock;
  }

  stepped(inputs: number, _effects: number, tookMs: number): void {
    this.#metrics.stepped(inputs, tookMs);
  }

  invocationStarted({ attempt, deployment, request }: Effect & { readonly kind: "invoke" }): TraceContext | null {
    this.#metrics.invocationStarted(attempt, deployment, request, this.#clock.nowMs());
    return this.#tracing.invocationStarted(attempt, deployment, request);
  }

  invocationEnded(attempt: number, kind: string): void {
    this.#metrics.invocationEnded(attempt, kind, this.#clock.nowMs());
    this.#tracing.invocationEnded(attempt, kind);
  }

  appended(bytes: number, tookMs: number, kind: string): void {
    this.#metrics.appended(bytes, tookMs, kind);
  }

  stored(kind: string, tookMs: number): void {
    this.#metrics.stored(kind, tookMs);
  }
}
