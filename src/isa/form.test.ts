import { describe, expect, it } from 'vitest';
import { FORMS, formOf, formsOf, groupOf, validate, validateProgram } from './form.ts';
import { decode, encode, type Instruction } from './instruction.ts';

const insn = (fields: Partial<Instruction>): Instruction => ({
  opcode: 0x95,
  dst: 0,
  src: 0,
  off: 0,
  imm: 0,
  ...fields,
});

describe('opcode table', () => {
  it('tells the forms of an opcode apart', () => {
    const seen = new Set<string>();
    for (const { opcode, fixed, mnemonic } of FORMS) {
      const key = `${opcode} ${JSON.stringify(fixed)}`;
      expect(seen.has(key), mnemonic).toBe(false);
      seen.add(key);
    }
  });

  it('gives each form back for an instruction with its fixed fields', () => {
    for (const form of FORMS) expect(formOf(insn({ opcode: form.opcode, ...form.fixed }))).toBe(form);
  });

  it('fixes no field that carries an operand', () => {
    for (const { fixed, operands, mnemonic } of FORMS) {
      for (const field of ['src', 'off', 'imm'] as const) {
        expect(fixed[field] !== undefined && operands.has(field), `${mnemonic} ${field}`).toBe(false);
      }
    }
  });

  it('falls back to the plain form of an opcode', () => {
    expect(formOf(insn({ opcode: 0xbf, off: 8 }))?.mnemonic).toBe('movsx864');
    expect(formOf(insn({ opcode: 0xbf, off: 7 }))?.mnemonic).toBe('mov');
    expect(formOf(insn({ opcode: 0xdb, imm: 2 }))).toBeUndefined();
    expect(formsOf(0xff)).toEqual([]);
    expect(groupOf(insn({ opcode: 0x37, off: 1 }))).toBe('divmul64');
    expect(groupOf(insn({ opcode: 0xff }))).toBeUndefined();
  });

  it('has two slots for 64-bit immediates only', () => {
    expect(FORMS.filter((form) => form.slots === 2).every((form) => form.opcode === 0x18)).toBe(true);
  });
});

describe('validate', () => {
  const high = (fields: Partial<Instruction> = {}): Instruction => insn({ opcode: 0, ...fields });
  it.each([
    [insn({}), undefined, undefined],
    [insn({ imm: 1 }), undefined, 'imm is reserved in exit'],
    [insn({ dst: 1 }), undefined, 'dst is reserved in exit'],
    [insn({ opcode: 0xff }), undefined, 'unknown opcode 0xff'],
    [insn({ opcode: 0xb7, dst: 11 }), undefined, 'no register r11'],
    [insn({ opcode: 0xb7, src: 1 }), undefined, 'src is reserved in mov'],
    [insn({ opcode: 0xbf, off: 7 }), undefined, 'off is reserved in mov'],
    [insn({ opcode: 0xbf, off: 32, imm: 1 }), undefined, 'imm is reserved in movsx3264'],
    [insn({ opcode: 0xdb, imm: 2 }), undefined, 'no form with src 0, off 0, imm 2'],
    [insn({ opcode: 0xd4, imm: 24 }), undefined, 'no form with'],
    [insn({ opcode: 0xe5, src: 1 }), undefined, 'no form with'],
    [insn({ opcode: 0x85, src: 2, off: 3, imm: 4 }), undefined, undefined],
    [insn({ opcode: 0x85, src: 0, off: 3 }), undefined, 'off is reserved in call'],
    [insn({ opcode: 0x18 }), undefined, 'lddw lacks its second slot'],
    [insn({ opcode: 0x18 }), high({ imm: -1 }), undefined],
    [insn({ opcode: 0x18 }), high({ off: 1 }), 'holds more than imm'],
    [insn({ opcode: 0x18, src: 1 }), high({ imm: 1 }), 'second imm is reserved in ld_map_fd'],
    [insn({ opcode: 0x18, src: 2 }), high({ imm: 1 }), undefined],
    [insn({ opcode: 0x18, src: 7 }), high(), 'no form with src 7'],
  ])('%j then %j: %s', (first, next, problem) => {
    const answer = validate(first, next);
    if (problem === undefined) expect(answer).toBeUndefined();
    else expect(answer).toContain(problem);
  });

  it('finds the first bad instruction and does not look at second slots', () => {
    const wide = [insn({ opcode: 0x18, imm: 5 }), high({ imm: 6 })];
    expect(validateProgram([...wide, insn({})])).toBeUndefined();
    expect(validateProgram([...wide, insn({ opcode: 0xff })])?.insn).toBe(2);
    expect(validateProgram([insn({}), wide[0]])).toEqual({ insn: 1, problem: 'lddw lacks its second slot' });
  });
});

describe('slots', () => {
  it('encode and decode each other', () => {
    const all = [
      insn({ opcode: 0xdb, dst: 10, src: 9, off: -32768, imm: -(2 ** 31) }),
      insn({ off: 32767, imm: 2 ** 31 - 1 }),
    ];
    expect(decode(encode(all))).toEqual(all);
    expect([...encode([insn({ opcode: 1, dst: 2, src: 3, off: 4, imm: 5 })])]).toEqual([1, 0x32, 4, 0, 5, 0, 0, 0]);
    expect(() => decode(new Uint8Array(9))).toThrow('not a multiple of 8');
  });
});
