/** What is the userspace kernel's own: options, accounting, checked programs, what is missing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { ERRNO, Trap } from '../errors/index.ts';
import { encode } from '../isa/index.ts';
import type { MapCreateAttr } from '../sys/index.ts';
import { BPF_CMD, CAP, MAP_FLAG, MAP_TYPE, PROG_TYPE } from '../uapi/index.ts';
import { mayCreateMap } from './capabilities.ts';
import { createKernel } from './index.ts';
import type { Kernel } from './index.ts';

const u32 = (n: number) => new Uint8Array(Uint32Array.of(n).buffer);

const hash = { mapType: MAP_TYPE.HASH, keySize: 4, valueSize: 8, maxEntries: 4 };

function program(text: string, mapFd = 0) {
  const { insns, mapRefs } = assemble(text);
  const at = new Set(mapRefs.map((ref) => ref.insn));
  const patched = insns.map((insn, slot) => (at.has(slot) ? { ...insn, src: 1, imm: mapFd } : insn));
  return { progType: PROG_TYPE.SOCKET_FILTER, insns: encode(patched), license: 'GPL' };
}

function run(kernel: Kernel, progFd: number, attr = {}): number {
  const full = { progFd, dataIn: new Uint8Array(64), retval: 0, ...attr };
  const result = kernel.bpf(BPF_CMD.PROG_TEST_RUN, full);
  return result < 0 ? result : full.retval;
}

describe('a userspace kernel', () => {
  it('gives back all memory when the last holder lets go', () => {
    const kernel = createKernel({ cpus: 2 });
    const empty = kernel.memoryBytes;
    for (const mapType of [MAP_TYPE.HASH, MAP_TYPE.ARRAY, MAP_TYPE.PERCPU_HASH, MAP_TYPE.PERCPU_ARRAY]) {
      const fd = kernel.bpf(BPF_CMD.MAP_CREATE, { ...hash, mapType, maxEntries: 1000 });
      expect(kernel.memoryBytes).toBeGreaterThan(empty + 8000);
      const prog = kernel.bpf(BPF_CMD.PROG_LOAD, program('r1 = map[m]\nr0 = 0\nexit', fd));
      const value = new Uint8Array(16);
      kernel.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd: fd, key: u32(1), value });
      kernel.close(fd);
      expect(kernel.memoryBytes).toBeGreaterThan(empty + 8000);
      expect(run(kernel, prog)).toBe(0);
      kernel.close(prog);
      expect(kernel.memoryBytes).toBe(empty);
    }
  });

  it('keeps to its memory limit, and works on after -ENOMEM', () => {
    const kernel = createKernel({ memoryLimit: 4 << 20 });
    const fds: number[] = [];
    let fd = 0;
    while ((fd = kernel.bpf(BPF_CMD.MAP_CREATE, { ...hash, maxEntries: 5000 })) > 0) fds.push(fd);
    expect(fd).toBe(-ERRNO.ENOMEM);
    expect(fds.length).toBeGreaterThan(2);
    expect(kernel.memoryBytes).toBeLessThan(4 << 20);
    for (const open of fds) kernel.close(open);
    expect(kernel.bpf(BPF_CMD.MAP_CREATE, { ...hash, maxEntries: 5000 })).toBe(3);
    expect(kernel.bpf(BPF_CMD.MAP_CREATE, { ...hash, mapType: MAP_TYPE.ARRAY, maxEntries: 2 ** 31 })).toBe(
      -ERRNO.ENOMEM,
    );
  });

  it('closes everything when it is disposed of', () => {
    const kernel = createKernel();
    const empty = kernel.memoryBytes;
    const map = kernel.bpf(BPF_CMD.MAP_CREATE, hash);
    kernel.bpf(BPF_CMD.PROG_LOAD, program('r1 = map[m]\nr0 = 0\nexit', map));
    kernel[Symbol.dispose]();
    expect(kernel.memoryBytes).toBe(empty);
    expect(kernel.bpf(BPF_CMD.MAP_FREEZE, { mapFd: map })).toBe(-ERRNO.EBADF);
  });

  it('runs programs in the world it was given', () => {
    const lines: string[] = [];
    const kernel = createKernel({
      cpus: 2,
      random: () => 0xdeadbeef,
      clock: { monotonic: () => 123, boottime: () => 456, tai: () => 789 },
      trace: (line) => lines.push(line),
    });
    expect(kernel.possibleCpus).toBe(2);
    const result = (text: string, attr = {}) => run(kernel, kernel.bpf(BPF_CMD.PROG_LOAD, program(text)), attr);
    expect(result('call 5\nexit')).toBe(123);
    expect(result('call 7\nexit')).toBe(0xdeadbeef);
    expect(result('call 8\nexit')).toBe(0);
    expect(result('*(u32 *)(r10 -8) = 0x6968\nr1 = r10\nr1 += -8\nr2 = 3\ncall 6\nexit')).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('hi');
  });

  it('outlives what a callback of a running program does', () => {
    const answers: number[] = [];
    let fd = 0;
    const kernel: Kernel = createKernel({
      trace: () => {
        answers.push(run(kernel, fd));
        kernel.close(fd);
        answers.push(kernel.bpf(BPF_CMD.MAP_CREATE, { ...hash, mapType: MAP_TYPE.ARRAY, maxEntries: 1 << 20 }));
      },
    });
    const empty = kernel.memoryBytes;
    const map = kernel.bpf(BPF_CMD.MAP_CREATE, hash);
    const text =
      '*(u32 *)(r10 -8) = 0\nr1 = r10\nr1 += -8\nr2 = 3\ncall 6\nr1 = map[m]\nr2 = r10\nr2 += -8\ncall 1\nexit';
    fd = kernel.bpf(BPF_CMD.PROG_LOAD, program(text, map));
    kernel.close(map);
    expect(run(kernel, fd)).toBe(0);
    expect(answers).toEqual([-ERRNO.EBUSY, 3]);
    kernel.close(3);
    expect(kernel.memoryBytes).toBe(empty);
  });

  it('runs unverified programs checked, and only when asked to by name', () => {
    const kernel = createKernel();
    const wild = program('r1 = 0\nr0 = *(u64 *)(r1 + 0)\nexit');
    expect(kernel.bpf(BPF_CMD.PROG_LOAD, wild)).toBe(-ERRNO.EACCES);
    const fd = kernel.loadUnverified(wild);
    expect(fd).toBeGreaterThan(2);
    expect(() => run(kernel, fd)).toThrow(Trap);
    const map = kernel.bpf(BPF_CMD.MAP_CREATE, { ...hash, mapType: MAP_TYPE.ARRAY });
    const text = '*(u32 *)(r10 -4) = 1\nr2 = r10\nr2 += -4\nr1 = map[m]\ncall 1\n*(u64 *)(r0 + 0) = 7\nr0 = 5\nexit';
    expect(run(kernel, kernel.loadUnverified(program(text, map)))).toBe(5);
    const value = new Uint8Array(8);
    kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd: map, key: u32(1), value });
    expect(value[0]).toBe(7);
    expect(kernel.loadUnverified(program(text, 999))).toBe(-ERRNO.EBADF);
    expect(kernel.loadUnverified({ ...wild, insns: new Uint8Array() })).toBe(-ERRNO.E2BIG);
  });

  it('lets an unverified program keep a pointer no longer than its element lives', () => {
    const kernel = createKernel();
    const map = kernel.bpf(BPF_CMD.MAP_CREATE, hash);
    const keeper = kernel.bpf(BPF_CMD.MAP_CREATE, { ...hash, mapType: MAP_TYPE.ARRAY });
    kernel.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd: map, key: u32(1), value: new Uint8Array(8).fill(9) });
    const key = '*(u32 *)(r10 -4) = 1\nr2 = r10\nr2 += -4\n';
    const slot = `${key}r1 = map[k]\ncall 1\n`;
    const two = (text: string) => {
      const { insns, mapRefs } = assemble(text);
      const fds = new Map(mapRefs.map((ref) => [ref.insn, ref.name === 'k' ? keeper : map]));
      const patched = insns.map((insn, i) => (fds.has(i) ? { ...insn, src: 1, imm: fds.get(i) as number } : insn));
      return kernel.loadUnverified({ progType: PROG_TYPE.SOCKET_FILTER, insns: encode(patched), license: 'GPL' });
    };
    const hide = two(`${key}r1 = map[m]\ncall 1\nr6 = r0\n${slot}*(u64 *)(r0 + 0) = r6\nr0 = 0\nexit`);
    const use = two(`${slot}r6 = *(u64 *)(r0 + 0)\nr0 = *(u8 *)(r6 + 0)\nexit`);
    run(kernel, hide);
    expect(run(kernel, use)).toBe(9);
    kernel.bpf(BPF_CMD.MAP_DELETE_ELEM, { mapFd: map, key: u32(1) });
    expect(() => run(kernel, use)).toThrow(Trap);
  });

  it('names what it does not have yet', () => {
    const kernel = createKernel();
    expect(kernel.bpf(BPF_CMD.MAP_CREATE, { ...hash, mapType: MAP_TYPE.SOCKHASH, valueSize: 4 })).toBe(-ERRNO.ENOTSUPP);
    const logBuf = new Uint8Array(4096);
    const kfunc = encode([
      { opcode: 0x85, dst: 0, src: 2, off: 0, imm: 1 },
      { opcode: 0x95, dst: 0, src: 0, off: 0, imm: 0 },
    ]);
    const call = { ...program('exit'), insns: kfunc, logLevel: 1, logBuf };
    expect(kernel.bpf(BPF_CMD.PROG_LOAD, call)).toBe(-ERRNO.ENOTSUPP);
    const log = new TextDecoder().decode(logBuf.subarray(0, logBuf.indexOf(0)));
    expect(log.trimEnd().split('\n').at(-1)).toMatch(/^unsupported by skep: \S/);
    return expect(kernel.poll(3)).rejects.toThrow(/EBADF/);
  });

  it('answers any arguments with a number', () => {
    const kernel = createKernel({ memoryLimit: 8 << 20, cpus: 2 });
    const number = fc.oneof(fc.nat(12), fc.integer(), fc.double(), fc.constantFrom(-1, 0xffffffff, 2 ** 53 - 1));
    const bytes = fc.uint8Array({ maxLength: 80 });
    const text = fc.oneof(fc.string(), fc.constant('GPL'));
    const numbers =
      'mapType keySize valueSize maxEntries mapFlags numaNode mapIfindex btfFd btfKeyTypeId btfValueTypeId mapExtra mapFd ' +
      'flags progType logLevel progFlags expectedAttachType progBtfFd funcInfoRecSize attachBtfId progFd cpu startId id ' +
      'openFlags bpfFd btfLogLevel';
    const buffers = 'key value nextKey insns logBuf funcInfo lineInfo dataIn dataOut ctxIn ctxOut info btf btfLogBuf';
    const fields: Record<string, fc.Arbitrary<unknown>> = {};
    for (const name of numbers.split(' ')) fields[name] = number;
    for (const name of buffers.split(' ')) fields[name] = bytes;
    for (const name of ['license', 'progName', 'mapName']) fields[name] = text;
    fc.assert(
      fc.property(fc.integer({ min: -1, max: 40 }), fc.record(fields, { requiredKeys: [] }), (cmd, attr) => {
        const result = kernel.bpf(cmd as 0, attr as unknown as MapCreateAttr);
        expect(result === 0 || result > 2 || (result < 0 && result >= -ERRNO.ENOTSUPP)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('refuses numbers that do not fit, and commands that are none', () => {
    const kernel = createKernel();
    for (const wrong of [1.5, NaN, 2 ** 32, -(2 ** 31) - 1, Infinity]) {
      expect(kernel.bpf(BPF_CMD.MAP_CREATE, { ...hash, maxEntries: wrong })).toBe(-ERRNO.EINVAL);
    }
    const mapFd = kernel.bpf(BPF_CMD.MAP_CREATE, hash);
    const [key, value] = [u32(1), new Uint8Array(8)];
    for (const flags of [-1, 0.5, 2 ** 60, NaN]) {
      expect(kernel.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd, key, value, flags })).toBe(-ERRNO.EINVAL);
    }
    for (const cmd of [6, 38, -1]) expect(kernel.bpf(cmd as 0, hash)).toBe(-ERRNO.EINVAL);
  });

  it('holds callers to their capabilities, and gives them back after an error', () => {
    const kernel = createKernel({ caps: 1n << BigInt(CAP.BPF) });
    const devices = { ...hash, mapType: MAP_TYPE.HASH, mapFlags: MAP_FLAG.ZERO_SEED };
    expect(kernel.bpf(BPF_CMD.MAP_CREATE, devices)).toBe(-ERRNO.EPERM);
    expect(() =>
      kernel.withCaps(0n, () => {
        throw new Error('from the body');
      }),
    ).toThrow('from the body');
    expect(kernel.bpf(BPF_CMD.MAP_CREATE, hash)).toBe(3);
    // More than the caller has cannot be had.
    expect(kernel.withCaps(1n << BigInt(CAP.SYS_ADMIN), () => kernel.bpf(BPF_CMD.MAP_CREATE, hash))).toBe(-ERRNO.EPERM);
  });
});

it('asks CAP_NET_ADMIN for maps that redirect', () => {
  const [bpf, net, admin] = [CAP.BPF, CAP.NET_ADMIN, CAP.SYS_ADMIN].map((n) => 1n << BigInt(n));
  const redirect = ['devmap', 'sockmap', 'xskmap', 'sockhash', 'devmap_hash'];
  for (const [name, type] of Object.entries(MAP_TYPE)) {
    const needsNet = redirect.includes(name.toLowerCase());
    expect(
      [bpf, net, bpf | net, admin].map((held) => mayCreateMap(held, type)),
      name,
    ).toEqual([!needsNet, false, true, true]);
  }
});

it("leaves a caller's Buffer alone", () => {
  const kernel = createKernel();
  const map = kernel.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
  const insns = Buffer.from(
    '1811000000000000 0000000000000000 b700000000000000 9500000000000000'.replaceAll(' ', ''),
    'hex',
  );
  insns.writeInt32LE(map, 4);
  const before = insns.toString('hex');
  const prog = kernel.bpf(BPF_CMD.PROG_LOAD, { progType: PROG_TYPE.SOCKET_FILTER, insns, license: 'GPL' });
  expect(prog).toBeGreaterThan(map);
  expect(kernel.bpf(BPF_CMD.OBJ_GET_INFO_BY_FD, { bpfFd: prog, info: new Uint8Array(256) })).toBe(0);
  expect(insns.toString('hex')).toBe(before);
});
