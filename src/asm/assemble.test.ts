import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../errors/index.ts';
import { encode, FORMS, formOf, validate, type Form, type Instruction } from '../isa/index.ts';
import { assemble } from './assemble.ts';
import { formatInsn, formatProgram } from './format.ts';

const s32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const s16 = fc.integer({ min: -32768, max: 32767 });
const reg = fc.integer({ min: 0, max: 10 });

/** All well-formed instructions of a form. */
function instanceOf(form: Form): fc.Arbitrary<Instruction[]> {
  const { opcode, operands, fixed } = form;
  return fc
    .record({
      opcode: fc.constant(opcode),
      dst: operands.has('dst') ? reg : fc.constant(0),
      src: operands.has('src') ? reg : fc.constant(fixed.src ?? 0),
      off: operands.has('off') ? s16 : fc.constant(fixed.off ?? 0),
      imm: operands.has('imm') ? fc.oneof(s32, fc.constantFrom(0, 1, 5)) : fc.constant(fixed.imm ?? 0),
      high: form.usesHigh ? s32 : fc.constant(0),
    })
    .map(({ high, ...insn }) => {
      return form.slots === 2 ? [insn, { opcode: 0, dst: 0, src: 0, off: 0, imm: high }] : [insn];
    })
    .filter(([insn]) => formOf(insn) === form);
}

const program = fc
  .array(fc.constantFrom(...FORMS).chain(instanceOf), { minLength: 1, maxLength: 20 })
  .map((insns) => insns.flat());

const hex = (insns: readonly Instruction[]): string => Buffer.from(encode(insns)).toString('hex');
const asm = (text: string): string => hex(assemble(text).insns);

