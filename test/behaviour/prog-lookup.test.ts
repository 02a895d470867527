/** Look-ups by programs with keys of all sizes: what compiled look-ups find is what the helper and Linux find. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_TYPE } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { answer, createMap, load, u32, update } from './support.ts';

const KEY_SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 20, 31, 40, 63, 64, 65, 72];
const ETH_HLEN = 14;
const ABSENT = 0xffff;

/** The 32-bit value under the key of `size` bytes that the packet holds, or ABSENT. */
function lookupProgram(sys: BpfSys, mapFd: number, size: number): number {
  const top = Math.ceil(size / 8) * 8;
  const copies = Array.from({ length: size }, (_, i) => `r0 = *(u8 *)skb[${i}]\n*(u8 *)(r10 ${i - top}) = r0`);
  const { insns, mapRefs } = assemble(`
    r6 = r1
    ${copies.join('\n')}
    r2 = r10
    r2 += ${-top}
    r1 = map[m]
    call 1
    if r0 == 0 goto +2
    r0 = *(u32 *)(r0 + 0)
    exit
    r0 = ${ABSENT}
    exit`);
  const refs = new Set(mapRefs.map(({ insn }) => insn));
  const progFd = load(sys, {
    insns: encode(insns.map((insn, slot) => (refs.has(slot) ? { ...insn, src: 1, imm: mapFd } : insn))),
  });
  expect(progFd).toBeGreaterThan(2);
  return progFd;
}

function find(sys: BpfSys, progFd: number, key: Uint8Array): number {
  const dataIn = new Uint8Array(ETH_HLEN + Math.max(50, key.length));
  dataIn.set(key, ETH_HLEN);
  const attr = { progFd, dataIn, retval: -1 };
  expect(answer(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr))).toBe('ok');
  return attr.retval;
}

onBackends('look-ups of programs', {
  'in hashes with keys of any size': ({ sys, ledger }) => {
    for (const size of KEY_SIZES) {
      const random = new Random(size);
      const key = (): Uint8Array => Uint8Array.from({ length: size }, () => random.pick([0, 1, 128, 255]));
      const mapFd = createMap(sys, { mapType: MAP_TYPE.HASH, keySize: size, valueSize: 4, maxEntries: 64 });
      const stored = Array.from({ length: 40 }, key);
      stored.forEach((one, i) => expect(update(sys, mapFd, one, u32(i))).toBe('ok'));
      const progFd = lookupProgram(sys, mapFd, size);
      const found = [...stored, ...Array.from({ length: 20 }, key)].map((one) => find(sys, progFd, one));
      if (size > 2) expect(found.slice(40)).toContain(ABSENT);
      expect(new Set(found).size).toBeGreaterThan(3);
      ledger(`${size} bytes`, found.join());
    }
  },

  'in arrays up to their end': ({ sys, ledger }) => {
    for (const valueSize of [4, 5, 8, 12, 256]) {
      const maxEntries = 7;
      const mapFd = createMap(sys, { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize, maxEntries });
      const value = (i: number): Uint8Array => {
        const bytes = new Uint8Array(valueSize);
        bytes.set(u32(i * 1000 + 1));
        return bytes;
      };
      for (let i = 0; i < maxEntries; i++) expect(update(sys, mapFd, u32(i), value(i))).toBe('ok');
      const progFd = lookupProgram(sys, mapFd, 4);
      const keys = [0, 1, maxEntries - 1, maxEntries, 0x7fffffff, 0x80000000, 0xffffffff];
      const found = keys.map((key) => find(sys, progFd, u32(key)));
      expect(found).toEqual([1, 1001, 6001, ABSENT, ABSENT, ABSENT, ABSENT]);
      ledger(`values of ${valueSize} bytes`, found.join());
    }
  },
});
