/** Plain aligned text. */

/**
 * Rows of cells as lines; a column is right-aligned when all its cells below the first row are numbers.
 * @param rows the first one is the heading
 */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const shape = Array.from({ length: columns }, (_, column) => {
    const cells = rows.map((row) => row[column] ?? '');
    const width = cells.reduce((most, cell) => Math.max(most, cell.length), 0);
    return { width, right: rows.length > 1 && cells.slice(1).every((cell) => /^-?[\d,.]*%?$/.test(cell)) };
  });
  const line = (row: readonly string[]): string =>
    shape
      .map(({ width, right }, i) => (right ? (row[i] ?? '').padStart(width) : (row[i] ?? '').padEnd(width)))
      .join('  ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}

/** `1164` → `1,164`. */
export function thousands(value: number | bigint): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}
