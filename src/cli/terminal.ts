/** Where the command line writes: results to standard output, everything else to standard error. Replaced by tests. */
export interface Terminal {
  out(text: string): void;
  error(text: string): void;
  /** Machine-readable: one JSON value per result. */
  readonly isJson: boolean;
}

/** Shows a result: as JSON, or as lines for people. */
export function show(terminal: Terminal, json: unknown, lines: readonly string[]): void {
  if (terminal.isJson) terminal.out(JSON.stringify(json));
  else for (const line of lines) terminal.out(line);
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
