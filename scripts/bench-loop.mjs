// How much of a program the kernel's measuring loop hides: programs of N jumps that do not depend on each other, on both
// engines. Usage: node scripts/bench-loop.mjs. Prints a table in Markdown; needs root on Linux.
import { assemble } from '../dist/asm/index.js';
import { encode } from '../dist/isa/index.js';
import { createKernel } from '../dist/kernel/index.js';
import { openLinux } from '../dist/linux/index.js';
import { Program } from '../dist/loader/index.js';

const XDP = 6;
const PROG_LOAD = 5;
const COUNTS = [0, 8, 16, 24, 32, 64];
const KINDS = {
  'jumps not taken': (i) => `if r1 == ${i} goto end`,
  'jumps taken': (i) => `if r1 != ${i} goto +1\nr0 = ${i + 1}`,
};
const ROUNDS = 60;
const REPEAT = 50_000;
const data = new Uint8Array(64);

function load(sys, kind, count) {
  const body = Array.from({ length: count }, (_, i) => KINDS[kind](i));
  const text = ['r0 = 0', ...body, 'end:', 'exit'].join('\n');
  const fd = sys.bpf(PROG_LOAD, { progType: XDP, insns: encode(assemble(text).insns), license: 'GPL' });
  if (fd < 0) throw new Error(`${count} ${kind} are refused: ${fd}`);
  return new Program(sys, fd, { name: 'x', type: XDP });
}

const engines = { jit: createKernel(), linux: await openLinux() };
const rows = Object.keys(KINDS).flatMap((kind) =>
  Object.entries(engines).map(([engine, sys]) => ({
    kind,
    engine,
    programs: COUNTS.map((count) => ({ program: load(sys, kind, count), best: Infinity })),
  })),
);

function time({ engine }, program) {
  const start = performance.now();
  const { duration } = program.run({ data, repeat: REPEAT });
  // Linux measures the runs alone; the test run around them takes milliseconds there.
  return engine === 'linux' ? duration : ((performance.now() - start) * 1e6) / REPEAT;
}

for (let round = 0; round < ROUNDS; round++)
  for (const row of rows) for (const one of row.programs) one.best = Math.min(one.best, time(row, one.program));

console.log(`| instructions | engine | ${COUNTS.join(' | ')} |`);
console.log(`| --- | --- | ${COUNTS.map(() => '--:').join(' | ')} |`);
for (const { kind, engine, programs } of rows) {
  const cells = programs.map(({ best }) => best.toFixed(engine === 'linux' ? 0 : 1));
  console.log(`| ${kind} | ${engine} | ${cells.join(' | ')} |`);
}
process.exit(0);
