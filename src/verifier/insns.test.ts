/** Fields of single instructions, with Linux 6.18's answers. */
import { describe, expect, it } from 'vitest';
import { envOf, slot } from '../../test/support/verifier-env.ts';
import type { MapDesc } from '../contracts/index.ts';
import { EXIT } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { MAP_TYPE, PROG_TYPE } from '../uapi/index.ts';
import { UnsupportedConstruct } from './context.ts';
import { AUX } from './insn-aux.ts';
import { checkFields, checkOperands, resolveInsns } from './insns.ts';

const map = (overrides: Partial<MapDesc> = {}): MapDesc => ({
  type: MAP_TYPE.ARRAY,
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
  flags: 0,
  name: '',
  frozen: false,
  ...overrides,
});
const exit = slot(EXIT);
/** `ld_imm64`: kind, immediate, immediate of the second slot. */
const imm64 = (src: number, imm: number, high = 0): Instruction[] => [
  slot(0x18, 1, src, 0, imm),
  slot(0, 0, 0, 0, high),
];

/** Descriptors 3 and on are the maps; 0 is open, but not a map. */
function resolve(insns: readonly Instruction[], maps: readonly MapDesc[] = [], fdArray?: readonly number[]) {
  const env = envOf(insns, { mapOf: (fd) => (fd === 0 ? -22 : maps[fd - 3]), fdArray });
  return { env, err: resolveInsns(env), log: env.log.text() };
}

