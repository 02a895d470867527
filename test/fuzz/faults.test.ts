import { expect, test } from 'vitest';
import { ExchangeRunner } from '../../src/loader/index.ts';
import type { ProgramObject } from '../../src/loader/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { parseBpft } from '../bpft.ts';
import { faultsLinux } from './verifier/faults.ts';

/** Each round puts one path aside, where a number that is 0 or -1 is forked in two. */
const forks = (rounds: number): ProgramObject =>
  parseBpft(
    `.type socket_filter
== forks
r7 = 0
r6 = r1
r0 = *(u32 *)(r6 +0)
w0 s>>= 31
w0 &= -134
r7 += 1
if r7 < ${rounds} goto pc-5
r0 = 0
exit
`,
    'forks',
  )[0].object;

// Only user space is asked here.
const user = new ExchangeRunner({ with: (_caps, body) => body(createKernel({ verifyOnly: true })) }, { logLevel: 1 });

test('programs that fill the list of pending paths where a number is forked are not for the kernel', () => {
  const full = user.answer(forks(9000));
  expect(full.reason.at(-1)).toBe('The sequence of 8193 jumps is too complex.');
  expect(full.insns).toBe(2 + 5 * 8192 + 3);
  expect(faultsLinux(forks(9000))).toBe('a number is forked and the list of pending paths fills');
});

test('those with fewer branches are', () => {
  expect(user.answer(forks(1000)).verdict).toBe('accept');
  expect(faultsLinux(forks(1000))).toBeUndefined();
});

test('what cannot be judged is not loaded', () => {
  const unknown: ProgramObject = { ...forks(10), kfuncs: [[2, 'no such function']] };
  expect(faultsLinux(unknown)).toBe('a number is forked, and user space cannot set the program up');
});