describe('assembler', () => {
  it('gives back the slots of any well-formed program from its text, with and without prefixes', () => {
    fc.assert(
      fc.property(program, (insns) => {
        for (const [i, insn] of insns.entries()) if (insn.opcode) expect(validate(insn, insns[i + 1])).toBeUndefined();
        const lines = formatProgram(insns, { raw: true });
        expect(asm(lines.join('\n'))).toBe(hex(insns));
        expect(asm(lines.map((line) => line.replace(/^ *\d+: /, '')).join('\n'))).toBe(hex(insns));
        expect(asm(lines.map((line) => line.replace(/^ *\d+: \(..\) /, '')).join('\n'))).toBe(hex(insns));
      }),
      { numRuns: 500 },
    );
  });

  it('answers any text with a program or a FormatError', () => {
    const words = FORMS.flatMap(({ syntax }) => syntax.split(/(\s+|(?<=\W)|(?=\W))/));
    const part = fc.oneof(
      fc.constantFrom(...words, 'r1', 'w2', '+8', '-1', '0x7', 'pc+1', 'a:', 'a', '\n', ' ll'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 15 }), (parts) => {
        try {
          assemble(parts.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('reads what the kernel wrote', () => {
    const lines = readFileSync(new URL('../../test/golden/disasm.golden', import.meta.url), 'utf8').split('\n');
    let read = 0;
    for (const line of lines.filter((l) => l && !l.startsWith('#'))) {
      const text = line.slice(line.indexOf(' ') + 1);
      const bytes = line.slice(0, line.indexOf(' '));
      const insns = bytes.match(/.{16}/g)!.map(decodeSlot);
      if (validate(insns[0], insns[1])) continue;
      expect({ text, bytes: asm(text) }).toEqual({ text, bytes });
      read++;
    }
    expect(read).toBeGreaterThan(700);
  });

  it('resolves labels', () => {
    const { insns, labels } = assemble(`
      start:
        r1 = 0x1 ll            ; two slots
        if r1 s> 7 goto done
        if w1 & 3 goto start   // backwards
        gotol done
        may_goto done
        call helper            # a function of ours
        r2 = subprog[helper]
      done: exit
      helper:
        exit`);
    expect(Object.fromEntries(labels)).toEqual({ start: 0, done: 9, helper: 10 });
    expect(formatProgram(insns, { raw: true }).map((line) => line.replace(/^ *\d+: \(..\) /, ''))).toEqual([
      'r1 = 0x1',
      'if r1 s> 0x7 goto pc+6',
      'if w1 & 0x3 goto pc-4',
      'gotol pc+4',
      'may_goto pc+3',
      'call pc+3',
      'r2 = subprog[pc+2]',
      'exit',
      'exit',
    ]);
  });

  it('reports map loads', () => {
    const { insns, mapRefs } = assemble('r1 = map[counts]\nr2 = map[.rodata][0]+8\nr3 = map[.bss][0]\nr4 = map[fd:7]');
    expect(mapRefs).toEqual([
      { insn: 0, name: 'counts' },
      { insn: 2, name: '.rodata', offset: 8 },
      { insn: 4, name: '.bss', offset: 0 },
    ]);
    expect(insns.filter((insn) => insn.opcode).map(({ dst, src, imm }) => [dst, src, imm])).toEqual([
      [1, 1, 0],
      [2, 2, 0],
      [3, 2, 0],
      [4, 1, 7],
    ]);
    expect(insns[3].imm).toBe(8);
  });

  it('calls helpers by name and number, kernel functions by number, labels before helpers', () => {
    const call = (text: string): string => formatInsn(assemble(text).insns, 0, { raw: true });
    for (const text of [
      'call 5',
      'call ktime_get_ns',
      'call bpf_ktime_get_ns',
      'call bpf_ktime_get_ns#5',
      'call 0x5',
    ]) {
      expect(call(text)).toBe('(85) call bpf_ktime_get_ns#5');
    }
    expect(call('call unknown#1000')).toBe('(85) call unknown#1000');
    expect(call('call bpf_iter_num_new#64233')).toBe('(85) call kfunc#64233');
    expect(call('call #0')).toBe('(85) call kfunc#0');
    expect(call('call kfunc#7@2')).toBe('(85) call kfunc#7@2');
    expect(call('call redirect\nexit\nredirect: exit')).toBe('(85) call pc+1');
  });

  it('takes numbers and blanks as people and LLVM write them', () => {
    expect(asm('r0 = 0xffffffff')).toBe('1800000' + '0ffffffff' + '0000000000000000');
    expect(asm('w0 = 4294967295')).toBe('b4000000ffffffff');
    expect(asm('if r0 == 0xffffffff goto pc+0')).toBe('15000000ffffffff');
    expect(asm('r0=-1')).toBe('b7000000ffffffff');
    expect(asm('r0 = -0x10')).toBe('b7000000f0ffffff');
    expect(asm('r0 = 7 ll')).toBe('18000000070000000000000000000000');
    expect(asm('r1 &= 0xffffffffffffff00')).toBe('5701000000ffffff');
    expect(asm('w1 = *(u32 *)(r2 + 0x4)')).toBe('6121040000000000');
    expect(asm('*(u8*)(r10-1)=w3')).toBe('733affff00000000');
    expect(asm('r1 = *(u64 *)(r2)')).toBe('7921000000000000');
    expect(asm('if r1 == r2 goto +0x2 <LBB0_1>')).toBe('1d21020000000000');
    expect(asm('r0 = *(u16 *)skb[ r6 + 12 ]')).toBe('486000000c000000');
    expect(asm('11: (95) exit ; R0=0')).toBe('9500000000000000');
    expect(asm('exit ; the end\r\n# bye\r\n')).toBe('9500000000000000');
  });

  it.each([
    ['r1 = ', 'is not an instruction'],
    ['r11 = 1', 'no register r11'],
    ['r1 = r2 + r3', 'is not an instruction'],
    ['goto nowhere', 'no label nowhere'],
    ['goto 3', 'neither a label nor a distance'],
    ['call no_such_function', 'neither a label nor a helper'],
    ['call 1 2', 'nothing to call'],
    ['a:\na:\nexit', 'label a is defined twice'],
    ['r1 = 99999999999', 'does not fit 32 bits'],
    ['r1 = 4294967295', 'does not fit 32 bits'],
    ['r1 &= 0xffffffff', 'does not fit 32 bits'],
    ['r1 = 0x1ffffffffffffffff', 'does not fit 64 bits'],
    ['r1 = *(u32 *)(r2 +40000)', 'does not fit 16 signed bits'],
    ['w1 = -w2', 'must be the same'],
    ['r1 = atomic64_cmpxchg((u64 *)(r2 +0), r1, r3)', 'must be r0'],
    ['(b7) r1 = r2', 'opcode b7 is not that of'],
    ['(c3) BUG_c3', 'is not an instruction'],
    ['0: exit\n2: exit', 'instruction 2 where 1 is expected'],
    ['r1 = map[a][3]', 'is not [0]+offset'],
    ['r1 += 5 ll', 'll is for'],
    ['(95)', 'nothing after'],
    ['goto a\n' + 'r0 = 0\n'.repeat(32768) + 'a: exit', 'does not fit 16 signed bits'],
  ])('refuses %j', (text, message) => {
    let error: unknown;
    try {
      assemble(text, { file: 'a.bpf' });
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(FormatError);
    expect(String((error as FormatError).message)).toContain(message);
    expect((error as FormatError).message).toMatch(/^a\.bpf:\d+: /);
  });
});

function decodeSlot(text: string): Instruction {
  const view = new DataView(Uint8Array.from(Buffer.from(text, 'hex')).buffer);
  const regs = view.getUint8(1);
  return {
    opcode: view.getUint8(0),
    dst: regs & 15,
    src: regs >> 4,
    off: view.getInt16(2, true),
    imm: view.getInt32(4, true),
  };
}
