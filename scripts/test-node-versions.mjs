// Runs the tests of live Node processes (events, sockets) on other versions of Node: their channels and handles differ.
// Usage: npm run test:node-versions [-- MAJOR… [--] [vitest arguments]]. Without a version: 20, 22 and 24.
// A version that is not the running one comes from the registry (the packages node-PLATFORM-ARCH) into tmp/.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const VERSIONS = ['20', '22', '24'];
const TESTS = ['src/node', 'test/events', 'test/sockets', 'test/behaviour/packet-socket.test.ts'];

/** Path of a Node of a major version. */
function nodeOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const folder = join(root, 'tmp', `node-${major}`);
  const binary = join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder, `${name}@${major}`];
  execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' });
  return binary;
}

const words = process.argv.slice(2);
const asked = words.filter((word) => /^\d+$/.test(word));
const rest = words.filter((word) => !/^\d+$/.test(word));
const tests = rest.some((word) => !word.startsWith('-')) ? rest : [...TESTS, ...rest];
for (const major of asked.length > 0 ? asked : VERSIONS) {
  const node = nodeOf(major);
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  const { status, stdout, stderr } = spawnSync(node, ['node_modules/vitest/vitest.mjs', 'run', ...tests], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  const [summary = 'no summary'] = /^ *Tests .*$/m.exec(stdout) ?? [];
  console.log(`Node ${version}: ${summary.trim()}`);
  if (status === 0) continue;
  console.log(stdout + stderr);
  process.exitCode = 1;
}
