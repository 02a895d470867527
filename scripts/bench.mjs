// The project's benchmark: every program of bench/ on the JIT, the interpreter and, where it can be reached, Linux.
// Usage: npm run bench [-- NAME…]. Prints nanoseconds a run net of the empty program, and ratios within this one run.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const skep = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** Programs that want another packet than the others. */
const PACKETS = { parse: 'packet-parse.bin' };
/** An engine's own cost is measured with some noise: a net time is at least this. */
const LEAST = 0.1;

function bench(name, engines) {
  const args = ['bench', `bench/${name}.o`, '--data', `bench/${PACKETS[name] ?? 'packet.bin'}`, '--json'];
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

const net = (row) => Math.max(LEAST, row.ns_per_run - row.empty);

function main(names) {
  const engines = ['jit', 'interp', ...(linuxAnswers() ? ['linux'] : [])];
  const all = readdirSync(`${root}/bench`).filter((file) => file.endsWith('.o'));
  const chosen = all.map((file) => file.slice(0, -2)).filter((name) => names.length === 0 || names.includes(name));
  console.log(`${'program'.padEnd(10)}${engines.map((name) => name.padStart(12)).join('')}   jit/linux  interp/jit`);
  const ratios = [];
  for (const name of chosen) {
    const rows = bench(name, engines);
    const [jit, interp, linux] = rows.map(net);
    const ratio = linux === undefined ? undefined : jit / linux;
    // The empty program itself has no net time.
    if (ratio !== undefined && name !== 'tiny') ratios.push(ratio);
    const cells = rows.map((row) => net(row).toFixed(1).padStart(12)).join('');
    console.log(
      `${name.padEnd(10)}${cells}${(ratio?.toFixed(2) ?? '').padStart(12)}${(interp / jit).toFixed(0).padStart(12)}`,
    );
    if (new Set(rows.map((row) => row.retval)).size > 1) {
      console.log(`  results differ: ${rows.map((row) => `${row.engine} ${row.retval}`).join(', ')}`);
      process.exitCode = 1;
    }
  }
  if (ratios.length === 0) return;
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  console.log(`jit/linux: geometric mean ${mean.toFixed(2)}, worst ${Math.max(...ratios).toFixed(2)}`);
}

main(process.argv.slice(2));
