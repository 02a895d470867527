// What the benchmark's scripts share: a run of `skep bench`, ratios, and tables in markdown.
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const skep = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** Net times have some noise, and Linux tells whole nanoseconds: one is at least this. */
const LEAST = { linux: 1, others: 0.1 };

/** The rows of `skep bench --json` for an object; paths are relative to the project. */
export function bench(object, packet, engines, rounds) {
  const args = ['bench', object, '--data', packet, '--rounds', rounds, '--json', '--engine', engines.join()];
  return JSON.parse(execFileSync(process.execPath, [skep, ...args], { cwd: root }));
}

export function linuxAnswers() {
  try {
    bench('bench/tiny.o', 'bench/packet.bin', ['linux'], 1);
    return true;
  } catch {
    console.log('Linux is left out: the kernel cannot be reached');
    return false;
  }
}

/** Net nanoseconds by engine. Says so, and lets the process fail, when the engines' results differ. */
export function netByEngine(rows) {
  if (new Set(rows.map((row) => row.retval)).size > 1) {
    console.log(`results differ: ${rows.map((row) => `${row.engine} ${row.retval}`).join(', ')}`);
    process.exitCode = 1;
  }
  return Object.fromEntries(rows.map((row) => [row.engine, Math.max(LEAST[row.engine] ?? LEAST.others, row.net)]));
}

/** The geometric mean. */
export const mean = (ratios) => Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);

/** A table of markdown: headings first, all columns but the first to the right. */
export function markdown(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) =>
    `| ${row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`;
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n');
}

/** One clause about where and when the figures were taken. */
export function machine() {
  const { length, 0: first } = cpus();
  const [load] = loadavg();
  const system = `Linux ${release()}, Node ${process.versions.node}`;
  return `${length} processors (${first.model.trim()}), ${system}, with a load of ${load.toFixed(1)}`;
}
