/** Durations as people write them. */

type Unit = "ms" | "s" | "m" | "h" | "d";

/** `"15m"`, `"1.5h"`, `"90s"`, `"250ms"`, `"7d"`, or a number of milliseconds. */
export type Duration = `${number}${Unit}` | number;

/** The longest delay the router takes: 366 days. */
export const DELAY_MAX_MS = 366 * 86_400_000;

const MS_BY_UNIT: Readonly<Record<Unit, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Whole milliseconds. Throws a RangeError for what is no duration, is negative, or not finite. */
export function durationMs(duration: Duration): number {
  const ms = typeof duration === "number" ? duration : parsedMs(duration);
  if (!Number.isFinite(ms) || ms < 0)
    throw new RangeError(`${JSON.stringify(duration)} is no duration; write "15m", "90s" or milliseconds`);
  return Math.round(ms);
}

/** As `durationMs`, for delays: at most 366 days. */
export function delayMs(duration: Duration): number {
  const ms = durationMs(duration);
  if (ms > DELAY_MAX_MS) throw new RangeError(`a delay of ${JSON.stringify(duration)} is longer than 366 days`);
  return ms;
}

function parsedMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  return match === null ? Number.NaN : Number(match[1]) * MS_BY_UNIT[match[2] as Unit];
}
