// The small programs of bench/micro on the JIT and on Linux, the slowest against Linux first.
// Usage: npm run bench -- --micro [--write] [--objects DIRECTORY] [NAME…]. With --write, docs/benchmarks-micro.md is
// written; --objects takes the objects from elsewhere (`bench/build.sh DIRECTORY` builds other versions).
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bench, linuxAnswers, machine, markdown, mean, netByEngine, root } from './bench-run.mjs';

const ROUNDS = 20;
const ENGINES = ['jit', 'linux'];
/** Linux tells whole nanoseconds: ratios of programs that take fewer than so many say little. */
const COARSE = 10;

/** A program that wants a packet of its own has it beside its source. */
function packetOf(name) {
  const own = `bench/micro/${name}.bin`;
  return existsSync(`${root}/${own}`) ? own : 'bench/packet.bin';
}

function measure(directory, name) {
  const { jit, linux } = netByEngine(bench(`${directory}/${name}.o`, packetOf(name), ENGINES, ROUNDS));
  return { name, jit, linux, ratio: jit / linux };
}

function table(results) {
  const rows = results.map(({ name, jit, linux, ratio }) => [name, jit.toFixed(1), linux.toFixed(0), ratio.toFixed(2)]);
  return markdown([['program', 'jit', 'linux', 'jit/linux'], ...rows]);
}

function summary(results) {
  const geometric = (some) => mean(some.map(({ ratio }) => ratio)).toFixed(2);
  const longer = results.filter(({ linux }) => linux >= COARSE);
  const [worst] = results;
  const all = `${results.length} programs: geometric mean ${geometric(results)}, worst ${worst.ratio.toFixed(2)} (${worst.name})`;
  if (longer.length === 0) return `${all}.`;
  return `${all}; of the ${longer.length} that take ${COARSE} ns or more on Linux: ${geometric(longer)}, worst ${longer[0].ratio.toFixed(2)} (${longer[0].name}).`;
}

function page(text, sentence) {
  return `# Benchmarks: small programs

Written by \`npm run bench -- --micro --write\`: the programs of \`bench/micro\`, nanoseconds a run, net of what the empty
program takes on the same engine, each the quickest of ${ROUNDS} short rounds in which both engines take turns. *linux* is the
running kernel with its own JIT, which tells whole nanoseconds. Only ratios mean anything.
Measured on ${machine()}.

${sentence}

${text}
`;
}

function main() {
  const { values, positionals } = parseArgs({
    options: { write: { type: 'boolean' }, objects: { type: 'string' } },
    allowPositionals: true,
  });
  if (!linuxAnswers()) return;
  const directory = resolve(values.objects ?? `${root}/bench/micro`);
  const all = readdirSync(directory).flatMap((file) => (file.endsWith('.o') ? file.slice(0, -2) : []));
  const chosen = positionals.length === 0 ? all : positionals;
  const results = chosen.map((name) => measure(directory, name)).sort((a, b) => b.ratio - a.ratio);
  const text = table(results);
  const sentence = summary(results);
  console.log(`${text}\n\n${sentence}`);
  if (values.write) writeFileSync(`${root}/docs/benchmarks-micro.md`, page(text, sentence));
}

main();
