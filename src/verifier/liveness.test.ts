/** Live registers: blocks as Linux 6.18 prints them. */
import { describe, expect, it } from 'vitest';
import { envOf, slot } from '../../test/support/verifier-env.ts';
import { formatInsn } from '../asm/index.ts';
import { EXIT } from '../isa/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import { computeLiveRegs } from './liveness.ts';
import { computeScc } from './scc.ts';

function block(program: Parameters<typeof envOf>[0], progType: number = PROG_TYPE.SOCKET_FILTER): string {
  const env = envOf(program, { progType });
  computeScc(env);
  computeLiveRegs(env, (index) => formatInsn(env.insns, index));
  return env.log.text();
}

/** Registers before the first instruction. */
function first(program: Parameters<typeof envOf>[0], progType?: number): string {
  return block(program, progType).split('\n')[1].slice(9, 19).replaceAll('.', '');
}

const exit = slot(EXIT);
const r0 = slot(0xb7);

describe('live registers', () => {
  it('prints a loop with its number', () => {
    expect(block('r6 = r1\nr6 += 1\nif r2 != 0x0 goto pc-2\nr0 = r6\nexit')).toBe(
      [
        'Live regs before insn:',
        '      0: .12....... (bf) r6 = r1',
        '  1   1: ..2...6... (07) r6 += 1',
        '  1   2: ..2...6... (55) if r2 != 0x0 goto pc-2',
        '      3: ......6... (bf) r0 = r6',
        '      4: 0......... (95) exit',
        '',
      ].join('\n'),
    );
  });

  it('counts both slots of ld_imm64 and prints one', () => {
    expect(block('r3 = 0x5 ll\nr0 = r3\nexit')).toMatch(/^ {6}0: \.{10} .*\n {6}2: \.\.\.3\.{6} /m);
  });

  it('follows functions one by one', () => {
    const text = block('call f\nr1 = r6\nr0 = 0\nexit\nf: r1 += r7\nr0 = 0\nexit');
    expect(text.match(/[0-9.]{10}/g)!.map((regs) => regs.replaceAll('.', ''))).toEqual(
      ['123456', '6', '', '0', '17', '', '0'], // a call reads all five arguments and no more of its callee
    );
  });

  it.each([
    ['add', slot(0x0f, 1, 2), '12'],
    ['mov', slot(0xbf, 1, 2), '2'],
    ['sign extension', slot(0xbf, 1, 2, 8), '2'],
    ['neg', slot(0x87, 1), '1'],
    ['byte swap', slot(0xd7, 1, 0, 0, 16), '1'],
    ['a register against itself', slot(0xaf, 3, 3), '3'],
    ['load', slot(0x79, 3, 4), '4'],
    ['store', slot(0x7b, 5, 6), '56'],
    ['store of an immediate', slot(0x7a, 7, 3), '7'],
    ['atomic add', slot(0xdb, 1, 2), '12'],
    ['atomic xchg', slot(0xdb, 1, 2, 0, 0xe1), '12'],
    ['atomic cmpxchg', slot(0xdb, 1, 2, 0, 0xf1), '012'],
    ['load-acquire', slot(0xdb, 3, 4, 0, 0x100), '4'],
    ['store-release', slot(0xdb, 3, 4, 0, 0x110), '34'],
    ['packet load', slot(0x20), '0123456789'],
    ['jump', slot(0x1d, 3, 4), '34'],
    ['jump on an immediate', slot(0x15, 3), '3'],
    ['may_goto', slot(0xe5, 3), ''],
    ['goto', slot(0x05, 3), ''],
    ['the frame pointer is not shown', slot(0xbf, 3, 10), ''],
    ['a helper', slot(0x85, 0, 0, 0, 2), '1234'],
    ['a helper without arguments', slot(0x85, 0, 0, 0, 5), ''],
    ['a helper of other program types', slot(0x85, 0, 0, 0, 9), '12345'],
    ['a helper that does not exist', slot(0x85, 0, 0, 0, -1), '12345'],
  ])('%s', (_name, insn, regs) => {
    expect(first([insn, r0, exit])).toBe(regs);
  });

  it('asks the packet or the task for its class', () => {
    const classid = [slot(0x85, 0, 0, 0, 17), r0, exit];
    expect([first(classid), first(classid, PROG_TYPE.SCHED_CLS)]).toEqual(['', '1']);
  });
});
