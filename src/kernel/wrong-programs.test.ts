/**
 * Programs that no verifier saw and that aim at what lies beside the values of a map: its header, keys, links, the heads of
 * records. On both engines each is stopped by name, and the map answers as before.
 */
import { describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { Trap } from '../errors/index.ts';
import { encode } from '../isa/index.ts';
import { BPF_CMD, MAP_FLAG, MAP_TYPE as M, PROG_TYPE } from '../uapi/index.ts';
import { createKernel } from './index.ts';
import type { Kernel } from './index.ts';

const u32 = (...words: number[]) => new Uint8Array(Uint32Array.from(words).buffer);
/** As a key of 32 bits, and as the prefix of no bits. */
const KEY = u32(0, 0);

const TYPES = {
  hash: { mapType: M.HASH },
  array: { mapType: M.ARRAY, keySize: 4 },
  'percpu-hash': { mapType: M.PERCPU_HASH },
  'percpu-array': { mapType: M.PERCPU_ARRAY, keySize: 4 },
  'lru-hash': { mapType: M.LRU_HASH },
  'lru-percpu-hash': { mapType: M.LRU_PERCPU_HASH },
  'lpm-trie': { mapType: M.LPM_TRIE, mapFlags: MAP_FLAG.NO_PREALLOC },
  queue: { mapType: M.QUEUE, keySize: 0 },
  stack: { mapType: M.STACK, keySize: 0 },
  'bloom-filter': { mapType: M.BLOOM_FILTER, keySize: 0 },
  ringbuf: { mapType: M.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4096 },
} as const;
type Name = keyof typeof TYPES;
const KEYLESS: readonly Name[] = ['queue', 'stack', 'bloom-filter'];

function open(kernel: Kernel, name: Name): number {
  const fd = kernel.bpf(BPF_CMD.MAP_CREATE, { keySize: 8, valueSize: 8, maxEntries: 4, ...TYPES[name] });
  expect(fd).toBeGreaterThan(2);
  if (name !== 'ringbuf')
    expect(kernel.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd: fd, ...element(kernel, name, 7) })).toBe(0);
  return fd;
}

function element(kernel: Kernel, name: Name, word: number) {
  const cpus = name.startsWith('percpu') || name.startsWith('lru-percpu') ? kernel.possibleCpus : 1;
  const value = u32(...Array.from({ length: 2 * cpus }, () => word));
  return KEYLESS.includes(name) ? { value } : { key: KEY.slice(0, name.endsWith('array') ? 4 : 8), value };
}

/** Whether the map still has what was put into it. */
function isWhole(kernel: Kernel, mapFd: number, name: Name): boolean {
  const wanted = name === 'bloom-filter' ? 7 : 0;
  const attr = element(kernel, name, wanted);
  return (
    kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, ...attr }) === 0 &&
    attr.value.every((byte, i) => byte === (i % 4 ? 0 : 7))
  );
}

function run(kernel: Kernel, mapFd: number, text: string): void {
  const { insns, mapRefs } = assemble(text);
  const patched = insns.map((insn, slot) =>
    mapRefs.some((r) => r.insn === slot) ? { ...insn, src: 1, imm: mapFd } : insn,
  );
  const progFd = kernel.loadUnverified({ progType: PROG_TYPE.SCHED_CLS, insns: encode(patched), license: 'GPL' });
  expect(progFd).toBeGreaterThan(2);
  const attr = { progFd, dataIn: new Uint8Array(64), retval: 0 };
  expect(() => kernel.bpf(BPF_CMD.PROG_TEST_RUN, attr), text).toThrow(Trap);
  kernel.close(progFd);
}

const STORE = '\nr0 = 0\nexit';
const HEADER = [0, 4, 12, 28, 32, 44, 56, 80, 104, 112].map((at) => `r1 = map[m]\n*(u32 *)(r1 + ${at}) = -1${STORE}`);
const FOUND = '*(u64 *)(r10 - 8) = 0\nr1 = map[m]\nr2 = r10\nr2 += -8\ncall 1\nif r0 == 0 goto +1\n';
const BESIDE = [-24, -16, -12, -8, -1, 8, 4096].map((at) => `${FOUND}*(u8 *)(r0 + ${at}) = -1${STORE}`);
const RECORD = 'r1 = map[m]\nr2 = 16\nr3 = 0\ncall 131\n';
const NO_RECORD = 'r1 = r10\nr1 += -8\nr2 = 0\ncall 132\nr0 = 0\nexit';

it.each(['interp', 'jit'] as const)('what needs a packet is stopped where there is none [%s]', (engine) => {
  const kernel = createKernel({ engine });
  for (const id of [18, 19, 31, 34, 38, 39, 43, 44, 48, 50, 54, 65, 97, 188, 189]) {
    const insns = encode(assemble(`call ${id}\nr0 = 0\nexit`).insns);
    const progFd = kernel.loadUnverified({ progType: PROG_TYPE.SYSCALL, progFlags: 16, insns, license: 'GPL' });
    const run = () => kernel.bpf(BPF_CMD.PROG_TEST_RUN, { progFd, ctxIn: new Uint8Array(8) });
    expect(run, `helper ${id}`).toThrow(new Trap('there is no packet', 0));
  }
});

it.each(['interp', 'jit'] as const)('texts without a size are looked at in their object only [%s]', (engine) => {
  const kernel = createKernel({ engine });
  const map = open(kernel, 'array');
  const bytes = '*(u64 *)(r10 - 8) = 0x01010101\n*(u64 *)(r10 - 16) = 0x01010101\n';
  const compare = (where: string) => `${bytes}r1 = r10\nr1 += -16\nr2 = 16\n${where}\ncall 182${STORE}`;
  const print = (where: string) => `${bytes}r1 = r10\nr1 += -8\nr2 = 8\n${where}\nr4 = 0\nr5 = 0\ncall 165${STORE}`;
  for (const where of ['r3 = 8', 'r3 = map[m]', 'r3 = -1', 'r3 = r10'])
    for (const body of [compare, print]) run(kernel, map, body(where));
});

describe.each(['interp', 'jit'] as const)('programs that aim beside the values [%s]', (engine) => {
  it.each(Object.keys(TYPES) as Name[])('%s', (name) => {
    const kernel = createKernel({ engine });
    const fd = open(kernel, name);
    for (const text of HEADER) run(kernel, fd, text);
    const hasValues = name !== 'ringbuf' && !KEYLESS.includes(name);
    // Behind a value of an array comes the next one.
    if (hasValues)
      for (const text of BESIDE) if (!name.endsWith('array') || !text.includes('+ 8)')) run(kernel, fd, text);
    if (name === 'ringbuf') {
      run(kernel, fd, NO_RECORD);
      run(kernel, fd, `${RECORD}r1 = map[m]\n*(u32 *)(r1 + 8192) = -1${STORE}`);
    } else expect(isWhole(kernel, fd, name)).toBe(true);
  });
});
