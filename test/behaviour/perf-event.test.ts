/** Perf event arrays: what their slots take, what programs send, what a reader gets, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { errnoName } from '../../src/errors/index.ts';
import { PerfReader } from '../../src/events/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { createMap, hex, load, lookup, nextKey, outcome, remove, take, u32, update } from './support.ts';

const eventArray = (sys: BpfSys, maxEntries = 64): number =>
  createMap(sys, { mapType: MAP_TYPE.PERF_EVENT_ARRAY, valueSize: 4, maxEntries });
const FRAME = Uint8Array.from({ length: 64 }, (_, i) => i);

/** Send `size` bytes of 0x…0807060504030201 with these flags; a classifier. */
function sender(sys: BpfSys, mapFd: number, flags: string, size: number): number {
  const { insns } = assemble(`
    r6 = r1
    r1 = 0x0807060504030201 ll
    *(u64 *)(r10 - 16) = r1
    *(u64 *)(r10 - 8) = r1
    r1 = r6
    r2 = 7 ll
    r3 = ${flags} ll
    r4 = r10
    r4 += -16
    r5 = ${size}
    call 25
    exit`);
  const patched = insns.map((insn) =>
    insn.opcode === 0x18 && insn.dst === 2 ? { ...insn, src: 1, imm: mapFd } : insn,
  );
  const fd = sys.bpf(BPF_CMD.PROG_LOAD, { progType: PROG_TYPE.SCHED_CLS, insns: encode(patched), license: 'GPL' });
  expect(fd).toBeGreaterThan(2);
  return fd;
}

/** What the program answers. */
function run(sys: BpfSys, progFd: number): string {
  const attr = { progFd, dataIn: FRAME, retval: 0 };
  expect(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
  const answer = attr.retval | 0;
  return answer < 0 ? errnoName(answer) : String(answer);
}

const CURRENT = '0xffffffff';
const send = (sys: BpfSys, mapFd: number, flags: string, size = 8): string => run(sys, sender(sys, mapFd, flags, size));
/** Each record's first `size` bytes, and how long it is: what pads it is whatever was there. */
const read = (reader: PerfReader, size: number): string[] =>
  [...reader.read()].map(({ data }) => `${hex(data.subarray(0, size))} of ${data.length}`);

onBackends('perf-event', {
  creation: ({ sys, ledger }) => {
    const create = (attr: object): string =>
      outcome(sys, createMap(sys, { mapType: MAP_TYPE.PERF_EVENT_ARRAY, valueSize: 4, ...attr }));
    ledger(
      'values',
      [0, 1, 4, 8].map((valueSize) => create({ valueSize })),
    );
    ledger(
      'keys',
      [0, 1, 4, 8].map((keySize) => create({ keySize })),
    );
    ledger(
      'flags',
      [...Array(32).keys()].map((bit) => create({ mapFlags: 2 ** bit })),
    );
  },

  slots: ({ sys, ledger }) => {
    const fd = eventArray(sys, 4);
    const event = sys.openPerfEvent(0);
    expect(event).toBeGreaterThan(2);
    const value = u32(0);
    ledger('empty', [lookup(sys, fd, u32(0), value), remove(sys, fd, u32(0)), nextKey(sys, fd)]);
    ledger(
      'flags',
      [0, 1, 2, 3, 4, 8].map((flags) => update(sys, fd, u32(0), u32(event), flags)),
    );
    ledger('again', update(sys, fd, u32(0), u32(event)));
    ledger('look up', lookup(sys, fd, u32(0), value));
    ledger('beyond', [update(sys, fd, u32(4), u32(event)), remove(sys, fd, u32(4)), lookup(sys, fd, u32(4), value)]);
    ledger(
      'other descriptors',
      [9999, fd, load(sys)].map((other) => update(sys, fd, u32(0), u32(other))),
    );
    ledger('delete', [remove(sys, fd, u32(0)), remove(sys, fd, u32(0))]);
    ledger('take', take(sys, fd, u32(0), value));
    ledger('a CPU that is not there', errnoName(sys.openPerfEvent(4000)));
  },

  'what a sender is told': ({ sys, ledger }) => {
    const fd = eventArray(sys);
    ledger('empty slots', [
      send(sys, fd, CURRENT),
      send(sys, fd, '0'),
      send(sys, fd, '64'),
      send(sys, fd, '0x100000000'),
    ]);
    const events = Array.from({ length: sys.possibleCpus }, (_, cpu) => sys.openPerfEvent(cpu));
    events.forEach((event, cpu) => update(sys, fd, u32(cpu), u32(event)));
    ledger('no buffer', send(sys, fd, CURRENT));
    for (const length of [3 * 4096 - 1, 2 * 4096 + 1, 4096, 4 * 4096]) {
      let answer = 'ok';
      try {
        sys.mmap(events[0], length, 0).unmap();
      } catch (error) {
        answer = (error as { code: string }).code;
      }
      if (length % 4096 === 0) ledger(`a mapping of ${length}`, answer);
    }
  },

  samples: ({ sys, ledger }) => {
    const fd = eventArray(sys);
    const reader = PerfReader.open(sys, fd, { pages: 1 });
    for (const size of [1, 4, 5, 8, 12, 16]) {
      ledger(`${size} bytes`, [send(sys, fd, CURRENT, size), ...read(reader, size)]);
    }
    for (const length of [1, 10, 64, 65]) {
      const flags = `0x${length.toString(16)}ffffffff`;
      ledger(`${length} bytes of the packet`, [send(sys, fd, flags), ...read(reader, 8 + length)]);
    }
    ledger('flags', [send(sys, fd, '0x100000ffffffff'), ...read(reader, 8)]);
    reader.close();
  },

  'a full buffer, and around its end': ({ sys, ledger }) => {
    const fd = eventArray(sys);
    const reader = PerfReader.open(sys, fd, { pages: 1 });
    const progFd = sender(sys, fd, CURRENT, 16);
    // On Linux the test may move to another CPU meanwhile: fill, whichever it is.
    let full = 0;
    for (let i = 0; i < 10_000 && full < 5; i++) if (run(sys, progFd) === 'ENOSPC') full++;
    expect(full).toBe(5);
    const kept = read(reader, 16);
    expect(new Set(kept).size).toBe(1);
    ledger('samples', [kept[0]]);
    expect(run(sys, progFd)).toBe('0');
    const later = read(reader, 16);
    expect(reader.lost).toBeGreaterThan(0);
    expect(later.length).toBeLessThanOrEqual(2);
    for (let i = 0; i < 1000; i++) {
      expect(run(sys, progFd)).toBe('0');
      expect(read(reader, 16)).toEqual([kept[0]]);
    }
    reader.close();
  },
});
