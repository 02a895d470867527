// The project's benchmark: every program of bench/ on the JIT, the interpreter and, where it can be reached, Linux.
// Usage: npm run bench [-- NAME…]. Prints nanoseconds a run net of the empty program, and ratios within this one run;
// without names it writes docs/benchmarks.md.
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const skep = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** Programs that want another packet than the others. */
const PACKETS = { parse: 'packet-parse.bin' };
/** Net times have some noise, and Linux tells whole nanoseconds: one is at least this. */
const LEAST = { linux: 1, others: 0.1 };
const ROUNDS = 60;

function bench(name, engines) {
  const packet = `bench/${PACKETS[name] ?? 'packet.bin'}`;
  const args = ['bench', `bench/${name}.o`, '--data', packet, '--rounds', ROUNDS, '--json'];
  const out = execFileSync(process.execPath, [skep, ...args, '--engine', engines.join()], { cwd: root });
  return JSON.parse(out);
}

function linuxAnswers() {
  try {
    bench('tiny', ['linux']);
    return true;
  } catch {
    console.log('Linux is left out: the kernel cannot be reached');
    return false;
  }
}

const net = (row) => Math.max(LEAST[row.engine] ?? LEAST.others, row.net);
const mean = (ratios) => Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);

/** What is compared with what, by the heading of its column. */
const RATIOS = {
  'jit/linux': ['jit', 'linux'],
  'budget/jit': ['jit-budget', 'jit'],
  'hardened/jit': ['jit-hardened', 'jit'],
  'interp/jit': ['interp', 'jit'],
};

function measure(name, engines) {
  const rows = bench(name, engines);
  const byEngine = Object.fromEntries(rows.map((row) => [row.engine, net(row)]));
  const ratios = Object.fromEntries(
    Object.entries(RATIOS).map(([heading, [a, b]]) => [heading, byEngine[a] / byEngine[b]]),
  );
  const differs = new Set(rows.map((row) => row.retval)).size > 1;
  if (differs) {
    console.log(`results differ: ${rows.map((row) => `${row.engine} ${row.retval}`).join(', ')}`);
    process.exitCode = 1;
  }
  return { name, byEngine, ratios };
}

function table(results, engines) {
  const headings = ['program', ...engines, ...Object.keys(RATIOS)];
  const rows = results.map(({ name, byEngine, ratios }) => {
    // The empty program itself has no net time.
    const shown = Object.values(ratios).map((ratio) => (name === 'tiny' || isNaN(ratio) ? '' : ratio.toFixed(2)));
    return [name, ...engines.map((engine) => byEngine[engine].toFixed(1)), ...shown];
  });
  const counted = results.filter(({ name }) => name !== 'tiny');
  const summary = (word, pick) => [
    word,
    ...engines.map(() => ''),
    ...Object.keys(RATIOS).map((heading) => {
      const ratios = counted.map((result) => result.ratios[heading]).filter((ratio) => !isNaN(ratio));
      return ratios.length === 0 ? '' : pick(ratios).toFixed(2);
    }),
  ];
  const all = [headings, ...rows, summary('geometric mean', mean), summary('worst', (ratios) => Math.max(...ratios))];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) =>
    `| ${row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`;
  return [line(headings), rule, ...all.slice(1).map(line)].join('\n');
}

/** Scripts that print one sentence a figure. */
const OTHERS = ['bench-calls.mjs', 'bench-packet-socket.mjs', 'bench-sockets.mjs', 'bench-events.mjs'];

function otherFigures() {
  return OTHERS.map(output).join('');
}

/** What a script beside this one prints. */
function output(script) {
  return execFileSync(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], { encoding: 'utf8' });
}

/** What the kernel's measuring loop hides, as a section. */
function hiddenByLoop() {
  return `
## What the kernel's measuring loop hides

The kernel's loop around a test run waits for its own memory accesses, and a processor that runs out of order does some of
the program meanwhile; the loop here is one call. So the first two to three nanoseconds of a program are free on Linux, and
ratios of programs that take no more say nothing. Gross nanoseconds of programs of so many jumps that do not depend on each
other (\`scripts/bench-loop.mjs\`): one more jump costs the same on both engines once there are more than 16.

${output('bench-loop.mjs').trim()}
`;
}

function main(names) {
  const engines = ['jit', 'jit-budget', 'jit-hardened', 'interp', ...(linuxAnswers() ? ['linux'] : [])];
  const all = readdirSync(`${root}/bench`).filter((file) => file.endsWith('.o'));
  const chosen = all.map((file) => file.slice(0, -2)).filter((name) => names.length === 0 || names.includes(name));
  const text = table(
    chosen.map((name) => measure(name, engines)),
    engines,
  );
  console.log(text);
  if (names.length > 0) return;
  const figures = otherFigures();
  console.log(figures);
  const [load] = loadavg();
  const machine = `${cpus().length} processors (${cpus()[0].model.trim()}), Linux ${release()}, Node ${process.versions.node}`;
  writeFileSync(
    `${root}/docs/benchmarks.md`,
    `# Benchmarks

Written by \`npm run bench\`: the programs of \`bench/\`, nanoseconds a run, net of what the empty program takes on the same
engine, each the quickest of ${ROUNDS} short rounds in which all engines take turns. Only ratios within one run of it mean anything.
Measured on ${machine}, with a load of ${load.toFixed(1)}.

*jit-budget* counts what a program takes (\`fuel\`, \`timeMs\`), *jit-hardened* holds every access to what programs may
touch, *linux* is the running kernel with its own JIT.

${text}

Besides, gross (${OTHERS.map((script) => `\`scripts/${script}\``).join(', ')}):

${figures.trim().replaceAll(/^/gm, '- ')}
${engines.includes('linux') ? hiddenByLoop() : ''}`,
  );
}

main(process.argv.slice(2));
