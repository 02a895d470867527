/** Filters at UDP sockets of Node in user space: what they do, what they leave behind. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { Program } from '../../src/loader/index.ts';
import { attachSocketFilter } from '../../src/node/sockets/attach.ts';
import { BPF_CMD, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { bound, loadFilter, portOf, returning, send } from './support.ts';

const open: Socket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

async function pair(address = '127.0.0.1', type: 'udp4' | 'udp6' = 'udp4'): Promise<[Socket, Socket]> {
  const sockets: [Socket, Socket] = [await bound(address, type), await bound(address, type)];
  open.push(...sockets);
  return sockets;
}

interface Handle {
  onmessage: unknown;
}

function handleOf(socket: Socket): Handle {
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  return (socket as unknown as Record<symbol, { handle: Handle }>)[state as symbol].handle;
}

/** What arrives of datagrams, until the last of them, `end`, has come. */
async function arriving(receiver: Socket, body: () => Promise<void>): Promise<string[]> {
  const got: string[] = [];
  const listener = (data: Buffer): void => void got.push(data.toString('latin1'));
  receiver.on('message', listener);
  await body();
  while (got.at(-1) !== 'end') await once(receiver, 'message');
  receiver.off('message', listener);
  return got.slice(0, -1);
}

/** Cuts to the number that the first byte of the payload says, but for `end`. */
const BY_FIRST_BYTE = `
  r6 = r1
  r0 = *(u8 *)skb[8]
  if w0 == 101 goto +1
  exit
  w0 = -1
  exit`;

const numbered = (first: number, length: number): Uint8Array => new Uint8Array(length).fill(97).fill(first, 0, 1);

