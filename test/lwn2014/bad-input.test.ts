/** What hostile callers of the interface of 2014 get: an errno, and nothing that stays behind. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errnoName } from '../../src/errors/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import * as L from '../../src/lwn2014/index.ts';
import { TracepointRegistry } from '../../src/tracing/index.ts';
import { BPF_CMD } from '../../src/uapi/index.ts';
import { COUNT, COUNT_ALL, RETURN_0, frame, insns, load, open, socketWith, u32 } from './support.ts';

const said = (answer: number): string | number => (answer < 0 ? `-${errnoName(answer)}` : answer);
const SOCKET = L.BPF_PROG_TYPE_SOCKET_FILTER;

const [TEXT, LICENSE] = [L.BPF_PROG_TEXT, L.BPF_PROG_LICENSE];
const program = insns(RETURN_0);
const gpl = new TextEncoder().encode('GPL\0');
const write = (...list: L.Attribute[]): Uint8Array => L.writeAttributes(list) ?? new Uint8Array(0);
const good = write([TEXT, program], [LICENSE, gpl]);

/** The bytes with one of 16 bits replaced. */
function patched(at: number, value: number): Uint8Array {
  const bytes = good.slice();
  new DataView(bytes.buffer).setUint16(at, value, true);
  return bytes;
}

