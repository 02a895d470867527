/** The limit of packet loads under a jump, as measured on Linux 6.18. */
import { expect, it } from 'vitest';
import { inputOf, slot } from '../../test/support/verifier-env.ts';
import { ERRNO } from '../errors/index.ts';
import { EXIT } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { verify } from './verify.ts';

/** A jump on a random number over `count` loads of a packet byte. */
function program(count: number): Instruction[] {
  const loads = Array.from({ length: count }, () => slot(0x30));
  const random = [slot(0xbf, 6, 1), slot(0x85, 0, 0, 0, 7)];
  return [...random, slot(0x15, 0, 0, count), ...loads, slot(0xb7), slot(EXIT)];
}

it('accepts a jump over as many loads as still fit when each has grown', () => {
  expect(verify(inputOf(program(5461), { logLevel: 1 }))).toMatchObject({ ok: true });
});

it('refuses one load more, and names it', () => {
  const result = verify(inputOf(program(5462), { logLevel: 1 }));
  expect(result).toMatchObject({ ok: false, errno: ERRNO.ENOMEM });
  expect(result.log).toContain('insn 5464 cannot be patched due to 16-bit range');
});
