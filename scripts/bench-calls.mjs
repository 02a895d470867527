// What bench.mjs measures besides programs: calls from JavaScript, and how long a program takes to be ready.
// Usage: node scripts/bench-calls.mjs [--json]. Everything is the quickest of short rounds.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assemble } from '../dist/asm/index.js';
import { encode } from '../dist/isa/index.js';
import { createKernel } from '../dist/kernel/index.js';
import { loadCollectionSpec } from '../dist/loader/index.js';

const PROG_LOAD = 5;
const XDP = 6;
const CALLS = 20_000;
const ROUNDS = 500;
const LOADS = 40;
const INSTRUCTIONS = 1000;

function quickest(rounds, count, body) {
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    body();
    best = Math.min(best, ((performance.now() - start) * 1e6) / count);
  }
  return best;
}

function emptyProgram(kernel) {
  const file = fileURLToPath(new URL('../bench/tiny.o', import.meta.url));
  const { programs } = loadCollectionSpec(new Uint8Array(readFileSync(file)), { file }).load(kernel);
  return Object.values(programs)[0].fd;
}

/** Nanoseconds: the empty program called on a packet in place, and for each packet of a batch. */
function calls() {
  const kernel = createKernel();
  const batch = kernel.openBatch(emptyProgram(kernel), 1024, 64);
  for (let i = 0; i < 1024; i++) batch.setLength(i, 64);
  const { run, at } = batch.prepare(0);
  let sum = 0;
  const call = quickest(ROUNDS, CALLS, () => {
    for (let i = 0; i < CALLS; i++) sum += run(at);
  });
  const packet = quickest(ROUNDS, 1024, () => batch.run(1024));
  if (sum !== 0) throw new Error('the empty program returns 0');
  return { call, packet };
}

/** A thousand instructions: loads, arithmetic, branches, stores; `variant` makes each program another. */
function program(variant) {
  const lines = [
    'r6 = *(u32 *)(r1 + 0)',
    'r7 = *(u32 *)(r1 + 4)',
    'r2 = r6',
    'r2 += 64',
    'r0 = 1',
    'if r2 > r7 goto end',
  ];
  for (let i = 0; lines.length < INSTRUCTIONS - 7; i++) {
    lines.push(`r3 = *(u8 *)(r6 + ${i % 64})`, `r3 += ${i + variant}`, 'r3 <<= 3', `if r3 > ${i} goto +1`, 'r0 += r3');
    lines.push(`*(u64 *)(r10 - ${8 * ((i % 16) + 1)}) = r3`, 'w0 ^= w3');
  }
  while (lines.length < INSTRUCTIONS - 1) lines.push('r0 += 1');
  return encode(assemble([...lines, 'end:', 'exit'].join('\n')).insns);
}

/** Milliseconds from the instructions to the first run, on the interpreter's form and compiled: the verifier's part, then the rest. */
function loads() {
  let verified = Infinity;
  let ready = Infinity;
  for (let i = 0; i < LOADS; i++) {
    const kernel = createKernel();
    const insns = program(i);
    const start = performance.now();
    const fd = kernel.bpf(PROG_LOAD, { progType: XDP, insns, license: 'GPL' });
    const loaded = performance.now();
    if (fd < 0) throw new Error(`the program is refused: ${fd}`);
    const batch = kernel.openBatch(fd, 1, 64);
    batch.setLength(0, 64);
    const { run, at } = batch.prepare(0);
    run(at);
    verified = Math.min(verified, loaded - start);
    ready = Math.min(ready, performance.now() - loaded);
  }
  return { verified, ready };
}

const answer = { ...calls(), ...loads() };
if (process.argv.includes('--json')) console.log(JSON.stringify(answer));
else
  console.log(
    `the empty program, called from JavaScript on a packet in place: ${answer.call.toFixed(1)} ns\n` +
      `the same for each packet of a batch: ${answer.packet.toFixed(1)} ns\n` +
      `${INSTRUCTIONS} instructions: verified in ${answer.verified.toFixed(1)} ms, translated, compiled and run once in ${answer.ready.toFixed(1)} ms`,
  );
