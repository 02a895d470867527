/** Filters at servers and streams of Node: the contract of docs/sockets.md. */
import { once } from 'node:events';
import { createServer as createHttpServer, get } from 'node:http';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createKernel } from '../../src/kernel/index.ts';
import { attachSocketFilter } from '../../src/node/sockets/attach.ts';
import { loadFilter, portOf, returning } from './support.ts';

const open: { destroy?(): void; close?(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) (one.destroy ?? one.close)?.call(one);
});

async function listening(server: Server, path?: string, host = '127.0.0.1'): Promise<Server> {
  if (path === undefined) server.listen(0, host);
  else server.listen(path);
  open.push(server);
  await once(server, 'listening');
  return server;
}

async function client(server: Server, host = '127.0.0.1'): Promise<Socket> {
  const address = server.address();
  const socket = typeof address === 'string' ? connect(address) : connect(portOf(server), host);
  open.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

interface ServerHandle {
  onconnection: unknown;
}
const handleOf = (server: Server): ServerHandle => (server as unknown as { _handle: ServerHandle })._handle;

/** Both ends of a connection: the server's, the client's. */
async function connected(): Promise<[Socket, Socket]> {
  const server = await listening(createServer());
  const accepted = once(server, 'connection');
  const mine = await client(server);
  const [theirs] = (await accepted) as [Socket];
  open.push(theirs);
  return [theirs, mine];
}

async function textUntil(socket: Socket, end: string): Promise<string> {
  let text = '';
  for await (const [chunk] of onData(socket)) {
    text += chunk.toString('latin1');
    if (text.endsWith(end)) break;
  }
  return text;
}

async function* onData(socket: Socket): AsyncGenerator<[Buffer]> {
  for (;;) yield (await once(socket, 'data')) as [Buffer];
}

/** Lets a connection in whose segment is one that asks for it, from an even port to this server's. */
const EVEN_PORTS = `r6 = r1
  r0 = *(u8 *)skb[-1048567]
  if w0 != 6 goto +8
  r0 = *(u8 *)skb[13]
  if w0 != 2 goto +6
  r0 = *(u16 *)skb[0]
  w0 &= 1
  if w0 != 0 goto +3
  r0 = *(u32 *)(r6 +0)
  if w0 != 20 goto +1
  exit
  w0 = 0
  exit`;

describe('a filter at a server', () => {
  it('lets connections in, or closes them before JavaScript sees them', async () => {
    using kernel = createKernel();
    const server = await listening(createServer());
    const ports: number[] = [];
    server.on('connection', (socket) => ports.push(socket.remotePort as number));
    const link = attachSocketFilter(server, loadFilter(kernel, EVEN_PORTS));
    const clients = [];
    for (let i = 0; i < 20; i++) clients.push(await client(server));
    const wanted = clients.map((socket) => socket.localPort as number).filter((port) => port % 2 === 0);
    while ((link.stats?.packets ?? 0) < 20) await new Promise(setImmediate);
    expect(ports).toEqual(wanted);
    expect(link.stats).toMatchObject({ packets: 20, dropped: 20 - wanted.length, failures: 0 });
    for (const socket of clients) if ((socket.localPort ?? 1) % 2) await once(socket.resume(), 'close');
    link.detach();
  });

  it('leaves the server as it was, and is attached before it listens', async () => {
    using kernel = createKernel();
    const server = createServer();
    const names = [...server.eventNames()];
    const link = attachSocketFilter(server, returning(kernel, 0));
    await listening(server);
    const wrapped = handleOf(server).onconnection;
    const refused = await client(server);
    await once(refused.resume(), 'close');
    link.detach();
    expect(handleOf(server).onconnection).not.toBe(wrapped);
    expect(server.eventNames()).toEqual(names);
    const accepted = once(server, 'connection');
    await client(server);
    open.push(((await accepted) as [Socket])[0]);
    expect(link.stats).toMatchObject({ packets: 1, dropped: 1 });
  });

  it('works for HTTP, IPv6, and paths, which have no headers', async () => {
    using kernel = createKernel();
    const http = createHttpServer((_, response) => response.end('hello'));
    await listening(http);
    const link = attachSocketFilter(http, returning(kernel, -1));
    const text = await new Promise<string>((resolve) => {
      get({ port: portOf(http), host: '127.0.0.1', agent: false }, (response) =>
        response.on('data', (data: Buffer) => resolve(data.toString())),
      );
    });
    expect([text, link.stats?.packets]).toEqual(['hello', 1]);
    link.detach();

    const six = await listening(createServer(), undefined, '::1');
    const version = loadFilter(kernel, 'r6 = r1\n r0 = *(u8 *)skb[-1048576]\n if w0 == 96 goto +1\n w0 = 0\n exit');
    const onSix = attachSocketFilter(six, version);
    await client(six, '::1');
    while (onSix.stats?.packets === 0) await new Promise(setImmediate);
    expect(onSix.stats?.dropped).toBe(0);
    onSix.detach();

    const path =
      process.platform === 'win32' ? `\\\\.\\pipe\\skep-${process.pid}` : join(tmpdir(), `skep-${process.pid}.sock`);
    const local = await listening(createServer(), path);
    const empty = loadFilter(kernel, 'r0 = *(u32 *)(r1 +0)\n w0 += 1\n exit');
    const onPath = attachSocketFilter(local, empty);
    await client(local);
    while (onPath.stats?.packets === 0) await new Promise(setImmediate);
    expect(onPath.stats?.dropped).toBe(0);
    const none = attachSocketFilter(local, returning(kernel, 0));
    const refused = await client(local);
    await once(refused.resume(), 'close');
    expect(none.stats).toMatchObject({ packets: 1, dropped: 1 });
    none.detach();
  });

  it('goes when the server closes, which may listen again', async () => {
    using kernel = createKernel();
    const server = await listening(createServer());
    const link = attachSocketFilter(server, returning(kernel, 0), { lock: true });
    server.close();
    await once(server, 'close');
    expect(link.attached).toBe(false);
    await listening(server);
    const again = attachSocketFilter(server, returning(kernel, 0));
    expect(again.attached).toBe(true);
    again.detach();
  });
});

/** Drops chunks that begin with `d`, cuts others to the number of their second byte; `whole` passes. */
const CHUNKS = `r6 = r1
  r0 = *(u8 *)skb[0]
  if w0 == 100 goto +4
  if w0 == 119 goto +5
  r0 = *(u8 *)skb[1]
  w0 += -48
  exit
  w0 = 0
  exit
  w0 = -1
  exit`;

describe('a filter at a stream', () => {
  it('cuts and drops chunks', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await connected();
    const link = attachSocketFilter(receiver, loadFilter(kernel, CHUNKS));
    const got = textUntil(receiver, 'whole.');
    for (const text of ['c3abcd', 'dropped', 'c9abc', 'c5xxxxxx', 'd', 'whole.']) {
      const { packets } = link.stats as { packets: number };
      sender.write(text);
      while (link.stats?.packets === packets) await new Promise(setImmediate);
    }
    expect(await got).toBe('c3ac9abcc5xxxwhole.');
    expect(link.stats).toMatchObject({ packets: 6, dropped: 2, trimmed: 2, bytes: 33, bytesDelivered: 19 });
    link.detach();
    expect(Object.hasOwn(receiver, 'push')).toBe(false);
  });

  it('sees the ends of the connection before the data', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await connected();
    // Source port in the TCP header behind IPv4's, 20 + 20 bytes before the data.
    const text = `r6 = r1
      r0 = *(u16 *)skb[-1048556]
      if w0 == ${sender.localPort} goto +1
      w0 = 0
      exit`;
    const link = attachSocketFilter(receiver, loadFilter(kernel, text));
    sender.write('x');
    await once(receiver, 'data');
    expect(link.stats).toMatchObject({ packets: 1, dropped: 0 });
    link.detach();
  });

  it('lets the end through, and goes with the socket', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await connected();
    const link = attachSocketFilter(receiver, returning(kernel, 0));
    sender.end('lost');
    receiver.resume();
    await once(receiver, 'close');
    expect([link.attached, link.stats?.dropped]).toEqual([false, 1]);
    expect(() => attachSocketFilter(receiver, returning(kernel, 0))).toThrow(/EBADF/);
  });

  it('keeps many bytes in order', async () => {
    using kernel = createKernel();
    const [receiver, sender] = await connected();
    const link = attachSocketFilter(receiver, returning(kernel, -1));
    const bytes = Buffer.alloc(3_000_000);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7) >> 3;
    sender.end(bytes);
    const got: Buffer[] = [];
    for await (const chunk of receiver) got.push(chunk as Buffer);
    expect(Buffer.concat(got).equals(bytes)).toBe(true);
    expect(link.stats?.bytesDelivered).toBe(bytes.length);
  });

  it('is refused where the socket reads into a buffer of its own', async () => {
    using kernel = createKernel();
    const server = await listening(createServer((socket) => socket.end()));
    const onread = { buffer: Buffer.alloc(16), callback: () => true };
    const socket = connect({ port: portOf(server), host: '127.0.0.1', onread });
    open.push(socket);
    expect(() => attachSocketFilter(socket, returning(kernel, 0))).toThrow(/EBUSY.*onread/);
    await once(socket, 'connect');
  });

  it('is refused where HTTP reads the socket', async () => {
    using kernel = createKernel();
    const server = createHttpServer((_, response) => response.end());
    await listening(server);
    const accepted = once(server, 'connection');
    await client(server);
    const [socket] = (await accepted) as [Socket];
    expect(() => attachSocketFilter(socket, returning(kernel, 0))).toThrow(/EBUSY.*filter its server/);
    socket.destroy();
  });

  it('takes a socket that HTTP has let go of', async () => {
    using kernel = createKernel();
    const server = createHttpServer();
    await listening(server);
    const upgraded = once(server, 'upgrade');
    const headers = { connection: 'upgrade', upgrade: 'echo' };
    const request = get({ port: portOf(server), host: '127.0.0.1', headers });
    const [, socket] = (await upgraded) as [unknown, Socket];
    open.push(socket);
    const link = attachSocketFilter(socket, returning(kernel, 2));
    socket.write('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
    const [, other] = (await once(request, 'upgrade')) as [unknown, Socket];
    open.push(other);
    other.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('he');
    expect(link.stats).toMatchObject({ packets: 1, trimmed: 1 });
  });
});

describe('what is no socket or no program', () => {
  it('is refused', async () => {
    using kernel = createKernel();
    const [socket] = await connected();
    const attach = attachSocketFilter as (socket: unknown, program: unknown) => unknown;
    expect(() => attach({}, returning(kernel, 0))).toThrow(/no socket that takes filters/);
    expect(() => attach(socket, 5)).toThrow(/no program/);
    const closed = returning(kernel, 0);
    closed.close();
    expect(() => attach(socket, closed)).toThrow(/EBADF/);
    expect(() => attachSocketFilter(socket, [])).toThrow(/EINVAL.*1 to 4096/);
    expect(() => attachSocketFilter(socket, returning(kernel, 0), { reuseport: true })).toThrow(/EOPNOTSUPP.*linux/);
    expect(Object.hasOwn(socket, 'push')).toBe(false);
  });
});
