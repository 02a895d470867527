/** What Node reports, row by row: values of real events, and nothing left behind when nobody listens any more. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import dc from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, get, request } from 'node:http';
import http2 from 'node:http2';
import { createServer as createNetServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { performance, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { TracepointRegistry } from '../../tracing/index.ts';
import type { Tracepoint } from '../../tracing/index.ts';
import {
  defineChannel,
  defineNodeEvents,
  defineTracingChannel,
  FIELD_NOTES,
  NODE_EVENTS,
  tracepointName,
} from './index.ts';

const major = Number(process.versions.node.split('.')[0]);
if (major < 22) console.warn(`tests of http2 and the console are skipped: Node ${major} has no channels for them`);
type Values = Record<string, unknown>;

/** Hear a tracepoint's events, by the names of their fields. @returns what ends it */
function hear(tracepoint: Tracepoint, heard: (values: Values) => void): () => void {
  const names = tracepoint.fields.map(({ name }) => name);
  return tracepoint.listen({
    event: (a, b, c, d, e, f, g, h, others = []) => {
      const list = [a, b, c, d, e, f, g, h, ...others];
      heard(Object.fromEntries(names.map((name, i) => [name, list[i]])));
    },
  });
}

/** Events seen while `body` runs, by name. */
async function seen(names: string[], body: () => Promise<unknown>): Promise<Record<string, Values[]>> {
  const registry = new TracepointRegistry();
  defineNodeEvents(registry);
  const got: Record<string, Values[]> = Object.fromEntries(names.map((name) => [name, []]));
  const stops = names.map((name) => {
    const tracepoint = registry.find(name);
    if (tracepoint === undefined) throw new Error(`no ${name}`);
    return hear(tracepoint, (values) => void got[name].push(values));
  });
  try {
    await body();
  } finally {
    for (const stop of stops) stop();
  }
  return got;
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const answered = async (url: string): Promise<void> => {
  const [response] = await once(get(url, { agent: false }), 'response');
  response.resume();
  await once(response, 'end');
};

describe('the table', () => {
  it('has each event once, with fields that are explained', () => {
    const names = NODE_EVENTS.map(({ system, name }) => `${system}:${name}`);
    expect(new Set(names).size).toBe(names.length);
    const used = new Set(NODE_EVENTS.flatMap(({ fields }) => Object.keys(fields)));
    expect([...used].filter((field) => !Object.hasOwn(FIELD_NOTES, field))).toEqual([]);
    expect(Object.keys(FIELD_NOTES).filter((field) => !used.has(field))).toEqual([]);
  });

  it('listens only while somebody does, and leaves nothing', () => {
    const registry = new TracepointRegistry();
    defineNodeEvents(registry);
    defineNodeEvents(registry);
    const channels = NODE_EVENTS.flatMap(({ source, span }) => [source, ...(span ? [span.source] : [])])
      .map(({ text }) => /^channel (.*)$/.exec(text)?.[1])
      .filter((name) => name !== undefined);
    const listeners = (): number[] =>
      ['uncaughtExceptionMonitor', 'unhandledRejection', 'uncaughtException', 'warning', 'exit'].map((name) =>
        process.listenerCount(name),
      );
    const active = (): string[] => channels.filter((name) => dc.hasSubscribers(name));
    const observe = vi.spyOn(PerformanceObserver.prototype, 'observe');
    const disconnect = vi.spyOn(PerformanceObserver.prototype, 'disconnect');
    const timers = vi.spyOn(globalThis, 'setInterval');
    const cleared = vi.spyOn(globalThis, 'clearInterval');
    const before = { active: active(), listeners: listeners(), emit: Object.hasOwn(process, 'emit') };

    for (const tracepoint of registry) {
      const stop = tracepoint.listen({ event() {} });
      expect(tracepoint.enabled).toBe(true);
      stop();
    }
    const stops = [...registry].map((tracepoint) => tracepoint.listen({ event() {} }));
    expect(active()).toEqual(channels);
    expect(process.listenerCount('unhandledRejection')).toBe(before.listeners[1]);
    for (const stop of stops) stop();
    expect({ active: active(), listeners: listeners(), emit: Object.hasOwn(process, 'emit') }).toEqual(before);
    const kinds = NODE_EVENTS.filter(({ source }) => source.text.startsWith('PerformanceObserver')).length;
    expect([observe, disconnect].map((spy) => spy.mock.calls.length)).toEqual([2 * kinds, 2 * kinds]);
    expect(new Set(disconnect.mock.contexts)).toEqual(new Set(observe.mock.contexts));
    expect(timers).toHaveBeenCalledTimes(2);
    expect(cleared.mock.calls.map(([timer]) => timer)).toEqual(
      timers.mock.results.map(({ value }) => value as unknown),
    );
    vi.restoreAllMocks();
  });
});

/** Any of these may be published by anybody, on any channel. */
function hostileMessages(): unknown[] {
  const throws = new Proxy(
    {},
    {
      get() {
        throw new Error('get');
      },
    },
  );
  const deep = new Proxy(
    {},
    { get: (_, key) => (key === Symbol.toPrimitive || key === 'toString' ? () => expect.fail('asked') : deep) },
  ) as unknown;
  const odd = [
    undefined,
    null,
    0,
    NaN,
    -1,
    2 ** 60,
    7n,
    true,
    Symbol('s'),
    'text',
    '\ud800',
    [],
    () => 1,
    new Date(NaN),
  ];
  const members = ['request', 'response', 'socket', 'stream', 'headers', 'process', 'server', 'error', 'connectParams'];
  const nested = [...odd, throws, deep, Object.create(null), Object.freeze({ url: throws, id: throws, method: deep })];
  const filled = nested.map((value) => Object.fromEntries(members.map((name) => [name, value])));
  return [...odd, throws, deep, Object.freeze({}), Object.create(null), ...filled];
}

describe('hostile messages', () => {
  it('are one event each on every channel, and nobody is thrown at', async () => {
    const registry = new TracepointRegistry();
    defineNodeEvents(registry);
    const thrown: unknown[] = [];
    const caught = (error: unknown): void => void thrown.push(error);
    process.on('uncaughtException', caught);
    const messages = hostileMessages();
    for (const { system, name, source } of NODE_EVENTS) {
      const topic = /^channel (.*)$/.exec(source.text)?.[1];
      const tracepoint = registry.find(`${system}:${name}`);
      if (topic === undefined || tracepoint === undefined) continue;
      let heard = 0;
      const stop = hear(tracepoint, () => void heard++);
      for (const message of messages) dc.channel(topic).publish(message);
      await Promise.resolve();
      stop();
      expect(`${topic} ${heard}`).toBe(`${topic} ${messages.length}`);
    }
    await delay(5);
    process.off('uncaughtException', caught);
    expect(thrown).toEqual([]);
  });
});

describe('http', () => {
  it('reports requests and responses of both sides', async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/missing' ? 404 : 200;
      setTimeout(() => response.end('x'), 5);
    });
    const names = ['server_request_start', 'server_response_finish', 'client_request_start', 'client_response_finish'];
    const got = await seen(
      [...names, 'client_request_error'].map((name) => `http:${name}`),
      async () => {
        const port = await listening(server);
        await answered(`http://127.0.0.1:${port}/one?a=b`);
        await answered(`http://127.0.0.1:${port}/missing`);
        server.close();
        const refused = request({ port, host: '127.0.0.1', path: '/gone', method: 'POST', agent: false });
        refused.end();
        await once(refused, 'error');
      },
    );
    expect(got['http:server_request_start']).toEqual([
      { method: 'GET', url: '/one?a=b' },
      { method: 'GET', url: '/missing' },
    ]);
    expect(got['http:server_response_finish']).toMatchObject([
      { status: 200, method: 'GET', url: '/one?a=b' },
      { status: 404, method: 'GET', url: '/missing' },
    ]);
    expect(got['http:client_request_start']).toMatchObject([
      { method: 'GET', host: '127.0.0.1', path: '/one?a=b' },
      { method: 'GET', host: '127.0.0.1', path: '/missing' },
      { method: 'POST', path: '/gone' },
    ]);
    expect(got['http:client_response_finish']).toMatchObject([{ status: 200 }, { status: 404 }]);
    expect(got['http:client_request_error']).toMatchObject([
      { method: 'POST', path: '/gone', error_name: 'Error', error_code: 'ECONNREFUSED' },
    ]);
    for (const { duration_ns } of [...got['http:server_response_finish'], ...got['http:client_response_finish']])
      expect(duration_ns).toBeGreaterThan(1e6);
  });

  it('takes the URL that a framework has kept', async () => {
    const server = createServer((request, response) => {
      Object.assign(request, { originalUrl: request.url, url: '/rest' });
      response.end();
    });
    const got = await seen(['http:server_response_finish'], async () => {
      await answered(`http://127.0.0.1:${await listening(server)}/api/rest`);
      server.close();
    });
    expect(got['http:server_response_finish']).toMatchObject([{ url: '/api/rest' }]);
  });

  it.runIf(major >= 22)('reports streams of http2 (Node 22 and later)', async () => {
    const server = http2.createServer((request, response) => response.end(request.url));
    const names = ['server_stream_start', 'server_stream_finish', 'server_stream_close', 'client_stream_finish'];
    const got = await seen(
      [...names, 'client_stream_start'].map((name) => `http2:${name}`),
      async () => {
        const client = http2.connect(`http://127.0.0.1:${await listening(server as unknown as Server)}`);
        const stream = client.request({ ':path': '/two' });
        stream.resume();
        await once(stream, 'close');
        client.close();
        server.close();
      },
    );
    expect(got['http2:server_stream_start']).toMatchObject([{ stream_id: 1, method: 'GET', path: '/two' }]);
    expect(got['http2:client_stream_finish']).toMatchObject([{ stream_id: 1, status: 200 }]);
    expect(got['http2:server_stream_finish']).toMatchObject([{ stream_id: 1, status: 200 }]);
    expect(got['http2:server_stream_close']).toMatchObject([{ stream_id: 1, reset_code: 0 }]);
    expect(got['http2:server_stream_close'][0].duration_ns).toBeGreaterThan(0);
  });
});

