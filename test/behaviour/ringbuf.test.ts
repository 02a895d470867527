/** Ring buffers: what programs are told, what a reader gets, and when it is woken, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { errnoName } from '../../src/errors/index.ts';
import { RingbufReader } from '../../src/events/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, HELPER_NAMES, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { createMap, hex, lookup, nextKey, outcome, remove, take, u32, update } from './support.ts';

const SIZE = 4096;
const ring = (sys: BpfSys, maxEntries = SIZE): number =>
  createMap(sys, { mapType: MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries });
const call = (name: string): string => `call ${HELPER_NAMES.indexOf(`ringbuf_${name}`)}`;

/** A classifier; \`map[m]\` is the ring. */
function program(sys: BpfSys, mapFd: number, text: string): number {
  const { insns, mapRefs } = assemble(text);
  const patched = insns.map((insn, slot) =>
    mapRefs.some((ref) => ref.insn === slot) ? { ...insn, src: 1, imm: mapFd } : insn,
  );
  const fd = sys.bpf(BPF_CMD.PROG_LOAD, { progType: PROG_TYPE.SCHED_CLS, insns: encode(patched), license: 'GPL' });
  expect(fd, text).toBeGreaterThan(2);
  return fd;
}

function run(sys: BpfSys, progFd: number, mark = 0): string {
  const ctxIn = new Uint8Array(192);
  new DataView(ctxIn.buffer).setUint32(8, mark, true);
  const attr = { progFd, dataIn: new Uint8Array(64), ctxIn, retval: 0 };
  expect(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
  const answer = attr.retval | 0;
  return answer < 0 ? errnoName(answer) : String(answer);
}

/** Copy the context's mark and \`size\` bytes in all. */
const output = (size: number, flags: string | number = 0): string => `
  r2 = *(u32 *)(r1 + 8)
  *(u64 *)(r10 - 16) = r2
  *(u64 *)(r10 - 8) = 0x11
  r1 = map[m]
  r2 = r10
  r2 += -16
  r3 = ${size}
  r4 = ${flags} ll
  ${call('output')}
  exit`;

/** Reserve, write the mark into the first byte, and end it; 99 where there is no room. */
const reserve = (size: number, end: 'submit' | 'discard', flags = 0, reserveFlags = 0): string => `
  r6 = *(u32 *)(r1 + 8)
  r1 = map[m]
  r2 = ${size}
  r3 = ${reserveFlags}
  ${call('reserve')}
  if r0 == 0 goto +6
  *(u8 *)(r0 + 0) = r6
  r1 = r0
  r2 = ${flags}
  ${call(end)}
  r0 = 0
  exit
  r0 = 99
  exit`;

const query = (what: number): string => `
  r1 = map[m]
  r2 = ${what}
  ${call('query')}
  exit`;

const read = (reader: RingbufReader): string[] => [...reader.read()].map(hex);

onBackends('ringbuf', {
  'creation and commands': ({ sys, ledger }) => {
    const create = (attr: object): string =>
      outcome(sys, createMap(sys, { mapType: MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries: SIZE, ...attr }));
    ledger(
      'sizes',
      [0, 1, 2048, 4096, 5000, 8192, 12288, 65536].map((maxEntries) => create({ maxEntries })),
    );
    ledger('keys and values', [create({ keySize: 4 }), create({ valueSize: 4 })]);
    ledger(
      'flags',
      [...Array(32).keys()].map((bit) => create({ mapFlags: 2 ** bit })),
    );
    const fd = ring(sys);
    const none = new Uint8Array(0);
    ledger('elements', [
      lookup(sys, fd, none, u32(0)),
      update(sys, fd, none, u32(0)),
      remove(sys, fd, none),
      nextKey(sys, fd),
      take(sys, fd, none, u32(0)),
    ]);
    const map = (length: number, offset: number): string => {
      try {
        sys.mmap(fd, length, offset).unmap();
        return 'ok';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    ledger('mappings', [map(4096, 0), map(4096, 4096), map(4096 + 2 * SIZE, 4096)]);
  },

  'what is sent is read': ({ sys, ledger }) => {
    const fd = ring(sys);
    const reader = RingbufReader.open(sys, fd, SIZE);
    ledger('nothing', read(reader));
    for (const size of [0, 1, 7, 8, 9, 16])
      ledger(`output of ${size}`, [run(sys, program(sys, fd, output(size)), size), ...read(reader)]);
    for (const size of [1, 8, 100])
      ledger(`reserve ${size}`, [
        run(sys, program(sys, fd, reserve(size, 'submit')), size),
        read(reader).map((text) => text.length),
      ]);
    ledger('discard', [run(sys, program(sys, fd, reserve(8, 'discard'))), ...read(reader)]);
    const [first, second] = [program(sys, fd, output(8)), program(sys, fd, output(4))];
    run(sys, first, 1);
    run(sys, second, 2);
    run(sys, program(sys, fd, reserve(8, 'discard')), 3);
    run(sys, first, 4);
    ledger('in order', read(reader));
    for (const flags of [1, 2, 3, 4, 8, '0x100000000'])
      ledger(`output, flags ${flags}`, [run(sys, program(sys, fd, output(8, flags))), read(reader).length]);
    ledger('reserve, flags', [run(sys, program(sys, fd, reserve(8, 'submit', 0, 1))), read(reader).length]);
    reader.close();
  },

  'records as large as the ring': ({ sys, ledger }) => {
    for (const size of [4072, 4080, 4081, 4088, 4089, 8192]) {
      const fd = ring(sys);
      const reader = RingbufReader.open(sys, fd, SIZE);
      const progFd = program(sys, fd, reserve(size, 'submit'));
      ledger(`${size} bytes`, [run(sys, progFd), read(reader).length]);
      reader.close();
    }
    // In the middle of the ring there is no room for it in one piece: once what is left has been read, there is.
    const fd = ring(sys);
    const reader = RingbufReader.open(sys, fd, SIZE);
    run(sys, program(sys, fd, output(8)));
    const large = program(sys, fd, reserve(4072, 'submit'));
    const answers = [1, 2, 3].map(() => [run(sys, large), read(reader).length].join(' '));
    expect(answers).toContain('0 1');
    reader.close();
  },

  'a full ring': ({ sys, ledger }) => {
    const fd = ring(sys);
    const reader = RingbufReader.open(sys, fd, SIZE);
    const send = program(sys, fd, output(8));
    let sent = 0;
    while (sent < 10_000 && run(sys, send, sent) === '0') sent++;
    ledger('records', sent);
    ledger('told', [run(sys, send), run(sys, program(sys, fd, reserve(8, 'submit')))]);
    ledger(
      'queries',
      [0, 1, 2, 3, 4].map((what) => run(sys, program(sys, fd, query(what)))),
    );
    expect(read(reader)).toEqual(Array.from({ length: sent }, (_, i) => hex(u32(i, 0))));
    ledger('room again', run(sys, send));
    ledger('read', read(reader).length);
    reader.close();
  },

  'many records of all sizes, none lost or torn': ({ sys }) => {
    const fd = ring(sys);
    const reader = RingbufReader.open(sys, fd, SIZE);
    const sizes = [1, 8, 16, 24, 100, 1000, 2000];
    const programs = sizes.map((size) => program(sys, fd, reserve(size, 'submit')));
    let seen = 0;
    for (let i = 0; i < 3000; i++) {
      const which = (i * 7) % sizes.length;
      expect(run(sys, programs[which], i & 0xff)).toBe('0');
      for (const record of reader.read()) {
        expect([record.length, record[0]]).toEqual([sizes[which], i & 0xff]);
        seen++;
      }
    }
    expect(seen).toBe(3000);
    reader.close();
  },

  'a reader waits': async ({ sys }) => {
    const fd = ring(sys);
    const reader = RingbufReader.open(sys, fd, SIZE);
    const send = program(sys, fd, output(8));
    const waiting = reader.wait();
    run(sys, send, 5);
    await waiting;
    await reader.wait(); // there still is something
    expect(read(reader)).toHaveLength(1);
    const stop = new AbortController();
    const aborted = reader.wait(stop.signal);
    run(sys, program(sys, fd, output(8, 1))); // no wake-up
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect(read(reader)).toHaveLength(1);
    reader.close();
  },
});
