/** Loads that are joined give what the pieces gave, and stay pieces where somebody would see the difference. */
import { expect, it } from 'vitest';
import { assemble } from '../../asm/index.ts';
import { AddressSpace } from '../../memory/index.ts';
import { compile } from '../compile.ts';
import { Interpreter } from '../interpreter.ts';
import { flowGraph } from './flow-graph.ts';
import { JitMachine } from './index.ts';
import { wideLoads } from './wide-loads.ts';

const space = new AddressSpace();
const env = { space, packet: undefined };
const machine = new JitMachine(env);
const interpreter = new Interpreter(env);
const memory = space.allocate(64, { kind: 'mem', name: 'bytes' })!;

/** Loads that are joined, as `size` and `swapped`; both engines give the same r0 and memory. */
function joined(text: string): string[] {
  const program = compile(assemble(`${text}\nexit`).insns, { helpers: () => undefined });
  const fill = (): void =>
    space.bytes.set(
      Array.from({ length: 64 }, (_, i) => (0x81 + 37 * i) & 0xff),
      memory.base,
    );
  const left = (): Uint8Array => space.bytes.slice(memory.base, memory.base + 64);
  fill();
  interpreter.run(program, memory.base);
  const expected = { r0: [...interpreter.registers.slice(0, 2)], memory: left() };
  const compiled = machine.compile(program, { mode: 'verified' });
  if (!compiled.ok) throw new Error(compiled.unsupported);
  fill();
  machine.run(compiled, memory.base);
  expect({ r0: [...machine.result], memory: left() }).toEqual(expected);
  const loads = new Set(wideLoads(program, flowGraph(program, 0), () => true).values());
  return [...loads].flatMap((load) =>
    load === undefined ? [] : [`${load.size * 8}${load.swapped ? ' swapped' : ''}`],
  );
}

const byte = (register: number, off: number, shift = 0, bits = 32): string =>
  `r${register} = *(u8 *)(r1 + ${off})${shift > 0 ? `\n${bits === 32 ? 'w' : 'r'}${register} <<= ${shift}` : ''}`;