describe('undici', () => {
  it('reports what fetch does', async () => {
    const server = createServer((_, response) => response.end('body'));
    const names = [
      'request_create',
      'request_headers',
      'request_trailers',
      'client_connected',
      'client_before_connect',
    ];
    let port = 0;
    const got = await seen(
      [...names, 'request_error'].map((name) => `undici:${name}`),
      async () => {
        port = await listening(server);
        await (await fetch(`http://127.0.0.1:${port}/three`)).text();
        server.close();
        server.closeAllConnections();
      },
    );
    const request = { method: 'GET', origin: `http://127.0.0.1:${port}`, path: '/three' };
    expect(got['undici:request_create']).toEqual([request]);
    expect(got['undici:request_headers']).toMatchObject([{ ...request, status: 200 }]);
    expect(got['undici:request_headers'][0].duration_ns).toBeGreaterThan(0);
    expect(got['undici:request_trailers']).toMatchObject([request]);
    expect(got['undici:client_before_connect']).toMatchObject([{ host: '127.0.0.1', port, protocol: 'http:' }]);
    expect(got['undici:client_connected']).toMatchObject([{ host: '127.0.0.1', port }]);
    expect(got['undici:request_error']).toEqual([]);
  });
});

describe('sockets, children, workers, the console', () => {
  it('reports sockets as they are made', async () => {
    const server = createNetServer((socket) => socket.end());
    let port = 0;
    const names = ['net:client_socket', 'net:server_socket', 'udp:socket'];
    const listens = ['net:server_listen_async_start', 'net:server_listen_async_end', 'net:server_listen_error'];
    const got = await seen([...names, ...listens], async () => {
      port = await listening(server);
      const taken = createNetServer();
      taken.listen(port, '127.0.0.1');
      await once(taken, 'error');
      const { createConnection } = await import('node:net');
      const socket = createConnection({ port, host: '127.0.0.1' });
      socket.resume();
      await once(socket, 'close');
      createSocket('udp6').close();
      server.close();
    });
    expect(got['net:client_socket']).toHaveLength(1);
    expect(got['net:server_socket']).toMatchObject([{ remote_address: '127.0.0.1', local_port: port }]);
    expect(got['udp:socket']).toEqual([{ socket_type: 'udp6' }]);
    expect(got['net:server_listen_async_start']).toHaveLength(2);
    expect(got['net:server_listen_async_end']).toMatchObject([{ port }]);
    expect(got['net:server_listen_async_end'][0].duration_ns).toBeGreaterThan(0);
    expect(got['net:server_listen_error']).toMatchObject([{ error_code: 'EADDRINUSE' }]);
  });

  it('reports children and workers', async () => {
    let pid: number | undefined;
    let threadId = 0;
    const names = ['child_process:spawn', 'worker_threads:start', 'child_process:spawn_end'];
    const got = await seen(names, async () => {
      const child = spawn(process.execPath, ['-e', '0']);
      pid = child.pid;
      await once(child, 'exit');
      const worker = new Worker('0', { eval: true });
      threadId = worker.threadId;
      await once(worker, 'exit');
    });
    expect(got['child_process:spawn']).toEqual([{ pid, args: 3, file: process.execPath }]);
    expect(got['worker_threads:start']).toEqual([{ thread_id: threadId }]);
    expect(got['child_process:spawn_end']).toHaveLength(major >= 24 ? 1 : 0);
  });

  it.runIf(major >= 22)('reports what is printed, without formatting it (Node 22 and later)', async () => {
    const { Console } = await import('node:console');
    const { PassThrough } = await import('node:stream');
    const quiet = new Console(new PassThrough());
    const got = await seen(['console:log', 'console:error'], async () => {
      quiet.log('hello %s', { toString: () => expect.fail('formatted') }.constructor.name);
      quiet.error({});
    });
    expect(got['console:log']).toEqual([{ args: 2, text: 'hello %s' }]);
    expect(got['console:error']).toEqual([{ args: 1, text: '' }]);
  });
});