describe('netlink attributes', () => {
  const SECOND = 4 + program.length;

  it.each<[string, Uint8Array, number | undefined, string]>([
    ['nothing', good, 0, '-EINVAL'],
    ['half a header', good, 3, '-EINVAL'],
    ['a header alone', good, 4, '-EINVAL'],
    ['one that is cut off', good, good.length - 4, '-EINVAL'],
    ['one that is missing', write([TEXT, program]), undefined, '-EINVAL'],
    ['the other missing', write([LICENSE, gpl]), undefined, '-EINVAL'],
    ['one twice', write([TEXT, program], [LICENSE, gpl], [TEXT, program]), undefined, '-EINVAL'],
    ['an unknown one', write([TEXT, program], [LICENSE, gpl], [3, gpl]), undefined, '-EINVAL'],
    ['one of type 0', patched(2, 0), undefined, '-EINVAL'],
    ['one that says it is nested', patched(2, 0x8000 | TEXT), undefined, '-EINVAL'],
    ['one that says it is of network order', patched(2, 0x4000 | TEXT), undefined, '-EINVAL'],
    ['a length below the header', patched(0, 3), undefined, '-EINVAL'],
    ['a length of zero', patched(0, 0), undefined, '-EINVAL'],
    ['a length beyond all', patched(SECOND, 0xffff), undefined, '-EINVAL'],
    ['half an instruction', write([TEXT, program.subarray(0, 12)], [LICENSE, gpl]), undefined, '-EINVAL'],
    ['no instruction', write([TEXT, new Uint8Array(0)], [LICENSE, gpl]), undefined, '-EINVAL'],
    ['no licence', write([TEXT, program], [LICENSE, new Uint8Array(0)]), undefined, '-EINVAL'],
    ['a long licence', write([TEXT, program], [LICENSE, new Uint8Array(129).fill(65)]), undefined, '-E2BIG'],
    ['too many instructions', write([TEXT, new Uint8Array(8 * 4097)], [LICENSE, gpl]), undefined, '-E2BIG'],
    ['more bytes than there are', good, good.length + 1, '-EFAULT'],
    ['more bytes than there may be', new Uint8Array(1 << 17), undefined, '-E2BIG'],
    ['a negative length', good, -1, '-EINVAL'],
    ['a length that is no number', good, NaN, '-EINVAL'],
  ])('are refused: %s', (_what, bytes, length, answer) => {
    const { system } = open();
    const before = system.kernel.memoryBytes;
    expect(said(system.bpf(L.BPF_PROG_LOAD, 1, SOCKET, bytes, length ?? bytes.length))).toBe(answer);
    expect(system.kernel.memoryBytes).toBe(before);
    expect(load(system, 1, SOCKET, RETURN_0)).toBe(1);
  });

  it('are refused where there are none', () => {
    const { system } = open();
    expect(said(system.bpf(L.BPF_PROG_LOAD, 1, SOCKET, undefined, 8))).toBe('-EFAULT');
    expect(said(system.bpf_prog_load(1, SOCKET, undefined, 8, 'GPL'))).toBe('-EFAULT');
    expect(said(system.bpf_prog_load(1, SOCKET, program, program.length + 8, 'GPL'))).toBe('-EFAULT');
  });

  it('may leave out what fills up the last one', () => {
    const { system } = open();
    const bytes = write([TEXT, program], [LICENSE, gpl.subarray(0, 3)]);
    expect(system.bpf(L.BPF_PROG_LOAD, 1, SOCKET, bytes, bytes.length - 1)).toBe(1);
    expect(system.bpf(L.BPF_PROG_LOAD, 2, SOCKET, bytes, bytes.length)).toBe(2);
  });

  it('of a map have 4 bytes each', () => {
    const { system } = open();
    for (const [size, answer] of [
      [3, '-EINVAL'],
      [8, '-E2BIG'],
    ] as const) {
      const bytes = write([1, u32(4)], [2, new Uint8Array(size).fill(1)], [3, u32(2)]);
      expect(said(system.bpf(L.BPF_MAP_CREATE, 1, L.BPF_MAP_TYPE_HASH, bytes, bytes.length))).toBe(answer);
    }
  });

  it('come back as they were written', () => {
    const payload = fc.uint8Array({ maxLength: 50 });
    const sizes = (list: readonly L.Attribute[]) => new Map(list.map(([type]) => [type, { min: 0, max: 50 }]));
    const lists = fc.uniqueArray(fc.tuple(fc.nat(0xffff), payload), { selector: ([type]) => type });
    fc.assert(
      fc.property(lists, (list) => {
        const bytes = write(...list);
        expect(bytes.length % 4).toBe(0);
        const read = L.readAttributes(bytes, bytes.length, sizes(list));
        expect(typeof read === 'number' ? read : [...read]).toEqual(list);
      }),
    );
    expect(L.writeAttributes([[1, new Uint8Array(0x10000)]])).toBeUndefined();
  });

  it('of random bytes load nothing, throw nothing and leave nothing', () => {
    const { system } = open();
    const [map, memory] = [L.BPF_MAP_TYPE_HASH, system.kernel.memoryBytes];
    const wild = fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 40 }).map(nearlyGood));
    fc.assert(
      fc.property(wild, fc.integer({ min: -4, max: 70 }), (bytes, length) => {
        for (const type of [0, 1, 2]) expect(system.bpf(L.BPF_PROG_LOAD, 1, type, bytes, length)).toBeLessThan(0);
        expect(system.bpf(L.BPF_MAP_CREATE, 1, map, bytes, length)).toBeLessThan(0);
      }),
      { numRuns: 3000 },
    );
    expect(system.kernel.memoryBytes).toBe(memory);
    expect(objects(system)).toEqual([0, 0]);
  });

  /** Attributes that are in order, around instructions that are not: never an exit alone, so that nothing is loaded. */
  function nearlyGood(bytes: Uint8Array): Uint8Array {
    return write([TEXT, bytes.subarray(0, bytes.length & ~7).map((byte) => byte | 1)], [LICENSE, gpl]);
  }
});

/** Programs and maps that are loaded. */
function objects({ kernel }: L.Lwn2014): [number, number] {
  const count = (cmd: typeof BPF_CMD.PROG_GET_NEXT_ID | typeof BPF_CMD.MAP_GET_NEXT_ID): number => {
    let [id, found] = [0, 0];
    for (;;) {
      const attr = { startId: id, nextId: 0 };
      if (kernel.bpf(cmd, attr) < 0) return found;
      id = attr.nextId;
      found++;
    }
  };
  return [count(BPF_CMD.PROG_GET_NEXT_ID), count(BPF_CMD.MAP_GET_NEXT_ID)];
}

