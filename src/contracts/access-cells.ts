/**
 * A notation for what may be accessed in a struct: cells of four bytes, a letter a cell, a number behind it repeats it,
 * brackets group: `n12 (dn)2`.
 */

/** Sizes that may be accessed at bytes 0, 1, 2 and 3 of a cell, as bit masks (1 | 2 | 4 | 8). */
const CELLS: Record<string, readonly [number, number, number, number]> = {
  '.': [0, 0, 0, 0],
  /** Four bytes, or any aligned part. */
  n: [7, 1, 3, 1],
  /** Eight bytes that begin here, or any aligned part of the first four. */
  d: [15, 1, 3, 1],
  /** Exactly four. */
  w: [4, 0, 0, 0],
  /** Exactly eight. */
  q: [8, 0, 0, 0],
  /** One, two or four from the start. */
  s: [7, 0, 0, 0],
  /** Four or eight. */
  x: [12, 0, 0, 0],
  t: [7, 1, 0, 0],
  /** One byte. */
  b: [1, 0, 0, 0],
  h: [6, 0, 2, 0],
  a: [15, 0, 0, 0],
  m: [8, 1, 3, 1],
};

/** `n12 dndn` as the masks of sizes of every byte. */
export function cellMasks(text: string): Uint8Array {
  const cells: number[] = [];
  for (const [, group, single, count] of text.matchAll(/(?:\(([^)]+)\)|([^\s\d]))(\d*)/g)) {
    const letters = group ?? single;
    for (let i = 0; i < Number(count || 1); i++) for (const letter of letters) cells.push(...CELLS[letter]);
  }
  return Uint8Array.from(cells);
}