describe('a filter at a UDP socket', () => {
  it('drops and cuts as the return value says, which counts the UDP header', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await pair();
    const link = attachSocketFilter(receiver, loadFilter(kernel, BY_FIRST_BYTE));
    const lengths = await arriving(receiver, async () => {
      for (const first of [0, 1, 7, 8, 9, 12, 17, 18, 19, 200]) await send(sender, receiver, numbered(first, 10));
      await send(sender, receiver, Buffer.from('end'));
    });
    expect(lengths.map((text) => text.length)).toEqual([0, 0, 0, 1, 4, 9, 10, 10, 10]);
    expect(link.stats).toMatchObject({ packets: 11, dropped: 1, trimmed: 6, failures: 0, bytes: 103 });
    expect(link.stats?.bytesDelivered).toBe(1 + 4 + 9 + 30 + 3);
    link.detach();
  });

  it('leaves the socket exactly as it was', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await pair();
    const handler = handleOf(receiver).onmessage;
    const before = { names: Reflect.ownKeys(receiver), events: receiver.eventNames() };
    const link = attachSocketFilter(receiver, returning(kernel, 0));
    expect(handleOf(receiver).onmessage).not.toBe(handler);
    expect(link.attached).toBe(true);
    link.detach();
    expect(link.attached).toBe(false);
    expect(handleOf(receiver).onmessage).toBe(handler);
    expect({ names: Reflect.ownKeys(receiver), events: receiver.eventNames() }).toEqual(before);
    link.detach();
    expect(await arriving(receiver, () => send(sender, receiver, Buffer.from('end')))).toEqual([]);
  });

  it('is replaced by the next one', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await pair();
    const handler = handleOf(receiver).onmessage;
    const first = attachSocketFilter(receiver, returning(kernel, 0));
    const second = attachSocketFilter(receiver, returning(kernel, 10));
    expect([first.attached, second.attached]).toEqual([false, true]);
    first.detach();
    expect(second.attached).toBe(true);
    const got = await arriving(receiver, async () => {
      await send(sender, receiver, Buffer.from('abc'));
      second.detach();
      await send(sender, receiver, Buffer.from('end'));
    });
    // What was in the kernel's queue when the filter went is delivered whole.
    expect(got.length).toBe(1);
    expect(handleOf(receiver).onmessage).toBe(handler);
  });

  it('is attached before the socket is bound', async () => {
    using kernel = createKernel();
    const [sender] = await pair();
    const receiver = createSocket('udp4');
    open.push(receiver);
    const link = attachSocketFilter(receiver, loadFilter(kernel, BY_FIRST_BYTE));
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const got = await arriving(receiver, async () => {
      await send(sender, receiver, numbered(0, 5));
      await send(sender, receiver, numbered(10, 5));
      await send(sender, receiver, Buffer.from('end'));
    });
    expect(got).toEqual(['\na']);
    link.detach();
    expect(receiver.listenerCount('listening') + receiver.listenerCount('close')).toBe(0);
  });

  it('that another handler was put before lets everything pass once it is detached', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await pair();
    const link = attachSocketFilter(receiver, returning(kernel, 0));
    const handle = handleOf(receiver) as { onmessage: (...args: unknown[]) => unknown };
    const ours = handle.onmessage;
    handle.onmessage = function (...args) {
      return ours.apply(this, args);
    };
    link.detach();
    expect(await arriving(receiver, () => send(sender, receiver, Buffer.from('end')))).toEqual([]);
  });

  it('goes with its socket', async () => {
    using kernel = createKernel();
    const socket = await bound();
    const program = returning(kernel, 0);
    const id = idOf(kernel, program.fd);
    const link = attachSocketFilter(socket, program);
    program.close();
    expect(isLoaded(kernel, id)).toBe(true);
    socket.close();
    await once(socket, 'close');
    expect([link.attached, isLoaded(kernel, id)]).toEqual([false, false]);
    link.detach();
    expect(() => attachSocketFilter(socket, returning(kernel, 0))).toThrow(/EBADF/);
  });

  it('shares its program and maps with those of other sockets', async () => {
    using kernel = createKernel();
    const [one, other] = await pair();
    const map = kernel.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
    const program = loadFilter(kernel, COUNT, map);
    const links = [one, other].map((socket) => attachSocketFilter(socket, program));
    program.close();
    for (const [from, to] of [
      [one, other],
      [other, one],
      [one, other],
    ])
      await arriving(to, () => send(from, to, Buffer.from('end')));
    const value = new Uint8Array(8);
    kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd: map, key: new Uint8Array(4), value });
    expect(value[0]).toBe(3);
    expect(links.map((link) => link.stats?.packets)).toEqual([1, 2]);
    for (const link of links) link.detach();
  });

  it('sees IPv6', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await pair('::1', 'udp6');
    // Version and next header; cuts to what the payload's length in the header says, less one.
    const link = attachSocketFilter(
      receiver,
      loadFilter(kernel, `${onlyUnlessEnd}\n r0 = *(u16 *)skb[-1048572]\n w0 += -1\n exit`),
    );
    const got = await arriving(receiver, async () => {
      await send(sender, receiver, numbered(1, 20), '::1');
      await send(sender, receiver, Buffer.from('end'), '::1');
    });
    expect(got[0].length).toBe(19);
    link.detach();
  });

  it('sees the sender anew with each datagram, and a connected socket', async () => {
    using kernel = createKernel();
    const [receiver, a] = await pair();
    const [b, c] = await pair();
    // Lets through as many bytes of the payload as the source port says, modulo 128.
    const link = attachSocketFilter(
      receiver,
      loadFilter(kernel, `${onlyUnlessEnd}\n r0 = *(u16 *)skb[0]\n w0 &= 127\n w0 += 8\n exit`),
    );
    const senders = [a, b, a, c, b, b, a];
    const got = await arriving(receiver, async () => {
      for (const sender of senders) await send(sender, receiver, numbered(1, 200));
      receiver.connect(portOf(a), '127.0.0.1');
      await once(receiver, 'connect');
      await send(a, receiver, numbered(1, 200));
      await send(a, receiver, Buffer.from('end'));
    });
    expect(got.map((text) => text.length)).toEqual([...senders, a].map((sender) => portOf(sender) & 127));
    link.detach();
  });

  it('sees the sender of each datagram, after one that looked at none too', async () => {
    using kernel = createKernel();
    const [receiver, one] = await pair();
    const two = await bound('127.0.0.2');
    open.push(two);
    attachSocketFilter(receiver, returning(kernel, -1));
    await arriving(receiver, async () => {
      for (const sender of [one, two]) await send(sender, receiver, numbered(1, 10));
      await send(two, receiver, Buffer.from('end'));
    });
    // As many bytes as the last part of the sender's address says.
    const text = `${onlyUnlessEnd}\n r0 = *(u8 *)skb[-1048561]\n w0 += 8\n exit`;
    const link = attachSocketFilter(receiver, loadFilter(kernel, text));
    const got = await arriving(receiver, async () => {
      for (const sender of [two, one, one, two]) await send(sender, receiver, numbered(1, 10));
      await send(one, receiver, Buffer.from('end'));
    });
    expect(got.map((data) => data.length)).toEqual([2, 1, 1, 2]);
    link.detach();
  });

  it('that takes too long drops, and is counted', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await pair();
    const slow = `r6 = r1
      r7 = 0
      r7 += 1
      if r7 < 10000 goto -2
      w0 = -1
      exit`;
    const link = attachSocketFilter(receiver, loadFilter(kernel, slow), { fuel: 5000 });
    let delivered = 0;
    receiver.on('message', () => delivered++);
    await send(sender, receiver, Buffer.from('lost'));
    while (link.stats?.packets === 0) await sleep(1);
    expect(link.stats).toMatchObject({ packets: 1, dropped: 1, failures: 1 });
    const again = attachSocketFilter(receiver, loadFilter(kernel, slow));
    await arriving(receiver, () => send(sender, receiver, Buffer.from('end')));
    expect(delivered).toBe(1);
    again.detach();
  });

  it('of classic BPF needs no kernel, and is the same with one', async () => {
    const [receiver, sender] = await pair();
    using kernel = createKernel();
    // ldb [8]; jeq #'e', keep; ret a; keep: ret #-1
    const filter = [
      { code: 0x30, jt: 0, jf: 0, k: 8 },
      { code: 0x15, jt: 1, jf: 0, k: 101 },
      { code: 0x16, jt: 0, jf: 0, k: 0 },
      { code: 0x06, jt: 0, jf: 0, k: 0xffffffff },
    ];
    for (const sys of [undefined, kernel]) {
      const link = attachSocketFilter(receiver, filter, { sys });
      const got = await arriving(receiver, async () => {
        for (const first of [0, 3, 11]) await send(sender, receiver, numbered(first, 10));
        await send(sender, receiver, Buffer.from('end'));
      });
      expect(got.map((text) => text.length)).toEqual([0, 3]);
      link.detach();
    }
  });

  it('gives its memory back', async () => {
    using kernel = createKernel();
    const [receiver] = await pair();
    const before = kernel.memoryBytes;
    for (let i = 0; i < 5; i++) {
      const map = kernel.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize: 8, maxEntries: 99 });
      const program = loadFilter(kernel, COUNT, map);
      const link = attachSocketFilter(receiver, program);
      program.close();
      kernel.close(map);
      link.detach();
    }
    // Pages that small maps share are kept for the next.
    const kept = kernel.memoryBytes - before;
    expect(kept).toBeLessThan(70_000);
    const link = attachSocketFilter(receiver, returning(kernel, 1));
    link.detach();
    expect(kernel.memoryBytes - before).toBe(kept);
  });

  it('is refused what its place does not grant, by name', async () => {
    using kernel = createKernel();
    const [receiver] = await pair();
    const handler = handleOf(receiver).onmessage;
    const program = loadFilter(kernel, 'call bpf_get_socket_cookie#46\nw0 = -1\nexit');
    expect(() => attachSocketFilter(receiver, program)).toThrow(
      /EACCES.*a UDP socket does not grant bpf_get_socket_cookie/,
    );
    expect(handleOf(receiver).onmessage).toBe(handler);
  });

  it('is refused where the insides of Node are not as expected, and nothing is left', async () => {
    using kernel = createKernel();
    const [receiver] = await pair();
    const program = returning(kernel, 0);
    const id = idOf(kernel, program.fd);
    const before = kernel.memoryBytes;
    const handle = handleOf(receiver);
    const { onmessage } = handle;
    handle.onmessage = undefined;
    expect(() => attachSocketFilter(receiver, program)).toThrow(/insides are others: the handle has no onmessage/);
    handle.onmessage = onmessage;
    expect([receiver.eventNames(), kernel.memoryBytes]).toEqual([[], before]);

    const later = createSocket('udp4');
    open.push(later);
    later.once('listening', () => (handleOf(later).onmessage = undefined));
    const link = attachSocketFilter(later, program);
    program.close();
    const failed = once(later, 'error');
    later.bind(0, '127.0.0.1');
    expect(await failed).toMatchObject([{ name: 'UnsupportedError' }]);
    expect([link.attached, isLoaded(kernel, id)]).toEqual([false, false]);
  });

  it('may be detached, attached and closed from inside a handler', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await pair();
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    let link = attachSocketFilter(receiver, returning(kernel, 8 + 1));
    attachSocketFilter(other, returning(kernel, 8 + 1));
    const lengths: number[] = [];
    receiver.on('message', ({ length }) => {
      lengths.push(length);
      link.detach();
      if (lengths.length < 3) link = attachSocketFilter(receiver, returning(kernel, 8 + 1 + lengths.length));
    });
    other.on('message', () => other.close());
    for (let i = 0; i < 4; i++) await send(sender, receiver, new Uint8Array(10));
    for (let i = 0; i < 3; i++) await send(sender, other, new Uint8Array(10));
    await once(other, 'close');
    while (lengths.length < 4) await once(receiver, 'message');
    expect(lengths).toEqual([1, 2, 3, 10]);
  });

  it('that nobody verified drops where it goes wrong', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await pair();
    const { insns } = assemble('r0 = 0\nr0 = *(u64 *)(r0 +8)\nexit');
    const attr = { progType: PROG_TYPE.SOCKET_FILTER, insns: encode(insns), license: 'GPL' };
    const program = new Program(kernel, kernel.loadUnverified(attr), { name: 'wild', type: attr.progType });
    const link = attachSocketFilter(receiver, program);
    await send(sender, receiver, new Uint8Array(10));
    while (link.stats?.packets === 0) await sleep(1);
    expect(link.stats).toMatchObject({ dropped: 1, failures: 1 });
    link.detach();
  });

  it('can be locked', async () => {
    using kernel = createKernel();
    const [receiver] = await pair();
    const link = attachSocketFilter(receiver, returning(kernel, 0), { lock: true });
    expect(() => link.detach()).toThrow(/EPERM/);
    expect(() => attachSocketFilter(receiver, returning(kernel, 0))).toThrow(/EPERM/);
    link[Symbol.dispose]();
    expect(link.attached).toBe(true);
  });
});

const onlyUnlessEnd = `r6 = r1
  r0 = *(u8 *)skb[8]
  if w0 != 101 goto +2
  w0 = -1
  exit`;

const COUNT = `
  r1 = 0
  *(u32 *)(r10 -4) = r1
  r2 = r10
  r2 += -4
  r1 = map[m]
  call bpf_map_lookup_elem#1
  if r0 == 0x0 goto +2
  r1 = 1
  lock *(u64 *)(r0 +0) += r1
  w0 = -1
  exit`;

function idOf(kernel: Kernel, bpfFd: number): number {
  const info = new Uint8Array(8);
  kernel.bpf(BPF_CMD.OBJ_GET_INFO_BY_FD, { bpfFd, info });
  return new Uint32Array(info.buffer)[1];
}

function isLoaded(kernel: Kernel, id: number): boolean {
  const fd = kernel.bpf(BPF_CMD.PROG_GET_FD_BY_ID, { id });
  if (fd >= 0) kernel.close(fd);
  return fd >= 0;
}
