/**
 * "Extending extended BPF" (LWN, July 2014), statement by statement in our own words: what it says works does, what it says is
 * refused is, with its errno.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeClassic, parseClassic } from '../../src/cbpf/index.ts';
import { errnoName } from '../../src/errors/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import * as L from '../../src/lwn2014/index.ts';
import { TracepointRegistry } from '../../src/tracing/index.ts';
import { CAP } from '../../src/uapi/index.ts';
import { COUNT, COUNT_ALL, RETURN_0, counted, frame, insns, load, open, socketWith, u32 } from './support.ts';

const SOCKET = L.BPF_PROG_TYPE_SOCKET_FILTER;
const TRACING = L.BPF_PROG_TYPE_TRACING_FILTER;
const UNSPEC = L.BPF_PROG_TYPE_UNSPEC;

/** `-EINVAL` for -22, the number itself where it is no error. */
const said = (answer: number): string | number => (answer < 0 ? `-${errnoName(answer)}` : answer);

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A system with map 1 of two counters, for TCP and UDP. */
function withCounters(): ReturnType<typeof open> {
  const opened = open();
  const { system } = opened;
  expect(system.bpf_create_map(1, 4, 8, 2)).toBe(1);
  for (const protocol of [6, 17]) expect(system.bpf_update_elem(1, u32(protocol), new BigUint64Array(1))).toBe(0);
  return opened;
}

const attributes = (text: Uint8Array, license = 'GPL'): Uint8Array =>
  L.writeAttributes([
    [L.BPF_PROG_TEXT, text],
    [L.BPF_PROG_LICENSE, new TextEncoder().encode(license)],
  ]) ?? new Uint8Array(0);

describe('the system call', () => {
  it('there is one call, bpf(), that does everything, told by a command what', () => {
    const { system } = open();
    const text = insns(RETURN_0);
    const sizes = L.writeAttributes([
      [L.BPF_MAP_KEY_SIZE, u32(4)],
      [L.BPF_MAP_VALUE_SIZE, u32(8)],
      [L.BPF_MAP_MAX_ENTRIES, u32(2)],
    ]);
    const value = new Uint8Array(8);
    const next = new Uint8Array(4);
    expect(system.bpf(L.BPF_MAP_CREATE, 5, L.BPF_MAP_TYPE_HASH, sizes, sizes?.length ?? 0)).toBe(5);
    expect(system.bpf(L.BPF_MAP_UPDATE_ELEM, 5, u32(1), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))).toBe(0);
    expect(system.bpf(L.BPF_MAP_LOOKUP_ELEM, 5, u32(1), value)).toBe(0);
    expect([...value]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(system.bpf(L.BPF_MAP_GET_NEXT_KEY, 5, undefined, next)).toBe(0);
    expect([...next]).toEqual([1, 0, 0, 0]);
    expect(system.bpf(L.BPF_MAP_DELETE_ELEM, 5, u32(1))).toBe(0);
    const nlattr = attributes(text);
    expect(system.bpf(L.BPF_PROG_LOAD, 9, SOCKET, nlattr, nlattr.length)).toBe(9);
    expect(system.bpf(L.BPF_PROG_UNLOAD, 9)).toBe(0);
    expect(system.bpf(L.BPF_MAP_DELETE, 5)).toBe(0);
  });

  it('a command that there is not is refused', () => {
    const { system } = open();
    const call = system.bpf.bind(system) as unknown as (...args: unknown[]) => number;
    for (const command of [8, -1, 1.5, NaN, 'toString', undefined]) expect(said(call(command, 1))).toBe('-EINVAL');
  });

  it('everything needs CAP_SYS_ADMIN, whatever else the caller holds', async () => {
    const kernel = createKernel();
    const others = ((1n << 64n) - 1n) & ~(1n << BigInt(CAP.SYS_ADMIN));
    const { system } = open({ kernel, caps: others });
    const text = insns(RETURN_0);
    const answers = [
      system.bpf_create_map(1, 4, 8, 2),
      system.bpf_delete_map(1),
      system.bpf_update_elem(1, u32(0), u32(0)),
      system.bpf_lookup_elem(1, u32(0), u32(0)),
      system.bpf_delete_elem(1, u32(0)),
      system.bpf_get_next_key(1, u32(0), u32(0)),
      system.bpf_prog_load(1, SOCKET, text, text.length, 'GPL'),
      system.bpf_prog_load(0, 77, undefined, -1, ''),
      system.bpf_prog_unload(1),
      system.bpf(99 as never, ...([] as never)),
      system.setsockopt(await socketWith([]), L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, 1),
    ];
    expect(answers.map(said)).toEqual(answers.map(() => '-EPERM'));
    expect(said(open({ kernel: createKernel({ caps: others }) }).system.bpf_create_map(1, 4, 8, 2))).toBe('-EPERM');
  });
});

