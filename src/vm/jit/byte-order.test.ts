/** A swap of 64 bits that is shifted down is one of 32 or 16 bits, and gives what the interpreter gives. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../asm/index.ts';
import { AddressSpace } from '../../memory/index.ts';
import { compile } from '../compile.ts';
import { Interpreter } from '../interpreter.ts';
import { JitMachine } from './index.ts';

const env = { space: new AddressSpace(), packet: undefined };
const machine = new JitMachine(env);
const interpreter = new Interpreter(env);

const NUMBERS = ['0x0123456789abcdef', '0xfedcba9876543210', '0xff', '0x8001', '0x80000000', '-1'];

/** Both engines give the same r0. @returns bytes of the module */
function compare(text: string): number {
  const program = compile(assemble(`${text}\nexit`).insns, { helpers: () => undefined });
  const compiled = machine.compile(program, { mode: 'verified' });
  if (!compiled.ok) throw new Error(compiled.unsupported);
  interpreter.run(program, 0);
  machine.run(compiled, 0);
  expect([...machine.result], text).toEqual([...interpreter.registers.slice(0, 2)]);
  return compiled.bytes.length;
}

describe.each(['be64', 'bswap64'])('%s', (swap) => {
  it.each(NUMBERS)('of %s, shifted', (number) => {
    for (let bits = 0; bits < 64; bits++) compare(`r0 = ${number} ll\nr0 = ${swap} r0\nr0 >>= ${bits}`);
  });

  it('of a number of 16 bits, shifted', () => {
    for (let bits = 0; bits < 64; bits++) compare(`r0 = 0x89abcdef ll\nr0 &= 0xffff\nr0 = ${swap} r0\nr0 >>= ${bits}`);
  });

  it('is shorter where less than half is kept', () => {
    const start = `r0 = 0x0123456789abcdef ll\nr0 = ${swap} r0`;
    const whole = compare(`${start}\nr0 >>= 31`);
    expect(compare(`${start}\nr0 >>= 32`)).toBeLessThan(whole);
    expect(compare(`${start}\nr0 >>= 61`)).toBeLessThan(whole);
  });

  it('is done whole where the shift is signed, of another register, by a register, or jumped to', () => {
    const start = `r0 = 0xf123456789abcdff ll\nr1 = 40\nr0 = ${swap} r0`;
    compare(`${start}\nr0 s>>= 40`);
    compare(`${start}\nr1 >>= 3`);
    compare(`${start}\nr0 >>= r1`);
    compare(`r0 = 0xf123456789abcdff ll\nif r0 > 7 goto +1\nr0 = ${swap} r0\nr0 >>= 40`);
    compare(`r0 = 6\nif r0 > 7 goto +1\nr0 = ${swap} r0\nr0 >>= 40`);
  });
});
