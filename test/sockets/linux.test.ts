/** `attachSocketFilter` with programs of the linux backend: the system's socket filters. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { loadLibc } from '../../src/ffi/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { LinuxSys } from '../../src/linux/index.ts';
import { attachSocketFilter } from '../../src/node/sockets/attach.ts';
import { bound, loadFilter, returning, send } from './support.ts';

const found = await openLinux().catch((error: unknown) => {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  console.warn(`filters of the system's sockets are skipped: ${error.message}`);
  return undefined;
});
const linux = found as LinuxSys;
const libc = await loadLibc();

const open: Socket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

async function pair(): Promise<[Socket, Socket]> {
  const sockets: [Socket, Socket] = [await bound(), await bound()];
  open.push(...sockets);
  return sockets;
}

async function nextLength(receiver: Socket): Promise<number> {
  const [data] = (await once(receiver, 'message')) as [Buffer];
  return data.length;
}

describe.skipIf(!found)('a filter of the linux backend', () => {
  it('is attached to the descriptor, replaced and detached', async () => {
    const [receiver, sender] = await pair();
    const first = attachSocketFilter(receiver, returning(linux, 8 + 3));
    const one = nextLength(receiver);
    await send(sender, receiver, new Uint8Array(10));
    expect(await one).toBe(3);
    const second = attachSocketFilter(receiver, returning(linux, 8 + 5));
    expect([first.attached, second.attached, second.stats]).toEqual([false, true, undefined]);
    const two = nextLength(receiver);
    await send(sender, receiver, new Uint8Array(10));
    expect(await two).toBe(5);
    first.detach();
    second.detach();
    expect(second.attached).toBe(false);
    second.detach();
    const three = nextLength(receiver);
    await send(sender, receiver, new Uint8Array(10));
    expect(await three).toBe(10);
  });

  it('goes with its socket, and wants a bound one', async () => {
    const socket = createSocket('udp4');
    expect(() => attachSocketFilter(socket, returning(linux, 0))).toThrow(/EBADF.*not bound/);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const link = attachSocketFilter(socket, returning(linux, 0));
    socket.close();
    await once(socket, 'close');
    expect(link.attached).toBe(false);
    link.detach();
  });

  it('can be locked', async () => {
    const [receiver] = await pair();
    const link = attachSocketFilter(receiver, returning(linux, 0), { lock: true });
    expect(() => link.detach()).toThrow(/SO_DETACH_FILTER: .*EPERM/);
    expect(() => attachSocketFilter(receiver, returning(linux, 0))).toThrow(/SO_ATTACH_BPF: .*EPERM/);
    link[Symbol.dispose]();
    expect(link.attached).toBe(true);
  });

  it('may be classic, and sits at servers too', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const link = attachSocketFilter(server, [{ code: 6, jt: 0, jf: 0, k: 0xffffffff }], { sys: linux });
    expect(link.attached).toBe(true);
    link.detach();
    expect(link.attached).toBe(false);
    server.close();
    expect(() => attachSocketFilter(server, [{ code: 0, jt: 0, jf: 0, k: 0 }], { sys: linux })).toThrow(/EBADF|EINVAL/);
  });

  it('chooses the socket of a port', async () => {
    const one = await sharing(0);
    const other = await sharing(one.address().port);
    open.push(one, other);
    const [, sender] = await pair();
    // The index is the number that the payload begins with.
    const link = attachSocketFilter(one, loadFilter(linux, 'r6 = r1\n r0 = *(u8 *)skb[0]\n exit'), { reuseport: true });
    const got: string[] = [];
    one.on('message', (data: Buffer) => got.push(`one ${data[0]}`));
    other.on('message', (data: Buffer) => got.push(`other ${data[0]}`));
    for (const first of [1, 0, 1, 1, 0]) await send(sender, one, Uint8Array.of(first));
    while (got.length < 5) await new Promise(setImmediate);
    expect(got.sort()).toEqual(['one 0', 'one 0', 'other 1', 'other 1', 'other 1']);
    link.detach();
    expect(link.attached).toBe(false);
  });
});

const [AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_REUSEPORT] = [2, 2 | 0o4000, 1, 15];

/** A socket on 127.0.0.1 that shares its port. */
async function sharing(port: number): Promise<Socket> {
  if (libc === undefined) throw new Error('no koffi');
  const fd = libc.socket(AF_INET, SOCK_DGRAM, 0);
  expect(libc.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, Uint8Array.of(1, 0, 0, 0))).toBe(0);
  expect(libc.bind(fd, Uint8Array.of(AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1, ...new Uint8Array(8)))).toBe(0);
  const socket = createSocket('udp4');
  const ready = once(socket, 'listening');
  socket.bind({ fd });
  await ready;
  return socket;
}