describe('programs', () => {
  it('have an id that the caller chooses, in one namespace for everybody', () => {
    const kernel = createKernel();
    const [one, other] = [open({ kernel }).system, open({ kernel }).system];
    expect(load(one, 1234567, SOCKET, RETURN_0)).toBe(1234567);
    expect(said(load(one, 1234567, SOCKET, RETURN_0))).toBe('-EEXIST');
    expect(said(load(other, 1234567, TRACING, RETURN_0))).toBe('-EEXIST');
    expect(other.bpf_prog_unload(1234567)).toBe(0);
    expect(load(one, 1234567, SOCKET, RETURN_0)).toBe(1234567);
  });

  it.each([0, -1, 2 ** 31, 1.5, NaN])('have no id such as %d', (id) => {
    expect(said(load(open().system, id, SOCKET, RETURN_0))).toBe('-EINVAL');
  });

  it('are given as netlink attributes: the instructions, and the licence', () => {
    const { system } = open();
    const nlattr = attributes(insns(RETURN_0));
    expect([...nlattr.subarray(0, 4)]).toEqual([20, 0, L.BPF_PROG_TEXT, 0]);
    expect([...nlattr.subarray(20)]).toEqual([7, 0, L.BPF_PROG_LICENSE, 0, ...new TextEncoder().encode('GPL'), 0]);
    expect(system.bpf(L.BPF_PROG_LOAD, 1, SOCKET, nlattr, nlattr.length)).toBe(1);
    const wide = new Uint8Array(nlattr.length + 40);
    wide.set(nlattr, 8);
    expect(system.bpf(L.BPF_PROG_LOAD, 2, SOCKET, wide.subarray(8), nlattr.length)).toBe(2);
  });

  it.each(['GPL', 'GPL v2', 'Dual BSD/GPL'])('are loaded under %s', (license) => {
    const text = insns(RETURN_0);
    expect(open().system.bpf_prog_load(1, SOCKET, text, text.length, license)).toBe(1);
  });

  it.each(['', 'Proprietary', 'MIT', 'gpl', 'GPL\0, or not', 'GPLv3'])('are not loaded under "%s"', (license) => {
    const text = insns(RETURN_0);
    expect(said(open().system.bpf_prog_load(1, SOCKET, text, text.length, license))).toBe('-EINVAL');
  });

  it('cannot be run: they answer to events', async () => {
    const { system } = withCounters();
    expect(Object.keys(L).filter((name) => /RUN|EXEC/.test(name))).toEqual([]);
    expect(load(system, 1, SOCKET, COUNT)).toBe(1);
    expect(counted(system, 1, 6)).toBe(0);
    const socket = await socketWith([frame(6)]);
    expect(system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, 1)).toBe(0);
    expect(counted(system, 1, 6)).toBe(0);
    await socket.drain();
    expect(counted(system, 1, 6)).toBe(1);
  });

  it('of a type that there is not are refused', () => {
    for (const type of [3, 5, -1, 0.5]) expect(said(load(open().system, 1, type, RETURN_0))).toBe('-EINVAL');
  });

  it('have at most 4096 instructions', () => {
    const of = (count: number): string => 'r0 = 0\n'.repeat(count - 1) + 'exit';
    expect(load(open().system, 1, SOCKET, of(4096))).toBe(1);
    expect(said(load(open().system, 1, SOCKET, of(4097)))).toBe('-E2BIG');
  });
});

