import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runCorruption } from './map-corruption.ts';
import { TYPES } from './maps.ts';

/** `npm run campaign -- map-corruption` has the long version. */
describe('a map whose memory was written at random answers, or is named', () => {
  for (const type of TYPES) {
    it(type, () => {
      fc.assert(
        fc.property(fc.integer({ min: 0 }), (seed) => {
          expect(runCorruption(type, seed)).toBeUndefined();
        }),
        { numRuns: 100 },
      );
    });
  }
});
