import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ElfFile } from '../elf/index.ts';
import { FormatError } from '../errors/index.ts';
import { encode } from '../isa/index.ts';
import { MAP_FLAG, MAP_TYPE, PROG_TYPE } from '../uapi/index.ts';
import { loadCollectionSpec } from './index.ts';
import { dataMapName } from './maps.ts';

const folder = new URL('../../test/objects/', import.meta.url);
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));
const specOf = (name: string) => loadCollectionSpec(bytesOf(name), { file: name });

describe('BTF-defined maps', () => {
  const { maps } = specOf('maps.o');

  it('have types, sizes and BTF', () => {
    expect(maps.counts).toMatchObject({ type: MAP_TYPE.HASH, keySize: 4, valueSize: 16, maxEntries: 1024, flags: 0 });
    expect(maps.counts.keyType).toBeGreaterThan(0);
    expect(maps.everything).toMatchObject({ type: MAP_TYPE.ARRAY, valueSize: 144 });
    expect(maps.by_typedef).toMatchObject({ type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 16, maxEntries: 1 });
  });

  it('may give sizes only, flags, pinning', () => {
    expect(maps.untyped).toMatchObject({ keySize: 4, valueSize: 12, keyType: 0, valueType: 0 });
    expect(maps.per_cpu.flags).toBe(MAP_FLAG.NO_PREALLOC);
    expect(maps.pinned.pinning).toBe('by-name');
    expect(maps.counts.pinning).toBe('none');
  });

  it('need BTF', () => {
    expect(() => specOf('xdp_parse.nobtf.o')).toThrow(
      'section .maps, offset 0x0: maps are described by BTF, and there is none',
    );
  });

  it('are the same from another compiler', () => {
    expect(Object.entries(specOf('maps.clang19.o').maps)).toEqual(Object.entries(maps));
  });
});

describe('legacy maps', () => {
  it('are structs of numbers', () => {
    const { maps } = specOf('legacy.o');
    expect(maps.protocols).toMatchObject({ type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 8, maxEntries: 256, flags: 0 });
    expect(maps.sources).toMatchObject({ type: MAP_TYPE.HASH, maxEntries: 64, flags: 1 });
  });

  it('must have zeros where nothing is known', () => {
    const bytes = bytesOf('legacy.o');
    const section = ElfFile.parse(bytes).section('maps');
    if (section === undefined) throw new Error('no maps');
    // One definition of 40 bytes in the place of two of 20: hide the second symbol's name.
    const symbols = ElfFile.parse(bytes);
    const table = symbols.section('.symtab');
    const second = symbols.symbols.find((s) => s.name === 'sources');
    if (table === undefined || second === undefined) throw new Error('no symbols');
    new DataView(bytes.buffer).setUint32(table.offset + second.index * 24, 0, true);
    const read = () => loadCollectionSpec(bytes, { file: 'legacy.o' });
    expect(read).toThrow(FormatError);
    expect(read).toThrow('map protocols uses fields that are not known');
  });
});

