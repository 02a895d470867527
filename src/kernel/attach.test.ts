/** Programs attached to events of the process: what they are given, what they are refused, and what stops them. */
import { describe, expect, it, vi } from 'vitest';
import { assemble } from '../asm/index.ts';
import { EVENT_PLACE, INTERVAL_PLACE } from '../contracts/index.ts';
import { BudgetTrap } from '../errors/index.ts';
import { encode } from '../isa/index.ts';
import { BPF_CMD, MAP_TYPE, PROG_TYPE } from '../uapi/index.ts';
import { createKernel } from './index.ts';
import type { EventShape, Kernel, KernelEvent } from './index.ts';

const PLACE = { ...EVENT_PLACE, name: 'shop:order' };
/** u64 id at 8, s16 change at 16, char[4] country at 18; padded. */
const SHAPE: EventShape = {
  size: 24,
  args: [
    { offset: 8, size: 8, signed: false, text: false },
    { offset: 16, size: 2, signed: true, text: false },
    { offset: 18, size: 4, signed: false, text: true },
  ],
};
const { TRACEPOINT, RAW_TRACEPOINT } = PROG_TYPE;
const engines = ['interp', 'jit'] as const;

function load(kernel: Kernel, progType: number, text: string, mapFd = 0): number {
  const { insns, mapRefs } = assemble(text);
  const at = new Set(mapRefs.map((ref) => ref.insn));
  const patched = insns.map((insn, slot) => (at.has(slot) ? { ...insn, src: 1, imm: mapFd } : insn));
  const fd = kernel.bpf(BPF_CMD.PROG_LOAD, { progType, insns: encode(patched), license: 'GPL' });
  if (fd < 0) throw new Error(`the program does not load: ${fd}`);
  return fd;
}

const array = (kernel: Kernel): number =>
  kernel.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });

/** Stores r6 in the map's element. */
const STORE = `
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map[m]
  call bpf_map_lookup_elem
  if r0 == 0 goto +1
  *(u64 *)(r0 +0) = r6
  r0 = 0
  exit`;

function stored(kernel: Kernel, mapFd: number): bigint {
  const value = new Uint8Array(8);
  kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: new Uint8Array(4), value });
  return new DataView(value.buffer).getBigInt64(0, true);
}

function fire({ source }: KernelEvent, id: bigint, change: number, country: string): void {
  const { view, bytes } = source.space;
  view.setBigUint64(source.address + 8, id, true);
  view.setInt16(source.address + 16, change, true);
  bytes.set(new TextEncoder().encode(`${country}\0`), source.address + 18);
  source.fire();
}

