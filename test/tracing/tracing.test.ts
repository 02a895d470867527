/** Objects of clang on tracepoints of this process: attached by their sections, counting, printing, stopped, let go. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { BpfError } from '../../src/errors/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import type { EngineName } from '../../src/kernel/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import { TraceHost, TracepointRegistry } from '../../src/tracing/index.ts';

const FIELDS = { id: 'u64', total: 'u32', country: 'char[2]' } as const;
const ENGINES: EngineName[] = ['jit', 'interp'];
const object = readFileSync(new URL('orders.o', import.meta.url));
const disposables: Disposable[] = [];

afterEach(() => disposables.splice(0).forEach((one) => one[Symbol.dispose]()));

/** A host with the event that the object is for, and timers that run when told. */
function setUp(engine: EngineName = 'jit') {
  const ticking = new Set<() => void>();
  const timers = {
    every: (_: number, body: () => void) => {
      ticking.add(body);
      return () => void ticking.delete(body);
    },
  };
  const kernel = createKernel({ engine });
  const host = new TraceHost(kernel, { registry: new TracepointRegistry(), clock: () => 1e9, timers });
  const order = host.define('shop', 'order', FIELDS);
  const collection = loadCollectionSpec(object).load(kernel);
  disposables.push(kernel, collection, host);
  return { kernel, host, order, collection, ticking, ...collection };
}

it.each(ENGINES)('attaches all programs by their sections on %s', (engine) => {
  const { host, order, collection, maps, ticking } = setUp(engine);
  const links = host.attachAll(collection, { interval: 250 });
  expect(links.map(({ target, program }) => `${program.name} ${target}`)).toEqual([
    'count shop:order',
    'sum shop:order',
    'say shop:order',
    'tick interval:250ms',
  ]);
  order.emit({ id: 1n, total: 500, country: 'DE' });
  order.emit({ id: 2n, total: 1500, country: 'FR' });
  order.emitter('id', 'total', 'country')(3, 250, 'DE');
  for (const tick of ticking) tick();
  const tallies = [...maps.by_country].map(([key, value]) => [String(key), value]);
  expect(tallies).toHaveLength(2);
  expect(JSON.stringify(tallies, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))).toContain(
    '{"orders":2,"total":750}',
  );
  expect(host.readFile('trace_pipe')).toBe(
    '            skep-1       [000] .....     1.000000: bpf_trace_printk: order 2 of 1500\n',
  );
  const bss = maps['.bss'].lookup(0);
  expect(bss).toMatchObject({ raw_total: 2250, ticks: 1, period: 250_000_000 });
  expect(links.map(({ runs, misses }) => [runs, misses])).toEqual([[3, 0], [3, 0], [3, 0], [1, 0]]); // prettier-ignore
});

it('leaves nothing behind when the host is closed', () => {
  const { kernel, host, order, collection, ticking } = setUp();
  const told: string[] = [];
  order.hook({ enabled: () => told.push('on'), disabled: () => told.push('off') });
  const links = host.attachAll(collection, { interval: 250 });
  host.writeFile('events/enable', '1');
  const before = kernel.memoryBytes;
  host.close();
  host.close();
  order.emit({ id: 1n, total: 5000, country: 'DE' });
  expect([order.enabled, order.listeners, ticking.size, told.join()]).toEqual([false, 0, 0, 'on,off']);
  expect(links.every(({ attached, runs }) => !attached && runs === 0)).toBe(true);
  expect(host.readFile('trace_pipe')).toBe('');
  expect(kernel.memoryBytes).toBeLessThan(before);
  expect(() => host.attach('shop:order', collection.programs.count)).toThrow(
    expect.objectContaining({ code: 'EBADF' }),
  );
});

