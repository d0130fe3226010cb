/** Shares as people write them: `5%`, `0.5%`, `12.25%`. Kept as whole ten-thousandths. */

export const PERCENT_FORM = "a share with at most two decimals: 5%, 0.5%, 12.25%";

const PERCENT = /^(\d{1,3})(?:\.(\d{1,2}))?%$/;

/** Ten-thousandths, at most 10,000; null where the text is no such share. */
export function parsePercent(text: string): number | null {
  const match = PERCENT.exec(text);
  if (match === null) return null;
  const share = Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
  return share <= 10_000 ? share : null;
}

export function formatPercent(tenThousandths: number): string {
  return `${tenThousandths / 100}%`;
}
