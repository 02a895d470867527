/**
 * What may leave the verifier. The walk stops where a state is like one that was walked before, and states are alike when they
 * agree on what was needed precisely: what is known of everything else in a state belongs to the path that came first.
 * These programs return something else on the second path; an engine that took the first path's values for facts would not.
 */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { KernelOptions } from '../../src/kernel/index.ts';
import { BPF_CMD, PROG_FLAG, PROG_TYPE } from '../../src/uapi/index.ts';

interface Case {
  readonly text: string;
  /** The slot at which the second path is dropped, and what the first one showed there. */
  readonly shown: RegExp;
  /** Answers to a packet of 64 bytes and to one of 100. */
  readonly returns: readonly [short: number, long: number];
}

/** r1 = bytes of the packet. */
const LENGTH = `
  r2 = *(u32 *)(r1 + 4)
  r1 = *(u32 *)(r1 + 0)
  r2 -= r1
  r1 = r2
`;

const CASES: Readonly<Record<string, Case>> = {
  'a number that nobody needs to know': {
    text: `${LENGTH}
      r6 = 1
      if r1 > 64 goto +1
      r6 = 2
      r7 = 0
      r0 = r6
      r0 *= 10
      r0 += 3
      exit`,
    shown: /R6=2\b/,
    returns: [23, 13],
  },
  'a number in a stack slot': {
    text: `${LENGTH}
      *(u64 *)(r10 - 8) = 5
      if r1 > 64 goto +1
      *(u64 *)(r10 - 8) = 9
      r7 = 0
      r0 = *(u64 *)(r10 - 8)
      exit`,
    shown: /fp-8(_w)?=9\b/,
    returns: [9, 5],
  },
  'a condition that was decided on the first path only': {
    text: `${LENGTH}
      r6 = 7
      if r1 > 64 goto +1
      r6 = 8
      r7 = 0
      r8 = r6
      r8 &= 1
      r0 = 100
      r0 += r8
      exit`,
    shown: /R6=8\b/,
    returns: [100, 101],
  },
};

const ENGINES: readonly KernelOptions[] = [{ engine: 'interp' }, { engine: 'jit' }, { engine: 'jit', hardened: true }];

describe('facts of the verifier', () => {
  for (const [name, { text, shown, returns }] of Object.entries(CASES)) {
    for (const options of ENGINES) {
      it(`${name}, ${options.engine}${options.hardened ? ' hardened' : ''}`, () => {
        const kernel = createKernel(options);
        const logBuf = new Uint8Array(1 << 16);
        const insns = encode(assemble(text).insns);
        // A state is kept at every place where paths meet.
        const progFlags = PROG_FLAG.TEST_STATE_FREQ;
        const attr = { progType: PROG_TYPE.XDP, insns, license: 'GPL', logLevel: 2, logBuf, progFlags };
        const progFd = kernel.bpf(BPF_CMD.PROG_LOAD, attr);
        const log = new TextDecoder().decode(logBuf);
        expect(progFd, log).toBeGreaterThan(2);
        // The second path was not walked to its end.
        expect(log).toMatch(/\d+: safe/);
        expect(log).toMatch(shown);
        const answers = [64, 100].map((length) => {
          const run = { progFd, dataIn: new Uint8Array(length), retval: -1 };
          expect(kernel.bpf(BPF_CMD.PROG_TEST_RUN, run)).toBe(0);
          return run.retval;
        });
        expect(answers).toEqual(returns);
        expect(kernel.notCompiled(progFd)).toBeUndefined();
      });
    }
  }
});
