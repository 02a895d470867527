// The test command: type-checks the tests, runs vitest, and prints as its last line `N passed, N failed, N skipped`.
// Usage: node scripts/test.mjs [--bless] [vitest's own arguments: paths, -t NAME, …]
// --bless rewrites golden files instead of comparing with them (the tests read SKEP_BLESS).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const bless = args.includes('--bless');
const out = mkdtempSync(join(tmpdir(), 'skep-test-'));

/** Run a tool of node_modules. @returns whether it succeeded. */
const tool = (path, toolArgs, env = {}) =>
  spawnSync(process.execPath, [join(root, 'node_modules', path), ...toolArgs], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  }).status === 0;

/** Counts from vitest's JSON report; a file that could not be loaded counts as one failure. */
function counts(path) {
  const report = JSON.parse(readFileSync(path, 'utf8'));
  const unloaded = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const typesHold = tool('typescript/bin/tsc', ['-p', 'tsconfig.test.json']);
if (!typesHold) console.error('the type check of the tests failed');

const report = join(out, 'report.json');
const testsPass = tool(
  'vitest/vitest.mjs',
  [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...args.filter((arg) => arg !== '--bless'),
  ],
  bless ? { SKEP_BLESS: '1' } : {},
);

let result = { passed: 0, failed: 1, skipped: 0 };
try {
  result = counts(report);
} catch {
  console.error('vitest wrote no report');
}
rmSync(out, { recursive: true, force: true });
if (!typesHold) result.failed++;
console.log(`\n${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`);
process.exitCode = typesHold && testsPass && result.failed === 0 ? 0 : 1;
