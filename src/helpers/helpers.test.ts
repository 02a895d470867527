import { beforeEach, describe, expect, it } from 'vitest';
import { HELPERS } from '../contracts/index.ts';
import { Trap } from '../errors/index.ts';
import { createMap, type BpfMap } from '../maps/index.ts';
import { AddressSpace, Rcu } from '../memory/index.ts';
import { HELPER_NAMES, MAP_TYPE } from '../uapi/index.ts';
import { toBigInt } from '../vm/index.ts';
import { PacketBuffer, helperRegistry, implementedHelpers, type HelperEnv } from './index.ts';

const space = new AddressSpace();
const maps = new Map<number, BpfMap>();
const lines: string[] = [];
const memory = space.allocate(4096, { kind: 'mem', name: 'scratch' })!;
const env: HelperEnv = {
  space,
  clock: { monotonic: () => 5_000_000_007, boottime: () => 6_000_000_000_000, tai: () => 2 ** 60 + 2 ** 20 },
  task: { pid: 11, tgid: 10, uid: 1000, gid: 100, comm: 'a name of more than fifteen bytes' },
  cpu: 1,
  packet: undefined,
  cpus: 2,
  progType: 0,
  dynptr: 0,
  mapAt: (address) => maps.get(address),
  random: () => 0xfedcba98,
  trace: (line) => void lines.push(line),
};

/** Call a helper; arguments are signed numbers or addresses. @returns r0, signed */
function call(name: string, ...args: number[]): bigint {
  const r = new Int32Array(22);
  args.forEach((arg, i) => {
    r[2 + 2 * i] = arg;
    r[3 + 2 * i] = Math.floor(arg / 2 ** 32);
  });
  helperRegistry(HELPER_NAMES.indexOf(name))!(env, r, 3, undefined as never);
  return BigInt.asIntN(64, toBigInt(r[0], r[1]));
}

const put = (offset: number, bytes: Iterable<number>): number => {
  space.bytes.set([...bytes], memory.base + offset);
  return memory.base + offset;
};
const get = (offset: number, length: number): number[] => [
  ...space.bytes.slice(memory.base + offset, memory.base + offset + length),
];

beforeEach(() => {
  lines.length = 0;
  space.bytes.fill(0, memory.base, memory.base + 4096);
});

it('are those that the contracts say run here', () => {
  const promised = HELPERS.filter((helper) => helper.runs === 'userspace')
    .map((helper) => helper.name.slice(4))
    .filter((name) => name !== 'tail_call');
  expect([...implementedHelpers].sort()).toEqual(promised.sort());
  expect(helperRegistry(0)).toBeUndefined();
  expect(helperRegistry(36)).toBeUndefined();
  expect(helperRegistry(100_000)).toBeUndefined();
});

