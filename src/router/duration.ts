/** Lengths of time as people write them: a whole number and a unit, such as `500ms`, `30s`, `15m`, `24h` or `366d`. */

const MS_BY_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d{1,15})(ms|s|m|h|d)$/;

/** What a duration may look like, for messages. */
export const DURATION_FORM = "a whole number and a unit: 500ms, 30s, 15m, 24h, 7d";

/** Milliseconds, perhaps more than a safe integer; null where the text is no duration. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  const unit = MS_BY_UNIT[match?.[2] ?? ""];
  return match === null || unit === undefined ? null : Number(match[1]) * unit;
}

/** The shortest exact form. */
export function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"]) {
    const size = MS_BY_UNIT[unit] ?? 1;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}
