/** setsockopt for filters, on a UDP socket of Linux and on a socket of user space: what it answers, and who holds the program. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { AD, AD_OFF, encodeClassic } from '../../src/cbpf/index.ts';
import type { ClassicInstruction } from '../../src/cbpf/index.ts';
import { SOCKET_PLACE } from '../../src/contracts/index.ts';
import { errnoName } from '../../src/errors/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { BpfSys, SocketHandle, UserSocket } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_TYPE, PROG_TYPE, SO } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { onBackends } from '../backends.ts';
import { answer, createMap, load, returns, u32 } from './support.ts';

const linux = await openLinux().catch((error: unknown) => {
  if (error instanceof LinuxUnavailableError) return undefined;
  throw error;
});

/** Node gives a socket's descriptor nowhere else. */
function descriptorOf(socket: Socket): number {
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  return (socket as unknown as Record<symbol, { handle: { fd: number } }>)[state as symbol].handle.fd;
}

const userSocket = (): UserSocket => ({
  place: { ...SOCKET_PLACE, name: 'a socket' },
  filter: undefined,
  locked: false,
});

async function withSocket(backend: string, body: (socket: SocketHandle) => void | Promise<void>): Promise<void> {
  if (backend === 'userspace') return await body(userSocket());
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  try {
    await body(descriptorOf(socket));
  } finally {
    socket.close();
  }
}

const LOCK = [SO.LOCK_FILTER, 1] as const;
const RETURN: ClassicInstruction = { code: 0x06, jt: 0, jf: 0, k: 5 };
const filter = (sys: BpfSys): number => load(sys, { insns: returns(5), progType: PROG_TYPE.SOCKET_FILTER });

/** Every way to ask, by name. */
function questions(sys: BpfSys): Record<string, readonly [option: number, value: number | Uint8Array]> {
  const good = encodeClassic([RETURN]);
  return {
    detach: [SO.DETACH_FILTER, 0],
    'detach, 2 bytes': [SO.DETACH_FILTER, new Uint8Array(2)],
    'detach, nothing': [SO.DETACH_FILTER, new Uint8Array(0)],
    'program -1': [SO.ATTACH_BPF, -1],
    'program 0': [SO.ATTACH_BPF, 0],
    'program 9999': [SO.ATTACH_BPF, 9999],
    'a map': [SO.ATTACH_BPF, createMap(sys)],
    'an XDP program': [SO.ATTACH_BPF, load(sys, { insns: returns(0), progType: PROG_TYPE.XDP })],
    'a tracepoint program': [SO.ATTACH_BPF, load(sys, { insns: returns(0), progType: PROG_TYPE.TRACEPOINT })],
    'a filter': [SO.ATTACH_BPF, filter(sys)],
    'a filter, 3 bytes': [SO.ATTACH_BPF, u32(filter(sys)).subarray(0, 3)],
    'a filter, 8 bytes': [SO.ATTACH_BPF, u32(filter(sys), 0)],
    classic: [SO.ATTACH_FILTER, good],
    'classic, nothing': [SO.ATTACH_FILTER, new Uint8Array(0)],
    'classic, 9 bytes': [SO.ATTACH_FILTER, new Uint8Array(9)],
    'classic, 4097 instructions': [SO.ATTACH_FILTER, encodeClassic(new Array<ClassicInstruction>(4097).fill(RETURN))],
    'classic, 65537 instructions': [SO.ATTACH_FILTER, encodeClassic(new Array<ClassicInstruction>(65537).fill(RETURN))],
    'classic without return': [SO.ATTACH_FILTER, encodeClassic([{ ...RETURN, code: 0x80 }])],
    'classic, of the hardware': [
      SO.ATTACH_FILTER,
      encodeClassic([{ code: 0x20, jt: 0, jf: 0, k: (AD_OFF + AD.HATYPE) >>> 0 }, RETURN]),
    ],
    'lock 0': [SO.LOCK_FILTER, 0],
    'lock, 2 bytes': [SO.LOCK_FILTER, new Uint8Array(2)],
    'no such option': [9999, 0],
  };
}

function askAll(sys: BpfSys, socket: SocketHandle): Record<string, string> {
  const answers: Record<string, string> = {};
  for (const [name, [option, value]] of Object.entries(questions(sys)))
    answers[name] = answer(sys.setsockopt(socket, option, value));
  return answers;
}

const isLoaded = (sys: BpfSys, id: number): boolean => {
  const fd = sys.bpf(BPF_CMD.PROG_GET_FD_BY_ID, { id });
  if (fd >= 0) sys.close(fd);
  return fd >= 0;
};

/** Linux lets go of a program a little later. */
async function untilGone(sys: BpfSys, id: number): Promise<boolean> {
  for (let i = 0; i < 200 && isLoaded(sys, id); i++) await sleep(10);
  return !isLoaded(sys, id);
}

function idOf(sys: BpfSys, bpfFd: number): number {
  const info = new Uint8Array(8);
  expect(sys.bpf(BPF_CMD.OBJ_GET_INFO_BY_FD, { bpfFd, info })).toBe(0);
  return new Uint32Array(info.buffer)[1];
}

