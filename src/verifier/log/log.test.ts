import { expect, it } from 'vitest';
import { Log } from './log.ts';

const line = (n: number): string => `${String(n).padStart(5, '0')}\n`;

it('a log that outgrew a large buffer and was cut back is shown from its beginning', () => {
  const log = new Log(1, 1 << 20);
  for (let n = 0; n < 100; n++) log.write(line(n));
  const mark = log.mark;
  for (let n = 0; n < 200_000; n++) log.write(line(n % 100_000));
  log.reset(mark);
  expect(log.length).toBe(600);
  expect(log.text().slice(0, 12)).toBe('00000\n00001\n');
});

it('of one that stays too long its end is shown, with level bit FIXED its beginning', () => {
  for (const [level, first, last] of [
    [1, 29_900, 29_999],
    [9, 0, 99],
  ]) {
    const log = new Log(level, 600);
    for (let n = 0; n < 30_000; n++) log.write(line(n));
    expect([log.text().length, log.length]).toEqual([600, 180_000]);
    expect([log.text().slice(0, 6), log.text().slice(-6)]).toEqual([line(first), line(last)]);
  }
});