it('keeps a program loaded while it is attached, and not longer', () => {
  const { host, order, collection, maps, kernel } = setUp();
  const link = host.attach(collection.programs.count);
  collection.programs.count.close();
  order.emit({ id: 1n, total: 5, country: 'DE' });
  expect([...maps.by_country]).toHaveLength(1);
  const file = 'events/shop/order/filter';
  const { id } = link.program;
  expect(host.readFile(file)).toBe(`bpf_${id}\n`);
  link.detach();
  expect(() => host.writeFile(file, `bpf_${id}`)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  expect(kernel.notCompiled(0)).toBeUndefined();
});

it.each(ENGINES)('detaches a program that takes more than its budget, with a word, on %s', (engine) => {
  const { host, order, programs } = setUp(engine);
  const told: string[] = [];
  const detached = (error: Error, link: { readonly target: string }): void => {
    told.push(`${error.constructor.name} ${link.target}`);
    order.emit({ id: 9n, total: 9, country: 'IT' });
    throw new Error('of the application');
  };
  const tight = host.attach('shop:order', programs.count, { fuel: 5, detached });
  const other = host.attach('shop:order', programs.sum);
  order.emit({ id: 1n, total: 5, country: 'DE' });
  order.emit({ id: 2n, total: 5, country: 'DE' });
  expect([tight.attached, tight.runs, other.attached, other.runs]).toEqual([false, 1, true, 2]);
  expect(other.misses).toBe(1);
  expect(told).toEqual(['BudgetTrap shop:order']);
  expect(host.readFile('trace_pipe')).toBe(
    '            skep-1       [000] .....     1.000000: order: program count (bpf_1) is detached from shop:order: ' +
      'the instruction budget is used up\n',
  );
});

it('closes from inside an event', () => {
  const { host, order, programs } = setUp();
  host.attach('shop:order', programs.count, { fuel: 5, detached: () => host.close() });
  const other = host.attach('shop:order', programs.sum);
  order.emit({ id: 1n, total: 5, country: 'DE' });
  expect([other.attached, order.listeners]).toEqual([false, 0]);
});

it('tells several hosts of one event, each with programs of its own', () => {
  const registry = new TracepointRegistry();
  const order = registry.define('shop', 'order', FIELDS);
  const links = [1, 2].map(() => {
    const kernel = createKernel();
    const host = new TraceHost(kernel, { registry });
    const collection = loadCollectionSpec(object).load(kernel);
    disposables.push(kernel, collection, host);
    return { host, link: host.attach(collection.programs.count), maps: collection.maps };
  });
  order.emit({ id: 1n, total: 5, country: 'DE' });
  links[0].host.close();
  order.emit({ id: 2n, total: 5, country: 'FR' });
  expect(links.map(({ link, maps }) => [link.runs, [...maps.by_country].length])).toEqual([[1, 1], [2, 2]]); // prettier-ignore
});

it('refuses what it cannot attach, with the reason', () => {
  const { host, programs, collection, kernel, ticking } = setUp();
  const refusal = (body: () => unknown): string => {
    try {
      body();
      return 'attached';
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      return `${error.code} ${error.message.replace(/^.*?\): /, '')}`;
    }
  };
  expect(refusal(() => host.attachAll(collection))).toBe(
    'EINVAL program tick: the option interval says how often it runs',
  );
  expect(host.event('shop:order').links).toEqual([]);
  expect(refusal(() => host.attach(programs.not_tracing))).toBe(
    'EINVAL program not_tracing: its section names no event',
  );
  expect(refusal(() => host.attach('shop:order', programs.not_tracing))).toBe(
    'EACCES shop:order takes no program of type socket_filter',
  );
  expect(refusal(() => host.attach('shop:order', programs.tick))).toBe(
    'EACCES shop:order takes no program of type perf_event',
  );
  expect(refusal(() => host.interval(10, programs.count))).toBe(
    'EACCES interval:10ms takes no program of type tracepoint',
  );
  expect(refusal(() => host.attach('shop:nosuch', programs.count))).toBe('ENOENT no tracepoint shop:nosuch');
  expect(refusal(() => host.attach('shop:order', { fd: 999 }))).toBe('EBADF descriptor 999 is no program');
  const elsewhere = new TraceHost(createKernel(), { registry: host.registry });
  expect(refusal(() => elsewhere.attach(programs.count))).toBe('EINVAL the program is loaded in another kernel');
  expect(refusal(() => host.attach('shop:order', collection.maps.by_country))).toMatch(/^EINVAL/);
  for (const fuel of [0, -1, NaN])
    expect(refusal(() => host.attach('shop:order', programs.count, { fuel }))).toMatch(/^EINVAL fuel/);
  expect(refusal(() => host.interval(0, programs.tick))).toMatch(/^EINVAL 1 to/);
  expect(refusal(() => host.interval(NaN, programs.tick))).toMatch(/^EINVAL 1 to/);
  expect(refusal(() => new TraceHost(kernel).interval(10, programs.tick))).toBe('EOPNOTSUPP this host has no timers');
  host.define('mall', 'order', FIELDS);
  expect(refusal(() => host.attach(programs.sum))).toBe('EINVAL order is one of shop:order, mall:order');
  expect(ticking.size).toBe(0);
});

it('can be closed, detached and asked from inside a run', () => {
  const { kernel, host, order, programs } = setUp();
  const seen: string[] = [];
  kernel.traceTo(() => {
    order.emit({ id: 5n, total: 5000, country: 'DE' });
    seen.push(host.readFile('events/shop/order/filter').trim());
    host.close();
  });
  const link = host.attach(programs.say);
  order.emit({ id: 1n, total: 5000, country: 'DE' });
  expect([seen, link.attached, link.runs, link.misses]).toEqual([[`bpf_${link.program.id}`], false, 1, 1]);
  expect(order.listeners).toBe(0);
});