describe('the pass before the walk', () => {
  it('knows exactly the opcodes of Linux 6.18', () => {
    const known: number[] = [];
    for (let opcode = 0; opcode < 256; opcode++) {
      const tail = opcode === 0x18 ? [slot(0)] : [];
      if (resolve([slot(opcode), ...tail, exit]).err === 0) known.push(opcode);
    }
    const hex = known.map((opcode) => opcode.toString(16).padStart(2, '0')).join(' ');
    expect(hex).toBe(
      '04 05 06 07 0c 0f 14 15 16 17 18 1c 1d 1e 1f 20 24 25 26 27 28 2c 2d 2e 2f 30 34 35 36 37 3c 3d 3e 3f 40 44 45 46 ' +
        '47 48 4c 4d 4e 4f 50 54 55 56 57 5c 5d 5e 5f 61 62 63 64 65 66 67 69 6a 6b 6c 6d 6e 6f 71 72 73 74 75 76 77 79 ' +
        '7a 7b 7c 7d 7e 7f 81 84 85 87 89 91 94 95 97 9c 9f a4 a5 a6 a7 ac ad ae af b4 b5 b6 b7 bc bd be bf c3 c4 c5 c6 ' +
        'c7 cb cc cd ce cf d3 d4 d5 d6 d7 db dc dd de e5',
    );
  });

  it.each([
    ['callx', [slot(0x8d), exit], -22, 'unknown opcode 8d\n'],
    ['a sign-extending load of 8 bytes', [slot(0x99), exit], -22, 'unknown opcode 99\n'],
    ['a load in another mode', [slot(0x21), exit], -22, 'BPF_LDX uses reserved fields\n'],
    ['a load with an immediate', [slot(0x61, 0, 1, 0, 5), exit], -22, 'BPF_LDX uses reserved fields\n'],
    ['half an ld_imm64', [exit, slot(0x18)], -22, 'invalid bpf_ld_imm64 insn\n'],
    ['a second slot with an opcode', [slot(0x18), exit], -22, 'invalid bpf_ld_imm64 insn\n'],
    ['an unknown kind', imm64(7, 0), -22, 'unrecognized bpf_ld_imm64 insn\n'],
    ['a map load with an offset', imm64(1, 3, 1), -22, 'unrecognized bpf_ld_imm64 insn\n'],
    ['a closed descriptor', imm64(1, 99), -9, 'fd 99 is not pointing to valid bpf_map\n'],
    ['a descriptor of something else', imm64(2, 0), -22, 'fd 0 is not pointing to valid bpf_map\n'],
    ['an index without an array', imm64(5, 0), -71, 'fd_idx without fd_array is invalid\n'],
  ])('refuses %s', (_name, insns, err, log) => {
    expect(resolve(insns)).toMatchObject({ err, log });
  });

  it('resolves maps by descriptor and by index, each map once', () => {
    const maps = [map(), map({ type: MAP_TYPE.HASH })];
    const insns = [...imm64(1, 4), ...imm64(2, 3, 7), ...imm64(5, 0), ...imm64(6, 1, 0), exit];
    const { env, err } = resolve(insns, maps, [4, 3]);
    expect(err).toBe(0);
    expect(env.aux.maps).toEqual([maps[1], maps[0]]);
    expect([...env.aux.mapRefs]).toEqual([
      [0, { map: 0, valueOffset: undefined }],
      [2, { map: 1, valueOffset: 7 }],
      [4, { map: 0, valueOffset: undefined }],
      [6, { map: 1, valueOffset: 0 }],
    ]);
    expect([0, 1, 2, 3, 8].map((at) => env.aux.flags[at] & AUX.IMM64_TAIL)).toEqual([0, 32, 0, 32, 0]);
  });

  it.each([
    ['at the end of the value', map(), 8, -22, 'invalid access to map value pointer, value_size=8 off=8\n'],
    ['behind 2^29', map(), 1 << 29, -22, 'direct value offset of 536870912 is not allowed\n'],
    ['below 0', map(), -1, -22, 'direct value offset of 4294967295 is not allowed\n'],
    ['of a hash', map({ type: MAP_TYPE.HASH }), 0, -22, 'no direct value access support for this map type\n'],
    ['of a longer array', map({ maxEntries: 2 }), 0, -524, 'invalid access to map value pointer, value_size=8 off=0\n'],
  ])('refuses the address of a value %s', (_name, desc, offset, err, log) => {
    expect(resolve([...imm64(2, 3, offset), exit], [desc])).toMatchObject({ err, log });
  });

  it('counts maps up to 64', () => {
    const maps = Array.from({ length: 65 }, () => map());
    const program = (count: number) => [...maps.slice(0, count).flatMap((_, i) => imm64(1, 3 + i)), exit];
    expect(resolve([...program(64), ...imm64(1, 3), exit], maps).err).toBe(0);
    expect(resolve(program(65), maps)).toMatchObject({
      err: -7,
      log: 'The total number of maps per program has reached the limit of 64\n',
    });
  });

  it('names arenas and kernel variables as unsupported', () => {
    expect(() => resolve(imm64(1, 3), [map({ type: MAP_TYPE.ARENA })])).toThrow(UnsupportedConstruct);
    expect(() => resolve(imm64(3, 1))).toThrow(UnsupportedConstruct);
  });
});

