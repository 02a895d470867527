/** Timers and locks in map values, compiled by clang: what programs and callbacks find on both backends. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BudgetTrap } from '../../src/errors/index.ts';
import { LiveTimers, createKernel } from '../../src/kernel/index.ts';
import type { EngineName, Kernel } from '../../src/kernel/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD } from '../../src/uapi/index.ts';
import { u32 } from '../behaviour/support.ts';
import { onBackends } from '../backends.ts';

const bytes = new Uint8Array(readFileSync(new URL('timers.o', import.meta.url)));
const FRAME = new Uint8Array(64);
const spec = () => loadCollectionSpec(bytes, { file: 'timers.o' });
const NAMES = Object.keys(spec().programs).sort();

function run(sys: BpfSys, progFd: number): number {
  const attr = { progFd, dataIn: FRAME, retval: -1, repeat: 1 };
  expect(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
  return attr.retval | 0;
}

function seen(sys: BpfSys, mapFd: number): string[] {
  return Array.from({ length: 8 }, (_, i) => {
    const value = new Uint8Array(8);
    expect(sys.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: u32(i), value })).toBe(0);
    return new DataView(value.buffer).getBigInt64(0, true).toString();
  });
}

/** An element's value as user space sees it, or its errno. */
function element(sys: BpfSys, mapFd: number, key: Uint8Array): string {
  const value = new Uint8Array(32).fill(0xee);
  const result = sys.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key, value });
  return result === 0 ? Buffer.from(value).toString('hex') : `${result}`;
}

onBackends(
  'timers',
  Object.fromEntries(
    NAMES.map((name) => [
      name,
      async ({ sys, ledger, pass }) => {
        using loaded = spec().load(sys, { programs: [name] });
        const { seen: results, table, array, recent } = loaded.maps as Partial<typeof loaded.maps>;
        if (!results) throw new Error('no results');
        ledger('returns', run(sys, loaded.programs[name].fd));
        if (name.startsWith('errors') || name === 'locking') ledger('at once', seen(sys, results.fd));
        await pass(100);
        ledger('seen', seen(sys, results.fd));
        const key = Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0);
        if (table) ledger('table', element(sys, table.fd, key));
        if (recent) ledger('recent', element(sys, recent.fd, key));
        if (array) ledger('array', [element(sys, array.fd, u32(1)), element(sys, array.fd, u32(2))]);
      },
    ]),
  ),
);

/** A kernel whose clock stands still until it is told. */
function stopped(engine: EngineName) {
  const time = { now: 1000, armed: [] as number[] };
  const clock = { monotonic: () => time.now, boottime: () => time.now, tai: () => time.now };
  const kernel = createKernel({ engine, clock, timerArmed: (expires) => time.armed.push(expires) });
  return { kernel, time };
}

describe.each(['interp', 'jit'] as const)('timers on a clock of the test, %s', (engine) => {
  it('run when they are told to, in the order of their times', () => {
    const { kernel, time } = stopped(engine);
    using _ = kernel;
    using loaded = spec().load(kernel, { programs: ['runs_in_order'] });
    run(kernel, loaded.programs['runs_in_order'].fd);
    expect(time.armed).toEqual([30_001_000, 20_001_000, 10_001_000]);
    expect(kernel.nextTimer).toBe(10_001_000);
    expect(kernel.runTimers()).toBe(0);
    expect(kernel.runTimers(10_000_999)).toBe(0);
    expect(kernel.runTimers(25_000_000)).toBe(2);
    expect(seen(kernel, loaded.maps['seen'].fd)[0]).toBe('14');
    time.now = 30_001_000;
    expect(kernel.runTimers()).toBe(1);
    expect(seen(kernel, loaded.maps['seen'].fd)[0]).toBe('142');
    expect(kernel.nextTimer).toBe(Infinity);
  });

  it('one that starts itself again is due again', () => {
    const { kernel, time } = stopped(engine);
    using _ = kernel;
    using loaded = spec().load(kernel, { programs: ['runs_again'] });
    run(kernel, loaded.programs['runs_again'].fd);
    for (const left of [1, 1, 1, 0]) expect(kernel.runTimers((time.now += 1000))).toBe(left);
  });

  it('a callback keeps its program, a descriptor of user space the timer', () => {
    const { kernel } = stopped(engine);
    using _ = kernel;
    const loaded = spec().load(kernel, { programs: ['runs_hash', 'runs_lru'] });
    run(kernel, loaded.programs['runs_hash'].fd);
    run(kernel, loaded.programs['runs_lru'].fd);
    for (const name of ['runs_hash', 'runs_lru']) kernel.close(loaded.programs[name].fd);
    kernel.close(loaded.maps['recent'].fd);
    expect(kernel.runTimers(Infinity)).toBe(1);
    expect(seen(kernel, loaded.maps['seen'].fd)[0]).toBe('1');
  });

  it('callbacks have a budget, each of its own', () => {
    const { kernel } = stopped(engine);
    using _ = kernel;
    using loaded = spec().load(kernel, { programs: ['runs_hash', 'runs_lru'] });
    run(kernel, loaded.programs['runs_hash'].fd);
    run(kernel, loaded.programs['runs_lru'].fd);
    let traps = 0;
    while (kernel.nextTimer < Infinity) {
      expect(() => kernel.runTimers(Infinity, 1)).toThrow(BudgetTrap);
      traps++;
    }
    expect(traps).toBeGreaterThan(1);
    expect(kernel.runTimers(Infinity)).toBe(0);
    run(kernel, loaded.programs['runs_hash'].fd);
    expect(kernel.runTimers(Infinity, 1000)).toBe(1);
  });

  it('an element that an LRU hash has given away has none', () => {
    const { kernel } = stopped(engine);
    using _ = kernel;
    using loaded = spec().load(kernel, { programs: ['runs_lru'] });
    run(kernel, loaded.programs['runs_lru'].fd);
    const { fd: mapFd } = loaded.maps['recent'];
    for (let i = 0; i < 100; i++) {
      const key = Uint8Array.of(100 + i, 0, 0, 0, 0, 0, 0, 0);
      expect(kernel.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd, key, value: new Uint8Array(32).fill(255) })).toBe(0);
    }
    expect(kernel.nextTimer).toBe(Infinity);
    expect(kernel.runTimers(Infinity)).toBe(0);
  });
});

it('timers of the host run them as time goes by', async () => {
  const live = new LiveTimers(setTimeout, clearTimeout);
  const kernel: Kernel = createKernel({ timerArmed: () => live.follow(kernel) });
  using _ = kernel;
  using loaded = spec().load(kernel, { programs: ['runs_again', 'runs_far'] });
  run(kernel, loaded.programs['runs_again'].fd);
  await expect.poll(() => seen(kernel, loaded.maps['seen'].fd)[0]).toBe('333');
  expect(kernel.nextTimer).toBe(Infinity);
  run(kernel, loaded.programs['runs_far'].fd);
  expect(kernel.nextTimer).toBeLessThan(Infinity);
  live.stop();
});

it('a callback that takes too long is stopped, and nothing else', async () => {
  const traps: string[] = [];
  const live = new LiveTimers(setTimeout, clearTimeout, { fuel: 1, stopped: ({ reason }) => traps.push(reason) });
  const kernel: Kernel = createKernel({ timerArmed: () => live.follow(kernel) });
  using _ = kernel;
  using loaded = spec().load(kernel, { programs: ['runs_again'] });
  run(kernel, loaded.programs['runs_again'].fd);
  await expect.poll(() => traps[0]).toBe('the instruction budget is used up');
  expect(kernel.nextTimer).toBe(Infinity);
});
