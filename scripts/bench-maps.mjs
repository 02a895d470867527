// Nanoseconds of a map operation inside a program: hashes and tries with 16-byte keys and 8-byte values, few entries and many,
// on the JIT and, where it can be reached, on Linux; and the memory that each takes for the same map.
// Usage: npm run bench:maps [-- --entries 1000,1000000] [--json]. Each program does 16 operations on keys in random order; the same
// program without them is subtracted. Minimum over interleaved rounds, in processor time.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { assemble } from '../dist/asm/index.js';
import { encode } from '../dist/isa/index.js';
import { createKernel } from '../dist/kernel/index.js';
import { openLinux } from '../dist/linux/index.js';
import { BPF_CMD, MAP_FLAG, MAP_TYPE, MAP_TYPE_NAMES, PROG_TYPE } from '../dist/uapi/index.js';

const OPERATIONS = 16;
const ROUNDS = 9;
/** Processor time of one measurement, in milliseconds. */
const LONG = 60;

/** What each operation does with the key at r10-16 and the value at r10-24. */
const CALLS = {
  nothing: [],
  lookup: ['r1 = map[hash]', 'r2 = r10', 'r2 += -16', 'call 1', 'if r0 == 0x0 goto pc+1', 'r0 = *(u64 *)(r0 +0)'],
  // A key that was never there before.
  insert: [
    ...['*(u64 *)(r10 -16) = r7', 'r1 = map[hash]', 'r2 = r10', 'r2 += -16'],
    ...['r3 = r10', 'r3 += -24', 'r4 = 0', 'call 2'],
  ],
  update: ['r1 = map[hash]', 'r2 = r10', 'r2 += -16', 'r3 = r10', 'r3 += -24', 'r4 = 0', 'call 2'],
  'delete, insert': [
    ...['r1 = map[hash]', 'r2 = r10', 'r2 += -16', 'call 3'],
    ...['r1 = map[hash]', 'r2 = r10', 'r2 += -16', 'r3 = r10', 'r3 += -24', 'r4 = 0', 'call 2'],
  ],
};
const ROWS = [
  ['lookup, hit', MAP_TYPE.HASH, 'lookup', 0],
  ['lookup, miss', MAP_TYPE.HASH, 'lookup', 1],
  ['update', MAP_TYPE.HASH, 'update', 0],
  ['delete, insert', MAP_TYPE.HASH, 'delete, insert', 0],
  ['per-CPU lookup, hit', MAP_TYPE.PERCPU_HASH, 'lookup', 0],
  ['per-CPU update', MAP_TYPE.PERCPU_HASH, 'update', 0],
  ['LRU lookup, hit', MAP_TYPE.LRU_HASH, 'lookup', 0],
  ['LRU update', MAP_TYPE.LRU_HASH, 'update', 0],
  ['LRU insert when full', MAP_TYPE.LRU_HASH, 'insert', 1],
  ['per-CPU LRU insert', MAP_TYPE.LRU_PERCPU_HASH, 'insert', 1],
  ['trie lookup', MAP_TYPE.LPM_TRIE, 'lookup', 0],
  ['trie update', MAP_TYPE.LPM_TRIE, 'update', 0],
  ['trie delete, insert', MAP_TYPE.LPM_TRIE, 'delete, insert', 0],
];

/** Bits of a trie's keys: all of the 12 bytes behind the length. */
const TRIE_BITS = 96;

/** `entries` must be a power of two for the order of keys: the next one below is used. */
function programText(mapType, call, entries, salt) {
  const trie = mapType === MAP_TYPE.LPM_TRIE;
  const key = trie
    ? [`r1 = ${TRIE_BITS}`, '*(u32 *)(r10 -16) = r1', '*(u32 *)(r10 -12) = r8']
    : ['*(u64 *)(r10 -16) = r8'];
  const mask = 2 ** Math.floor(Math.log2(entries)) - 1;
  const lines = ['r6 = map[state][0]+0', 'r7 = *(u64 *)(r6 +0)', '*(u64 *)(r10 -24) = r7', 'r9 = ' + salt];
  for (let i = 0; i < OPERATIONS; i++) {
    lines.push('r7 += 1', 'w8 = w7', `w8 *= ${0x9e3779b1 | 0}`, `w8 &= ${mask}`);
    lines.push(...key, '*(u64 *)(r10 -8) = r9', ...CALLS[call]);
  }
  return [...lines, '*(u64 *)(r6 +0) = r7', 'r0 = 0', 'exit'].join('\n');
}

function must(result, what) {
  if (result < 0) throw new Error(`${what}: ${result}`);
  return result;
}

