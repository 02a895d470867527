/** An HTTP service with programs on its events, under load: counts are the load's own, nothing fails, nothing is left. */
import dc from 'node:diagnostics_channel';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import { createProcessKernel, openTraceHost, startTracing } from '../../src/node/index.ts';
import type { Kernel } from '../../src/kernel/index.ts';
import { defineTracepoint } from '../../src/tracing/index.ts';
import { BPF_CMD, PROG_TYPE } from '../../src/uapi/index.ts';
import { load, serving, shop } from './service.ts';

const object = fileURLToPath(new URL('../../examples/http-requests/http.bpf.o', import.meta.url));
const spec = () => loadCollectionSpec(new Uint8Array(readFileSync(object)), { file: object });
const built = fileURLToPath(new URL('../../dist/node/index.js', import.meta.url));
const CHANNELS = ['http.server.request.start', 'http.server.response.finish'];

interface Request {
  readonly url: string;
  readonly status: number;
}

/** A program as text. @returns its descriptor */
function program(kernel: Kernel, text: string, progType: number = PROG_TYPE.TRACEPOINT): number {
  const insns = encode(assemble(text).insns);
  const fd = kernel.bpf(BPF_CMD.PROG_LOAD, { progType, insns, license: 'GPL' });
  expect(fd).toBeGreaterThan(0);
  return fd;
}

describe('an HTTP service under load', () => {
  it('is counted by URL and status, with a histogram of its latency', async () => {
    const urls = [
      '/',
      '/orders',
      '/slow',
      '/broken',
      '/unknown?q=1',
      `/long/${'x'.repeat(100)}`,
      '/ü?ö'.normalize('NFC'),
    ];
    const paths = urls.map(encodeURI);
    await serving(shop, async (port) => {
      const tracing = startTracing(spec());
      const { counts, failed } = await load(port, paths, 3000);
      expect(failed).toEqual([]);

      const expected: Record<string, number> = {};
      for (const [key, count] of Object.entries(counts)) {
        const [status, url] = key.split(' ');
        expected[`${status} ${url.slice(0, 63)}`] = count;
      }
      const requests = [...tracing.maps.requests.as<Request, bigint | number>()];
      expect(Object.fromEntries(requests.map(([{ url, status }, n]) => [`${status} ${url}`, Number(n)]))).toEqual(
        expected,
      );

      const latency = [...tracing.maps.latency.as<number, bigint | number>()].map(([, n]) => Number(n));
      expect(latency.reduce((sum, n) => sum + n, 0)).toBe(3000);
      // 3 ms and more are slot 12 and up: not less than 2^11 microseconds.
      expect(latency.slice(12).reduce((sum, n) => sum + n, 0)).toBeGreaterThanOrEqual(counts['200 /slow']);
      expect(tracing.links).toMatchObject([{ target: 'http:server_response_finish', runs: 3000, misses: 0 }]);

      expect(CHANNELS.map((name) => dc.hasSubscribers(name))).toEqual([true, true]);
      tracing.close();
      expect(CHANNELS.map((name) => dc.hasSubscribers(name))).toEqual([false, false]);
      expect((await load(port, ['/'], 100)).failed).toEqual([]);
    });
  });

  it('goes on when a program takes more than its budget, which is detached with a word', async () => {
    const kernel = createProcessKernel();
    const host = openTraceHost(kernel);
    // 20,000 rounds of a loop whose end the verifier sees.
    const long = program(kernel, 'r1 = 0\nr1 += 1\nif r1 < 20000 goto -2\nr0 = 0\nexit');
    const short = program(kernel, 'r0 = 0\nexit');
    const words: string[] = [];
    const slow = host.attach(
      'http:server_request_start',
      { fd: long },
      { fuel: 1000, detached: (error) => void words.push(error.message) },
    );
    const quick = host.attach('http:server_request_start', { fd: short }, { fuel: 1000 });
    await serving(shop, async (port) => {
      expect((await load(port, ['/'], 200)).failed).toEqual([]);
    });
    expect(slow).toMatchObject({ attached: false, runs: 1 });
    expect(quick).toMatchObject({ attached: true, runs: 200 });
    expect(words).toHaveLength(1);
    expect(host.pipe.read()).toMatch(/is detached from http:server_request_start: .*the instruction budget is used up/);
    host.close();
    expect(CHANNELS.some((name) => dc.hasSubscribers(name))).toBe(false);
  });

  it('is served as before whatever its requests are made of', async () => {
    const host = openTraceHost();
    const fd = program(host.kernel, 'r0 = 0\nexit');
    const link = host.attach('http:server_response_finish', { fd });
    const start = dc.channel('http.server.request.start');
    const finish = dc.channel('http.server.response.finish');
    const hostile = [
      undefined,
      null,
      7,
      {},
      { request: null, response: null },
      { request: Object.freeze({ url: 1, method: Symbol('x') }), response: { statusCode: 'many' } },
      { request: { url: '\ud800'.repeat(100_000), method: '\0' }, response: { statusCode: NaN } },
      { request: { url: 'x'.repeat(10_000_000), method: {} }, response: { statusCode: 2 ** 60 } },
      { request: { url: '😀'.repeat(40), method: 'GET' }, response: { statusCode: -1 } },
      {
        get request(): never {
          throw new Error('no request');
        },
      },
      { request: new Proxy({}, { get: () => { throw new Error('proxy'); } }), response: {} }, // prettier-ignore
      { request: { method: 'GET', get url() { finish.publish({ request: {}, response: {} }); return '/'; } }, response: {} }, // prettier-ignore
    ];
    const thrown: unknown[] = [];
    const caught = (error: unknown): void => void thrown.push(error);
    process.on('uncaughtException', caught);
    for (const message of hostile) {
      start.publish(message);
      finish.publish(message);
    }
    await delay(5);
    process.off('uncaughtException', caught);
    expect(thrown).toEqual([]);
    expect([link.attached, link.runs, link.misses]).toEqual([true, hostile.length + 1, 0]);
    host.close();
  });
});