describe('the verifier', () => {
  const refusal = (source: string, type: number = SOCKET): [string | number, string] => {
    const { system, printed } = withCounters();
    const answer = said(load(system, 1, type, source, { counters: 1 }));
    return [answer, printed.filter((line) => !/^(processed|\d+: |from )/.test(line)).at(-1) ?? ''];
  };
  const LOOKUP = '*(u32 *)(r10 -4) = 6\nr2 = r10\nr2 += -4\nr1 = map[counters]\ncall bpf_map_lookup_elem\n';

  it.each([
    ['that jumps to itself', 'r0 = 0\ngoto -1', 'back-edge from insn 1 to 1'],
    ['that ends by itself', 'r0 = 0\nagain:\nr0 += 1\nif r0 != 8 goto again\nexit', 'back-edge from insn 2 to 1'],
  ])('refuses any loop, also one %s', (_which, source, line) => {
    expect(refusal(source)).toEqual(['-EINVAL', line]);
  });

  it.each<[string, string, string, string]>([
    ['code that is never reached', 'r0 = 0\nexit\nr0 = 1\nexit', '-EINVAL', 'unreachable insn 2'],
    ['jumps out of the program', 'r0 = 0\nif r0 == 0 goto +7\nexit', '-EINVAL', 'jump out of range from insn 1 to 9'],
    ['programs without an end', 'r0 = 0', '-EINVAL', 'last insn is not an exit or jmp'],
    ['registers that were not written', 'r0 = r3\nexit', '-EACCES', 'R3 !read_ok'],
    ['registers that were written on one way only', 'if r1 == 0 goto +1\nr0 = 0\nexit', '-EACCES', 'R0 !read_ok'],
    ['stack that was not written', 'r0 = *(u64 *)(r10 -8)\nexit', '-EACCES', 'invalid read from stack off -8+0 size 8'],
    ['registers that a call left', `${LOOKUP}r0 = r1\nexit`, '-EACCES', 'R1 !read_ok'],
    [
      'stack that there is not',
      '*(u64 *)(r10 -520) = 0\nr0 = 0\nexit',
      '-EACCES',
      'invalid write to stack R10 off=-520 size=8',
    ],
    ['numbers as pointers', 'r1 = 8\nr0 = *(u8 *)(r1 +0)\nexit', '-EACCES', "R1 invalid mem access 'scalar'"],
    [
      'values that may not be there',
      `${LOOKUP}r0 = *(u64 *)(r0 +0)\nexit`,
      '-EACCES',
      "R0 invalid mem access 'map_value_or_null'",
    ],
    [
      'bytes behind a value',
      `${LOOKUP}if r0 == 0 goto +1\nr0 = *(u64 *)(r0 +8)\nexit`,
      '-EACCES',
      'R0 min value is outside of the allowed memory range',
    ],
    ['functions that are not checked', 'call bpf_ktime_get_ns\nexit', '-EINVAL', 'cannot call bpf_ktime_get_ns'],
    [
      'keys that are no pointers',
      'r1 = map[counters]\nr2 = 0\ncall bpf_map_lookup_elem\nr0 = 0\nexit',
      '-EACCES',
      'R2 type=scalar expected=fp, ',
    ],
  ])('refuses %s', (_what, source, answer, line) => {
    const [errno, words] = refusal(source);
    expect(errno).toBe(answer);
    expect(words).toContain(line);
  });

  it('follows every way: what is right on each of them is accepted', () => {
    const source = `${LOOKUP}if r0 == 0 goto +2\nr1 = *(u64 *)(r0 +0)\n*(u64 *)(r0 +0) = r1\nr0 = 0\nexit`;
    expect(refusal(source)[0]).toBe(1);
  });
});