describe('maps', () => {
  it.each([
    ['keys of gigabytes', 0x7fffffff, 8, 1, '-E2BIG'],
    ['negative sizes', -1, 8, 1, '-E2BIG'],
    ['values of gigabytes', 4, 0x7fffffff, 1, '-E2BIG'],
    ['numbers that are no int', 4, 2 ** 32, 1, '-EINVAL'],
    ['halves', 4.5, 8, 1, '-EINVAL'],
    ['no number', NaN, 8, 1, '-EINVAL'],
    ['all entries that there are numbers for', 4, 8, 0xffffffff, '-E2BIG'],
  ])('with %s are refused', (_what, key, value, entries, answer) => {
    const { system } = open();
    const before = system.kernel.memoryBytes;
    expect(said(system.bpf_create_map(1, key, value, entries))).toBe(answer);
    expect([system.kernel.memoryBytes, objects(system)]).toEqual([before, [0, 0]]);
  });

  it('that do not fit into the memory are refused, and the id is free', () => {
    const { system } = open({ kernel: createKernel({ memoryLimit: 4 << 20 }) });
    expect(said(system.bpf_create_map(1, 4, 8, 1 << 26))).toBe('-ENOMEM');
    expect(system.bpf_create_map(1, 4, 8, 16)).toBe(1);
  });

  it('that there are not, and memory that there is not, are refused by every command', () => {
    const { system } = open();
    const [key, value] = [u32(1), new Uint8Array(8)];
    system.bpf_create_map(1, 4, 8, 4);
    system.bpf_update_elem(1, key, value);
    for (const id of [2, 0, -1, NaN, 0.5, '1', undefined] as number[]) {
      expect(
        [
          system.bpf_update_elem(id, key, value),
          system.bpf_lookup_elem(id, key, value),
          system.bpf_delete_elem(id, key),
          system.bpf_get_next_key(id, key, u32(0)),
          system.bpf_delete_map(id),
          system.bpf_prog_unload(id),
        ].map(said),
      ).toEqual(Array(6).fill('-EINVAL'));
    }
    for (const none of [undefined, null, 'key!', 7, new Uint8Array(3)] as never[]) {
      expect(
        [
          system.bpf_update_elem(1, none, value),
          system.bpf_update_elem(1, key, none),
          system.bpf_lookup_elem(1, none, value),
          system.bpf_lookup_elem(1, key, none),
          system.bpf_delete_elem(1, none),
          system.bpf_get_next_key(1, undefined, none),
        ].map(said),
      ).toEqual(Array(6).fill('-EFAULT'));
    }
  });
});

it('values of any type at all are refused, and nothing is thrown', async () => {
  const { system } = open();
  const socket = await socketWith([]);
  const map = 1234567; // no number that comes by chance
  system.bpf_create_map(map, 4, 8, 4);
  const before = system.kernel.memoryBytes;
  type Call = (...args: unknown[]) => number;
  const { bpf_prog_load, bpf_create_map, bpf_update_elem, bpf_lookup_elem, bpf_get_next_key } = system;
  const bpf = system.bpf.bind(system) as unknown as Call;
  const setsockopt = system.setsockopt.bind(system) as unknown as Call;
  for (const command of [['6'], '6', Object.create(null), { toString: () => '6' }])
    expect(bpf(command, 3, 1, good, good.length)).toBe(-22);
  const any = fc.oneof(
    fc.anything({ withNullPrototype: true }),
    fc.bigInt(),
    fc.constantFrom<unknown>(Symbol('s'), NaN, Infinity, -0, 2 ** 40, null, undefined, good, socket, () => 1),
  );
  fc.assert(
    fc.property(fc.array(any, { maxLength: 6 }), fc.nat(7), (args, command) => {
      const [first, ...rest] = args;
      for (const answer of [
        bpf(command, 'no id', ...args),
        bpf(first, ...rest),
        (bpf_prog_load as Call)(3, 3, ...args),
        (bpf_prog_load as Call)(3, 1, good, first, ...rest),
        (bpf_create_map as Call)(map, ...args),
        (bpf_create_map as Call)(2, 0, ...args),
        (bpf_create_map as Call)(2, 4, 8, ...args.filter((arg) => typeof arg !== 'number')),
        (bpf_update_elem as Call)(2, ...args),
        (bpf_lookup_elem as Call)(map, ...args),
        (bpf_get_next_key as Call)(map, ...args),
        setsockopt(socket, 1, 50, ...args),
        setsockopt(socket, 1, first, 'no value'),
        setsockopt(first, 1, 50, 1),
      ])
        expect(answer).toBeLessThan(0);
    }),
    { numRuns: 1000 },
  );
  expect(system.kernel.memoryBytes).toBe(before);
  expect(objects(system)).toEqual([0, 1]);
});