describe('fields that the walk checks', () => {
  const reserved = (what: string) => `BPF_${what} uses reserved fields\n`;
  it.each([
    ['add, src', slot(0x07, 1, 1), reserved('ALU')],
    ['add, off', slot(0x07, 1, 0, 1), reserved('ALU')],
    ['add by register, imm', slot(0x0f, 1, 1, 0, 1), reserved('ALU')],
    ['div, off 2', slot(0x37, 0, 0, 2, 1), reserved('ALU')],
    ['sdiv', slot(0x37, 0, 0, 1, 1), ''],
    ['neg, imm', slot(0x87, 0, 0, 0, 1), reserved('NEG')],
    ['byte swap, width 7', slot(0xd7, 0, 0, 0, 7), reserved('END')],
    ['byte swap, src', slot(0xdc, 0, 1, 0, 16), reserved('END')],
    ['mov, off', slot(0xb7, 0, 0, 8), reserved('MOV')],
    ['sign extension, 32 to 32', slot(0xbc, 1, 1, 32), reserved('MOV')],
    ['sign extension, 32 to 64', slot(0xbf, 1, 1, 32), ''],
    [
      'cast between other spaces',
      slot(0xbf, 1, 1, 1, 5),
      'addr_space_cast insn can only convert between address space 1 and 0\n',
    ],
    [
      'cast without arena',
      slot(0xbf, 1, 1, 1, 1),
      'addr_space_cast insn can only be used in a program that has an associated arena\n',
    ],
    ['cast of 32 bits', slot(0xbc, 1, 1, 1, 1), reserved('MOV')],
    ['store, src', slot(0x7a, 10, 1, -8), reserved('ST')],
    ['store of a register, imm', slot(0x7b, 10, 1, -8, 5), reserved('STX')],
    ['atomic, operation', slot(0xdb, 10, 0, -8, 2), 'BPF_ATOMIC uses invalid atomic opcode 02\n'],
    [
      'atomic, bad operation before bad size',
      slot(0xd3, 10, 0, -8, 0x120),
      'BPF_ATOMIC uses invalid atomic opcode 120\n',
    ],
    ['atomic, size', slot(0xcb, 10, 0, -8, 0), 'invalid atomic operand size\n'],
    ['load-acquire of a byte', slot(0xd3, 0, 10, -8, 0x100), ''],
    ['goto, imm', slot(0x05, 0, 0, 0, 1), reserved('JA')],
    ['gotol, off', slot(0x06, 0, 0, 1), reserved('JA')],
    ['exit, imm', slot(0x95, 0, 0, 0, 1), reserved('EXIT')],
    ['exit, off', slot(0x95, 0, 0, 1), ''],
    ['call, dst', slot(0x85, 1, 0, 0, 5), reserved('CALL')],
    ['call, off', slot(0x85, 0, 0, 1, 5), reserved('CALL')],
    ['call, kind', slot(0x85, 0, 3, 0, 5), reserved('CALL')],
    ['may_goto, imm', slot(0xe5, 0, 0, 0, 1), 'invalid may_goto imm 1\n'],
    ['may_goto, src', slot(0xe5, 0, 1), 'invalid may_goto imm 0\n'],
    ['ld_imm64, off', slot(0x18, 0, 0, 1), reserved('LD_IMM64')],
    ['ld_abs, src', slot(0x20, 0, 1), reserved('LD_[ABS|IND]')],
    ['ld_ind, src', slot(0x40, 0, 1), ''],
    ['ld_ind, off', slot(0x40, 0, 1, 1), reserved('LD_[ABS|IND]')],
  ])('%s', (_name, insn, log) => {
    const env = envOf([insn, slot(0)]);
    expect([checkFields(env, 0), env.log.text()]).toEqual([log ? -22 : 0, log]);
  });

  it('allows packet loads in the types that have packets of that kind', () => {
    const err = (progType: number) => checkFields(envOf([slot(0x20)], { progType }), 0);
    expect([PROG_TYPE.SOCKET_FILTER, PROG_TYPE.SCHED_CLS, PROG_TYPE.SCHED_ACT].map(err)).toEqual([0, 0, 0]);
    expect([PROG_TYPE.XDP, PROG_TYPE.TRACEPOINT].map(err)).toEqual([-22, -22]);
  });

  it.each([
    ['div by 0', slot(0x37), 'div by zero\n'],
    ['mod by 0, 32 bits', slot(0x94), 'div by zero\n'],
    ['div by register', slot(0x3f), ''],
    ['shift by 63', slot(0x67, 0, 0, 0, 63), ''],
    ['shift by 64', slot(0x67, 0, 0, 0, 64), 'invalid shift 64\n'],
    ['shift of 32 bits by 32', slot(0x64, 0, 0, 0, 32), 'invalid shift 32\n'],
    ['shift by -1', slot(0xc7, 0, 0, 0, -1), 'invalid shift -1\n'],
    ['jump, src', slot(0x15, 0, 1), reserved('JMP/JMP32')],
    ['jump by register, imm', slot(0x1e, 0, 1, 0, 1), reserved('JMP/JMP32')],
    ['jump', slot(0x1d, 0, 1), ''],
    ['goto', slot(0x05, 0, 1), ''],
  ])('operands: %s', (_name, insn, log) => {
    const env = envOf([insn]);
    expect([checkOperands(env, 0), env.log.text()]).toEqual([log ? -22 : 0, log]);
  });
});