describe('performance', () => {
  it('reports entries of each kind', async () => {
    const kinds = ['gc', 'dns', 'function', 'mark', 'measure', 'http', 'net', 'resource'];
    const server = createServer((_, response) => response.end());
    const got = await seen(
      kinds.map((kind) => `perf:${kind}`),
      async () => {
        performance.mark('here');
        performance.measure('since', 'here');
        performance.timerify(function work() {})();
        const port = await listening(server);
        await (await fetch(`http://localhost:${port}/five`)).text();
        server.close();
        server.closeAllConnections();
        const garbage: object[] = [];
        for (let i = 0; i < 1e6; i++) garbage[i % 1000] = { i };
        await delay(50);
      },
    );
    expect(got['perf:mark']).toMatchObject([{ name: 'here', duration_ns: 0 }]);
    expect(got['perf:measure']).toMatchObject([{ name: 'since' }]);
    expect(got['perf:function']).toMatchObject([{ name: 'work' }]);
    expect(got['perf:gc'].length).toBeGreaterThan(0);
    expect(got['perf:gc'][0].gc_kind).toBeGreaterThan(0);
    expect(got['perf:dns']).toMatchObject([{ name: 'lookup', host: 'localhost' }]);
    expect(got['perf:net']).toMatchObject([{ name: 'connect' }]);
    expect(got['perf:http']).toMatchObject([{ name: 'HttpRequest', status: 200, method: 'GET', url: '/five' }]);
    expect(got['perf:resource']).toMatchObject([{ initiator: 'fetch', status: major >= 24 ? 200 : 0 }]);
    const [seconds, rest] = process.hrtime();
    const now = seconds * 1e9 + rest;
    for (const { start_ns } of Object.values(got).flat()) {
      expect(start_ns).toBeLessThan(now);
      expect(start_ns).toBeGreaterThan(now - 600e9);
    }
  });
});

