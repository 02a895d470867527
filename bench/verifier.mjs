// How fast programs are verified, beside the running kernel: both load each program in turn, and each says itself how long
// its verifier took; the least of the rounds counts.
//
// Usage: node bench/verifier.mjs [--rounds N] [--level N] [--cold] [OBJ…]   (default: bench/, bench/verifier/, test/objects/)
// Prints per program the instructions walked, the times in microseconds, and the kernel's time / ours (above 1 = we are
// faster); then the geometric means and the peak of memory. --cold: each object in a process of its own, one round. --json: the rows alone.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createKernel } from '../dist/kernel/index.js';
import { openLinux } from '../dist/linux/index.js';
import { loadCollectionSpec } from '../dist/loader/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Programs of fewer walked instructions are averaged by themselves: their time is mostly what every program costs. */
const SMALL = 200;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '8' },
    level: { type: 'string', default: '4' },
    cold: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

function corpus() {
  return ['bench', 'bench/verifier', 'test/objects'].flatMap((dir) =>
    readdirSync(`${root}/${dir}`)
      .filter((file) => file.endsWith('.o'))
      .map((file) => `${dir}/${file}`),
  );
}

/** Time and instructions of one verification; undefined where the program is not let to the verifier. */
function timeOf(spec, name, sys, logLevel) {
  let log;
  try {
    const collection = spec.load(sys, { programs: [name], logLevel });
    log = collection.programs[name].log;
    collection.close();
  } catch (error) {
    log = error.log ?? '';
  }
  const usec = /verification time (\d+) usec/.exec(log);
  const walked = /processed (\d+) insns/.exec(log);
  return usec && walked ? { usec: Math.max(1, Number(usec[1])), insns: Number(walked[1]) } : undefined;
}

function measure(spec, name, linux, rounds, level) {
  const skep = createKernel({ verifyOnly: true });
  const row = { name, insns: 0, ours: Infinity, theirs: Infinity };
  for (let round = 0; round < rounds; round++) {
    const theirs = timeOf(spec, name, linux, level);
    const ours = timeOf(spec, name, skep, level);
    if (!theirs || !ours || theirs.insns !== ours.insns) return undefined;
    row.insns = ours.insns;
    row.ours = Math.min(row.ours, ours.usec);
    row.theirs = Math.min(row.theirs, theirs.usec);
  }
  return row;
}

function rowsOf(file, linux, rounds, level) {
  const spec = read(file);
  return Object.keys(spec?.programs ?? {}).flatMap((name) => measure(spec, name, linux, rounds, level) ?? []);
}

/** The object; undefined where it is none that can be loaded. */
function read(file) {
  try {
    return loadCollectionSpec(readFileSync(file.startsWith('/') ? file : `${root}${file}`), { file });
  } catch {
    return undefined;
  }
}

function print(file, row) {
  const ratio = (row.theirs / row.ours).toFixed(2);
  const place = `${file.slice(file.lastIndexOf('/') + 1)} ${row.name}`;
  console.log(
    `${place.padEnd(44)}${[row.insns, row.ours, row.theirs, ratio].map((v) => String(v).padStart(10)).join('')}`,
  );
}

function printMeans(rows) {
  const groups = {
    [`below ${SMALL} insns`]: (row) => row.insns < SMALL,
    [`${SMALL} and more`]: (row) => row.insns >= SMALL,
  };
  for (const [name, belongs] of Object.entries(groups)) {
    const group = rows.filter(belongs);
    if (!group.length) continue;
    const mean = Math.exp(group.reduce((sum, row) => sum + Math.log(row.theirs / row.ours), 0) / group.length);
    const [ours, theirs] = ['ours', 'theirs'].map((key) => group.reduce((sum, row) => sum + row[key], 0));
    const total = `in sum ${(ours / 1000).toFixed(1)} ms, Linux ${(theirs / 1000).toFixed(1)} ms`;
    console.log(`${name}: ${group.length} programs, geometric mean ${mean.toFixed(2)}; ${total}`);
  }
}

async function main() {
  const files = positionals.length ? positionals : corpus();
  if (values.json) {
    const sys = await openLinux();
    const rows = files.flatMap((file) => rowsOf(file, sys, Number(values.rounds), Number(values.level)));
    return console.log(JSON.stringify(rows));
  }
  console.log(
    `${'program'.padEnd(44)}${['insns', 'skep us', 'linux us', 'linux/skep'].map((v) => v.padStart(10)).join('')}`,
  );
  const linux = values.cold ? undefined : await openLinux();
  const rows = [];
  for (const file of files) {
    const found = linux ? rowsOf(file, linux, Number(values.rounds), Number(values.level)) : inChild(file);
    for (const row of found) print(file, row);
    rows.push(...found);
  }
  printMeans(rows);
  if (linux) console.log(`peak of memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`);
}

/** One object in a new process: nothing is compiled yet. */
function inChild(file) {
  const args = [fileURLToPath(import.meta.url), '--json', '--rounds', '1', '--level', values.level, file];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

await main();
