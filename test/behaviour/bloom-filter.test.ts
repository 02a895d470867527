/** Bloom filters, on both backends. Which values are found by mistake is chance: the rate is held to what theory says. */
import { expect, it } from 'vitest';
import { onBackends } from '../backends.ts';
import { ERRNO, errnoName } from '../../src/errors/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { answer, createMap, lookup, nextKey, program, remove, run, take, u32, update } from './support.ts';

function filter(sys: BpfSys, maxEntries: number, mapExtra = 0, valueSize = 4, mapFlags = 0): number {
  return createMap(sys, { mapType: MAP_TYPE.BLOOM_FILTER, keySize: 0, valueSize, maxEntries, mapExtra, mapFlags });
}

const has = (sys: BpfSys, fd: number, value: Uint8Array): boolean => lookup(sys, fd, undefined, value) === 'ok';

/** The values of `size` bytes from `first` on, pushed. */
function pushed(sys: BpfSys, fd: number, first: number, count: number, size: number): Uint8Array[] {
  const values = Array.from({ length: count }, (_, i) => valueOf(first + i, size));
  for (const value of values) expect(update(sys, fd, undefined, value)).toBe('ok');
  return values;
}

function valueOf(n: number, size: number): Uint8Array {
  const value = new Uint8Array(size);
  value.set(u32(n).subarray(0, Math.min(4, size)));
  return value;
}

onBackends('bloom-filter', {
  commands: ({ sys, ledger }) => {
    const create = (extra: number): string => {
      const fd = filter(sys, 4, extra);
      if (fd > 0) sys.close(fd);
      return fd < 0 ? errnoName(fd) : 'ok';
    };
    ledger('hash functions', [0, 1, 5, 15, 16, 2 ** 16].map(create));
    const fd = filter(sys, 4);
    ledger(
      'push with flags',
      [0, 1, 2, 3, 4, 2 ** 32].map((flags) => update(sys, fd, undefined, u32(1), flags)),
    );
    ledger('ask', [lookup(sys, fd, undefined, u32(1)), lookup(sys, fd, undefined, u32(1), 4)]);
    const more = [10, 11, 12, 13, 14, 15];
    ledger(
      'push more than there are entries',
      more.map((n) => update(sys, fd, undefined, u32(n))),
    );
    ledger('without a value', [lookup(sys, fd, undefined), update(sys, fd, undefined)]);
    ledger('with a key', [
      lookup(sys, fd, u32(0), u32(1)),
      update(sys, fd, u32(0), u32(1)),
      remove(sys, fd, u32(0)),
      take(sys, fd, u32(0), u32(1)),
    ]);
    ledger('what there is not', [
      remove(sys, fd, undefined),
      take(sys, fd, undefined, u32(1)),
      nextKey(sys, fd),
      answer(sys.bpf(BPF_CMD.MAP_LOOKUP_BATCH, { mapFd: fd, count: 1, outBatch: u32(0), values: u32(0) })),
    ]);
    ledger('asked of an empty one', lookup(sys, filter(sys, 4), undefined, u32(1)));
  },

  'what was pushed is found': ({ sys }) => {
    for (const [size, entries, extra] of [
      [1, 300, 0],
      [3, 500, 1],
      [4, 2000, 5],
      [7, 100, 15],
      [16, 1, 2],
    ] as const) {
      const fd = filter(sys, entries, extra, size);
      for (const value of pushed(sys, fd, 0, 2 * entries, size)) expect(has(sys, fd, value)).toBe(true);
      sys.close(fd);
    }
  },

  'programs push and ask': ({ sys, ledger }) => {
    const fd = filter(sys, 1000, 15);
    const call = (helper: number, value: number, flags = 0) => [
      `*(u32 *)(r10 -4) = ${value}`,
      ...['r1 = map[m]', 'r2 = r10', 'r2 += -4'],
      ...(helper === 87 ? [`r3 = ${flags}`] : []),
      `call ${helper}`,
      'r6 *= 100',
      'r6 += r0',
    ];
    const bodies = {
      push: [...call(87, 1), ...call(87, 2, 1), ...call(87, 2, 2), ...call(87, 3, 4)],
      ask: [...call(89, 1), ...call(89, 2)],
      'push and ask': [...call(87, 2), ...call(89, 2), ...call(89, 3)],
    };
    for (const [name, body] of Object.entries(bodies)) {
      const prog = program(sys, ['r6 = 0', ...body, 'r0 = r6', 'exit'].join('\n'), fd);
      ledger(name, run(sys, prog));
      sys.close(prog);
    }
    expect(has(sys, fd, u32(2))).toBe(true);
  },
});

/**
 * A full filter of m bits for n values with k hash functions finds (1 - e^(-kn/m))^k of the others. With the seed of
 * BPF_F_ZERO_SEED the answers are always the same; the bounds are four standard deviations of so many questions, and a
 * tenth for what the formula itself leaves out.
 */
it('values that were never pushed are found as often as theory says', () => {
  const asked = 20_000;
  for (const [n, k, bits] of [
    [1000, 5, 8192],
    [1000, 1, 2048],
    [1000, 3, 8192],
    [4096, 5, 32768],
    [100, 5, 1024],
  ] as const) {
    const sys = createKernel();
    const fd = filter(sys, n, k, 8, MAP_FLAG.ZERO_SEED);
    expect(fd).toBeGreaterThan(0);
    pushed(sys, fd, 0, n, 8);
    let found = 0;
    for (let i = 0; i < asked; i++) if (has(sys, fd, valueOf(1_000_000 + i, 8))) found++;
    const rate = (1 - Math.exp((-k * n) / bits)) ** k;
    const deviation = 4 * Math.sqrt((rate * (1 - rate)) / asked) + rate / 10;
    expect(found / asked, `n ${n} k ${k}`).toBeGreaterThan(rate - deviation);
    expect(found / asked, `n ${n} k ${k}`).toBeLessThan(rate + deviation);
    expect(sys.bpf(BPF_CMD.MAP_DELETE_ELEM, { mapFd: fd })).toBe(-ERRNO.EOPNOTSUPP);
  }
});
