import { afterAll, describe, expect, it } from 'vitest';
import { openClassicSocket } from '../../test/support/classic-socket.ts';
import { AD_OFF, assertClassic, checkClassic, decodeClassic, encodeClassic } from './index.ts';
import type { ClassicInstruction } from './index.ts';

const socket = await openClassicSocket();
afterAll(() => socket?.close());

const insn = (code: number, k = 0, jt = 0, jf = 0): ClassicInstruction => ({ code, jt, jf, k: k >>> 0 });
const RET = insn(0x06, 5);
const LD_M = (k: number): ClassicInstruction => insn(0x60, k);
const ST = (k: number): ClassicInstruction => insn(0x02, k);
const JA = (k: number): ClassicInstruction => insn(0x05, k);
const JEQ = (jt: number, jf: number): ClassicInstruction => insn(0x15, 0, jt, jf);

/** What is judged, and why it is refused; recorded from Linux 6.18. */
const CASES: readonly [string, readonly ClassicInstruction[], string | undefined][] = [
  ['nothing', [], '1 to 4096'],
  ['one return', [RET], undefined],
  ['as long as can be', new Array<ClassicInstruction>(4096).fill(RET), undefined],
  ['one more', new Array<ClassicInstruction>(4097).fill(RET), '1 to 4096'],
  ['no return at the end', [RET, insn(0x80)], 'does not return'],
  ['ret x', [insn(0x0e)], 'unknown code 0xe'],
  ['unused fields', [insn(0x07, 77, 9, 9), insn(0x16, 77, 9, 9)], undefined],
  ['a jump to the last', [JEQ(0, 1), RET, RET], undefined],
  ['a jump behind the end', [JEQ(0, 1), RET], 'only 1 follow'],
  ['ja behind the end', [JA(1), RET], 'only 1 follow'],
  ['ja backwards', [JA(-1), RET], 'only 1 follow'],
  ['division by 0', [insn(0x34, 0), RET], 'division by 0'],
  ['remainder by 0', [insn(0x94, 0), RET], 'division by 0'],
  ['division by X', [insn(0x3c, 0), RET], undefined],
  ['shift by 31', [insn(0x64, 31), RET], undefined],
  ['shift by 32', [insn(0x74, 32), RET], 'shift by 32'],
  ['M[15]', [ST(15), LD_M(15), RET], undefined],
  ['M[16]', [ST(16), RET], 'no M[16]'],
  ['unwritten', [LD_M(0), RET], 'M[0] is read'],
  ['unwritten into X', [insn(0x61, 3), RET], 'M[3] is read'],
  ['written from X', [insn(0x03, 3), LD_M(3), RET], undefined],
  ['written on one path', [JEQ(1, 0), ST(0), LD_M(0), RET], 'M[0] is read'],
  ['written on both', [JEQ(2, 0), ST(0), JA(1), ST(0), LD_M(0), RET], undefined],
  ['written in code that nothing reaches', [RET, ST(0), LD_M(0), RET], undefined],
  ['unwritten behind a return', [RET, LD_M(0), RET], 'M[0] is read'],
  ['unwritten behind a jump over it', [JA(1), LD_M(0), RET], undefined],
  ['below the ancillary loads', [insn(0x20, AD_OFF - 1), RET], undefined],
  ['relative to X, where ancillary loads are', [insn(0x40, AD_OFF + 1), RET], undefined],
];

describe('the verdict on classic programs', () => {
  it.each(CASES)('%s', (_name, insns, problem) => {
    const found = checkClassic(insns);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found?.problem).toContain(problem);
    if (socket) expect(socket.attach(insns), 'Linux').toBe(problem === undefined ? 0 : -22);
  });

  it('throws what a socket answers', () => {
    expect(() => assertClassic([ST(16), RET])).toThrow(/EINVAL.*instruction 0: there is no M\[16\]/);
  });

  it.skipIf(!socket)('knows the codes that Linux knows', () => {
    const differing: number[] = [];
    for (let code = 0; code < 0x1_0000; code += code < 0x200 ? 1 : 0xfd) {
      const insns = [ST(0), insn(code, 1), insn(code, 0), RET];
      for (const program of [insns, insns.toSpliced(1, 1), insns.toSpliced(2, 1)])
        if ((socket?.attach(program) === 0) !== !checkClassic(program)) differing.push(code);
    }
    expect(differing).toEqual([]);
  });

  it.skipIf(!socket)('knows the ancillary loads that Linux knows', () => {
    const differing: number[] = [];
    for (let k = -0x1010; k < 4; k++)
      for (const code of [0x20, 0x28, 0x30, 0x40, 0xb1]) {
        const program = [insn(code, k), RET];
        if ((socket?.attach(program) === 0) !== !checkClassic(program)) differing.push(k);
      }
    expect(differing).toEqual([]);
  });
});

describe('the bytes of instructions', () => {
  it('come back', () => {
    const insns = [insn(0x1234, 0xfedcba98, 5, 255), RET];
    expect(decodeClassic(encodeClassic(insns))).toEqual(insns);
    expect([...encodeClassic(insns)].slice(0, 8)).toEqual([0x34, 0x12, 5, 255, 0x98, 0xba, 0xdc, 0xfe]);
  });

  it('are whole', () => {
    expect(() => decodeClassic(new Uint8Array(9))).toThrow('9 bytes are no multiple of 8');
  });
});
