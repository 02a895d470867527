import { describe, expect, it } from 'vitest';
import { BudgetTrap } from '../errors/index.ts';
import { Meter } from './meter.ts';

describe('a meter of time', () => {
  /** Nanoseconds that pass until the trap, with instructions of so many nanoseconds each. */
  function overshoot(milliseconds: number, perInstruction: number): number {
    let now = 1e9;
    const meter = new Meter({ timeMs: milliseconds }, () => now);
    try {
      for (;;) now += meter.grant(0) * perInstruction;
    } catch (error) {
      if (!(error instanceof BudgetTrap)) throw error;
      return now - 1e9 - milliseconds * 1e6;
    }
  }

  it('looks at the clock in time, however slow instructions are', () => {
    expect(overshoot(50, 0.1)).toBeLessThan(0.1e6);
    expect(overshoot(50, 10)).toBeLessThan(1e6);
    // Helpers that copy megabytes: no more than the least that is granted.
    expect(overshoot(50, 50_000)).toBeLessThanOrEqual(1000 * 50_000);
  });

  it('looks seldom while instructions are quick', () => {
    let looks = 0;
    let now = 0;
    const meter = new Meter({ timeMs: 100 }, () => ((looks += 1), now));
    for (let done = 0; done < 100e6;) {
      const granted = meter.grant(0);
      done += granted;
      now += granted * 0.1;
    }
    expect(looks).toBeLessThan(1100);
  });
});