describe('an id in the filter of an event', () => {
  it('means the program that has it when it is written', () => {
    const { system } = open();
    const registry = new TracepointRegistry();
    const host = system.trace({ registry });
    const event = host.define('shop', 'order', { id: 'u64' });
    const file = 'events/shop/order/filter';
    system.bpf_create_map(1, 4, 8, 2);
    system.bpf_update_elem(1, u32(0), new Uint8Array(8));
    load(system, 7, L.BPF_PROG_TYPE_TRACING_FILTER, RETURN_0);
    host.writeFile(file, 'bpf_7');
    system.bpf_prog_unload(7);
    expect(() => host.writeFile(file, 'bpf_7')).toThrow('(EINVAL): bpf_7: there is no program 7');
    load(system, 8, SOCKET, RETURN_0);
    expect(() => host.writeFile(file, 'bpf_8')).toThrow('(EINVAL): bpf_8: program 8 is for another place');
    load(system, 9, L.BPF_PROG_TYPE_UNSPEC, COUNT);
    expect(() => host.writeFile(file, 'bpf_9')).toThrow('bpf_9: BPF_LD_[ABS|IND] instructions not allowed');
    const user = open({ kernel: system.kernel, caps: 0n }).system.trace({ registry });
    expect(() => user.writeFile(file, 'bpf_8')).toThrow('(EPERM): bpf_8: CAP_SYS_ADMIN is needed');
    user.close();
    load(system, 7, L.BPF_PROG_TYPE_TRACING_FILTER, COUNT_ALL);
    host.writeFile(file, 'bpf_7');
    host.writeFile(file, 'bpf_7');
    expect(host.readFile(file)).toBe('bpf_7\n');
    event.emit({ id: 1n } as never);
    const count = new Uint8Array(8);
    system.bpf_lookup_elem(1, u32(0), count);
    expect(count[0]).toBe(1);
    host.close();
  });
});

describe('what is let go', () => {
  it('is gone: programs, maps, filters and events leave no memory and no object behind', async () => {
    const { system } = open();
    const registry = new TracepointRegistry();
    const cycle = async (): Promise<void> => {
      system.bpf_create_map(1, 4, 8, 2);
      for (const key of [0, 6]) system.bpf_update_elem(1, u32(key), new Uint8Array(8));
      expect([load(system, 1, SOCKET, COUNT), load(system, 2, L.BPF_PROG_TYPE_UNSPEC, COUNT_ALL)]).toEqual([1, 2]);
      const host = system.trace({ registry });
      const event = registry.find('shop:order') ?? host.define('shop', 'order', { id: 'u64' });
      const socket = await socketWith([frame(6)]);
      for (const id of [1, 2, 2, 1, 9]) system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, id);
      host.writeFile('events/shop/order/filter', 'bpf_2');
      expect(() => host.writeFile('events/shop/order/filter', 'bpf_1')).toThrow();
      await socket.drain();
      event.emit({ id: 1n } as never);
      socket.close();
      host.close();
      for (const id of [1, 2]) expect(system.bpf_prog_unload(id)).toBe(0);
      expect(system.bpf_delete_map(1)).toBe(0);
    };
    await cycle();
    const before = [system.kernel.memoryBytes, objects(system)];
    for (let i = 0; i < 5; i++) await cycle();
    expect([system.kernel.memoryBytes, objects(system)]).toEqual(before);
    expect(objects(system)).toEqual([0, 0]);
  });

  it('stays while a program holds it, however it was named', async () => {
    for (const type of [SOCKET, L.BPF_PROG_TYPE_UNSPEC]) {
      const { system } = open();
      system.bpf_create_map(1, 4, 8, 2);
      load(system, 1, type, COUNT);
      const socket = await socketWith([frame(6)]);
      system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, 1);
      system.bpf_delete_map(1);
      system.bpf_prog_unload(1);
      expect(objects(system)).toEqual([1, 1]);
      await socket.drain();
      socket.close();
      expect(objects(system)).toEqual([0, 0]);
    }
  });
});
