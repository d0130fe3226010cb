/** What a measurement came to: rows for the table, and all of it for whoever keeps results. */

export interface Row {
  readonly what: string;
  readonly value: string;
  /** What issue and design ask for; empty where nothing is asked for. */
  readonly wanted: string;
  readonly isMet: boolean | null;
}

export interface Figure {
  readonly name: string;
  /** What was measured, and how often. */
  readonly title: string;
  readonly rows: readonly Row[];
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Of what was measured, without interpolation: the p99 of 40 events is the largest of them. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

export function row(what: string, value: string, wanted = "", isMet: boolean | null = null): Row {
  return { what, value, wanted, isMet };
}

/** A row for a limit in milliseconds that the p99 has to keep. */
export function p99Row(what: string, { count, p50, p99, max }: Percentiles, limitMs: number): Row {
  const value = `p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)} of ${count}`;
  return row(what, value, `p99 <= ${ms(limitMs)}`, p99 <= limitMs);
}

export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
}

export function skipped(name: string, why: string): Figure {
  return { name, title: `${name}: not measured: ${why}`, rows: [], data: { skipped: why } };
}