class Bench {
  constructor(sys, entries) {
    this.sys = sys;
    this.entries = entries;
    const value = { keySize: 4, valueSize: 8, maxEntries: 1 };
    this.state = must(sys.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.ARRAY, ...value }), 'state');
    this.maps = new Map();
    /** What each map takes: accounted memory, or what fdinfo says. */
    this.bytes = new Map();
  }
  map(mapType) {
    let fd = this.maps.get(mapType);
    if (fd !== undefined) return fd;
    const { sys, entries } = this;
    const before = sys.memoryBytes;
    const trie = mapType === MAP_TYPE.LPM_TRIE;
    const sizes = { keySize: 16, valueSize: 8, maxEntries: entries, mapFlags: trie ? MAP_FLAG.NO_PREALLOC : 0 };
    fd = must(sys.bpf(BPF_CMD.MAP_CREATE, { mapType, ...sizes }), 'map');
    const key = new Uint32Array(4);
    if (trie) key[0] = TRIE_BITS;
    const percpu = mapType === MAP_TYPE.PERCPU_HASH || mapType === MAP_TYPE.LRU_PERCPU_HASH;
    const attr = {
      mapFd: fd,
      key: new Uint8Array(key.buffer),
      value: new Uint8Array(8 * (percpu ? sys.possibleCpus : 1)),
    };
    for (let i = 0; i < entries; i++) {
      key[trie ? 1 : 0] = i;
      must(sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, attr), 'fill');
    }
    this.maps.set(mapType, fd);
    this.bytes.set(mapType, before === undefined ? memlock(fd) : sys.memoryBytes - before);
    return fd;
  }
  program(mapType, call, salt) {
    const { insns, mapRefs } = assemble(programText(mapType, call, this.entries, salt));
    const fds = { hash: call === 'nothing' ? 0 : this.map(mapType), state: this.state };
    const patched = insns.map((insn, slot) => {
      const ref = mapRefs.find((r) => r.insn === slot);
      return ref === undefined ? insn : { ...insn, src: ref.offset === undefined ? 1 : 2, imm: fds[ref.name] };
    });
    const attr = {
      progType: PROG_TYPE.XDP,
      insns: encode(patched),
      license: 'GPL',
      logLevel: 1,
      log: new Uint8Array(4096),
    };
    const fd = this.sys.bpf(BPF_CMD.PROG_LOAD, attr);
    if (fd < 0) throw new Error(`load: ${fd} ${Buffer.from(attr.log).toString().replace(/\0.*/s, '')}`);
    const run = { progFd: fd, dataIn: new Uint8Array(64), repeat: 16 };
    const test = () => must(this.sys.bpf(BPF_CMD.PROG_TEST_RUN, run), 'run');
    return {
      /** Nanoseconds of a run, until they take long enough. */
      measure: () => {
        for (;;) {
          const before = process.cpuUsage();
          test();
          const { user, system } = process.cpuUsage(before);
          if (user + system >= LONG * 500) return ((user + system) * 1000) / run.repeat;
          run.repeat = Math.min(2 ** 30, run.repeat * (user + system < 2000 ? 8 : 2));
        }
      },
    };
  }
}

function memlock(fd) {
  return Number(/memlock:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]);
}

/** The engines that can be reached. */
async function engines() {
  const found = { jit: () => createKernel({ engine: 'jit', cpus: found.linux?.().possibleCpus ?? 2 }) };
  try {
    const linux = await openLinux();
    found.linux = () => linux;
  } catch (error) {
    console.error(`Linux is left out: ${error.message}`);
  }
  return found;
}

async function main() {
  const { values } = parseArgs({ options: { entries: { type: 'string' }, json: { type: 'boolean' } } });
  const sizes = (values.entries ?? '1000,1000000').split(',').map(Number);
  const found = await engines();
  const rows = [];
  for (const entries of sizes) {
    const benches = Object.entries(found).map(([engine, open]) => [engine, new Bench(open(), entries)]);
    for (const [name, mapType, call, salt] of ROWS) {
      const cells = [];
      for (const [engine, bench] of benches) {
        try {
          cells.push({
            engine,
            net: Infinity,
            program: bench.program(mapType, call, salt),
            empty: bench.program(mapType, 'nothing', salt),
          });
        } catch (error) {
          console.error(`${name} on ${engine}: ${error.message}`);
        }
      }
      const least = new Map();
      const note = (cell, part) => {
        const key = `${cell.engine} ${part}`;
        least.set(key, Math.min(least.get(key) ?? Infinity, cell[part].measure()));
      };
      for (let round = 0; round < ROUNDS; round++)
        for (const cell of cells) {
          note(cell, 'program');
          note(cell, 'empty');
        }
      const row = { operation: name, entries };
      for (const { engine } of cells)
        row[engine] = (least.get(`${engine} program`) - least.get(`${engine} empty`)) / OPERATIONS;
      rows.push(row);
      if (!values.json)
        console.log(
          `${name.padEnd(22)}${String(entries).padStart(9)}${cells.map(({ engine }) => `  ${engine} ${row[engine].toFixed(1).padStart(6)} ns`).join('')}`,
        );
    }
    for (const mapType of new Set(ROWS.map(([, type]) => type))) {
      const row = { memory: MAP_TYPE_NAMES[mapType], entries };
      for (const [engine, { bytes }] of benches) if (bytes.has(mapType)) row[engine] = bytes.get(mapType);
      rows.push(row);
      if (!values.json && row.jit && row.linux)
        console.log(
          `memory of ${row.memory} with ${entries}: ${row.jit}, linux ${row.linux}, ratio ${(row.jit / row.linux).toFixed(2)}`,
        );
    }
  }
  if (values.json) console.log(JSON.stringify(rows, null, 2));
}

await main();
