/** Functions that are written where they are called do what they do when they are called. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../asm/index.ts';
import { AddressSpace } from '../../memory/index.ts';
import { compile } from '../compile.ts';
import { Interpreter } from '../interpreter.ts';
import { Meter } from '../meter.ts';
import { flowGraph } from './flow-graph.ts';
import { JitMachine } from './index.ts';
import { inlinedFunctions } from './inline.ts';

const env = { space: new AddressSpace(), packet: undefined };
const machine = new JitMachine(env);
const interpreter = new Interpreter(env);

/** The names of the functions that are inlined, in order; both engines give the same r0, also for a second run. */
function inlined(text: string, r1 = 0): string[] {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => line.trim());
  const program = compile(assemble(lines.join('\n')).insns, { helpers: () => undefined });
  const names = new Map<number, string>();
  let slot = 0;
  for (const line of lines) {
    if (line.endsWith(':')) names.set(slot, line.slice(0, -1));
    else slot += line.endsWith(' ll') ? 2 : 1;
  }
  interpreter.run(program, r1);
  const expected = [...interpreter.registers.slice(0, 2)];
  for (const fuel of [false, true]) {
    const compiled = machine.compile(program, { mode: 'verified', fuel });
    if (!compiled.ok) throw new Error(compiled.unsupported);
    for (let times = 0; times < 2; times++) {
      const meter = fuel ? new Meter({ fuel: 100_000 }, () => 0) : undefined;
      machine.run(compiled, r1, 0, Infinity, undefined, meter);
      expect([...machine.result]).toEqual(expected);
    }
    if (fuel)
      expect(() => machine.run(compiled, r1, 0, Infinity, undefined, new Meter({ fuel: 8 }, () => 0))).toThrow(
        'budget',
      );
  }
  const graphs = new Map([...names.keys()].map((entry) => [entry, flowGraph(program, entry)]));
  return [...inlinedFunctions(program, flowGraph(program, 0), graphs).keys()].map((entry) => names.get(entry) ?? '');
}

const LONG = Array.from({ length: 40 }, () => 'r0 += 1').join('\n');

it('short functions, and those that are called from one place', () => {
  const text = `
    r1 = 5
    call short
    r6 = r0
    r1 = 7
    call short
    r6 += r0
    call long
    r6 += r0
    call once
    r6 += r0
    call long
    r0 += r6
    exit
    short:
    r0 = r1
    r0 *= 3
    if r0 s> 15 goto +1
    exit
    r0 = 1
    exit
    long:
    r0 = 2
    ${LONG}
    exit
    once:
    r1 = 4
    call short
    ${LONG}
    exit`;
  expect(inlined(text)).toEqual(['short', 'once']);
});

it('frames start zeroed in each round, whether their slots are memory or not', () => {
  const rounds = (body: string): string => `r6 = 5
r7 = 0
r1 = r6
call each
r7 += r0
r6 += -1
if r6 != 0 goto -5
r0 = r7
exit
each:
${body}
exit`;
  expect(inlined(rounds('r0 = *(u64 *)(r10 - 8)\n*(u64 *)(r10 - 8) = r1'))).toEqual(['each']);
  expect(
    inlined(rounds('r2 = r10\nr2 += -16\n*(u64 *)(r10 - 8) = r2\nr0 = *(u64 *)(r2 + 0)\n*(u64 *)(r2 + 0) = r1')),
  ).toEqual(['each']);
});

it('registers and frames of the caller stay what they are', () => {
  const text = `r6 = 100
*(u64 *)(r10 - 8) = r6
r1 = r10
call outer
r1 = *(u64 *)(r10 - 8)
r0 += r6
r0 += r1
exit
outer:
r6 = 3
*(u64 *)(r10 - 8) = r6
r2 = *(u64 *)(r1 - 8)
r2 += 1
*(u64 *)(r1 - 8) = r2
call inner
r0 += r6
r1 = *(u64 *)(r10 - 8)
r0 += r1
exit
inner:
r6 = 50
*(u64 *)(r10 - 8) = r6
r0 = *(u64 *)(r10 - 8)
exit`;
  expect(inlined(text)).toEqual(['outer', 'inner']);
});

