// Makes a checkout ready to run: installs the locked dependencies when they are stale, compiles when a source changed.
// Node built-ins only, because it runs before node_modules exists. Up to date, it costs a few milliseconds.
// Everything is printed to stderr, so that the output of `npm start` can be piped.
// Several runs at once wait for each other; the lock of a run that died is taken over.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const installStamp = join(root, 'node_modules', '.skep-setup');
const buildStamp = join(root, 'dist', '.skep-setup');
const lock = join(root, '.skep-setup');

const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '');
const sha = (text) => createHash('sha256').update(text).digest('hex');

/** What node_modules depends on. */
const installKey = () =>
  `${sha(readFileSync(join(root, 'package-lock.json')))} ${process.version} ${process.platform}-${process.arch}`;

/** What dist depends on: name, size and time of each source; contents are tsc's business. */
function buildKey() {
  const rows = [installKey()];
  const add = (path) => {
    const { size, mtimeMs } = statSync(path);
    rows.push(`${path} ${size} ${mtimeMs}`);
  };
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (path.endsWith('.ts') && !path.endsWith('.test.ts')) add(path);
    }
  };
  walk(join(root, 'src'));
  for (const name of readdirSync(root)) if (/^tsconfig.*\.json$/.test(name)) add(join(root, name));
  return sha(rows.join('\n'));
}

const installed = () => read(installStamp) === installKey();
const built = () => read(buildStamp) === buildKey();

/**
 * The environment for npm: without the settings that the outer npm passed on (`--omit`, `--global`, a prefix …), which
 * would change what is installed; those that say where packages come from stay.
 */
function npmEnvironment() {
  const keep = /^npm_config_(registry|cache|userconfig|globalconfig|(https?_?)?-?proxy|noproxy|cafile|ca|strict_ssl)$/i;
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)_/i.test(name) || keep.test(name)),
  );
}

/** npm's own script: the npm that called us, or the one beside this node. */
function npmScript() {
  const beside = dirname(process.execPath);
  return [
    process.env.npm_execpath,
    join(beside, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ].find((path) => path && /npm-cli\.c?js$/.test(path) && existsSync(path));
}

/** Run a child whose standard output goes to our stderr. @returns whether it succeeded. */
function run(file, args, options = {}) {
  const child = spawnSync(file, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (child.error) console.error(`setup: ${file}: ${child.error.message}`);
  return child.status === 0;
}

function install() {
  console.error('setup: installing dependencies (npm ci)');
  const args = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  const script = npmScript();
  const env = npmEnvironment();
  const done = script
    ? run(process.execPath, [script, ...args], { env })
    : run('npm', args, { env, shell: process.platform === 'win32' });
  if (done) writeFileSync(installStamp, installKey());
  else console.error('setup: npm ci failed; nothing was run');
  return done;
}

function build() {
  console.error('setup: compiling (tsc -b)');
  const key = buildKey();
  const done = run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b']);
  if (done) {
    mkdirSync(dirname(buildStamp), { recursive: true });
    writeFileSync(buildStamp, key);
  } else console.error('setup: the build failed');
  return done;
}

const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Wait until this process alone holds the lock file, which names its holder. */
function acquire() {
  for (let waited = 0; ; waited += 100) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(read(lock));
    // An empty file is one being written just now; after two seconds it is what a crash left behind.
    if (holder ? !alive(holder) : waited >= 2000) rmSync(lock, { force: true });
    else if (waited === 0) console.error(`setup: waiting for another setup (process ${holder})`);
    sleep(100);
  }
}

function setup() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 12)) {
    console.error(`setup: skep needs Node.js 20.12 or newer; this is ${process.version}`);
    return false;
  }
  if (installed() && built()) return true;
  acquire();
  try {
    return (installed() || install()) && (built() || build());
  } finally {
    rmSync(lock, { force: true });
  }
}

// No process.exit(): it would skip `finally`.
process.exitCode = setup() ? 0 : 1;