describe('a program for an event that the application defines later', () => {
  const late = (name: string) => {
    const object = spec();
    object.programs.on_response.attachTo = `late/${name}`;
    return object;
  };

  it('waits for it', () => {
    expect(() => startTracing(late('event'))).toThrow(/ENOENT/);
    const tracing = startTracing(late('event'), { wait: true });
    expect([tracing.links.length, [...tracing.waiting]]).toEqual([0, ['on_response']]);
    const fields = { status: 'u16', duration_ns: 'u64', method: 'char[8]', url: 'char[64]' } as const;
    const event = defineTracepoint('late', 'event', fields);
    event.emit({ status: 200, duration_ns: 5000, method: 'GET', url: '/late' });
    expect([...tracing.waiting]).toEqual([]);
    expect(tracing.links.map(({ target, runs }) => [target, runs])).toEqual([['late:event', 1]]);
    tracing.close();
    expect(event.enabled).toBe(false);
  });

  it('says so when it cannot be attached then, and not to the application', () => {
    const tracing = startTracing(late('other'), { wait: true });
    defineTracepoint('late', 'other', { status: 'u16' });
    expect([tracing.links.length, tracing.waiting.size]).toEqual([0, 0]);
    expect(tracing.host.pipe.read()).toMatch(/on_response: cannot be attached: .*EACCES/);
    tracing.close();
  });
});

describe('a program at an interval', () => {
  it('runs by a timer that keeps nothing alive and goes with it', async () => {
    const host = openTraceHost();
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const link = host.interval(2, { fd: program(host.kernel, 'r0 = 0\nexit', PROG_TYPE.PERF_EVENT) });
    expect(timers()).toBe(before);
    const end = performance.now() + 5000;
    while (link.runs < 3 && performance.now() < end) await delay(2);
    expect(link.runs).toBeGreaterThanOrEqual(3);
    link.detach();
    const { runs } = link;
    await delay(10);
    expect(link.runs).toBe(runs);
    host.close();
  });
});

describe("an application's own tracepoint", () => {
  it('is typed, counted by a program, and costs nothing alone', () => {
    const order = defineTracepoint('shop', 'order', { id: 'u64', total: 'u32', country: 'char[2]' });
    expect(order.enabled).toBe(false);
    order.emit({ id: 1, total: 2, country: 'FR' });
    const host = openTraceHost();
    // The context is exactly the record: total lies at 16, country at 20; at 22 there is nothing.
    const reads = (offset: number, size: string) => `r0 = *(${size} *)(r1 + ${offset})\nexit`;
    const link = host.attach('shop:order', { fd: program(host.kernel, reads(20, 'u16')) });
    expect(() => host.attach('shop:order', { fd: program(host.kernel, reads(24, 'u32')) })).toThrow(/reads 28 bytes/);
    order.emit({ id: 2n ** 63n, total: 1999, country: 'DE' });
    order.emit({ id: 7, total: 250, country: 'DE' });
    expect(link.runs).toBe(2);
    host.close();
    expect(order.enabled).toBe(false);
  });
});

describe.skipIf(!existsSync(built))('worker threads (needs dist)', () => {
  it('have hosts and maps of their own, whose contents they send', async () => {
    const source = `
      const { parentPort } = require('node:worker_threads');
      const { readFileSync } = require('node:fs');
      (async () => {
        const { startTracing } = await import(${JSON.stringify(new URL('../../dist/node/index.js', import.meta.url).href)});
        const { loadCollectionSpec } = await import(${JSON.stringify(new URL('../../dist/loader/index.js', import.meta.url).href)});
        const dc = require('node:diagnostics_channel');
        const tracing = startTracing(loadCollectionSpec(new Uint8Array(readFileSync(${JSON.stringify(object)}))));
        for (let i = 0; i < 100; i++)
          dc.channel('http.server.response.finish').publish({ request: { url: '/w' }, response: { statusCode: 200 } });
        parentPort.postMessage([...tracing.maps.requests].map(([{ url, status }, n]) => [url, status, Number(n)]));
        tracing.close();
      })();`;
    const tracing = startTracing(spec());
    const answers = await Promise.all(
      [1, 2].map(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker(source, { eval: true });
            worker.on('message', resolve);
            worker.on('error', reject);
          }),
      ),
    );
    expect(answers).toEqual([[['/w', 200, 100]], [['/w', 200, 100]]]);
    expect([...tracing.maps.requests]).toEqual([]);
    tracing.close();
  });
});