it('more calls than one function may have locals for', () => {
  const calls = Array.from({ length: 5_000 }, () => 'call add').join('\n');
  expect(inlined(`r1 = 0\n${calls.replaceAll('add', 'add\nr1 = r0')}\nexit\nadd:\nr0 = r1\nr0 += 3\nexit`)).toEqual([
    'add',
  ]);
});

describe('the frame of the caller', () => {
  /** The caller has 1 and 2 in two slots, gives their address to a function five times, and sums up what it finds. */
  const given = (body: string, rest = ''): string => `
    r6 = 1
    *(u64 *)(r10 - 8) = r6
    r6 = 2
    *(u64 *)(r10 - 16) = r6
    r7 = 0
    r8 = 5
    r1 = r10
    r1 += -16
    r2 = r8
    call touch
    r7 *= 7
    r7 += r0
    r8 += -1
    if r8 != 0 goto -8
    r0 = *(u64 *)(r10 - 8)
    r0 *= 1000
    r7 += r0
    r0 = *(u64 *)(r10 - 16)
    r0 += r7
    exit
    touch:
    ${body}
    exit
    ${rest}`;
  const BODIES = {
    'read and written': 'r0 = *(u64 *)(r1 + 0)\nr0 += r2\n*(u64 *)(r1 + 0) = r0\nr1 += 8\n*(u64 *)(r1 + 0) = r0',
    'written on one way': 'r0 = *(u64 *)(r1 + 8)\nif r2 > 2 goto +1\n*(u64 *)(r1 + 8) = r2',
    'written in part': '*(u32 *)(r1 + 4) = r2\nr0 = *(u64 *)(r1 + 0)\n*(u8 *)(r1 + 9) = r2',
    'read as bytes that make a number':
      'r0 = *(u8 *)(r1 + 0)\nr3 = *(u8 *)(r1 + 1)\nr3 <<= 8\nr0 |= r3\n*(u8 *)(r1 + 0) = r2\n*(u8 *)(r1 + 1) = r2',
    'at an offset that nobody knows': 'r2 &= 7\nr1 += r2\nr0 = *(u8 *)(r1 + 0)\n*(u8 *)(r1 + 0) = r2',
    'at one of two places': 'if r2 > 2 goto +1\nr1 += 8\nr0 = *(u64 *)(r1 + 0)\nr0 += 5\n*(u64 *)(r1 + 0) = r0',
    'by an address that was stored':
      '*(u64 *)(r10 - 8) = r1\nr3 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r3 + 0)\n*(u64 *)(r3 + 8) = r2',
    'changed at once': 'r0 = r2\nlock *(u64 *)(r1 + 8) += r0\nr0 = *(u64 *)(r1 + 8)',
    'beside its own':
      'r0 = *(u64 *)(r10 - 16)\n*(u64 *)(r10 - 16) = r2\n*(u64 *)(r1 + 8) = r0\nr3 = *(u64 *)(r1 + 0)\nr0 += r3',
  };
  for (const [name, body] of Object.entries(BODIES))
    it(`is the same where it is ${name}`, () => {
      expect(inlined(given(body))).toEqual(['touch']);
    });

  it('is the same through two functions', () => {
    const inner = 'inner:\nr0 = *(u64 *)(r1 + 0)\nr0 += r2\n*(u64 *)(r1 + 0) = r0\nexit';
    expect(inlined(given('r1 += 8\n*(u64 *)(r1 - 8) = r2\ncall inner', inner))).toEqual(['touch', 'inner']);
  });

  it('is memory for functions that are called', () => {
    const body = `r0 = *(u64 *)(r1 + 0)\nr0 += r2\n*(u64 *)(r1 + 0) = r0\n${Array.from({ length: 520 }, () => 'r0 += 1').join('\n')}`;
    expect(inlined(given(body))).toEqual([]);
  });
});