it('know which need the GPL', () => {
  const gpl = (name: string) => HELPERS[HELPER_NAMES.indexOf(name)].gplOnly;
  expect([gpl('trace_printk'), gpl('probe_read'), gpl('ktime_get_ns'), gpl('map_lookup_elem')]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(HELPERS.length).toBe(212);
});

describe('maps', () => {
  const deps = { memory: space, rcu: new Rcu(), cpus: 2, random: () => 7, hasDevice: () => true };
  const info = { type: MAP_TYPE.HASH, keySize: 4, valueSize: 8, maxEntries: 2, flags: 0, extra: 0, name: 'm' };
  const map = createMap(info, deps) as BpfMap;
  maps.set(map.address, map);

  it('look up, update and delete', () => {
    const key = put(0, [1, 0, 0, 0]);
    const value = put(8, [9, 8, 7, 6, 5, 4, 3, 2]);
    expect(call('map_lookup_elem', map.address, key)).toBe(0n);
    expect(call('map_update_elem', map.address, key, value, 2)).toBe(-2n);
    expect(call('map_update_elem', map.address, key, value, 0)).toBe(0n);
    expect(call('map_update_elem', map.address, key, value, 1)).toBe(-17n);
    expect(call('map_update_elem', map.address, key, value, 2 ** 40)).toBe(-22n);
    const found = Number(call('map_lookup_elem', map.address, key));
    expect([...space.bytes.slice(found, found + 8)]).toEqual([9, 8, 7, 6, 5, 4, 3, 2]);
    expect(call('map_delete_elem', map.address, key)).toBe(0n);
    expect(call('map_delete_elem', map.address, key)).toBe(-2n);
  });

  it('trap on what the verifier excludes', () => {
    expect(() => call('map_lookup_elem', memory.base, memory.base)).toThrow(new Trap('r1 is not a map', 3).message);
    expect(() => call('map_lookup_elem', map.address, memory.base + 4093)).toThrow('invalid read of 4 bytes');
    expect(() => call('map_update_elem', map.address, memory.base, 16, 0)).toThrow('invalid read of 8 bytes at 0x10');
  });
});

it('tell time, place and chance', () => {
  expect(call('ktime_get_ns')).toBe(5_000_000_007n);
  expect(call('ktime_get_boot_ns')).toBe(6_000_000_000_000n);
  expect(call('ktime_get_tai_ns')).toBe(2n ** 60n + 2n ** 20n);
  expect(call('ktime_get_coarse_ns')).toBe(5_000_000_000n);
  expect(call('jiffies64')).toBe(2n ** 32n - 75_000n + 1250n);
  expect(call('get_prandom_u32')).toBe(0xfedcba98n);
  expect(call('get_smp_processor_id')).toBe(1n);
  expect(call('get_numa_node_id')).toBe(0n);
});

it('tell the task', () => {
  expect(call('get_current_pid_tgid')).toBe((10n << 32n) | 11n);
  expect(call('get_current_uid_gid')).toBe((100n << 32n) | 1000n);
  put(0, new Uint8Array(32).fill(0xee));
  expect(call('get_current_comm', memory.base, 20)).toBe(0n);
  expect(get(0, 22)).toEqual([...Buffer.from('a name of more '), 0, 0, 0, 0, 0, 0xee, 0xee]);
  expect(call('get_current_comm', memory.base, 3)).toBe(0n);
  expect(get(0, 4)).toEqual([...Buffer.from('a '), 0, 'a name'.charCodeAt(3)]);
  expect(call('get_current_comm', memory.base, 0)).toBe(-22n);
});

describe('packet copies', () => {
  // A frame of 100 bytes whose Ethernet header a socket filter does not see; results are those of Linux 6.18.
  const packet = space.allocate(100, { kind: 'packet', name: 'packet' })!;
  const state = PacketBuffer.createState(space)!;
  beforeEach(() => {
    space.bytes.set(
      Uint8Array.from({ length: 100 }, (_, i) => i),
      packet.base,
    );
    env.packet = new PacketBuffer(space, packet, state);
    env.packet.cover(packet.base, 100);
    env.packet.data = env.packet.network = packet.base + 14;
    env.packet.length = 86;
    put(0, new Uint8Array(8).fill(0xff));
  });

  it('from the data', () => {
    expect(call('skb_load_bytes', 0, 82, memory.base, 4)).toBe(0n);
    expect(get(0, 5)).toEqual([96, 97, 98, 99, 255]);
    for (const offset of [83, 86, 0xffff, 0x7fffffff, 0xffffffff]) {
      put(0, new Uint8Array(8).fill(0xff));
      expect(call('skb_load_bytes', 0, offset, memory.base, 4)).toBe(-14n);
      expect(get(0, 5)).toEqual([0, 0, 0, 0, 255]);
    }
    expect(() => call('skb_load_bytes', 0, 0, memory.base + 4094, 4)).toThrow('invalid write of 4 bytes');
  });

  it('from a header', () => {
    const relative = (offset: number, header: number): [bigint, number] => {
      const result = call('skb_load_bytes_relative', 0, offset, memory.base, 2, header);
      return [result, get(0, 1)[0]];
    };
    expect(relative(0, 0)).toEqual([0n, 0]);
    expect(relative(98, 0)).toEqual([0n, 98]);
    expect(relative(99, 0)).toEqual([-14n, 0]);
    expect(relative(1, 1)).toEqual([0n, 15]);
    expect(relative(84, 1)).toEqual([0n, 98]);
    expect(relative(85, 1)).toEqual([-14n, 0]);
    expect(relative(0, 2)).toEqual([-14n, 0]);
    expect(relative(0xffffffff, 0)).toEqual([-14n, 0]);
  });

  it('fail where there is no packet', () => {
    env.packet = undefined;
    expect(call('skb_load_bytes', 0, 0, memory.base, 4)).toBe(-14n);
    expect(call('skb_load_bytes_relative', 0, 0, memory.base, 4, 0)).toBe(-14n);
  });
});

describe('trace_printk', () => {
  /** Strings that `%s` arguments point to. */
  const [HELLO, EIGHT] = [memory.base + 2048, memory.base + 2064];
  beforeEach(() => {
    put(2048, Buffer.from('hello\0'));
    put(2064, Buffer.from('abcdefgh\0'));
  });

  function trace(format: string, ...args: number[]): [number, string | undefined] {
    const bytes = Buffer.from(`${format}\0`);
    put(0, bytes);
    const length = Number(call('trace_printk', memory.base, bytes.length, ...args));
    return [length, lines.pop()];
  }

  // Format, arguments, length and text, as Linux 6.18 gave them.
  const cases: [string, number[], number, string][] = [
    ['hi', [], 2, 'hi'],
    ['hi\n', [], 3, 'hi'],
    ['a\nb', [], 3, 'a\nb'],
    ['a\n\n', [], 3, 'a\n'],
    ['', [], 0, ''],
    ['é', [], 2, 'é'],
    ['%d', [-5], 2, '-5'],
    ['%d', [2 ** 40], 1, '0'],
    ['%i', [-1], 2, '-1'],
    ['%u', [-5], 10, '4294967291'],
    ['%x', [-5], 8, 'fffffffb'],
    ['%X', [255], 2, 'FF'],
    ['%lld', [-5], 2, '-5'],
    ['%ld', [2 ** 40], 13, '1099511627776'],
    ['%llu', [-1], 20, '18446744073709551615'],
    ['%lx', [-1], 16, 'ffffffffffffffff'],
    ['%5d|', [42], 6, '   42|'],
    ['%-5d|', [42], 6, '42   |'],
    ['%05d|', [42], 6, '00042|'],
    ['%08d|', [-42], 9, '-0000042|'],
    ['%+d|', [42], 4, '+42|'],
    ['% d|', [42], 4, ' 42|'],
    ['%+ d|', [4], 3, '+4|'],
    ['%+05d|', [7], 6, '+0007|'],
    ['% 05d|', [7], 6, ' 0007|'],
    ['%0-5d|', [4], 6, '4    |'],
    ['%+u|', [5], 2, '5|'],
    ['%08llx|', [42], 9, '0000002a|'],
    ['%c', [0x141], 1, 'A'],
    ['%5c|', [65], 6, '    A|'],
    ['%05c|', [65], 6, '    A|'],
    ['%-5c|', [65], 6, 'A    |'],
    ['%s %s', [HELLO, EIGHT], 14, 'hello abcdefgh'],
    ['%10s|', [HELLO], 11, '     hello|'],
    ['%-10s|', [EIGHT], 11, 'abcdefgh  |'],
    ['%5s|', [EIGHT], 9, 'abcdefgh|'],
    ['%s', [0], 0, ''],
    ['%s', [0x1234], 0, ''],
    ['%pks', [HELLO], 5, 'hello'],
    ['%20pks|', [HELLO], 6, 'hello|'],
    ['%p', [-1], 16, 'ffffffffffffffff'],
    ['%020pK', [-4095], 20, '0000fffffffffffff001'],
    ['%p', [0], 16, '0000000000000000'],
    ['%20p|', [0], 21, '                   0|'],
    ['%-20p|', [0], 21, '0                   |'],
    ['%020p|', [0], 21, '00000000000000000000|'],
    ['%px', [0x1234], 16, '0000000000001234'],
    ['%pxx', [1], 16, '0000000000000001'],
    ['%p.', [0], 17, '0000000000000000.'],
    ['%pB', [1], 3, '0x1'],
    ['%20ps|', [1], 21, '                 0x1|'],
    ['%pi4', [HELLO], 15, '104.101.108.108'],
    ['%pI4x', [HELLO], 15, '104.101.108.108'],
    ['%pI4é', [HELLO], 16, '104.101.108.108\ufffd'], // its first byte is a letter of Latin-1
    ['%20pI4|', [HELLO], 16, '104.101.108.108|'],
    ['%pI4', [0x1234], 7, '0.0.0.0'],
    ['%pI6', [HELLO], 39, '6865:6c6c:6f00:0000:0000:0000:0000:0000'],
    ['%pi6', [EIGHT], 32, '61626364656667680000000000000000'],
    ['100%% %d', [3], 6, '100% 3'],
    ['%d%%|%u', [1, 2], 4, '1%|2'],
    ['%d %d %d', [1, 2, 3], 5, '1 2 3'],
    ['%1022d', [5], 1022, `${' '.repeat(1021)}5`],
    ['%1024d', [5], 1024, ' '.repeat(1023)],
    ['%2000d|', [5], 2001, ' '.repeat(1023)],
    ['%99999999999d', [1], 8388607, ' '.repeat(1023)],
    ['%4294967297d|', [1], 2, '1|'],
    ['%2147483648d|', [1], 2, '1|'],
  ];
  for (const [format, args, length, text] of cases) {
    it(JSON.stringify(format), () => expect(trace(format, ...args)).toEqual([length, text]));
  }

  it('refuses other formats', () => {
    const refused = [
      '%',
      '%z',
      '%zu',
      '%hd',
      '%hhd',
      '%o',
      '%n',
      '%f',
      '%#x',
      '%.3d',
      '%.3s',
      '%*d',
      '%5%',
      '%ll',
      '%l',
    ];
    refused.push(
      '%lls',
      '%lc',
      '%lllu',
      '%l d',
      '%d%',
      '%d%%%',
      '%x%',
      '%sx|',
      '%pd',
      '%pf',
      '%pi',
      '%pi5',
      '%pk',
      '%pkx',
    );
    refused.push('%pu', '%1-5d|', '%5+d|', '%5 d|', '%d %d %d %d', '\x01', '\x7f', 'a%');
    for (const format of refused) expect([format, ...trace(format)]).toEqual([format, -22, undefined]);
  });

  it('ends at the first NUL, and refuses a format without one', () => {
    put(0, Buffer.from('hi\0%q\0'));
    expect(call('trace_printk', memory.base, 6)).toBe(2n);
    expect(call('trace_printk', memory.base, 2)).toBe(-22n);
    expect(call('trace_printk', memory.base, 0)).toBe(-22n);
    expect(() => call('trace_printk', memory.base + 4090, 7)).toThrow('invalid read of 7 bytes');
  });

  it('disguises pointers', () => {
    const [length, text] = trace('%p', 0x1234);
    expect([length, text?.slice(0, 8)]).toEqual([16, '00000000']);
    expect(text).not.toMatch('1234');
    expect(trace('%p', 0x1234)[1]).toBe(text);
    expect(trace('%p', 0x1235)[1]).not.toBe(text);
  });
});
