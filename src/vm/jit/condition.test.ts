/**
 * Jumps of the JIT, which compares 32 bits where it has proven that the others are 0: whatever makes a number, and whatever only
 * looks as if it made one of 32 bits, is compared as the interpreter does.
 */
import { expect, it } from 'vitest';
import { assemble } from '../../asm/index.ts';
import { AddressSpace } from '../../memory/index.ts';
import { compile } from '../compile.ts';
import type { Executable } from '../executable.ts';
import { Interpreter } from '../interpreter.ts';
import { JitMachine } from './index.ts';

const env = { space: new AddressSpace(), packet: undefined };
const machine = new JitMachine(env);
const interpreter = new Interpreter(env);

const NUMBERS = ['0', '1', '0x7fffffff', '0x80000000', '0xffffffff', '0x100000000', '0x7fffffffffffffff', '-1'];
const OTHERS = ['2', '0xffffffff', '-1'];
const CONDITIONS = ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'];
const CONSTANTS = ['0', '1', '8', '0x7fffffff', '-1', '-2147483648'];

/** r2 out of r2 and r3: numbers of 32 bits, and numbers that are none though something like them would be. */
const MAKERS = [
  'r2 += 0',
  'w2 = w2',
  'w2 = (s8)w2',
  'w2 += w3',
  'w2 s>>= 1',
  'r2 = (s32)r2',
  'r2 &= 0x7fffffff',
  'r2 &= -2',
  'w3 = w3\nr2 &= r3',
  'w2 = w2\nr2 |= r3',
  'w2 = w2\nr2 |= 1',
  'w2 = w2\nr2 |= -1',
  'w2 = w2\nr2 ^= -2',
  'w2 = w2\nr2 += 1',
  'w2 = w2\nr2 -= 1',
  'w2 = w2\nr2 <<= 1',
  'r2 >>= 31',
  'r2 >>= 32',
  'r2 s>>= 32',
  'w2 = w2\nr2 >>= 3',
  'w2 = w2\nr2 /= 3',
  'w2 = w2\nr2 s/= -1',
  'w2 = w2\nr2 %= 0',
  'w2 = w2\nr2 s%= r3',
  'r2 /= r3',
  'r2 <<= 32\nr2 >>= 32',
  'r2 <<= 32\nr2 s>>= 32',
  'r2 = be16 r2',
  'r2 = be64 r2',
  'r2 = bswap32 r2',
  'r2 = bswap64 r2',
  'r2 = le64 r2',
  '*(u64 *)(r10 - 8) = r2\nr2 = *(u32 *)(r10 - 8)',
  '*(u64 *)(r10 - 8) = r2\nr2 = *(s32 *)(r10 - 8)',
  '*(u64 *)(r10 - 8) = r2\nr2 = *(u64 *)(r10 - 8)',
  '*(u32 *)(r10 - 8) = r2\nr2 = *(u32 *)(r10 - 8)',
  'w2 = w2\nif r3 s> 0 goto +1\nr2 = r3',
  'r4 = 4\nw2 = w2\nr2 += -1\nr4 -= 1\nif r4 != 0 goto -3',
];

const executable = (text: string): Executable<typeof env> =>
  compile(assemble(text).insns, { helpers: () => undefined });

function outcomes(text: string): { interpreted: readonly number[]; compiled: readonly number[] } {
  const program = executable(text);
  interpreter.run(program, 0);
  const compiled = machine.compile(program, { mode: 'verified' });
  if (!compiled.ok) throw new Error(compiled.unsupported);
  machine.run(compiled, 0);
  return { interpreted: [...interpreter.registers.slice(0, 2)], compiled: [...machine.result] };
}

/** Bit i of r0: whether comparison i holds. */
function comparisons(sources: readonly string[]): string {
  const lines = CONDITIONS.flatMap((condition) =>
    sources.flatMap((source) => ['r0 <<= 1', `if r2 ${condition} ${source} goto +1`, 'goto +1', 'r0 |= 1']),
  );
  return ['r0 = 0', ...lines].join('\n');
}

it.each(MAKERS)('%s', (maker) => {
  for (const a of NUMBERS) {
    for (const b of OTHERS) {
      const head = `r2 = ${a} ll\nr3 = ${b} ll\n${maker}\n`;
      for (const sources of [CONSTANTS.slice(0, 3), CONSTANTS.slice(3), ['r3', 'r2']]) {
        const { interpreted, compiled } = outcomes(`${head}${comparisons(sources)}\nexit`);
        expect({ a, b, sources, r0: compiled }).toEqual({ a, b, sources, r0: interpreted });
      }
      const narrowed = outcomes(`${head}w3 = w3\n${comparisons(['r3'])}\nexit`);
      expect(narrowed.compiled).toEqual(narrowed.interpreted);
    }
  }
});
