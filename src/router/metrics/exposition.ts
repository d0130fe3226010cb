/** Own counters and histograms, shown through a prom-client registry: read when somebody asks, not when something happens. */
import { Counter, Gauge, type Metric, type Registry } from "prom-client";
import type { Buckets } from "./buckets.js";

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

export interface Description {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** `read` gives the whole of each count, not what was added. */
export function exposeCounter(registry: Registry, { name, help, labels = [] }: Description, read: () => Iterable<Sample>): void {
  new Counter({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labelled, value] of read()) this.inc(labelled, value);
    },
  });
}

export function exposeGauge(registry: Registry, { name, help, labels = [] }: Description, read: () => Iterable<Sample>): void {
  new Gauge({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labelled, value] of read()) this.set(labelled, value);
    },
  });
}

export function exposeHistogram(
  registry: Registry,
  { name, help }: Description,
  read: () => Iterable<readonly [labels: Labels, buckets: Buckets]>,
): void {
  const get = async () => {
    const values = [...read()].flatMap(([labels, buckets]) => histogramValues(name, labels, buckets));
    return { name, help, type: "histogram", aggregator: "sum", values };
  };
  // prom-client asks a metric for nothing but its name and what `get` gives, and has no histogram that is filled from outside.
  registry.registerMetric({ name, help, get, reset: () => undefined } as unknown as Metric);
}

function histogramValues(name: string, labels: Labels, { bounds, counts, sum }: Buckets): readonly object[] {
  const values: object[] = [];
  let total = 0;
  for (const [index, bound] of bounds.entries()) {
    total += counts[index] ?? 0;
    values.push({ metricName: `${name}_bucket`, labels: { le: bound, ...labels }, value: total });
  }
  total += counts[bounds.length] ?? 0;
  values.push({ metricName: `${name}_bucket`, labels: { le: "+Inf", ...labels }, value: total });
  values.push({ metricName: `${name}_sum`, labels, value: sum });
  values.push({ metricName: `${name}_count`, labels, value: total });
  return values;
}
