/** Arithmetic of which only the low word is looked at is done in 32 bits, and whatever looks at more sees 64. */
import { expect, it } from 'vitest';
import { assemble } from '../../asm/index.ts';
import { AddressSpace } from '../../memory/index.ts';
import { compile } from '../compile.ts';
import { Interpreter } from '../interpreter.ts';
import { flowGraph } from './flow-graph.ts';
import { JitMachine } from './index.ts';
import { lowWordOperations } from './low-words.ts';

const space = new AddressSpace();
const env = { space, packet: undefined };
const machine = new JitMachine(env);
const interpreter = new Interpreter(env);
const memory = space.allocate(64, { kind: 'mem', name: 'bytes' })!;

/** Slots that are done in 32 bits; both engines give the same r0. r2 and r3 are numbers of 64 bits, r1 an address. */
function narrow(text: string): number[] {
  const start = 'r2 = 0x89abcdef01234567 ll\nr3 = 0x76543210fedcba98 ll\n';
  const program = compile(assemble(`${start}${text}\nexit`).insns, { helpers: () => undefined });
  const compiled = machine.compile(program, { mode: 'verified' });
  if (!compiled.ok) throw new Error(compiled.unsupported);
  space.bytes.fill(0xa5, memory.base, memory.base + 64);
  interpreter.run(program, memory.base);
  space.bytes.fill(0xa5, memory.base, memory.base + 64);
  machine.run(compiled, memory.base);
  expect([...machine.result]).toEqual([...interpreter.registers.slice(0, 2)]);
  return [...lowWordOperations(program, flowGraph(program, 0), new Set())]
    .map((slot) => slot - 4)
    .sort((a, b) => a - b);
}

it.each<[name: string, text: string, slots: number[]]>([
  ['an index into memory', 'r4 = r1\nr2 &= 7\nr4 += r2\nr0 = *(u8 *)(r4 + 8)', [1, 2]],
  ['a number that is returned', 'r0 = r2\nr0 += r3', []],
  ['one whose low word is returned', 'r2 += r3\nw0 = w2', [0]],
  ['one of which 8 bytes are stored', 'r2 *= r3\n*(u64 *)(r1 + 0) = r2\nr0 = *(u64 *)(r1 + 0)', []],
  ['one of which 4 bytes are stored', 'r2 *= r3\n*(u32 *)(r1 + 0) = r2\nr0 = *(u64 *)(r1 + 0)', [0]],
  ['one that is compared', 'r0 = 1\nr2 += r3\nif r2 > r3 goto +1\nr0 = 2', []],
  ['one whose low word is compared', 'r0 = 1\nr2 += r3\nif w2 > w3 goto +1\nr0 = 2', [1]],
  ['one of whose bits low ones are asked for', 'r0 = 1\nr2 += r3\nif r2 & 0x10 goto +1\nr0 = 2', [1]],
  ['one of whose bits all are asked for', 'r0 = 1\nr2 += r3\nif r2 & -2 goto +1\nr0 = 2', []],
  ['one that is shifted right', 'r2 -= r3\nr2 >>= 8\nw0 = w2', []],
  ['one that is shifted left', 'r2 <<= 31\nw0 = w2', [0]],
  ['one that is shifted out', 'r2 <<= 32\nw0 = w2', []],
  ['one that is shifted by a register', 'r2 <<= r3\nw0 = w2', []],
  ['a count', 'r3 += r2\nr2 <<= r3\nr0 = r2', [0]],
  ['a dividend', 'r2 += r3\nr2 /= 5\nw0 = w2', []],
  ['a divisor', 'r2 += r3\nr3 %= r2\nw0 = w3', []],
  ['one that is negated', 'r2 = -r2\nr2 ^= r3\nw0 = w2', [0, 1]],
  ['one whose bytes are exchanged', 'r2 |= 1\nr2 = bswap64 r2\nw0 = w2', []],
  ['one of which 4 bytes are exchanged', 'r2 |= 1\nr2 = bswap32 r2\nr0 = r2', [0]],
  ['one whose sign is extended', 'r2 += r3\nr0 = (s32)r2', [0]],
  ['one that is moved', 'r2 += r3\nr4 = r2\nr0 = r4', []],
  ['one that is added atomically', 'r2 += r3\nlock *(u64 *)(r1 + 0) += r2\nr0 = *(u64 *)(r1 + 0)', []],
  ['one that is exchanged', 'r0 = 0\nr0 += r3\nr0 = atomic64_cmpxchg((u64 *)(r1 + 0), r0, r2)', []],
  ['one that a round hands on', 'r6 = 3\nr0 = 0\nr0 += r2\nr6 += -1\nif w6 != 0 goto -3\nr0 &= r3', [3]],
  ['one that a round hands on for its low word', 'r6 = 3\nr2 += r3\nr6 += -1\nif w6 != 0 goto -3\nw0 = w2', [1, 2]],
])('%s', (_, text, slots) => {
  expect(narrow(text)).toEqual(slots);
});