describe('data sections', () => {
  const spec = specOf('globals.o');

  it('are arrays of one value', () => {
    expect(Object.keys(spec.maps)).toEqual([
      '.rodata',
      '.data',
      '.data.custom',
      '.rodata.knobs',
      '.bss',
      '.rodata.cst16',
    ]);
    expect(spec.maps['.rodata']).toMatchObject({
      name: 'globals.rodata',
      type: MAP_TYPE.ARRAY,
      keySize: 4,
      valueSize: 10,
      maxEntries: 1,
      flags: MAP_FLAG.MMAPABLE | MAP_FLAG.RDONLY_PROG,
      freeze: true,
    });
    expect(spec.maps['.data']).toMatchObject({ name: 'globals.data', flags: MAP_FLAG.MMAPABLE, freeze: false });
    expect(spec.maps['.bss']).toMatchObject({ name: 'globals.bss', valueSize: 56, contents: undefined });
  });

  it('have their first contents', () => {
    expect(spec.maps['.rodata'].contents).toEqual(Uint8Array.of(100, 0, 0, 0, ...new TextEncoder().encode('hello\0')));
  });

  // As `bpftool map` shows them after `bpftool prog load` (libbpf 1.1).
  it.each([
    ['globals.o', '.data', 'globals.data'],
    ['tc_rewrite.o', '.rodata', 'tc_rewri.rodata'],
    ['dir/sub.dir/tc_rewrite.bpf.o', '.bss', 'tc_rewri.bss'],
    ['globals.o', '.data.custom', '.data.custom'],
    ['globals.o', '.rodata.cst16', '.rodata.cst16'],
    ['a-b c.o', '.bss', 'a_b_c.bss'],
    ['', '.bss', '.bss'],
    ['x.o', '.rodata.str1.1.and.more', '.rodata.str1.1.'],
  ])('%s %s is called %s', (file, section, name) => {
    expect(dataMapName(file, section)).toBe(name);
  });

  it('hold variables', () => {
    expect(spec.variables.threshold.get()).toBe(100);
    expect(spec.variables.greeting.get()).toBe('hello');
    expect(spec.variables.pair.get()).toEqual({ a: 0x11223344, b: [1, 2, 3] });
    expect(spec.variables.table.get()).toEqual([3, 1, 4, 1]);
    expect(spec.variables.zeroed.get()).toBe(0);
    expect(spec.variables.custom.get()).toBe(-9);
  });

  it('whose first values can be set, without touching the file', () => {
    // A Buffer: its slices share memory.
    const bytes = readFileSync(new URL('globals.o', folder));
    const before = Buffer.from(bytes);
    const own = loadCollectionSpec(bytes, { file: 'globals.o' });
    own.variables.threshold.set(7);
    own.variables.zeroed.set(2n ** 60n);
    expect(own.variables.threshold.get()).toBe(7);
    expect(own.maps['.rodata'].contents?.subarray(0, 4)).toEqual(Uint8Array.of(7, 0, 0, 0));
    expect(own.maps['.bss'].contents).toHaveLength(56);
    expect(own.variables.longer.get()).toEqual(Array(10).fill(0));
    expect(bytes).toEqual(before);
    expect(() => own.variables.greeting.set('too long')).toThrow(RangeError);
  });
});

describe('programs', () => {
  it('take type, attach type and target from their section', () => {
    const { programs } = specOf('sections.o');
    expect(programs.tracepoint_program).toMatchObject({
      type: PROG_TYPE.TRACEPOINT,
      attachTo: 'syscalls/sys_enter_openat',
      autoload: true,
      license: 'GPL',
    });
    expect(programs.tracing_program).toMatchObject({
      section: '?fentry/bpf_fentry_test1',
      autoload: false,
      attachesToBtf: true,
    });
    expect(Object.keys(programs)).toHaveLength(13);
  });

  it('take license and version from theirs', () => {
    expect(specOf('globals.o').programs.use_globals).toMatchObject({ license: 'Dual MIT/GPL', kernVersion: 0x61200 });
  });

  it('know their source lines', () => {
    const { lines } = specOf('rejected.o').programs.no_null_check;
    expect(lines[0]).toMatchObject({ insn: 0, text: 'int no_null_check(struct __sk_buff *skb) {' });
    expect(lines.at(-1)?.file).toMatch(/rejected\.c$/);
    expect(lines.map((line) => line.insn)).toEqual(lines.map((line) => line.insn).sort((a, b) => a - b));
  });

  it('without BTF have none', () => {
    expect(specOf('globals.nobtf.o').programs.use_globals).toMatchObject({ lines: [], funcInfo: [], lineInfo: [] });
  });

  it('of an unknown section have no type', () => {
    const bytes = bytesOf('legacy.o');
    // The name of the section is the end of the name of its relocations.
    const at = new TextDecoder('latin1').decode(bytes).indexOf('.relsocket') + '.rel'.length;
    bytes.set(new TextEncoder().encode('rocket'), at);
    const { count } = loadCollectionSpec(bytes).programs;
    expect(count).toMatchObject({ type: 0, section: 'rocket' });
  });
});