onBackends('socket-options', {
  'what is answered': ({ sys, backend, ledger }) => withSocket(backend, (socket) => ledger('all', askAll(sys, socket))),

  'what is answered once the filter is locked': ({ sys, backend, ledger }) =>
    withSocket(backend, (socket) => {
      expect(sys.setsockopt(socket, SO.ATTACH_BPF, filter(sys))).toBe(0);
      expect(sys.setsockopt(socket, SO.LOCK_FILTER, 7)).toBe(0);
      expect(sys.setsockopt(socket, SO.LOCK_FILTER, 1)).toBe(0);
      ledger('all', askAll(sys, socket));
    }),

  'a lock without a filter': ({ sys, backend, ledger }) =>
    withSocket(backend, (socket) => {
      const ask = (option: number, value: number): string => answer(sys.setsockopt(socket, option, value));
      ledger('answers', [ask(SO.LOCK_FILTER, 1), ask(SO.DETACH_FILTER, 0), ask(SO.ATTACH_BPF, filter(sys))]);
    }),

  'attaching asks for no capability': ({ sys, backend, withCaps, ledger }) =>
    withSocket(backend, (socket) => {
      const fd = filter(sys);
      ledger(
        'answers',
        withCaps(0n, (held) => [
          answer(held.setsockopt(socket, SO.ATTACH_BPF, fd)),
          answer(held.setsockopt(socket, SO.ATTACH_FILTER, encodeClassic([RETURN]))),
        ]),
      );
    }),

  'a socket holds its program until the next one, or until it is detached': ({ sys, backend }) =>
    withSocket(backend, async (socket) => {
      const fds = [filter(sys), filter(sys)];
      const ids = fds.map((fd) => idOf(sys, fd));
      expect(sys.setsockopt(socket, SO.ATTACH_BPF, fds[0])).toBe(0);
      sys.close(fds[0]);
      expect(isLoaded(sys, ids[0])).toBe(true);
      expect(sys.setsockopt(socket, SO.ATTACH_BPF, fds[1])).toBe(0);
      sys.close(fds[1]);
      expect(await untilGone(sys, ids[0])).toBe(true);
      expect(isLoaded(sys, ids[1])).toBe(true);
      expect(sys.setsockopt(socket, SO.DETACH_FILTER, 0)).toBe(0);
      expect(await untilGone(sys, ids[1])).toBe(true);
      expect(errnoName(sys.setsockopt(socket, SO.DETACH_FILTER, 0))).toBe('ENOENT');
    }),

  'descriptors that are no sockets': ({ sys, ledger }) => {
    const ask = (fd: number): string => answer(sys.setsockopt(fd, SO.DETACH_FILTER, 0));
    ledger('answers', [ask(createMap(sys)), ask(-1), ask(9999)]);
  },
});

it.skipIf(!linux)('any sequence of options is answered as on Linux', async () => {
  const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const random = new Random(seed);
  using kernel = createKernel();
  const asked = { linux: questions(linux as BpfSys), userspace: questions(kernel) };
  const names = [...Object.keys(asked.linux), 'a filter', 'classic', 'detach', 'detach'];
  for (let round = 0; round < 40; round++)
    await withSocket('linux', async (theirs) => {
      const ours = userSocket();
      const told: string[] = [];
      for (let n = 0; n < 30; n++) {
        const name = random.oneIn(40) ? 'lock' : random.pick(names);
        const [theirsAsked, oursAsked] = [asked.linux, asked.userspace].map((all) => all[name] ?? LOCK);
        const answers = [
          answer((linux as BpfSys).setsockopt(theirs, ...theirsAsked)),
          answer(kernel.setsockopt(ours, ...oursAsked)),
        ];
        told.push(`${name}: ${answers[0]}`);
        expect(answers[1], `SKEP_SEED=${seed}: ${told.join(', ')}`).toBe(answers[0]);
      }
      ours.filter?.close();
    });
  const descriptors = Object.values(asked.linux).filter(
    ([option, value]) => option === SO.ATTACH_BPF && Number(value) > 2,
  );
  for (const [, fd] of descriptors) if (Number(fd) !== 9999) (linux as BpfSys).close(Number(fd));
});

/** A filter that calls a helper without arguments. */
const calls = (helper: number): Uint8Array =>
  Uint8Array.from([0x85, 0, 0, 0, helper, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

it('what the place does not grant is refused with its name', () => {
  using kernel = createKernel();
  const socket = userSocket();
  const bare: UserSocket = {
    ...socket,
    place: { ...socket.place, name: 'a bare socket', helpers: new Set(), mapTypes: new Set() },
  };
  const random = load(kernel, { insns: calls(7), progType: PROG_TYPE.SOCKET_FILTER });
  expect(kernel.setsockopt(socket, SO.ATTACH_BPF, random)).toBe(0);
  expect(answer(kernel.setsockopt(bare, SO.ATTACH_BPF, random))).toBe('EACCES');
  expect(() => kernel.setSocketOption(bare, SO.ATTACH_BPF, random)).toThrow(
    'attach: Permission denied (EACCES): a bare socket does not grant bpf_get_prandom_u32',
  );
  expect(() => kernel.setSocketOption(socket, SO.ATTACH_REUSEPORT_EBPF, random)).toThrow(/EOPNOTSUPP.*linux backend/);
  expect(() => kernel.setSocketOption({ ...socket, closed: true }, SO.ATTACH_BPF, random)).toThrow(/EBADF.*closed/);
});

it('memory comes back', () => {
  using kernel = createKernel();
  const socket = userSocket();
  const fd = filter(kernel);
  const map = createMap(kernel, { mapType: MAP_TYPE.HASH, maxEntries: 1000 });
  kernel.close(map);
  kernel.setSocketOption(socket, SO.ATTACH_BPF, fd);
  kernel.setSocketOption(socket, SO.DETACH_FILTER, 0);
  const before = kernel.memoryBytes;
  for (let i = 0; i < 10; i++) {
    kernel.setSocketOption(socket, SO.ATTACH_BPF, fd);
    kernel.setSocketOption(socket, SO.ATTACH_FILTER, encodeClassic([RETURN]));
    expect(kernel.memoryBytes).toBeGreaterThan(before);
    kernel.setSocketOption(socket, SO.DETACH_FILTER, 0);
    expect(kernel.memoryBytes).toBe(before);
  }
});
