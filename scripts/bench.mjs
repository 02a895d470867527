// The project's benchmark: every program of bench/ on the JIT, the interpreter and, where it can be reached, Linux.
// Usage: npm run bench [-- NAME…]. Prints nanoseconds a run net of the empty program, and ratios within this one run;
// without names it writes docs/benchmarks.md. With --micro it is scripts/bench-micro.mjs instead.
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bench, linuxAnswers, machine, markdown, mean, netByEngine, root } from './bench-run.mjs';

/** Programs that want another packet than the others. */
const PACKETS = { parse: 'packet-parse.bin' };
const ROUNDS = 60;

/** What is compared with what, by the heading of its column. */
const RATIOS = {
  'jit/linux': ['jit', 'linux'],
  'budget/jit': ['jit-budget', 'jit'],
  'hardened/jit': ['jit-hardened', 'jit'],
  'interp/jit': ['interp', 'jit'],
};

function measure(name, engines) {
  const packet = `bench/${PACKETS[name] ?? 'packet.bin'}`;
  const byEngine = netByEngine(bench(`bench/${name}.o`, packet, engines, ROUNDS));
  const ratios = Object.fromEntries(
    Object.entries(RATIOS).map(([heading, [a, b]]) => [heading, byEngine[a] / byEngine[b]]),
  );
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
  const last = [summary('geometric mean', mean), summary('worst', (ratios) => Math.max(...ratios))];
  return markdown([headings, ...rows, ...last]);
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
  writeFileSync(
    `${root}/docs/benchmarks.md`,
    `# Benchmarks

Written by \`npm run bench\`: the programs of \`bench/\`, nanoseconds a run, net of what the empty program takes on the same
engine, each the quickest of ${ROUNDS} short rounds in which all engines take turns. Only ratios within one run of it mean anything.
Measured on ${machine()}.

*jit-budget* counts what a program takes (\`fuel\`, \`timeMs\`), *jit-hardened* holds every access to what programs may
touch, *linux* is the running kernel with its own JIT.

${text}

Besides, gross (${OTHERS.map((script) => `\`scripts/${script}\``).join(', ')}):

${figures.trim().replaceAll(/^/gm, '- ')}
${engines.includes('linux') ? hiddenByLoop() : ''}`,
  );
}

if (process.argv[2] === '--micro') {
  process.argv.splice(2, 1);
  await import('./bench-micro.mjs');
} else main(process.argv.slice(2));
