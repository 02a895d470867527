import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ElfFile } from '../elf/index.ts';
import { FormatError } from '../errors/index.ts';
import { Btf, BtfBuilder, dumpTypes, KIND, LINKAGE, typeName, withFixups } from './index.ts';
import type { NewType } from './index.ts';

const objects = new URL('../../test/objects/', import.meta.url);

function btfOf(name: string): Btf {
  const elf = ElfFile.parse(new Uint8Array(readFileSync(new URL(name, objects))));
  const section = elf.section('.BTF');
  if (section === undefined) throw new Error(`${name} has no BTF`);
  return Btf.parse(elf.data(section), { file: name, section: '.BTF' });
}

const int: NewType = { kind: KIND.INT, name: 'int', size: 4, encoding: 1, offset: 0, bits: 32 };
const member = (name: string, type: number, bitOffset = 0, bitSize = 0) => ({ name, type, bitOffset, bitSize });
const struct = (name: string, size: number, ...members: ReturnType<typeof member>[]): NewType => ({
  kind: KIND.STRUCT,
  name,
  size,
  members,
});
const reference = (kind: typeof KIND.PTR | typeof KIND.TYPEDEF | typeof KIND.CONST, type: number): NewType => ({
  kind,
  name: kind === KIND.TYPEDEF ? 't' : '',
  type,
});

/** Types with ids 1, 2, … */
function build(...types: NewType[]): Uint8Array {
  const builder = new BtfBuilder();
  for (const type of types) builder.add(type);
  return builder.bytes();
}

function problem(bytes: Uint8Array): string {
  try {
    Btf.parse(bytes, { file: 'x.o', section: '.BTF' });
  } catch (error) {
    if (error instanceof FormatError) {
      expect(error).toMatchObject({ file: 'x.o', section: '.BTF' });
      expect(error.offset).toBeGreaterThanOrEqual(0);
      return error.problem;
    }
    throw error;
  }
  return 'accepted';
}

describe('types of a compiler', () => {
  const btf = btfOf('maps.o');

  it('are listed as bpftool lists them', () => {
    // maps.btf.txt is the output of `bpftool btf dump file maps.o format raw`.
    expect(dumpTypes(btf)).toBe(readFileSync(new URL('maps.btf.txt', objects), 'utf8'));
  });

  it('are found by name and kind', () => {
    expect(btf.find('counts', KIND.STRUCT)).toMatchObject({ size: 16 });
    expect(btf.find('counts', KIND.VAR)).toMatchObject({ linkage: LINKAGE.GLOBAL });
    expect(btf.findAll('counts').map((t) => t.kind)).toEqual([KIND.STRUCT, KIND.VAR]);
    expect(btf.find('no such name')).toBeUndefined();
  });

  it('have sizes', () => {
    const size = (name: string) => btf.size(btf.find(name)?.id ?? -1);
    expect(['__u32', 'everything', 'color', 'big', 'point', 'use_maps'].map(size)).toEqual([
      4,
      144,
      4,
      8,
      4,
      undefined,
    ]);
  });

  it('have names in C', () => {
    const everything = btf.find('everything');
    if (everything?.kind !== KIND.STRUCT) throw new Error('no struct everything');
    const names = everything.members.map((m) => typeName(btf, m.type));
    expect(names).toContain('char[16]');
    expect(names).toContain('const struct everything *');
    expect(names).toContain('enum color');
  });
});

it('what is built is read back', () => {
  const types: NewType[] = [
    int,
    struct('s', 8, member('a', 1), member('b', 1, 32, 7)),
    { kind: KIND.UNION, name: 'u', size: 4, members: [member('x', 1)] },
    { kind: KIND.ENUM, name: 'e', size: 4, signed: true, values: [{ name: 'minus', value: -2 }] },
    { kind: KIND.ENUM64, name: 'e64', size: 8, signed: false, values: [{ name: 'max', value: 2n ** 64n - 1n }] },
    {
      kind: KIND.FUNC_PROTO,
      name: '',
      type: 1,
      params: [
        { name: 'a', type: 1 },
        { name: '', type: 0 },
      ],
    },
    { kind: KIND.FUNC, name: 'f', type: 6, linkage: LINKAGE.GLOBAL },
    { kind: KIND.VAR, name: 'v', type: 2, linkage: LINKAGE.STATIC },
    { kind: KIND.DATASEC, name: '.data', size: 8, vars: [{ type: 8, offset: 0, size: 8 }] },
    { kind: KIND.FLOAT, name: 'double', size: 8 },
    { kind: KIND.DECL_TAG, name: 'tag', type: 2, component: -1 },
    { kind: KIND.TYPE_TAG, name: 'user', type: 1 },
    { kind: KIND.FWD, name: 'later', union: true },
    { kind: KIND.ARRAY, name: '', type: 1, indexType: 1, count: 3 },
    { kind: KIND.PTR, name: '', type: 0 },
  ];
  expect([...Btf.parse(build(...types))]).toEqual(types.map((type, i) => ({ ...type, id: i + 1 })));
});

