/** Queues and stacks, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, filled, hex, lookup, nextKey, program, remove, run, take, u32, update } from './support.ts';

const TYPES = { queue: MAP_TYPE.QUEUE, stack: MAP_TYPE.STACK };
const FLAGS = [0, 1, 2, 3, 4, 2 ** 32];

function eachType(sys: BpfSys, body: (name: string, fd: number) => void): void {
  for (const [name, mapType] of Object.entries(TYPES)) {
    const fd = createMap(sys, { mapType, keySize: 0, valueSize: 4, maxEntries: 3 });
    expect(fd).toBeGreaterThan(2);
    body(name, fd);
    sys.close(fd);
  }
}

onBackends('queue', {
  commands: ({ sys, ledger }) => {
    eachType(sys, (name, fd) => {
      const out = filled(4, 0xaa);
      const get = (how: typeof take) => `${how(sys, fd, undefined, out)} ${hex(out)}`;
      ledger(`${name}: empty`, [get(lookup), get(take)]);
      ledger(
        `${name}: push`,
        [1, 2, 3, 4].map((n) => update(sys, fd, undefined, u32(n))),
      );
      ledger(
        `${name}: push into a full one`,
        FLAGS.map((flags) => update(sys, fd, undefined, u32(9), flags)),
      );
      ledger(`${name}: peek`, [get(lookup), get(lookup)]);
      ledger(`${name}: pop`, [get(take), get(take), get(take), get(take)]);
      ledger(
        `${name}: push with flags`,
        FLAGS.map((flags) => update(sys, fd, undefined, u32(9), flags)),
      );
      ledger(`${name}: with a key`, [
        lookup(sys, fd, u32(0), out),
        update(sys, fd, u32(0), out),
        remove(sys, fd, u32(0)),
        take(sys, fd, u32(0), out),
      ]);
      ledger(`${name}: what there is not`, [remove(sys, fd, undefined), nextKey(sys, fd)]);
    });
  },

  'programs push, peek and pop': ({ sys, ledger }) => {
    eachType(sys, (name, fd) => {
      const push = (n: number, flags: number) => [
        `*(u32 *)(r10 -4) = ${n}`,
        ...['r1 = map[m]', 'r2 = r10', 'r2 += -4', `r3 = ${flags}`, 'call 87'],
        'r6 *= 100',
        'r6 += r0',
      ];
      const get = (helper: number) => [
        ...['r1 = map[m]', 'r2 = r10', 'r2 += -4', `call ${helper}`],
        'r1 = *(u32 *)(r10 -4)',
        'r6 *= 10',
        'r6 += r1',
        'r6 += r0',
      ];
      const pushes = [
        'r6 = 0',
        ...push(1, 0),
        ...push(2, 0),
        ...push(3, 0),
        ...push(4, 0),
        ...push(5, 2),
        ...push(6, 1),
      ];
      const first = program(sys, [...pushes, 'r0 = r6', 'exit'].join('\n'), fd);
      ledger(`${name}: pushes`, run(sys, first));
      const gets = ['r6 = 0', ...get(89), ...get(88), ...get(88), ...get(89), ...get(88), ...get(88), ...get(89)];
      const second = program(sys, [...gets, 'r0 = r6', 'exit'].join('\n'), fd);
      ledger(`${name}: pops`, run(sys, second));
      sys.close(first);
      sys.close(second);
    });
  },
});
