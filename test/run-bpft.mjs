// Runs some .bpft files: node test/run-bpft.mjs [--bless] FILE… [-t NAME]
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const bless = args.includes('--bless');
const named = args.indexOf('-t');
const filter = named < 0 ? [] : args.splice(named, 2);
const files = args.filter((arg) => !arg.startsWith('-')).map((file) => resolve(file));
const root = fileURLToPath(new URL('..', import.meta.url));
const { status } = spawnSync(
  process.execPath,
  [resolve(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/verifier.test.ts', ...filter],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...(files.length && { BPFT: files.join(',') }), ...(bless && { SKEP_BLESS: '1' }) },
  },
);
process.exitCode = status ?? 1;