it.each<[name: string, text: string, loads: string[]]>([
  ['two bytes', `${byte(0, 4)}\n${byte(2, 5, 8)}\nw0 |= w2`, ['16']],
  ['two bytes, added', `${byte(2, 5, 8)}\n${byte(0, 4)}\nr0 += r2`, ['16']],
  ['two bytes below the base', `r1 += 9\n${byte(0, -3)}\n${byte(2, -2, 8)}\nw0 ^= w2`, ['16']],
  ['two bytes in network order stay two', `${byte(0, 4, 8)}\n${byte(2, 5)}\nw0 |= w2`, []],
  [
    'four bytes in network order',
    `${byte(0, 7, 24)}\n${byte(2, 8, 16)}\nw0 |= w2\n${byte(3, 9, 8)}\nw0 |= w3\n${byte(3, 10)}\nw0 |= w3`,
    ['32 swapped'],
  ],
  [
    'four bytes, halves first',
    `${byte(0, 0)}\n${byte(2, 1, 8)}\nw2 |= w0\n${byte(0, 2, 16)}\n${byte(3, 3, 24)}\nw3 |= w0\nw0 = 0\nw3 |= w2\nr0 = r3`,
    ['32'],
  ],
  [
    'eight bytes',
    [...Array(8).keys()].map((i) => `${byte(i ? 2 : 0, i, 8 * i, 64)}${i ? '\nr0 |= r2' : ''}`).join('\n'),
    ['64'],
  ],
  [
    'eight bytes in network order',
    [...Array(8).keys()].map((i) => `${byte(i ? 2 : 0, i, 56 - 8 * i, 64)}${i ? '\nr0 |= r2' : ''}`).join('\n'),
    ['64 swapped'],
  ],
  ['two halves', 'r0 = *(u16 *)(r1 + 2)\nr2 = *(u16 *)(r1 + 4)\nr2 <<= 16\nr0 |= r2', ['32']],
  ['the base is lost with the last byte', `${byte(0, 0)}\nr1 = *(u8 *)(r1 + 1)\nr1 <<= 8\nr0 |= r1`, ['16']],
  ['the base changes between', `${byte(0, 0)}\nr1 += 1\n${byte(2, 1, 8)}\nr0 |= r2`, []],
  ['a store between', `${byte(0, 4)}\n*(u8 *)(r1 + 5) = r0\n${byte(2, 5, 8)}\nw0 |= w2`, []],
  ['a store behind', `${byte(0, 4)}\n${byte(2, 5, 8)}\nw0 |= w2\n*(u16 *)(r1 + 4) = r2\nr0 += 1`, []],
  ['a store behind of something else', `${byte(0, 4)}\n${byte(2, 5, 8)}\nw0 |= w2\n*(u16 *)(r1 + 4) = 7`, ['16']],
  ['a byte is used again', `${byte(3, 4)}\n${byte(2, 5, 8)}\nr0 = r3\nw3 |= w2\nr0 += r3`, []],
  ['a byte is read behind the block', `${byte(0, 4)}\n${byte(2, 5, 8)}\nw0 |= w2\nif r0 > 5 goto +0\nr0 += r2`, []],
  [
    'a condition reads the number',
    `${byte(3, 4)}\n${byte(2, 5, 8)}\nw3 |= w2\nr0 = 1\nif r3 > 5 goto +1\nr0 = r3`,
    ['16'],
  ],
  ['a condition reads a byte', `${byte(0, 4)}\n${byte(2, 5, 8)}\nw0 |= w2\nif r2 > 5 goto +1\nr0 += 1`, []],
  ['bytes of two blocks', `${byte(0, 4)}\nif r0 > 5 goto +0\n${byte(2, 5, 8)}\nw0 |= w2`, []],
  ['bits are shifted out', `${byte(0, 4)}\n${byte(2, 5, 28)}\nw0 |= w2`, []],
  ['a gap', `${byte(0, 4)}\n${byte(2, 6, 8)}\nw0 |= w2`, []],
  ['the same byte twice', `${byte(0, 4)}\n${byte(2, 4, 8)}\nw0 |= w2`, []],
  ['bits on bits', `${byte(0, 4)}\n${byte(2, 5, 4)}\nw0 += w2`, []],
  ['three bytes', `${byte(0, 4)}\n${byte(2, 5, 8)}\nw0 |= w2\n${byte(2, 6, 16)}\nw0 |= w2`, ['16']],
  ['not at the bottom', `${byte(0, 4, 8)}\n${byte(2, 5, 16)}\nw0 |= w2`, []],
  ['signed', `r0 = *(s8 *)(r1 + 4)\n${byte(2, 5, 8)}\nr0 |= r2`, []],
  ['another number is written over it', `${byte(0, 4)}\nr0 += 1\n${byte(2, 5, 8)}\nr0 |= r2`, []],
  [
    'of the frame',
    '*(u32 *)(r10 - 4) = r1\nr2 = r10\nr0 = *(u8 *)(r2 - 4)\nr3 = *(u8 *)(r2 - 3)\nr3 <<= 8\nr0 |= r3',
    ['16'],
  ],
])('%s', (_, text, loads) => {
  expect(joined(text)).toEqual(loads);
});

it('orders of four bytes, shifts and joins, at random', () => {
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  let found = 0;
  for (let i = 0; i < 300; i++) {
    const lines: string[] = [];
    for (let register = 2; register <= 5; register++) lines.push(byte(register, random(5), 8 * random(4), 64));
    const steps = ['r2 |= r3', 'w4 |= w5', 'r2 += r4'];
    if (random(4) === 0)
      steps.splice(random(3), 0, ['*(u8 *)(r1 + 2) = r3', 'r1 += 1', 'r3 = r2', 'w2 <<= 8'][random(4)]);
    lines.splice(3, 0, ...(random(3) === 0 ? ['r2 |= r3'] : []));
    found += joined([...lines, ...steps, 'r0 = r2'].join('\n')).length;
  }
  expect(found).toBeGreaterThan(5);
});
