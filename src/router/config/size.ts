/** Sizes as people write them: a whole number and a unit, such as `512KB`, `1MB`, `2GB`. Binary: 1 KB is 1,024 bytes. */

const BYTES_BY_UNIT: Readonly<Record<string, number>> = { B: 1, KB: 1 << 10, MB: 1 << 20, GB: 1 << 30 };

export const SIZE_FORM = "a whole number and a unit: 512KB, 1MB, 2GB";

/** Bytes; null where the text is no size. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,9})(B|KB|MB|GB)$/.exec(text);
  const unit = BYTES_BY_UNIT[match?.[2] ?? ""];
  return match === null || unit === undefined ? null : Number(match[1]) * unit;
}

export function formatSize(bytes: number): string {
  for (const unit of ["GB", "MB", "KB"]) {
    const size = BYTES_BY_UNIT[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}
