/** Accesses that need no look at the narrow fields of the context: the others may be in it, however its address got there. */
import { expect, it } from 'vitest';
import { assemble } from '../../asm/index.ts';
import { AddressSpace } from '../../memory/index.ts';
import { compile } from '../compile.ts';
import { plainAccesses } from './context-pointers.ts';
import { flowGraph } from './flow-graph.ts';

/** The word at 8 is narrow. */
const region = new AddressSpace().allocate(64, { kind: 'ctx', name: 'context' })!;
const NARROW = { region, cells: [0b100, 0], halves: [0, 0] } as const;

it.each<[name: string, text: string, plain: number[]]>([
  ['a wide field', 'r0 = *(u8 *)(r1 + 4)', [0]],
  ['a narrow field, and bytes of it', 'r0 = *(u32 *)(r1 + 8)\nr0 = *(u8 *)(r1 + 11)\nr0 = *(u8 *)(r1 + 12)', [2]],
  ['a store upon both', '*(u64 *)(r1 + 4) = r1', []],
  ['a store beside it', '*(u32 *)(r1 + 12) = 1\n*(u32 *)(r1 + 4) = 1', [0, 1]],
  ['a copy of the address', 'r6 = r1\nr0 = *(u16 *)(r6 + 8)\nr0 = *(u16 *)(r6 + 16)', [2]],
  ['an address that has moved', 'r1 += 4\nr0 = *(u16 *)(r1 + 16)', []],
  ['one that something was added to', 'r2 = 4\nr2 += r1\nr0 = *(u16 *)(r2 + 16)', []],
  ['its low word', 'w2 = w1\nr0 = *(u16 *)(r2 + 8)', [1]],
  ['a register that was overwritten', 'r1 = 7\nr0 = *(u16 *)(r1 + 8)', [1]],
  ['what a field leads to', 'r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 8)', [0, 1]],
  ['what a long field leads to', 'r2 = *(u64 *)(r1 + 16)\nr0 = *(u8 *)(r2 + 8)', [0, 1]],
  ['the stack', '*(u64 *)(r10 - 8) = 1\nr2 = r10\nr0 = *(u8 *)(r2 - 8)', [0, 2]],
  [
    'an address that was kept on the stack',
    '*(u64 *)(r10 - 8) = r1\nr2 = *(u64 *)(r10 - 8)\nr0 = *(u8 *)(r2 + 8)',
    [0, 1],
  ],
  ['what a helper gives', 'r6 = r1\ncall 1\nr0 = *(u8 *)(r0 + 8)\nr0 = *(u8 *)(r6 + 8)', [2]],
  ['what a function gives', 'r6 = r1\ncall f\nr0 = *(u8 *)(r0 + 8)\nexit\nf: r0 = 1', []],
  ['one of two addresses', 'r2 = r10\nif r1 > 7 goto +1\nr2 = r1\nr0 = *(u8 *)(r2 + 8)\nr0 = *(u8 *)(r2 + 16)', []],
  ['the address on two ways', 'r2 = r1\nif r1 > 7 goto +1\nr2 = r1\nr0 = *(u8 *)(r2 + 8)\nr0 = *(u8 *)(r2 + 16)', [4]],
  ['a round that moves it', 'r2 = r1\nr0 = *(u8 *)(r2 + 16)\nr2 += 4\nif r0 != 0 goto -3', []],
])('%s', (_, text, plain) => {
  const program = compile(assemble(`${text}\nexit`).insns, { helpers: () => undefined, lazy: true });
  expect([...plainAccesses(program, flowGraph(program, 0), NARROW)]).toEqual(plain);
});

it('arguments of functions may be the context', () => {
  const text = 'call f\nexit\nf: r0 = *(u8 *)(r3 + 8)\nr6 = r0\nr0 = *(u8 *)(r6 + 8)\nexit';
  const program = compile(assemble(text).insns, { helpers: () => undefined });
  expect([...plainAccesses(program, flowGraph(program, 2), NARROW)]).toEqual([4]);
});
