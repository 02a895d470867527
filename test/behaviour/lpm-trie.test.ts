/** LPM tries, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { errnoName } from '../../src/errors/index.ts';
import type { BpfSys, MapCreateAttr } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import { createMap, hex, lookup, nextKey, program, remove, run, take, u32, update } from './support.ts';

/** A key: so many bits of some bytes. */
const prefix = (length: number, ...bytes: number[]): Uint8Array => Uint8Array.from([...u32(length), ...bytes]);

function trie(sys: BpfSys, bytes: number, attr: Partial<MapCreateAttr> = {}): number {
  const sizes = { mapType: MAP_TYPE.LPM_TRIE, keySize: 4 + bytes, valueSize: 4, mapFlags: MAP_FLAG.NO_PREALLOC };
  return createMap(sys, { ...sizes, maxEntries: 64, ...attr });
}

/** The value of a key, or the errno's name. */
function get(sys: BpfSys, fd: number, key: Uint8Array): string | number {
  const value = u32(0xaaaa);
  const result = lookup(sys, fd, key, value);
  return result === 'ok' ? new DataView(value.buffer).getUint32(0, true) : result;
}

function keys(sys: BpfSys, fd: number, size: number): string[] {
  const found: string[] = [];
  let next = nextKey(sys, fd, undefined, size);
  for (; !next.startsWith('E') && found.length < 500; next = nextKey(sys, fd, Buffer.from(next, 'hex'), size))
    found.push(next);
  return [...found, next];
}

/** A sequence of numbers that look random, from a seed. */
function* random(seed: number): Generator<number, never> {
  for (let x = seed; ;) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    yield x >>> 8;
  }
}

