/**
 * The few metrics that alarms and autoscaling need, as one line of the log every so often: where nothing collects `/metrics`,
 * whatever reads the log can make metrics of it (CloudWatch's metric filters do; see cdk/src/figures.ts, which knows the names).
 * Gauges are told as they are, counters by what they grew since the last line. What this router does not have is left out.
 */
import type { ClockPort } from "../../ports/clock.js";

/** In the line they stand without `holdfast_`, and without the `_total` of counters. */
const GAUGES = [
  "node_load",
  "cluster_nodes",
  "shards",
  "shards_owned",
  "shards_refused",
  "heartbeat_age_seconds",
  "durable_lag_seconds",
] as const;
const COUNTERS = ["shard_moves", "forwarded_commands", "dead_letters"] as const;

export interface FiguresSource {
  /** The sum over a metric's labels; null: there is no such metric. */
  valueOf(metric: string): Promise<number | null>;
}

export interface FiguresLogOptions {
  readonly everyMs: number;
  readonly source: FiguresSource;
  readonly clock: ClockPort;
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

export class FiguresLog {
  readonly #options: FiguresLogOptions;
  readonly #lastByCounter = new Map<string, number>();
  #cancel: () => void = () => undefined;
  #isStopped = false;

  constructor(options: FiguresLogOptions) {
    this.#options = options;
    this.#wait();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #wait(): void {
    const { clock, everyMs, log } = this.#options;
    this.#cancel = clock.after(everyMs, () => {
      this.#write().then(
        () => {
          if (!this.#isStopped) this.#wait();
        },
        (error: unknown) => log.error({ err: error }, "the figures cannot be collected, and are not told any more"),
      );
    });
  }

  async #write(): Promise<void> {
    const { source, log } = this.#options;
    const figures: Record<string, number> = {};
    for (const name of GAUGES) {
      const value = await source.valueOf(`holdfast_${name}`);
      if (value !== null) figures[name] = value;
    }
    for (const name of COUNTERS) {
      const value = await source.valueOf(`holdfast_${name}_total`);
      if (value === null) continue;
      figures[name] = this.#growth(name, value);
    }
    if (!this.#isStopped) log.info({ figures }, "figures");
  }

  /** A counter that is lower than before began again, with a new incarnation: all of it is new. */
  #growth(name: string, value: number): number {
    const last = this.#lastByCounter.get(name) ?? 0;
    this.#lastByCounter.set(name, value);
    return value >= last ? value - last : value;
  }
}
