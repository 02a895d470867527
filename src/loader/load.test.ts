import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BpfError, ERRNO, UnsupportedError, VerifierError } from '../errors/index.ts';
import { decode } from '../isa/index.ts';
import type { MapCreateAttr, ProgLoadAttr } from '../sys/index.ts';
import { BPF_CMD, MAP_TYPE, PROG_TYPE, PSEUDO } from '../uapi/index.ts';
import { FakeSys } from '../../test/support/fake-sys.ts';
import { loadCollectionSpec } from './index.ts';
import type { CollectionSpec } from './index.ts';

const folder = new URL('../../test/objects/', import.meta.url);
const specOf = (file: string) => loadCollectionSpec(new Uint8Array(readFileSync(new URL(file, folder))), { file });

function failure(spec: CollectionSpec, sys: FakeSys, options = {}): unknown {
  try {
    spec.load(sys, options);
  } catch (error) {
    return error;
  }
  throw new Error('loaded');
}

describe('what the kernel is asked', () => {
  it('BTF, then maps, then programs; all closed with the collection', () => {
    const sys = new FakeSys();
    const collection = specOf('subprogs.o').load(sys);
    expect(sys.calls.map((call) => call.cmd)).toEqual([
      BPF_CMD.BTF_LOAD,
      BPF_CMD.MAP_CREATE,
      BPF_CMD.PROG_LOAD,
      BPF_CMD.PROG_LOAD,
      BPF_CMD.PROG_LOAD,
    ]);
    expect(Object.keys(collection.programs)).toEqual(['first', 'second', 'walker']);
    expect(collection.hasBtf).toBe(true);
    expect(sys.open.size).toBe(5);
    collection.close();
    expect(sys.open.size).toBe(0);
    collection.close();
  });

  it('a map by its edited spec', () => {
    const spec = specOf('maps.o');
    spec.maps.counts.maxEntries = 256;
    const sys = new FakeSys();
    spec.load(sys);
    expect(sys.attrs(BPF_CMD.MAP_CREATE)[0]).toEqual({
      mapType: MAP_TYPE.HASH,
      keySize: 4,
      valueSize: 16,
      maxEntries: 256,
      mapFlags: 0,
      mapName: 'counts',
      btfFd: 3,
      btfKeyTypeId: spec.maps.counts.keyType,
      btfValueTypeId: spec.maps.counts.valueType,
    });
  });

  it('maps in maps by one that shows their shape, their slots and those of program arrays filled', () => {
    const sys = new FakeSys();
    const spec = specOf('unsupported.o');
    delete spec.maps['.kconfig'];
    const { maps, programs } = spec.load(sys);
    const [one, shape, outer] = sys.attrs(BPF_CMD.MAP_CREATE);
    expect([one.mapName, shape.mapName, outer.mapName]).toEqual(['inner_one', 'outer.inner', 'outer']);
    expect(outer.innerMapFd).toBeGreaterThan(0);
    expect(sys.open.has(outer.innerMapFd ?? 0)).toBe(false);
    const word = (value: number) => new Uint8Array([value, 0, 0, 0]);
    expect(sys.attrs(BPF_CMD.MAP_UPDATE_ELEM)).toEqual([
      { mapFd: maps.outer.fd, key: word(1), value: word(maps.inner_one.fd) },
      { mapFd: maps.jumps.fd, key: word(2), value: word(programs.target.fd) },
    ]);
  });

  it('a data section with its contents, frozen if it is constant', () => {
    const sys = new FakeSys();
    const spec = specOf('globals.o');
    spec.variables.threshold.set(9);
    spec.load(sys);
    const updates = sys.attrs(BPF_CMD.MAP_UPDATE_ELEM);
    // Not .bss, which is zeros.
    expect(updates).toHaveLength(5);
    expect(updates[0]).toMatchObject({ key: new Uint8Array(4), value: spec.maps['.rodata'].contents });
    expect(updates[0].value?.[0]).toBe(9);
    expect(sys.attrs(BPF_CMD.MAP_FREEZE)).toHaveLength(3);
  });

  it('a program with descriptors in the place of its maps', () => {
    const sys = new FakeSys();
    const spec = specOf('globals.o');
    const { maps } = spec.load(sys);
    const [attr] = sys.attrs(BPF_CMD.PROG_LOAD);
    expect(attr).toMatchObject({
      progType: PROG_TYPE.SOCKET_FILTER,
      license: 'Dual MIT/GPL',
      kernVersion: 0x61200,
      progName: 'use_globals',
      progBtfFd: 3,
      funcInfoRecSize: 8,
      lineInfoRecSize: 16,
    });
    const insns = decode(attr.insns);
    for (const { insn, map, valueOffset } of spec.programs.use_globals.references) {
      expect(insns[insn]).toMatchObject({ src: PSEUDO.MAP_VALUE, imm: maps[map].fd });
      expect(insns[insn + 1].imm).toBe(valueOffset);
    }
    // The spec itself stays without descriptors: it can be loaded again.
    expect(spec.programs.use_globals.insns[0].imm).toBe(0);
  });

  it('only the named programs and their maps', () => {
    const sys = new FakeSys();
    const { programs, maps } = specOf('unsupported.o').load(sys, { programs: ['plain'] });
    expect([Object.keys(programs), Object.keys(maps)]).toEqual([['plain'], []]);
    expect(Object.keys(specOf('subprogs.o').load(sys, { programs: ['optional', 'first'] }).programs)).toEqual([
      'optional',
      'first',
    ]);
  });

  it('sizes that are for the loader to fill in', () => {
    const spec = specOf('maps.o');
    Object.assign(spec.maps.untyped, { type: MAP_TYPE.PERF_EVENT_ARRAY, maxEntries: 0 });
    Object.assign(spec.maps.pinned, { type: MAP_TYPE.RINGBUF, maxEntries: 5000, keyType: 0, valueType: 0 });
    const sys = new FakeSys(undefined, 4);
    spec.load(sys);
    const sizes = Object.fromEntries(sys.attrs(BPF_CMD.MAP_CREATE).map((attr) => [attr.mapName, attr.maxEntries]));
    expect(sizes).toMatchObject({ untyped: 4, pinned: 8192 });
  });
});