describe('maps', () => {
  it('have an id that the caller chooses, in one namespace, which is not that of programs', () => {
    const kernel = createKernel();
    const [one, other] = [open({ kernel }).system, open({ kernel }).system];
    expect(one.bpf_create_map(7, 4, 8, 2)).toBe(7);
    expect(said(other.bpf_create_map(7, 4, 8, 2))).toBe('-EEXIST');
    expect(load(other, 7, SOCKET, RETURN_0)).toBe(7);
    for (const id of [0, -7, 2 ** 31, 0.5]) expect(said(one.bpf_create_map(id, 4, 8, 2))).toBe('-EINVAL');
  });

  it('have a type, of which there is one, the hash, and sizes of keys, of values, and a number of entries', () => {
    const { system } = open();
    const sizes = L.writeAttributes([
      [L.BPF_MAP_KEY_SIZE, u32(4)],
      [L.BPF_MAP_VALUE_SIZE, u32(8)],
      [L.BPF_MAP_MAX_ENTRIES, u32(2)],
    ]);
    for (const type of [L.BPF_MAP_TYPE_UNSPEC, 2, 99])
      expect(said(system.bpf(L.BPF_MAP_CREATE, 1, type, sizes, sizes?.length ?? 0))).toBe('-EINVAL');
    for (const [key, value, entries] of [
      [0, 8, 2],
      [4, 0, 2],
      [4, 8, 0],
    ] as const)
      expect(said(system.bpf_create_map(1, key, value, entries))).toBe('-EINVAL');
    expect(system.bpf_create_map(1, 3, 5, 2)).toBe(1);
  });

  it('hold so many entries and no more', () => {
    const { system } = withCounters();
    expect(said(system.bpf_update_elem(1, u32(1), new Uint8Array(8)))).toBe('-E2BIG');
    expect(system.bpf_update_elem(1, u32(6), Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0))).toBe(0);
    expect(counted(system, 1, 6)).toBe(9);
    expect(system.bpf_delete_elem(1, u32(17))).toBe(0);
    expect(system.bpf_update_elem(1, u32(1), new Uint8Array(8))).toBe(0);
  });

  it('are looked into, changed and walked through from user space', () => {
    const { system } = withCounters();
    expect(said(counted(system, 1, 1))).toBe('-ENOENT');
    expect(said(system.bpf_delete_elem(1, u32(1)))).toBe('-ENOENT');
    const keys: number[] = [];
    const key = new Uint32Array(1);
    for (let from: Uint32Array | undefined; system.bpf_get_next_key(1, from, key) === 0; from = key.slice())
      keys.push(key[0]);
    expect(keys.sort((a, b) => a - b)).toEqual([6, 17]);
    expect(said(system.bpf_get_next_key(1, key, key))).toBe('-ENOENT');
    expect(system.bpf_get_next_key(1, u32(99), key)).toBe(0);
  });

  it('are shared: a program finds what user space put there, and user space what the program did', async () => {
    const { system } = withCounters();
    load(system, 1, SOCKET, COUNT);
    const socket = await socketWith([6, 6, 17, 1, 6].map(frame));
    system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, 1);
    await socket.drain();
    expect([6, 17, 1].map((protocol) => said(counted(system, 1, protocol)))).toEqual([3, 1, '-ENOENT']);
  });

  it('are named in instructions by id, as a load or as a constant where a function is called', () => {
    const { system, printed } = withCounters();
    const load64 = COUNT.replace('r1 = 1', 'r1 = map[counters]');
    expect(load(system, 1, SOCKET, COUNT)).toBe(1);
    expect(load(system, 2, SOCKET, load64, { counters: 1 })).toBe(2);
    expect(said(load(system, 3, SOCKET, COUNT.replace('r1 = 1', 'r1 = 5')))).toBe('-EINVAL');
    expect(printed.at(-1)).toBe('insn 6: there is no map 5');
    expect(said(load(system, 3, SOCKET, load64, { counters: 5 }))).toBe('-EINVAL');
    expect(printed.at(-1)).toBe('insn 5: there is no map 5');
  });

  it('live on after the program that filled them', async () => {
    const { system } = withCounters();
    load(system, 1, SOCKET, COUNT);
    const socket = await socketWith([frame(17)]);
    system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, 1);
    await socket.drain();
    socket.close();
    expect(system.bpf_prog_unload(1)).toBe(0);
    expect(counted(system, 1, 17)).toBe(1);
  });

  it('are made and deleted from user space only', () => {
    const { system } = open();
    expect(said(load(system, 1, SOCKET, COUNT))).toBe('-EINVAL');
    const callable = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter((id) => {
      const { system: fresh, printed } = open();
      load(fresh, 1, TRACING, `call ${id}\nr0 = 0\nexit`);
      return !printed.some((line) => line.includes('cannot call'));
    });
    expect(callable).toEqual([1, 2, 3, 6]); // look up, update, delete an element; print
  });

  it('that are deleted lose their id at once, and stay for programs that use them', async () => {
    const { system } = withCounters();
    load(system, 1, SOCKET, COUNT.replace('r0 = 0\n  exit', 'r0 = 1\n  exit'));
    const socket = await socketWith([frame(6)]);
    expect(system.bpf_delete_map(1)).toBe(0);
    expect(said(system.bpf_delete_map(1))).toBe('-EINVAL');
    expect(said(counted(system, 1, 6))).toBe('-EINVAL');
    expect(system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, 1)).toBe(0);
    expect((await socket.drain()).delivered).toBe(1);
    expect(system.bpf_create_map(1, 4, 8, 2)).toBe(1);
  });
});

