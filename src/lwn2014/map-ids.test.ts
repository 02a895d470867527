/** Which constants are maps, and what jumps become. */
import { expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { LD_IMM64, type Instruction } from '../isa/index.ts';
import { translateMapIds } from './map-ids.ts';

/** Maps 1 to 9 have descriptors 101 to 109. */
const translate = (insns: readonly Instruction[]): string | Instruction[] =>
  translateMapIds(insns, (id) => (id > 0 && id < 10 ? 100 + id : undefined));

/** Where in the translated program maps are loaded, and which. */
function loads(source: string): string | [at: number, fd: number][] {
  const out = translate(assemble(source).insns);
  if (typeof out === 'string') return out;
  return out.flatMap(({ opcode, src, imm }, at): [number, number][] =>
    opcode === LD_IMM64 && src === 1 ? [[at, imm]] : [],
  );
}

const CALL = 'call bpf_map_lookup_elem\n';

it.each<[string, string, ReturnType<typeof loads>]>([
  ['a constant', `r1 = 3\n${CALL}exit`, [[1, 103]]],
  ['a constant of 64 bits', `r1 = 3 ll\n${CALL}exit`, [[2, 103]]],
  ['a constant of 32 bits', `w1 = 3\n${CALL}exit`, [[1, 103]]],
  ['a copy of one', `r6 = 3\n${CALL}r1 = r6\n${CALL}exit`, [[3, 103]]],
  ['the same on two ways', `r1 = 3\nif r2 == 0 goto +1\nr1 = 3\n${CALL}exit`, [[3, 103]]],
  ['another one on the other way', `r1 = 3\nif r2 == 0 goto +1\nr1 = 4\n${CALL}exit`, []],
  ['one that is computed', `r1 = 3\nr1 += 1\n${CALL}exit`, []],
  ['one that a call has taken', `r1 = 3\n${CALL}${CALL}exit`, [[1, 103]]],
  ['one that a packet load has taken', `r1 = 3\nr0 = *(u8 *)skb[0]\n${CALL}exit`, []],
  ['one that was loaded over', `r1 = 3\nr1 = *(u32 *)(r6 +0)\n${CALL}exit`, []],
  ['another function', 'r1 = 3\ncall bpf_trace_printk\nexit', []],
  ['a number below zero', `r1 = -3\n${CALL}exit`, []],
  ['an id that is no map', `r1 = 77\n${CALL}exit`, 'insn 1: there is no map 77'],
  ['zero', `r1 = 0\n${CALL}exit`, 'insn 1: there is no map 0'],
  ['a call that is never reached', `exit\nr1 = 3\n${CALL}exit`, []],
  ['two calls', `r1 = 3\n${CALL}r1 = 4\n${CALL}exit`, [[1, 103], [5, 104]]], // prettier-ignore
])('finds what r1 is at a call: %s', (_what, source, answer) => {
  expect(loads(source)).toEqual(answer);
});

it('jumps lead where they led, over what was put in and to it', () => {
  const source = `
again:
  r1 = 3
  if r2 == 0 goto call
  if r3 == 0 goto out
  goto again
call:
  ${CALL}
  if r0 == 0 goto again
out:
  exit`;
  const out = translate(assemble(source).insns);
  if (typeof out === 'string') throw new Error(out);
  // 0 r1 = 3, 1 if, 2 if, 3 goto, 4-5 the map, 6 call, 7 if, 8 exit
  expect(out[4]).toMatchObject({ opcode: LD_IMM64, dst: 1, src: 1, imm: 103 });
  expect([1, 2, 3, 7].map((at) => at + 1 + out[at].off)).toEqual([4, 8, 0, 0]);
  expect(out).toHaveLength(9);
});

it('a program with a jump to nowhere is left as it is, but for its loads of maps', () => {
  for (const wild of ['goto +9', 'goto -9', 'goto +1\nr7 = 5 ll']) {
    const { insns, mapRefs } = assemble(`r1 = 3\n${CALL}r1 = map[m]\n${wild}\nexit`);
    const named = insns.map((insn, at) => (mapRefs.some((ref) => ref.insn === at) ? { ...insn, imm: 4 } : insn));
    expect(translate(named)).toEqual(
      named.map((insn) => (insn.src === 1 && insn.opcode === LD_IMM64 ? { ...insn, imm: 104 } : insn)),
    );
  }
});

it('takes any slots at all', () => {
  const half = [{ opcode: LD_IMM64, dst: 15, src: 1, off: -1, imm: 4 }];
  expect(translate(half)).toEqual([{ ...half[0], imm: 104 }]);
  expect(translate([])).toEqual([]);
});