describe('a kernel that knows less', () => {
  it('takes programs and maps without BTF', () => {
    const sys = new FakeSys((cmd) => (cmd === BPF_CMD.BTF_LOAD ? -ERRNO.EINVAL : undefined));
    const collection = specOf('maps.o').load(sys);
    expect(collection.hasBtf).toBe(false);
    expect(sys.attrs(BPF_CMD.MAP_CREATE)[0].btfFd).toBeUndefined();
    expect(sys.attrs(BPF_CMD.PROG_LOAD)[0].funcInfo).toBeUndefined();
    // Values are decoded all the same.
    collection.maps.counts.set(6, { packets: 1, bytes: 2 });
    expect(collection.maps.counts.get(6)).toEqual({ packets: 1, bytes: 2 });
  });

  it('takes a map without its types', () => {
    const sys = new FakeSys((cmd, attr) =>
      cmd === BPF_CMD.MAP_CREATE && (attr as MapCreateAttr).btfFd !== undefined ? -ERRNO.EINVAL : undefined,
    );
    specOf('maps.o').load(sys);
    const counts = sys.attrs(BPF_CMD.MAP_CREATE).filter((attr) => attr.mapName === 'counts');
    expect(counts.map((attr) => attr.btfKeyTypeId === 0)).toEqual([false, true]);
  });
});