describe('sockets', () => {
  it('take a program by setsockopt() and its id, in the place of the one before', async () => {
    const { system } = withCounters();
    const socket = await socketWith([frame(6), frame(6), frame(6)]);
    load(system, 1, SOCKET, COUNT);
    load(system, 2, SOCKET, 'r0 = 20\nexit');
    const attach = (value: number | Uint8Array): string | number =>
      said(system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, value));
    expect([attach(1), attach(1), attach(u32(2)), attach(1)]).toEqual([0, 0, 0, 0]);
    await socket.drain({ packets: 1 });
    expect(counted(system, 1, 6)).toBe(1);
    expect(attach(2)).toBe(0);
    expect((await socket[Symbol.asyncIterator]().next()).value?.data).toHaveLength(20);
    expect(system.setsockopt(socket, L.SOL_SOCKET, L.SO_DETACH_FILTER, 0)).toBe(0);
    expect(said(system.setsockopt(socket, L.SOL_SOCKET, L.SO_DETACH_FILTER, 0))).toBe('-ENOENT');
    expect(counted(system, 1, 6)).toBe(1);
  });

  it('refuse ids that are no program of theirs, other levels and options, and what is no open socket', async () => {
    const { system, printed } = withCounters();
    const socket = await socketWith([]);
    load(system, 1, TRACING, COUNT_ALL);
    const attach = (
      on: unknown,
      value: unknown,
      level = L.SOL_SOCKET,
      option = L.SO_ATTACH_FILTER_EBPF,
    ): string | number => said(system.setsockopt(on as never, level, option, value as never));
    expect([9, 0, -1, u32(9), new Uint8Array(3), undefined].map((id) => attach(socket, id))).toEqual(
      Array(6).fill('-EINVAL'),
    );
    expect(attach(socket, 1)).toBe('-EINVAL');
    expect(printed.at(-1)).toBe('program 1 is for another place');
    expect(attach(socket, 1, 6)).toBe('-ENOPROTOOPT');
    expect(attach(socket, 1, L.SOL_SOCKET, 9999)).toBe('-ENOPROTOOPT');
    for (const none of [3, 'socket', null, undefined, {}]) expect(attach(none, 1)).toBe('-ENOTSOCK');
    load(system, 2, SOCKET, COUNT);
    socket.close();
    expect(attach(socket, 2)).toBe('-EBADF');
    const [udp, tcp] = [createSocket('udp4'), new Socket()];
    udp.close();
    tcp.destroy();
    expect([attach(udp, 2), attach(tcp, 2)]).toEqual(['-EBADF', '-EBADF']);
  });

  it('of UDP run it on each datagram', async () => {
    const { system } = open();
    system.bpf_create_map(1, 4, 8, 2);
    system.bpf_update_elem(1, u32(0), new Uint8Array(8));
    load(system, 1, SOCKET, COUNT_ALL);
    const [receiver, sender] = [createSocket('udp4'), createSocket('udp4')];
    closers.push(
      () => receiver.close(),
      () => sender.close(),
    );
    let received = 0;
    receiver.on('message', () => received++);
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    expect(system.setsockopt(receiver, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, 1)).toBe(0);
    const { port } = receiver.address();
    for (let i = 0; i < 3; i++) sender.send('x', port, '127.0.0.1');
    await expect.poll(() => counted(system, 1, 0), { timeout: 10_000 }).toBe(3);
    expect(received).toBe(0);
    expect(system.setsockopt(receiver, L.SOL_SOCKET, L.SO_DETACH_FILTER, 0)).toBe(0);
    const seen = once(receiver, 'message');
    sender.send('y', port, '127.0.0.1');
    await seen;
    expect([counted(system, 1, 0), received]).toEqual([3, 1]);
  });

  it('can be locked, so that nobody changes the filter', async () => {
    const { system } = withCounters();
    const socket = await socketWith([]);
    load(system, 1, SOCKET, COUNT);
    const set = (option: number, value: number): string | number =>
      said(system.setsockopt(socket, L.SOL_SOCKET, option, value));
    expect([set(L.SO_ATTACH_FILTER_EBPF, 1), set(L.SO_LOCK_FILTER, 1)]).toEqual([0, 0]);
    expect([set(L.SO_ATTACH_FILTER_EBPF, 1), set(L.SO_DETACH_FILTER, 0)]).toEqual(['-EPERM', '-EPERM']);
  });

  it('take classic filters from anybody, and programs from CAP_SYS_ADMIN only', async () => {
    const { system } = open({ caps: 0n });
    const socket = await socketWith([frame(6)]);
    const drop = encodeClassic(parseClassic('ret #0'));
    expect(said(system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, 1))).toBe('-EPERM');
    expect(system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER, drop)).toBe(0);
    expect((await socket.drain()).delivered).toBe(0);
    expect(system.setsockopt(socket, L.SOL_SOCKET, L.SO_DETACH_FILTER, 0)).toBe(0);
  });

  it('of TCP run it too', async () => {
    const { system } = open();
    load(system, 1, SOCKET, RETURN_0);
    let accepted = 0;
    const server = createServer(() => accepted++).listen(0, '127.0.0.1');
    closers.push(() => server.close());
    await once(server, 'listening');
    expect(system.setsockopt(server, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, 1)).toBe(0);
    const client = new Socket().connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', () => {});
    await once(client, 'close');
    expect(accepted).toBe(0);
  });

  it('take classic BPF still, which is translated', async () => {
    const { system } = open();
    const socket = await socketWith([frame(6), frame(17), frame(6)]);
    const onlyUdp = encodeClassic(parseClassic('ldb [23]\njneq #17, drop\nret #30\ndrop: ret #0'));
    expect(system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER, onlyUdp)).toBe(0);
    expect((await socket.drain()).delivered).toBe(1);
  });
});

