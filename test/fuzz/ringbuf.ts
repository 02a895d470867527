/**
 * A compiled program that sends numbered records of many sizes through a ring buffer, reserved or copied, some discarded between
 * them, and a reader in JavaScript that takes some, then more: none is lost, torn, doubled or out of order, at whatever
 * place of the ring it lies.
 */
import { assemble } from '../../src/asm/index.ts';
import { RingbufReader } from '../../src/events/index.ts';
import { encode } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { BPF_CMD, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';

/** Records of one case. */
const RECORDS = 10_000;
/** Records that one run of the program sends. */
const PER_RUN = 16;
const MAX_SIZE = 120;

type How = 'reserve' | 'output' | 'discard';

/** Stores of the record's number, which is r6, into every byte from `register` + `offset` on. */
function fill(register: string, offset: number, size: number): string[] {
  const lines: string[] = [];
  for (let at = 0; at + 8 <= size; at += 8) lines.push(`*(u64 *)(${register} + ${offset + at}) = r6`);
  for (let at = size - (size % 8); at < size; at++) lines.push(`*(u8 *)(${register} + ${offset + at}) = r6`);
  return lines;
}

/** One record. r7 counts those that were sent. */
function send(how: How, size: number): string[] {
  const sent = ['r6 += 1', 'r7 += 1'];
  if (how === 'output') {
    const data = ['r1 = map[m]', 'r2 = r10', `r2 += ${-MAX_SIZE}`, `r3 = ${size}`, 'r4 = 0'];
    return [...fill('r10', -MAX_SIZE, size), ...data, 'call 130', 'if r0 != 0 goto end', ...sent];
  }
  const record = ['r1 = map[m]', `r2 = ${size}`, 'r3 = 0', 'call 131', 'if r0 == 0 goto end', ...fill('r0', 0, size)];
  const commit = ['r1 = r0', 'r2 = 0', `call ${how === 'discard' ? 133 : 132}`];
  return [...record, ...commit, ...(how === 'discard' ? [] : sent)];
}

function isRecord(record: Uint8Array, size: number, seq: number): boolean {
  if (record.length !== size) return false;
  for (let at = 0; at < size; at++) {
    // The number's bytes; those above 32 bits are 0. The tail has the lowest byte only.
    const inWord = at < size - (size % 8) ? at % 8 : 0;
    if (record[at] !== (inWord < 4 ? (seq >>> (8 * inWord)) & 0xff : 0)) return false;
  }
  return true;
}

function runCase(seed: number): string | undefined {
  const random = new Random(seed);
  const sizes: number[] = [];
  const lines = ['r6 = *(u32 *)(r1 + 8)', 'r7 = 0'];
  while (sizes.length < PER_RUN) {
    const size = 1 + random.below(MAX_SIZE);
    const how = random.pick<How>(['reserve', 'reserve', 'output', 'output', 'discard']);
    lines.push(...send(how, size));
    if (how !== 'discard') sizes.push(size);
  }
  const text = [...lines, 'end:', 'r0 = r7', 'exit'].join('\n');
  const maxEntries = 4096 << random.below(4);
  const sys = createKernel({ engine: 'jit' });
  const ring = sys.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries });
  const { insns, mapRefs } = assemble(text);
  const maps = new Set(mapRefs.map(({ insn }) => insn));
  const patched = insns.map((insn, slot) => (maps.has(slot) ? { ...insn, src: 1, imm: ring } : insn));
  const attr = { progType: PROG_TYPE.SCHED_CLS, insns: encode(patched), license: 'GPL' };
  const progFd = sys.bpf(BPF_CMD.PROG_LOAD, attr);
  if (ring < 0 || progFd < 0) return `load ${progFd}:\n${text}`;
  const reader = RingbufReader.open(sys, ring, maxEntries);
  const expected: number[] = [];
  const ctxIn = new Uint8Array(192);
  const run = { progFd, dataIn: new Uint8Array(64), ctxIn, retval: 0 };
  let sent = 0;
  let seen = 0;
  while (seen < RECORDS) {
    new DataView(ctxIn.buffer).setUint32(8, sent, true);
    const result = sys.bpf(BPF_CMD.PROG_TEST_RUN, run);
    if (result !== 0) return `test run ${result}`;
    for (let i = 0; i < run.retval; i++) expected[(sent + i) % 4096] = sizes[i];
    sent += run.retval;
    const before = seen;
    const most = random.oneIn(3) ? random.below(40) : Infinity;
    for (const record of reader.read()) {
      if (seen - before >= most) break; // this one comes again
      if (seen >= sent) return `a record too many behind ${sent}`;
      if (!isRecord(record, expected[seen % 4096], seen)) {
        return `record ${seen}: ${Buffer.from(record).toString('hex')}, not ${expected[seen % 4096]} bytes\n${text}`;
      }
      seen++;
    }
    if (seen - before < most && seen !== sent) return `${sent - seen} of ${sent} records are lost\n${text}`;
  }
  reader.close();
  return undefined;
}

export const campaign: Campaign = {
  name: 'ringbuf',
  summary: `${RECORDS.toLocaleString('en')} records from a compiled program to a reader, none lost or torn`,
  defaultCount: 1000,
  runCase: (seed, n) => runCase(caseSeed(seed, n)),
};