describe('failures close what was made', () => {
  const log =
    'func#0 @0\n0: (95) exit\nR0 !read_ok\nprocessed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n';
  /** Refuses every program, with a log where it is asked for one. */
  const refusing = (errno: number, text = log, room = 0) =>
    new FakeSys((cmd, attr) => {
      if (cmd !== BPF_CMD.PROG_LOAD) return undefined;
      const prog = attr as ProgLoadAttr;
      prog.logTrueSize = Math.max(text.length + 1, room);
      if (prog.logBuf !== undefined && prog.logBuf.length < prog.logTrueSize) return -ERRNO.ENOSPC;
      if (prog.logLevel) prog.logBuf?.set(new TextEncoder().encode(text));
      return -errno;
    });

  it('a refused program: asked again for the log', () => {
    const sys = refusing(ERRNO.EACCES);
    const error = failure(specOf('globals.o'), sys);
    expect(error).toBeInstanceOf(VerifierError);
    expect(error).toMatchObject({
      code: 'EACCES',
      summary: 'R0 !read_ok',
      insn: 0,
      log,
      program: 'use_globals',
      stats: { insns: 1 },
    });
    expect(String(error)).toBe(
      'VerifierError: BPF_PROG_LOAD: Permission denied (EACCES): program use_globals: R0 !read_ok',
    );
    expect(sys.attrs(BPF_CMD.PROG_LOAD).map((attr) => attr.logLevel)).toEqual([undefined, 1]);
    expect(sys.open.size).toBe(0);
  });

  it('a log that needs more room than was given', () => {
    const sys = refusing(ERRNO.EINVAL, log, 300_000);
    expect(failure(specOf('globals.o'), sys, { logLevel: 2 })).toMatchObject({ code: 'EINVAL', log });
    expect(sys.attrs(BPF_CMD.PROG_LOAD).map((attr) => attr.logBuf?.length)).toEqual([65536, 300_000]);
  });

  it('a construct that user space does not know', () => {
    const error = failure(specOf('globals.o'), refusing(ERRNO.ENOTSUPP, 'not supported yet: helper bpf_loop\n'));
    expect(error).toBeInstanceOf(VerifierError);
    expect(error).toMatchObject({ code: 'ENOTSUPP', summary: 'not supported yet: helper bpf_loop' });
  });

  it('no verdict at all', () => {
    const error = failure(specOf('globals.o'), refusing(ERRNO.EPERM, ''));
    expect(error).not.toBeInstanceOf(VerifierError);
    expect(error).toMatchObject({ name: 'BpfError', code: 'EPERM', cmd: 'BPF_PROG_LOAD' });
    expect(String(error)).toContain('program use_globals');
  });

  it('-EAGAIN is tried again', () => {
    let times = 0;
    const sys = new FakeSys((cmd) => (cmd === BPF_CMD.PROG_LOAD && times++ < 2 ? -ERRNO.EAGAIN : undefined));
    specOf('globals.o').load(sys);
    expect(times).toBe(3);
  });

  it('a map that cannot be', () => {
    const spec = specOf('maps.o');
    spec.maps.everything.maxEntries = 0;
    const sys = new FakeSys();
    const error = failure(spec, sys);
    expect(error).toBeInstanceOf(BpfError);
    expect(String(error)).toContain(
      'BPF_MAP_CREATE: Invalid argument (EINVAL): map everything: type array, key 4 bytes, value 144 bytes, at most 0',
    );
    expect(sys.open.size).toBe(0);
  });

  it('contents that do not fit', () => {
    const spec = specOf('globals.o');
    spec.maps['.data'].valueSize = 100;
    expect(String(failure(spec, new FakeSys()))).toContain('map .data: contents of 24 bytes for a value of 100');
  });
});

describe('what cannot be loaded is named', () => {
  it.each([
    ['unsupported.o', ['uses_core'], 'program uses_core: CO-RE relocation (byte_off of struct task_struct, 0:0)'],
    ['unsupported.o', ['uses_kfunc'], 'program uses_kfunc: call of extern function bpf_kfunc_call (.ksyms)'],
    [
      'sections.o',
      ['tracing_program'],
      'program tracing_program: the types of a kernel are needed to find bpf_fentry_test1',
    ],
  ])('%s %s', (file, programs, construct) => {
    const sys = new FakeSys();
    const error = failure(specOf(file), sys, { programs });
    expect(error).toBeInstanceOf(UnsupportedError);
    expect((error as UnsupportedError).construct).toContain(construct);
    expect(sys.calls).toEqual([]);
  });

  it('a section that says no type, until the user does', () => {
    const spec = specOf('sections.o');
    spec.programs.xdp_program.type = 0;
    expect(String(failure(spec, new FakeSys(), { programs: ['xdp_program'] }))).toContain(
      "section 'xdp' of program xdp_program",
    );
    spec.programs.xdp_program.type = PROG_TYPE.XDP;
    expect(spec.load(new FakeSys(), { programs: ['xdp_program'] }).programs.xdp_program.type).toBe(PROG_TYPE.XDP);
  });

  it('a program that is not there', () => {
    expect(() => specOf('subprogs.o').load(new FakeSys(), { programs: ['frist'] })).toThrow(
      'no program frist; there are: first, second, walker, optional',
    );
  });
});