describe('programs for no place', () => {
  it('are verified when they are loaded, as far as no place is needed', () => {
    const { system, printed } = withCounters();
    const anyContext = 'r6 = r1\nr0 = *(u64 *)(r6 +3)\nr0 = *(u8 *)skb[23]\nr0 = 0\nexit';
    expect(load(system, 1, UNSPEC, anyContext)).toBe(1);
    expect(said(load(system, 2, UNSPEC, 'r0 = r3\nexit'))).toBe('-EACCES');
    expect(printed).toContain('R3 !read_ok');
    expect(said(load(system, 2, UNSPEC, 'r0 = 0\ngoto -1'))).toBe('-EINVAL');
  });

  it('are verified again where they are attached, with its context', async () => {
    const { system, printed } = withCounters();
    const host = system.trace({ registry: new TracepointRegistry() });
    closers.push(() => host.close());
    const event = host.define('shop', 'order', { id: 'u64' });
    const socket = await socketWith([frame(6)]);
    const attach = (id: number): string | number =>
      said(system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, id));
    expect([
      load(system, 1, UNSPEC, COUNT),
      load(system, 2, UNSPEC, 'r1 = *(u64 *)(r1 +8)\nr0 = 0\nexit'),
      load(system, 3, UNSPEC, COUNT_ALL),
    ]).toEqual([1, 2, 3]);
    expect([1, 2, 3].map(attach)).toEqual([0, '-EACCES', 0]);
    expect(printed).toContain('invalid bpf_context access off=8 size=8');
    const write = (id: number) => () => host.writeFile('events/shop/order/filter', `bpf_${id}`);
    expect(write(1)).toThrow(/EINVAL/);
    expect(printed).toContain('BPF_LD_[ABS|IND] instructions not allowed for this program type');
    expect(write(2)).not.toThrow();
    expect(write(3)).not.toThrow();
    expect(said(system.bpf_update_elem(1, u32(6), u32(0)))).toBe('-EFAULT');
    system.bpf_delete_elem(1, u32(6));
    system.bpf_update_elem(1, u32(0), new Uint8Array(8));
    event.emit({ id: 1n });
    await socket.drain();
    expect(counted(system, 1, 0)).toBe(2);
  });
});

