/** Rows that belong together, below a title of their own. */
export interface Section {
  readonly title: string;
  readonly rows: readonly (readonly string[])[];
}

/**
 * A table for a terminal: each column as wide as its widest cell in any section; the first `labels` columns stand to the
 * left, the others, numbers, to the right.
 */
export const renderTable = (header: readonly string[], sections: readonly Section[], labels: number): string => {
  const lines = [header, ...sections.flatMap(({ rows }) => rows)];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const render = (line: readonly string[]) =>
    widths
      .map((width, column) => (column < labels ? line[column]?.padEnd(width) : line[column]?.padStart(width)) ?? '')
      .join('  ');
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [render(header), rule, ...sections.flatMap(({ title, rows }) => [title, ...rows.map(render), ''])].join('\n');
};
