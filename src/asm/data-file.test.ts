import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../errors/index.ts';
import { encode, FORMS, formOf, groupOf, LD_IMM64, validateProgram, type Instruction } from '../isa/index.ts';
import { assembleConformance } from './conformance.ts';
import { parseDataFile, type DataFile } from './data-file.ts';
import { formatProgram } from './format.ts';

const folder = new URL('../../test/conformance/', import.meta.url);
const files: { group: string; name: string; data: DataFile }[] = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name: group }) =>
    readdirSync(new URL(`${group}/`, folder)).map((name) => {
      const path = `${group}/${name}`;
      return { group, name, data: parseDataFile(readFileSync(new URL(path, folder), 'utf8'), path) };
    }),
  );
const text = (source: string): string[] =>
  formatProgram(assembleConformance(source).insns, { raw: true }).map((line) => line.replace(/^ *\d+: \(..\) /, ''));

describe('conformance files of this project', () => {
  it('are well formed where they must pass, and use the group they are filed under', () => {
    for (const { group, name, data } of files) {
      if (group === 'error') {
        expect(data.error, name).toBeDefined();
        continue;
      }
      expect({ name, problem: validateProgram(data.insns) }).toEqual({ name, problem: undefined });
      expect(data.result, name).toBeDefined();
      expect(data.insns.filter(isFirstSlot).map(groupOf), name).toContain(group);
    }
  });

  it('cover every form that runs without the kernel', () => {
    const used = new Set(files.flatMap(({ data }) => data.insns.filter(isFirstSlot).map(formOf)));
    const unused = FORMS.filter((form) => !used.has(form)).map((form) => form.mnemonic);
    expect(unused).toEqual([
      'addr_space_cast',
      'call_kfunc',
      ...['ld_map_fd', 'ld_map_value', 'ld_btf_id', 'ld_func', 'ld_map_idx', 'ld_map_idx_value'],
      ...['ldabsb', 'ldabsh', 'ldabsw', 'ldindb', 'ldindh', 'ldindw'],
    ]);
  });
});

function isFirstSlot(_: Instruction, i: number, insns: Instruction[]): boolean {
  return i === 0 || insns[i - 1].opcode !== LD_IMM64;
}

describe('dialect of conformance files', () => {
  it('knows the variants in use', () => {
    expect(text('mov64 %r0, 1 # one\r\nmov r1, w2\nMOV32 %r1, -1\nadd64 %r1, 0x10\nneg64 r3')).toEqual([
      'r0 = 1',
      'r1 = r2',
      'w1 = -1',
      'r1 += 16',
      'r3 = -r3',
    ]);
    expect(text('ldxdw r1, [r10 - 8]\nstxb [%r1], %r2\nstw [%fp-0x10], 0xffffffff\nldxsh %r1,[%r2+0x2]')).toEqual([
      'r1 = *(u64 *)(r10 -8)',
      '*(u8 *)(r1 +0) = r2',
      '*(u32 *)(r10 -16) = -1',
      'r1 = *(s16 *)(r2 +2)',
    ]);
    expect(
      text('lock add [%r1+8], %r2\nlock fetch or32 [%r1], %r2\nlock   xchg32 [r1-4], r2\nstxxaddw [r1], r2'),
    ).toEqual([
      'lock *(u64 *)(r1 +8) += r2',
      'r2 = atomic_fetch_or((u32 *)(r1 +0), r2)',
      'r2 = atomic_xchg((u32 *)(r1 -4), r2)',
      'lock *(u32 *)(r1 +0) += r2',
    ]);
    expect(
      text('lock add64 [%r1+8], %r2\nlock fetch xor [r1], r2\nlock cmpxchg [%r1], %r2\nstxxadddw [r1], r2'),
    ).toEqual([
      'lock *(u64 *)(r1 +8) += r2',
      'r2 = atomic64_fetch_xor((u64 *)(r1 +0), r2)',
      'r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)',
      'lock *(u64 *)(r1 +0) += r2',
    ]);
    expect(
      text('movsx832 %r1, %r2\nmovsx3264 r1, r2\nswap16 %r1\nbswap64 r1\nle32 %r1\nsdiv32 %r1, -2\nsmod r1, r2'),
    ).toEqual([
      'w1 = (s8)w2',
      'r1 = (s32)r2',
      'r1 = bswap16 r1',
      'r1 = bswap64 r1',
      'r1 = le32 r1',
      'w1 s/= -2',
      'r1 s%= r2',
    ]);
    expect(text('jeq %r1, 0x0, +2\njsle32 r1, r2, out\nja32 out\nja -1\njset %r1, 0x80000000, +0\nout: exit')).toEqual([
      'if r1 == 0x0 goto pc+2',
      'if w1 s<= w2 goto pc+3',
      'gotol pc+2',
      'goto pc-1',
      'if r1 & 0x80000000 goto pc+0',
      'exit',
    ]);
    expect(text('call 5\ncall %r2\ncallx r3\ncall local f\ncall f\nexit\nf:\nexit')).toEqual([
      'call bpf_ktime_get_ns#5',
      'callx r2',
      'callx r3',
      'call pc+2',
      'call pc+1',
      'exit',
      'exit',
    ]);
    expect(text('lddw %r1, 0x1122334455667788\nlddw r2, -1\nldabsh 12\nldindb %r3, 0x4\nmay_goto +1\nexit')).toEqual([
      'r1 = 0x1122334455667788',
      'r2 = 0xffffffffffffffff',
      'r0 = *(u16 *)skb[12]',
      'r0 = *(u8 *)skb[r3 + 4]',
      'may_goto pc+1',
      'exit',
    ]);
    expect(
      text('ld_map_fd %r1, 3\nld_map_value %r2, 3, 8\nld_func %r3, f\naddr_space_cast %r1, %r2, 0, 1\nf: exit'),
    ).toEqual([
      'r1 = map[fd:3]',
      'r2 = map[fd:3][0]+8',
      'r3 = subprog[pc+2]',
      'r1 = addr_space_cast(r2, 0, 1)',
      'exit',
    ]);
  });

  it.each([
    ['mov %r0', 'takes D, IMM or D, S'],
    ['movv %r0, 1', 'no instruction movv'],
    ['mov %r11, 1', 'no register %r11'],
    ['mov %r0, 0x1ffffffff', 'does not fit 32 bits'],
    ['ldxw %r0, [%r1+40000]', 'does not fit 16 signed bits'],
    ['ldxw %r0, %r1', 'takes D, [S]'],
    ['ldxw %r0, [%r1+x]', 'is no offset'],
    ['ja nowhere', 'no label nowhere'],
    ['mov %r0, 1 2', 'is no operand'],
    ['neg32 %r0, 1', 'takes D, not'],
    ['lddw %r0, 0x11223344556677889', 'does not fit 64 bits'],
    ['lock mov [%r0], %r1', 'no instruction lock mov'],
    ['exit 0', 'takes no operands'],
    ['mov %r0,', 'is no operand'],
  ])('refuses %j', (source, message) => {
    const file = `# comment\n-- asm\n${source}\nexit\n-- result\n0`;
    expect(() => parseDataFile(file, 'x.data')).toThrow(FormatError);
    expect(() => parseDataFile(file, 'x.data')).toThrow(message);
    expect(() => parseDataFile(file, 'x.data')).toThrow(/^x\.data:3: /);
  });
});