describe('the process', () => {
  it('reports how late the event loop is', async () => {
    const got = await seen(['event_loop:delay'], async () => {
      await delay(30);
      for (const end = performance.now() + 60; performance.now() < end;);
      await delay(50);
    });
    const delays = got['event_loop:delay'].map(({ delay_ns }) => delay_ns as number);
    expect(Math.max(...delays)).toBeGreaterThan(30e6);
  });

  it('reports warnings, rejections on their way, and passes everything else of process.emit on', async () => {
    const { emit } = process;
    const heard: unknown[] = [];
    const handler = (reason: unknown): void => void heard.push(reason);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', handler);
    const got = await seen(['process:unhandled_rejection', 'process:warning'], async () => {
      expect(process.emit).not.toBe(emit);
      const reason = Object.assign(new TypeError('lost'), { code: 'E_LOST' });
      void Promise.reject(reason);
      await delay(5);
      expect(heard).toEqual([reason]);
      process.emitWarning('careful', 'ShopWarning', 'SHOP01');
      await delay(5);
    });
    process.off('unhandledRejection', handler);
    for (const other of others) process.on('unhandledRejection', other);
    expect(process.emit).toBe(emit);
    expect(got['process:unhandled_rejection']).toEqual([
      { error_name: 'TypeError', error_code: 'E_LOST', error_message: 'lost' },
    ]);
    expect(got['process:warning']).toMatchObject([{ error_name: 'ShopWarning', error_code: 'SHOP01' }]);
  });
});