describe.each(engines)('an event on engine %s', (engine) => {
  it('gives a tracepoint program its record', () => {
    const kernel = createKernel({ engine });
    const map = array(kernel);
    const event = kernel.openEvent(PLACE, SHAPE);
    const at = event.attach(load(kernel, TRACEPOINT, `r6 = *(u64 *)(r1 +8)${STORE}`, map));
    fire(event, 2n ** 63n + 5n, -2, 'DE');
    expect(BigInt.asUintN(64, stored(kernel, map))).toBe(2n ** 63n + 5n);
    fire(event, 7n, -2, 'DE');
    expect(stored(kernel, map)).toBe(7n);
    expect(at.runs).toBe(2);
  });

  it.each([
    ['a number of 64 bits', 'r6 = *(u64 *)(r1 +0)', 9_007_199_254_740_993n],
    ['a signed number, widened', 'r6 = *(u64 *)(r1 +8)', -2n],
    [
      'the address of a text',
      `r3 = *(u64 *)(r1 +16)
       *(u64 *)(r10 -8) = 0
       r1 = r10
       r1 += -8
       r2 = 4
       call bpf_probe_read_kernel_str
       r6 = *(u64 *)(r10 -8)`,
      BigInt(0x4544), // 'DE'
    ],
  ])('gives a raw tracepoint program %s', (_, text, expected) => {
    const kernel = createKernel({ engine });
    const map = array(kernel);
    const event = kernel.openEvent(PLACE, SHAPE);
    event.attach(load(kernel, RAW_TRACEPOINT, text + STORE, map));
    fire(event, 9_007_199_254_740_993n, -2, 'DE');
    expect(stored(kernel, map)).toBe(expected);
  });

  it('detaches a program that takes more than it may, says so, and runs the others', () => {
    const kernel = createKernel({ engine });
    const map = array(kernel);
    const event = kernel.openEvent(PLACE, SHAPE);
    const stopped = vi.fn();
    const loops = `r6 = 0
      r6 += 1
      if r6 < 1000 goto -2
      r0 = 0
      exit`;
    const slow = event.attach(load(kernel, TRACEPOINT, loops), { fuel: 500, stopped });
    const quick = event.attach(load(kernel, TRACEPOINT, `r6 = *(u64 *)(r1 +8)${STORE}`, map), { fuel: 500 });
    fire(event, 1n, 0, '');
    fire(event, 2n, 0, '');
    expect(stopped).toHaveBeenCalledOnce();
    expect(stopped.mock.calls[0][0]).toBeInstanceOf(BudgetTrap);
    expect([slow.attached, slow.runs, quick.attached, quick.runs]).toEqual([false, 1, true, 2]);
    expect(stored(kernel, map)).toBe(2n);
    expect(event.source.listeners).toBe(1);
  });

  it('counts events that come while a program runs', () => {
    let inner = 0;
    const kernel = createKernel({
      engine,
      trace: () => {
        inner++;
        if (event.source.idle) event.source.fire();
        else event.source.missed();
      },
    });
    const event = kernel.openEvent(PLACE, SHAPE);
    const text = `*(u64 *)(r10 -8) = 0x6968
      r1 = r10
      r1 += -8
      r2 = 3
      call bpf_trace_printk
      r0 = 0
      exit`;
    const at = event.attach(load(kernel, TRACEPOINT, text));
    event.source.fire();
    expect([inner, at.runs, at.misses]).toEqual([1, 1, 1]);
  });

  it('keeps a program whose descriptor is closed, and gives all memory back', () => {
    const kernel = createKernel({ engine });
    // What programs of either kind make once stays.
    for (const type of [TRACEPOINT, RAW_TRACEPOINT]) kernel.close(load(kernel, type, 'r0 = 0\nexit'));
    const before = kernel.memoryBytes;
    const map = array(kernel);
    const event = kernel.openEvent(PLACE, SHAPE);
    const progs = [TRACEPOINT, RAW_TRACEPOINT].map((type) => load(kernel, type, `r6 = *(u64 *)(r1 +8)${STORE}`, map));
    const [first] = progs.map((fd) => event.attach(fd));
    for (const fd of [...progs, map]) kernel.close(fd);
    fire(event, 1n, 5, '');
    expect(first.runs).toBe(1);
    first.detach();
    first.detach();
    expect(event.source.listeners).toBe(1);
    event.close();
    expect(kernel.bpf(BPF_CMD.PROG_GET_NEXT_ID, { startId: 0 })).toBeLessThan(0);
    expect(kernel.memoryBytes).toBe(before);
  });
});

describe('attaching', () => {
  const kernel = createKernel();
  const event = kernel.openEvent(PLACE, SHAPE);
  const refused = (progType: number, text: string, map = 0) => {
    const fd = load(kernel, progType, text, map);
    return () => event.attach(fd);
  };

  it('names the helper that the place does not grant', () => {
    const text = 'r1 = 0\ncall bpf_get_current_ancestor_cgroup_id\nexit';
    expect(refused(TRACEPOINT, text)).toThrow(/EACCES.*shop:order does not grant bpf_get_current_ancestor_cgroup_id/);
  });

  it('names the type of map that the place does not grant', () => {
    const stacks = { mapType: MAP_TYPE.STACK_TRACE, keySize: 4, valueSize: 64, maxEntries: 4 };
    const map = kernel.bpf(BPF_CMD.MAP_CREATE, stacks);
    expect(refused(TRACEPOINT, 'r1 = map[m]\nr0 = 0\nexit', map)).toThrow(
      /EACCES.*shop:order does not grant maps of type stack_trace/,
    );
  });

  it('takes no program of another type', () => {
    expect(refused(PROG_TYPE.XDP, 'r0 = 0\nexit')).toThrow(/EACCES.*takes no program of type xdp/);
    const interval = kernel.openEvent({ ...INTERVAL_PLACE, name: 'interval' }, { size: 184, args: [] });
    const fd = load(kernel, TRACEPOINT, 'r0 = 0\nexit');
    expect(() => interval.attach(fd)).toThrow(/EACCES.*interval takes no program of type tracepoint/);
  });

  it('refuses a program that reads beyond the record, as Linux does', () => {
    expect(refused(TRACEPOINT, 'r0 = *(u64 *)(r1 +24)\nr0 = 0\nexit')).toThrow(/EACCES.*reads 32 bytes.*has 24/);
    expect(refused(RAW_TRACEPOINT, 'r0 = *(u64 *)(r1 +24)\nr0 = 0\nexit')).toThrow(/EACCES.*reads 32 bytes.*has 24/);
  });

  it('refuses descriptors that are no programs', () => {
    expect(() => event.attach(99)).toThrow(/EBADF/);
    expect(() => event.attach(array(kernel))).toThrow(/EINVAL/);
  });

  it('refuses where programs are only verified', () => {
    const verifying = createKernel({ verifyOnly: true });
    const fd = load(verifying, TRACEPOINT, 'r0 = 0\nexit');
    expect(() => verifying.openEvent(PLACE, SHAPE).attach(fd)).toThrow(/ENOTSUPP/);
  });
});