describe('conformance file', () => {
  it('gives what is in it', () => {
    const data = parseDataFile(
      `# Copyright\n-- asm\nmov %r0, %r2 # comment\nexit\n-- mem\naa bb\n  ccdd # tail\n-- result\n0xffffffffffffffff # all\n` +
        `-- no register offset\nsays why\n-- c\n#include <x>\n--i;\n`,
    );
    expect([...(data.mem ?? [])]).toEqual([0xaa, 0xbb, 0xcc, 0xdd]);
    expect(data.result).toBe(0xffffffffffffffffn);
    expect([...data.options]).toEqual(['no register offset']);
    expect(data.sections.get('c')).toContain('#include <x>\n--i;');
    expect(data.sections.get('no register offset')).toContain('says why');
    expect(data.error).toBeUndefined();
    expect(data.insns).toHaveLength(2);
  });

  it('reads results in decimal, negative and hexadecimal without 0x', () => {
    const result = (text: string): bigint | undefined => parseDataFile(`-- raw\n95\n-- result\n${text}`).result;
    expect(result('10')).toBe(10n);
    expect(result('-1')).toBe(0xffffffffffffffffn);
    expect(result('0x10')).toBe(16n);
    expect(result('ff')).toBe(255n);
  });

  it('takes the program from raw, little-endian slots', () => {
    const data = parseDataFile('-- raw\n0x00000002000000b7\n95\n-- error\nmust fail\n');
    expect(Buffer.from(encode(data.insns)).toString('hex')).toBe('b7000000020000009500000000000000');
    expect(data.error).toBe('must fail');
    expect(data.result).toBeUndefined();
  });

  it.each([
    ['-- asm\nexit\n-- raw\n0xb7\n95\n-- result\n0', 'differ at slot 0', 3],
    ['-- asm\nexit\n-- raw\n95\n95\n-- result\n0', 'differ at slot 1', 3],
    ['-- asm\nexit\n-- result\n', 'expected one number', 3],
    ['-- asm\nexit\n-- result\n1 2', 'expected one number', 3],
    ['-- asm\nexit\n-- result\n0x10000000000000000', 'is not a 64-bit number', 4],
    ['-- asm\nexit\n-- result\nzero', 'is not a 64-bit number', 4],
    ['-- asm\nexit', 'neither a result nor an error', 1],
    ['-- result\n0', 'neither an asm nor a raw', 1],
    ['', 'neither an asm nor a raw', 1],
    ['-- asm\nexit\n-- asm\nexit\n-- result\n0', 'section asm is there twice', 3],
    ['exit\n-- result\n0', 'text before the first section', 1],
    ['-- asm\nexit\n-- mem\n1\n-- result\n0', '1 digits are not whole bytes', 3],
    ['-- asm\nexit\n-- mem\nxy\n-- result\n0', 'is not hexadecimal', 4],
    ['-- raw\n0x12345678123456789\n-- result\n0', 'is not a 64-bit hexadecimal slot', 2],
  ])('refuses %j', (source, message, line) => {
    let error: unknown;
    try {
      parseDataFile(source, 'x.data');
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message).toContain(message);
    expect((error as FormatError).line).toBe(line);
  });

  it('answers any text with a result or a FormatError', () => {
    const bits = [
      '-- asm\n',
      '-- raw\n',
      '-- mem\n',
      '-- result\n',
      '-- error\n',
      '-- ',
      'exit\n',
      'mov %r0, 1\n',
      '0x95\n',
      'ja ',
      '+1',
      '[',
      '%r1',
      ':',
      '\n',
      '#',
      'lock fetch ',
    ];
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...bits), fc.string()), { maxLength: 12 }), (parts) => {
        try {
          parseDataFile(parts.join(''), 'x.data');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
