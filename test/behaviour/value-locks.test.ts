/** Updates by programs of values with a lock, with and without BPF_F_LOCK: nobody's bytes become the lock, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { valueBtf } from '../value-btf.ts';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { PROG_TYPE } from '../../src/uapi/index.ts';
import { PLAIN_TYPES, createMap, hex, load, loadBtf, lookup, run, u32 } from './support.ts';

const SIZE = 16;
const TYPES = { hash: PLAIN_TYPES.hash, array: PLAIN_TYPES.array };

function withLock(sys: BpfSys, mapType: number, fields: string): number {
  const built = valueBtf(fields, SIZE);
  if (!built) throw new TypeError(fields);
  const btfFd = loadBtf(sys, built.btf);
  const types = { btfFd, btfKeyTypeId: built.key, btfValueTypeId: built.value };
  const fd = createMap(sys, { mapType, keySize: 4, valueSize: SIZE, maxEntries: 2, ...types });
  expect(fd).toBeGreaterThan(2);
  sys.close(btfFd);
  return fd;
}

/** Run a classifier once. */
function once(sys: BpfSys, mapFd: number, lines: readonly string[]): number {
  const { insns, mapRefs } = assemble([...lines, 'exit'].join('\n'));
  const slots = new Set(mapRefs.map(({ insn }) => insn));
  const patched = insns.map((insn, slot) => (slots.has(slot) ? { ...insn, src: 1, imm: mapFd } : insn));
  const progFd = load(sys, { progType: PROG_TYPE.SCHED_CLS, insns: encode(patched) });
  expect(progFd, lines.join('\n')).toBeGreaterThan(2);
  const result = run(sys, progFd) | 0;
  sys.close(progFd);
  return result;
}

const KEY = (key: number) => [`*(u32 *)(r10 - 4) = ${key}`, 'r1 = map[m]', 'r2 = r10', 'r2 += -4'];

/** Update a key with a value whose bytes are all `byte`, those of the lock too. */
const updates = (key: number, byte: number, flags: number): string[] => [
  `r3 = ${byte * 0x01010101}`,
  ...[-24, -20, -16, -12].map((at) => `*(u32 *)(r10 ${at < 0 ? '-' : '+'} ${Math.abs(at)}) = r3`),
  ...KEY(key),
  'r3 = r10',
  'r3 += -24',
  `r4 = ${flags}`,
  'call 2',
];

/** Take the lock at `lock` and write a byte of the value while it is held: 1; 0 where there is no value. */
const locks = (key: number, lock: number, at: number): string[] => [
  ...KEY(key),
  'call 1',
  'if r0 == 0 goto none',
  'r6 = r0',
  'r1 = r6',
  `r1 += ${lock}`,
  'call 93',
  `*(u8 *)(r6 + ${at}) = 7`,
  'r1 = r6',
  `r1 += ${lock}`,
  'call 94',
  'r0 = 1',
  'none:',
];

onBackends('value-locks', {
  'updates by programs': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(TYPES)) {
      for (const [lock, other] of [
        [0, 8],
        [4, 12],
      ] as const) {
        const fd = withLock(sys, mapType, `bpf_spin_lock@${lock},u32@${other}`);
        const answers = [4, 0, 5, 6, 4, 2, 1, 3, 7].map((flags, i) => {
          const key = i === 0 ? 1 : 0;
          const result = once(sys, fd, updates(key, i + 1, flags));
          const held = once(sys, fd, locks(key, lock, other));
          const value = new Uint8Array(SIZE);
          return `flags ${flags}: ${result} ${held} ${lookup(sys, fd, u32(key), value)} ${hex(value)}`;
        });
        ledger(`${name}, lock at ${lock}`, answers);
        sys.close(fd);
      }
    }
  },

  'values without a lock': ({ sys, ledger }) => {
    for (const [name, mapType] of Object.entries(TYPES)) {
      const fd = createMap(sys, { mapType, keySize: 4, valueSize: SIZE, maxEntries: 2 });
      ledger(
        name,
        [4, 5, 6, 0, 4, 8].map((flags) => once(sys, fd, updates(0, 1, flags))),
      );
      sys.close(fd);
    }
  },
});
