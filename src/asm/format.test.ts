import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decode, FORMS, formOf, LD_IMM64, validate } from '../isa/index.ts';
import { formatInsn } from './format.ts';

const golden = readFileSync(new URL('../../test/golden/disasm.golden', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'))
  .map((line) => {
    const [hex, ...text] = line.split(' ');
    return { insns: decode(Uint8Array.from(Buffer.from(hex, 'hex'))), text: text.join(' ') };
  });

describe('disassembler', () => {
  it('prints what the kernel prints', () => {
    const wrong = golden.filter(({ insns, text }) => formatInsn(insns, 0) !== text);
    expect(wrong.map(({ insns, text }) => ({ ours: formatInsn(insns, 0), kernel: text }))).toEqual([]);
  });

  it('is compared on a well-formed instance of every form the kernel prints', () => {
    const seen = new Set(
      golden.filter(({ insns }) => !validate(insns[0], insns[1])).map(({ insns }) => formOf(insns[0])),
    );
    const unseen = FORMS.filter((form) => !seen.has(form)).map((form) => form.mnemonic);
    // Call by register is no instruction of Linux; map loads print an address, which differs from boot to boot.
    const names = 'callx ld_map_fd ld_map_value ld_btf_id ld_func ld_map_idx ld_map_idx_value';
    expect(unseen).toEqual(names.split(' '));
  });

  it('names 64-bit immediates, helpers and sub-programs through its options', () => {
    const map = decode(Uint8Array.from(Buffer.from('18110000030000000000000000000000', 'hex')));
    expect(map[0].opcode).toBe(LD_IMM64);
    expect(formatInsn(map, 0, { ldImm64: () => 0xffff888100000000n })).toBe('(18) r1 = 0xffff888100000000');
    expect(formatInsn(map, 0, { ldImm64: () => 'map[counts]' })).toBe('(18) r1 = map[counts]');
    const call = [{ opcode: 0x85, dst: 0, src: 0, off: 0, imm: 5 }];
    expect(formatInsn(call, 0, { helperName: () => 'my_helper' })).toBe('(85) call my_helper#5');
    expect(formatInsn(call, 0, { helperName: () => undefined })).toBe('(85) call unknown#5');
    expect(formatInsn([{ ...call[0], src: 1 }], 0, { subprogName: (t) => `f${t}` })).toBe('(85) call f6');
    expect(formatInsn([{ ...call[0], src: 2 }], 0, { kfuncName: () => 'bpf_x' })).toBe('(85) call bpf_x#5');
  });
});
