/** Jumps around moves give what the interpreter gives, and become selects only where a loop does not wait for them. */
import { expect, it } from 'vitest';
import { assemble } from '../../asm/index.ts';
import { AddressSpace } from '../../memory/index.ts';
import { compile } from '../compile.ts';
import { Interpreter } from '../interpreter.ts';
import { flowGraph } from './flow-graph.ts';
import { JitMachine } from './index.ts';
import { withSelects } from './select.ts';

const env = { space: new AddressSpace(), packet: undefined };
const machine = new JitMachine(env);
const interpreter = new Interpreter(env);

/** How many selects; both engines give the same r0 whatever r1 is. */
function selects(text: string): number {
  const program = compile(assemble(`${text}\nexit`).insns, { helpers: () => undefined });
  const compiled = machine.compile(program, { mode: 'verified' });
  if (!compiled.ok) throw new Error(compiled.unsupported);
  for (const r1 of [0, 1, 2, 3, 4, 5, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]) {
    interpreter.run(program, r1);
    machine.run(compiled, r1);
    expect([...machine.result], `r1 = ${r1}`).toEqual([...interpreter.registers.slice(0, 2)]);
  }
  return withSelects(program, flowGraph(program, 0)).blocks.filter(({ end }) => end === 'select').length;
}

const LOOP = (body: string): string => `r0 = 1\nr2 = 1\nr6 = 40\nagain:\n${body}\nr6 -= 1\nif r6 != 0 goto again`;

it.each<[name: string, text: string, count: number]>([
  ['a register over another', 'r0 = r1\nr2 = 3\nif r1 > 3 goto +1\nr0 = r2', 1],
  ['the low word of one', 'r0 = -1\nr2 = -1\nif r1 & 1 goto +1\nw0 = w2', 1],
  ['truth', 'w0 = 1\nif r1 > 3 goto +1\nw0 = 0', 1],
  ['truth of what differs', 'w0 = 1\nif r1 != 3 goto +1\nw0 = 0', 1],
  ['truth of bits', 'w0 = 0\nif r1 & 6 goto +1\nw0 = 1', 1],
  ['a constant that is no truth', 'w0 = 1\nw0 += 1\nif r1 != 3 goto +1\nw0 = 0', 1],
  ['what is compared itself', 'r0 = r1\nif r0 s> 3 goto +1\nr0 = 3', 1],
  ['two moves, of which the first changes what is compared', 'r0 = 7\nif r1 > 3 goto +2\nr1 = 9\nr0 = r1\nr0 += r1', 1],
  ['one of two values', 'if r1 > 3 goto +2\nr0 = 5\ngoto +1\nr0 = 6', 1],
  ['one of two registers', 'r0 = 0\nr2 = 0\nif r1 > 3 goto +2\nr0 = 5\ngoto +1\nr2 = 6\nr0 += r2', 1],
  ['the way that jumps', 'r0 = 4\nif r1 > 3 goto +1\ngoto +1\nr0 = r1', 1],
  [
    'three moves stay behind a jump',
    'r0 = 0\nr2 = 0\nif r1 > 3 goto +3\nr0 = 5\nr2 = 6\nr1 = 7\nr0 += r2\nr0 += r1',
    0,
  ],
  ['arithmetic stays behind a jump', 'r0 = 0\nif r1 > 3 goto +1\nr0 += 5', 0],
  ['a move that another jump reaches', 'r0 = 0\nif r1 > 7 goto +1\nif r1 > 3 goto +1\nr0 = 5', 0],
  ['one after the other', 'r0 = r1\nif r0 > 3 goto +1\nr0 = 3\nif r0 < 9 goto +1\nr0 = 9', 2],
  ['what a loop does not hand on', LOOP('r3 = r6\nif r3 > r1 goto +1\nr3 = r1\nr0 += r3'), 1],
  [
    'what every round would wait for',
    LOOP('r3 = r0\nr3 += r2\nr0 = r3\nr0 -= 99\nif r3 > 99 goto +1\nr0 = r3\nr2 = r3'),
    0,
  ],
])('%s', (_, text, count) => {
  expect(selects(text)).toBe(count);
});