describe('bad blobs', () => {
  const good = build(int);
  const changed = (at: number, value: number) => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setUint32(at, value, true);
    return bytes;
  };
  it.each([
    ['empty', new Uint8Array(), 'cut in the BTF header'],
    ['no magic', changed(0, 0), 'BTF magic is 0x0'],
    ['big-endian', changed(0, 0x19feb), 'big-endian BTF'],
    ['version 2', changed(0, 0x2eb9f), 'BTF version 2'],
    ['a header of 4 GiB', changed(4, 0xffffffff), 'BTF header of 4294967295 bytes'],
    ['types outside', changed(12, 0xfffffff0), 'BTF types lie outside'],
    ['strings outside', changed(20, 0xffffffff), 'BTF strings lie outside'],
    ['no strings', changed(20, 0), 'do not begin and end with NUL'],
    ['strings in the types', changed(16, 0), 'overlap'],
    ['a name outside', changed(24, 999), 'name offset 0x3e7 outside the strings'],
    ['an unknown kind', changed(28, 31 << 24), 'unknown kind 31'],
    ['more members than bytes', changed(28, (KIND.STRUCT << 24) | 0xffff), 'cut off'],
    ['unknown bits', changed(28, (KIND.INT << 24) | 0x10000), 'unknown bits'],
    ['an int of 3 bytes', changed(32, 3), 'INT of 3 bytes'],
    ['an int of 64 bits in 4 bytes', changed(36, 64), 'INT of 64 bits'],
  ])('%s', (_, bytes, message) => {
    expect(problem(bytes)).toContain(message);
  });
});

describe('bad graphs', () => {
  it.each<[string, NewType[], string]>([
    ['an id that is not there', [reference(KIND.PTR, 9)], 'refers to type 9'],
    ['a typedef of itself', [reference(KIND.TYPEDEF, 1)], 'contains itself'],
    ['const const …', [reference(KIND.CONST, 2), reference(KIND.CONST, 1)], 'contains itself'],
    ['a struct in itself', [struct('s', 8, member('s', 1))], 'contains itself'],
    [
      'a struct in an array in itself',
      [struct('s', 8, member('a', 2)), { kind: KIND.ARRAY, name: '', type: 1, indexType: 1, count: 1 }],
      'contains itself',
    ],
    ['a pointer to itself', [reference(KIND.PTR, 2), reference(KIND.PTR, 1)], 'is made of itself'],
    ['a function without prototype', [int, { kind: KIND.FUNC, name: 'f', type: 1, linkage: 0 }], 'has no prototype'],
    ['a member outside', [int, struct('s', 4, member('a', 1, 8))], 'has member 0 outside its 4 bytes'],
    [
      'elements that count fewer bits than they take',
      [
        { kind: KIND.INT, name: 'x', size: 4, encoding: 0, offset: 0, bits: 3 },
        { kind: KIND.ARRAY, name: '', type: 1, indexType: 1, count: 4 },
        struct('s', 4, member('a', 2)),
      ],
      'has member 0 outside its 4 bytes',
    ],
    ['a member without a size', [struct('s', 4, member('a', 0))], 'has member 0 without a size'],
    [
      'a section of types',
      [int, { kind: KIND.DATASEC, name: '.x', size: 4, vars: [{ type: 1, offset: 0, size: 4 }] }],
      'refers to a INT',
    ],
    [
      'a pointer to a variable',
      [int, { kind: KIND.VAR, name: 'v', type: 1, linkage: 0 }, reference(KIND.PTR, 2)],
      'refers to a VAR',
    ],
  ])('%s', (_, types, message) => {
    expect(problem(build(...types))).toContain(message);
  });

  it('nesting deeper than 64, however long', () => {
    const nested = (depth: number) =>
      build(int, ...Array.from({ length: depth }, (_, i) => struct('s', 4, member('m', i + 1))));
    expect(problem(nested(64))).toBe('accepted');
    expect(problem(nested(65))).toContain('nested deeper than 64');
    expect(problem(nested(50_000))).toContain('nested deeper than 64');
  });

  it('a long list is no nesting', () => {
    const list = Array.from({ length: 5000 }, (_, i) => [
      reference(KIND.PTR, 2 * i + 2),
      struct('s', 8, member('next', 2 * i + 1)),
    ]).flat();
    expect(problem(build(...list))).toBe('accepted');
  });

  it('a struct may point to itself', () => {
    expect(problem(build(struct('s', 8, member('next', 2)), reference(KIND.PTR, 1)))).toBe('accepted');
  });
});

it('sections and functions are changed in place, ids and strings stay', () => {
  const before = btfOf('globals.o');
  const section = before.find('.data', KIND.DATASEC);
  const func = before.find('use_globals', KIND.FUNC);
  if (section?.kind !== KIND.DATASEC || func === undefined) throw new Error('no .data or use_globals');
  const vars = section.vars.map((v, i) => ({ ...v, offset: i * 8 }));
  const after = withFixups(before, {
    sections: new Map([[section.id, { size: 24, vars }]]),
    staticFunctions: [func.id],
  });
  expect(after.type(section.id)).toEqual({ ...section, size: 24, vars });
  expect(after.type(func.id)).toEqual({ ...func, linkage: LINKAGE.STATIC });
  expect(after.bytes.length).toBe(before.bytes.length);
  expect(before.type(section.id)).toBe(section);
});

const vmlinux = '/sys/kernel/btf/vmlinux';
it.skipIf(!existsSync(vmlinux))(`reads ${vmlinux} (skipped where the kernel shows none)`, () => {
  const btf = Btf.parse(new Uint8Array(readFileSync(vmlinux)));
  const task = btf.find('task_struct', KIND.STRUCT);
  expect(task?.kind === KIND.STRUCT && task.members.some((m) => m.name === 'pid' || m.name === '')).toBe(true);
  let members = 0;
  for (const type of btf) if (type.kind === KIND.STRUCT) members += type.members.length;
  expect(members).toBeGreaterThan(10_000);
});