describe('trace events', () => {
  function events(type: number = TRACING) {
    const opened = open();
    const { system } = opened;
    system.bpf_create_map(1, 4, 8, 2);
    system.bpf_update_elem(1, u32(0), new Uint8Array(8));
    expect(load(system, 41, type, COUNT_ALL)).toBe(41);
    const host = system.trace({ registry: new TracepointRegistry() });
    closers.push(() => host.close());
    const event = host.define('shop', 'order', { id: 'u64' });
    return { ...opened, host, event, file: 'events/shop/order/filter' };
  }

  it('take a program as bpf_<ID> in their filter', () => {
    const { system, host, event, file } = events();
    event.emit({ id: 1n });
    host.writeFile(file, 'bpf_41\n');
    expect(host.readFile(file)).toBe('bpf_41\n');
    event.emit({ id: 2n });
    host.writeFile(file, 'bpf_41');
    event.emit({ id: 3n });
    expect(counted(system, 1, 0)).toBe(2);
    host.writeFile(file, '0');
    event.emit({ id: 4n });
    expect([counted(system, 1, 0), host.readFile(file)]).toEqual([2, 'none\n']);
  });

  it('refuse ids that are no program, and programs for sockets', () => {
    const { system, host, file } = events();
    load(system, 42, SOCKET, COUNT);
    for (const text of ['bpf_9', 'bpf_42', 'bpf_', 'bpf_x', 'bpf_-1', 'bpf_99999999999'])
      expect(() => host.writeFile(file, text)).toThrow(/EINVAL/);
    expect(host.readFile(file)).not.toContain('bpf_42');
  });

  it('refuse a caller without CAP_SYS_ADMIN', () => {
    const kernel = createKernel();
    const { system } = open({ kernel });
    load(system, 41, TRACING, RETURN_0);
    const host = open({ kernel, caps: 0n }).system.trace({ registry: new TracepointRegistry() });
    closers.push(() => host.close());
    host.define('shop', 'order', { id: 'u64' });
    expect(() => host.writeFile('events/shop/order/filter', 'bpf_41')).toThrow(/EPERM/);
  });

  it('may print, which sockets may not', () => {
    const { system, host, event, file, printed } = events();
    const print = '*(u32 *)(r10 -4) = 0x6968\nr1 = r10\nr1 += -4\nr2 = 3\ncall bpf_trace_printk\nr0 = 0\nexit';
    expect(said(load(system, 5, SOCKET, print))).toBe('-EINVAL');
    expect(printed.join()).toContain('cannot call bpf_trace_printk');
    expect(load(system, 5, TRACING, print)).toBe(5);
    host.writeFile(file, 'bpf_5');
    event.emit({ id: 1n });
    expect(host.readFile('trace_pipe')).toMatch(/bpf_trace_printk: hi\n$/);
  });

  it('keep a program that was unloaded, until it is taken away', () => {
    const { system, host, event, file } = events();
    host.writeFile(file, 'bpf_41');
    expect(system.bpf_prog_unload(41)).toBe(0);
    event.emit({ id: 1n });
    expect(counted(system, 1, 0)).toBe(1);
    expect(said(system.bpf_prog_unload(41))).toBe('-EINVAL');
  });
});