describe('channels of applications', () => {
  it('names tracepoints after them', () => {
    expect(tracepointName('shop.order')).toBe('shop:order');
    expect(tracepointName('db:query.slowPath')).toBe('db:query_slow_path');
    expect(tracepointName('orders')).toBe('channel:orders');
  });

  it('reads members of messages, whatever they are', () => {
    const registry = new TracepointRegistry();
    const tracepoint = defineChannel('test.order', { id: 'u64', country: 'char[2]' }, { registry });
    const got: Values[] = [];
    const order = dc.channel('test.order');
    const stop = hear(tracepoint as unknown as Tracepoint, (values) => void got.push(values));
    order.publish({ id: 7, country: 'DE', other: 1 });
    order.publish(undefined);
    order.publish({
      id: 8,
      get country(): string {
        throw new Error('no');
      },
    });
    stop();
    expect(order.hasSubscribers).toBe(false);
    expect(got).toEqual([
      { id: 7, country: 'DE' },
      { id: undefined, country: undefined },
      { id: 8, country: undefined },
    ]);
  });

  it('times tracing channels', async () => {
    const registry = new TracepointRegistry();
    const tracepoints = defineTracingChannel('test.query', { table: 'char[16]' }, { registry });
    expect(tracepoints.map(({ name }) => name)).toEqual(
      ['start', 'end', 'async_start', 'async_end', 'error'].map((step) => `query_${step}`),
    );
    const got: [string, Values][] = [];
    const stops = tracepoints.map((one) => hear(one, (values) => void got.push([one.name, values])));
    const tracing = dc.tracingChannel('test.query');
    await tracing.tracePromise(() => delay(3), { table: 'orders' });
    expect(() =>
      tracing.traceSync(
        () => {
          throw new RangeError('too far');
        },
        { table: 'shops' },
      ),
    ).toThrow(RangeError);
    for (const stop of stops) stop();
    expect(got.map(([name, { table }]) => `${name} ${String(table)}`)).toEqual([
      ...['query_start orders', 'query_end orders', 'query_async_start orders', 'query_async_end orders'],
      ...['query_start shops', 'query_error shops', 'query_end shops'],
    ]);
    expect(got[2][1].duration_ns).toBeGreaterThan(1e6);
    expect(got[5][1]).toMatchObject({ error_name: 'RangeError', error_message: 'too far' });
    expect(
      ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].some((step) =>
        dc.hasSubscribers(`tracing:test.query:${step}`),
      ),
    ).toBe(false);
  });
});
