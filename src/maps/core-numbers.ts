/** Numbers that cross from the map core to JavaScript. */

/** Operations on maps of types that the core does not have. */
export const OPERATION = { LOOKUP: 1, UPDATE: 2, DELETE: 3 } as const;

/** What the core finds wrong in a map's memory. */
export const CORRUPT = {
  CHAIN: 1,
  CIRCLE: 2,
  FREE_LIST: 3,
  RETIRED: 4,
  USE_LIST: 5,
  RECORD: 6,
  TRIE: 7,
  FILTER: 8,
} as const;

const MESSAGES: Readonly<Record<number, string>> = {
  [CORRUPT.CHAIN]: 'a chain leads to what is no element of it',
  [CORRUPT.CIRCLE]: 'a chain in a circle',
  [CORRUPT.FREE_LIST]: 'the free list leads to what is no free element',
  [CORRUPT.RETIRED]: 'the list of retired elements leads to what is none',
  [CORRUPT.USE_LIST]: 'the list of use leads to what is no element',
  [CORRUPT.RECORD]: 'a record that belongs to no ring',
  [CORRUPT.TRIE]: 'a trie leads to what is no node of it',
  [CORRUPT.FILTER]: 'a filter with more hash functions than there can be',
};

export function corruptionMessage(what: number): string {
  return MESSAGES[what] ?? 'a link out of the memory';
}