describe('linking', () => {
  // linked.json: what bpf_program__insns() of libbpf 1.1 gives after bpf_object__load(), with map descriptors zeroed.
  type Recorded = Record<string, Record<string, { maps: [number, string][]; insns: string }>>;
  const recorded = JSON.parse(readFileSync(new URL('linked.json', folder), 'utf8')) as Recorded;

  it.each(Object.keys(recorded))('%s is linked as libbpf links it', (file) => {
    const spec = specOf(file);
    for (const [name, { maps, insns }] of Object.entries(recorded[file])) {
      const program = spec.programs[name];
      expect(Buffer.from(encode(program.insns)).toString('hex'), name).toBe(insns);
      const used = program.references.map(({ insn, map }) => [insn, spec.maps[map].name]);
      expect(used, name).toEqual(maps);
    }
  });

  it('every function stands once, callees behind their callers', () => {
    const { programs } = specOf('subprogs.o');
    const names = (program: string) => programs[program].functions.map((f) => f.name);
    expect(names('first')).toEqual(['first', 'add_up', 'weigh', 'square']);
    expect(names('second')).toEqual(['second', 'square', 'add_up', 'weigh']);
    expect(names('walker')).toEqual(['walker', 'add_element', 'square', 'count_step', 'add_up', 'weigh']);
    expect(names('optional')).toEqual(['optional']);
  });

  it('function records follow their functions', () => {
    const { walker } = specOf('subprogs.o').programs;
    expect(walker.funcInfo.map((r) => r.offset)).toEqual(walker.functions.map((f) => f.start));
    const starts = new Set(walker.lineInfo.map((r) => r.offset));
    for (const { start } of walker.functions) expect(starts.has(start)).toBe(true);
  });
});

describe('what comes next is named', () => {
  const { programs, maps, warnings } = specOf('unsupported.o');
  it.each([
    ['uses_ksym', 'extern variable bpf_prog_active (.ksyms)'],
    ['uses_kfunc', 'call of extern function bpf_kfunc_call (.ksyms)'],
  ])('%s', (name, construct) => expect(programs[name].unsupported).toEqual([construct]));

  it('maps in maps and programs in maps are there', () => {
    const { outer, jumps } = maps;
    expect(outer.inner).toMatchObject({ name: 'outer.inner', type: 2, keySize: 4, valueSize: 8, maxEntries: 1 });
    expect([...outer.slots]).toEqual([[1, 'inner_one']]);
    expect([...jumps.slots]).toEqual([[2, 'target']]);
    expect(maps.inner_one.inner).toBeUndefined();
    expect(programs.plain.unsupported).toEqual([]);
    expect(warnings).toEqual([]);
  });
});

it('a spec prints the same every time', () => {
  const [first, second] = [specOf('subprogs.o'), specOf('subprogs.o')];
  expect(String(first)).toBe(String(second));
  expect(String(first)).toContain('map sums: array, key 4 bytes (__u32), value 8 bytes (__u64), at most 8');
  expect(String(first)).toContain(
    'program walker: sched_cls in tc, 73 instructions, calls add_element, square, count_step',
  );
  const json = JSON.stringify(first);
  expect(json).toBe(JSON.stringify(second));
  expect(JSON.parse(json)).toMatchObject({
    maps: { sums: { type: 'array', key: '__u32' } },
    programs: { optional: { autoload: false } },
  });
});

describe('bad objects', () => {
  const changedSection = (name: string, section: string, at: number, value: number) => {
    const bytes = bytesOf(name);
    const offset = ElfFile.parse(bytes).section(section)?.offset ?? 0;
    new DataView(bytes.buffer).setUint32(offset + at, value, true);
    return () => loadCollectionSpec(bytes, { file: name });
  };

  it('a relocation of what is no instruction', () => {
    expect(changedSection('legacy.o', '.relsocket', 0, 4)).toThrow(
      'legacy.o, section socket, offset 0x4: relocation of something',
    );
  });
  it('a relocation of another instruction', () => {
    expect(changedSection('legacy.o', '.relsocket', 0, 0)).toThrow(
      /relocation of opcode 0x[0-9a-f]+, which is neither/,
    );
  });
  it('a call into the middle of a function', () => {
    const code = ElfFile.parse(bytesOf('subprogs.o')).section('.text');
    const bytes = bytesOf('subprogs.o');
    const view = new DataView(bytes.buffer);
    const calls = Array.from({ length: (code?.size ?? 0) / 8 }, (_, i) => (code?.offset ?? 0) + i * 8).filter(
      (at) => view.getUint8(at) === 0x85 && view.getUint8(at + 1) === 0x10,
    );
    view.setInt32(calls[0] + 4, view.getInt32(calls[0] + 4, true) + 1, true);
    expect(() => loadCollectionSpec(bytes, { file: 's.o' })).toThrow(/no function begins at instruction \d+ of .text/);
  });
  it('no object', () => {
    expect(() => loadCollectionSpec(new TextEncoder().encode('hello'), { file: 'notes.txt' })).toThrow(
      'notes.txt, offset 0x0: not an ELF file',
    );
  });
});