onBackends('lpm-trie', {
  'sizes and flags': ({ sys, ledger }) => {
    const sizes = [0, 1, 4, 16, 256, 257];
    const outcome = (fd: number): string => (fd < 0 ? errnoName(fd) : (sys.close(fd), 'ok'));
    ledger(
      'bytes',
      sizes.map((bytes) => outcome(trie(sys, bytes))),
    );
    ledger('preallocated', outcome(trie(sys, 4, { mapFlags: 0 })));
  },

  update: ({ sys, ledger }) => {
    const fd = trie(sys, 1, { maxEntries: 2 });
    const flags = [0, 1, 2, 3, 4, 2 ** 32];
    const with9 = (key: Uint8Array) => flags.map((f) => update(sys, fd, key, u32(9), f));
    ledger('with flags', with9(prefix(8, 1)));
    ledger('a length beyond the bits', [
      update(sys, fd, prefix(9, 1), u32(1)),
      get(sys, fd, prefix(9, 1)),
      remove(sys, fd, prefix(9, 1)),
      nextKey(sys, fd, prefix(9, 1), 5),
    ]);
    ledger('new, with flags', [update(sys, fd, prefix(8, 2), u32(2), 2), update(sys, fd, prefix(8, 2), u32(2), 1)]);
    ledger('new in a full one', with9(prefix(8, 3)));
    ledger('replaced in a full one', with9(prefix(8, 1)));
    ledger('a short key', [update(sys, fd, u32(8), u32(1)), get(sys, fd, u32(8)), update(sys, fd, undefined, u32(1))]);
    ledger('take', [take(sys, fd, prefix(8, 1), u32(0)), take(sys, fd, prefix(9, 1), u32(0))]);
    ledger('remove', [
      remove(sys, fd, prefix(8, 7)),
      remove(sys, fd, prefix(7, 1)),
      remove(sys, fd, prefix(8, 1)),
      remove(sys, fd, prefix(8, 1)),
      remove(sys, fd, prefix(8, 2)),
      nextKey(sys, fd, undefined, 5),
      nextKey(sys, fd, prefix(8, 1), 5),
    ]);
  },

  'the longest prefix': ({ sys, ledger }) => {
    const fd = trie(sys, 4);
    const routes = [prefix(0, 0, 0, 0, 0), prefix(8, 10, 0, 0, 0), prefix(16, 10, 1, 0, 0), prefix(32, 10, 1, 2, 3)];
    routes.forEach((route, i) => expect(update(sys, fd, route, u32(i))).toBe('ok'));
    const asked = [
      prefix(32, 10, 1, 2, 3),
      prefix(32, 10, 1, 2, 4),
      prefix(31, 10, 1, 2, 3),
      prefix(32, 10, 2, 0, 0),
      prefix(7, 10, 0, 0, 0),
      prefix(32, 192, 168, 0, 1),
      prefix(0, 1, 2, 3, 4),
      prefix(33, 10, 1, 2, 3),
    ];
    const all = () => asked.map((key) => get(sys, fd, key));
    ledger('found', all());
    ledger('what lies behind the length is kept', [
      update(sys, fd, prefix(3, 0xff, 7, 7, 7), u32(5)),
      update(sys, fd, prefix(3, 0xe0, 1, 2, 3), u32(6)),
      keys(sys, fd, 8),
    ]);
    remove(sys, fd, routes[0]);
    remove(sys, fd, routes[2]);
    ledger('found after two are gone', all());
    ledger('order', keys(sys, fd, 8));
  },

  'many prefixes': ({ sys, ledger }) => {
    const next = random(7);
    const fd = trie(sys, 2, { maxEntries: 40 });
    const key = (): Uint8Array => {
      const [{ value: length }, { value: bits }] = [next.next(), next.next()];
      return prefix(length % 17, bits & 0xff & (length & 32 ? 0xff : 0x11), (bits >> 8) & 0xff);
    };
    for (let round = 0; round < 12; round++) {
      const done = Array.from({ length: 12 }, () => update(sys, fd, key(), u32(next.next().value % 1000)));
      const gone = Array.from({ length: 60 }, () => remove(sys, fd, key())).filter((result) => result === 'ok').length;
      ledger(`round ${round}`, {
        done,
        gone,
        keys: keys(sys, fd, 6).join(' '),
        found: Array.from({ length: 12 }, () => get(sys, fd, key())),
        next: Array.from({ length: 4 }, () => nextKey(sys, fd, key(), 6)),
      });
    }
  },

  batches: ({ sys, ledger }) => {
    const fd = trie(sys, 1);
    const some = [prefix(8, 1), prefix(4, 0), prefix(8, 2), prefix(9, 1), prefix(8, 3)];
    const given = { mapFd: fd, keys: Buffer.concat(some), values: u32(1, 2, 3, 4, 5), count: 5 };
    ledger('update', [errnoName(sys.bpf(BPF_CMD.MAP_UPDATE_BATCH, given)), given.count]);
    const attr = {
      mapFd: fd,
      outBatch: new Uint8Array(5),
      keys: new Uint8Array(20),
      values: u32(0, 0, 0, 0),
      count: 2,
    };
    const first = sys.bpf(BPF_CMD.MAP_LOOKUP_BATCH, attr);
    ledger('lookup', [first, attr.count, hex(attr.keys), hex(attr.values), hex(attr.outBatch)]);
    const rest = { ...attr, inBatch: attr.outBatch, outBatch: new Uint8Array(5), count: 4 };
    const second = sys.bpf(BPF_CMD.MAP_LOOKUP_BATCH, rest);
    ledger('the rest', [errnoName(second), rest.count, hex(rest.keys), hex(rest.values)]);
    const taken = { ...attr, count: 4 };
    ledger('take', errnoName(sys.bpf(BPF_CMD.MAP_LOOKUP_AND_DELETE_BATCH, taken)));
    const removed = { mapFd: fd, keys: Buffer.concat(some), count: 4 };
    ledger('delete', [errnoName(sys.bpf(BPF_CMD.MAP_DELETE_BATCH, removed)), removed.count, keys(sys, fd, 5)]);
  },

  'programs look up, update and delete': ({ sys, ledger }) => {
    const fd = trie(sys, 4);
    update(sys, fd, prefix(8, 10, 0, 0, 0), u32(8));
    const at = (length: number, address: number) => [
      `*(u32 *)(r10 -8) = ${length}`,
      `*(u32 *)(r10 -4) = ${address}`,
      ...['r1 = map[m]', 'r2 = r10', 'r2 += -8'],
    ];
    const find = (length: number, address: number, label: string) => [
      ...at(length, address),
      'call 1',
      'r1 = 9',
      `if r0 == 0 goto ${label}`,
      'r1 = *(u32 *)(r0 +0)',
      `${label}:`,
      'r6 *= 10',
      'r6 += r1',
    ];
    const set = (length: number, address: number, value: number, flags: number) => [
      `*(u32 *)(r10 -12) = ${value}`,
      ...at(length, address),
      ...['r3 = r10', 'r3 += -12', `r4 = ${flags}`, 'call 2', 'r6 *= 100', 'r6 += r0'],
    ];
    const drop = (length: number, address: number) => [...at(length, address), 'call 3', 'r6 *= 100', 'r6 += r0'];
    const address = 0x0302010a;
    const bodies = {
      'looks up': [...find(32, address, 'a'), ...find(7, address, 'b'), ...find(33, address, 'c')],
      updates: [...set(24, address, 3, 0), ...set(24, address, 4, 1), ...set(16, address, 5, 2), ...set(33, 0, 1, 0)],
      'looks up what is new': [...find(32, address, 'a'), ...find(23, address, 'b')],
      deletes: [...drop(24, address), ...drop(24, address), ...drop(33, address), ...drop(8, address)],
      'looks up what is gone': find(32, address, 'a'),
    };
    for (const [name, body] of Object.entries(bodies)) {
      const prog = program(sys, ['r6 = 0', ...body, 'r0 = r6', 'exit'].join('\n'), fd);
      ledger(name, run(sys, prog));
      sys.close(prog);
    }
    ledger('keys', keys(sys, fd, 8));
  },
});
