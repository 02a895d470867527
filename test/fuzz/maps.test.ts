import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { campaign, runType, TYPES } from './maps.ts';

/** Random operations against a model: `npm run campaign -- maps` has the long version. */
describe('random operations on a map answer what the model says', () => {
  for (const type of TYPES) {
    it(type, () => {
      fc.assert(
        fc.property(fc.integer({ min: 0 }), (seed) => {
          expect(runType(type, seed)).toBeUndefined();
        }),
        { numRuns: 12 },
      );
    });
  }
});

it('names the types that there are', () => {
  expect(() => campaign.choose?.('heap')).toThrow('hash-of-maps');
});
