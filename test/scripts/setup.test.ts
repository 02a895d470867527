/** Setup in a made-up project, with an npm and a compiler that only note that they were called. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/setup.mjs', import.meta.url));

/** Notes its environment, then "installs" a compiler that notes its call and fails when the file `broken` exists. */
const FAKE_NPM = `
const fs = require('node:fs');
fs.appendFileSync('calls', 'npm ' + process.argv.slice(2).join(' ') + '\\n');
fs.writeFileSync('npm-environment', JSON.stringify(process.env));
console.log('noise');
if (fs.existsSync('offline')) process.exit(1);
fs.mkdirSync('node_modules/typescript/bin', { recursive: true });
fs.writeFileSync('node_modules/typescript/bin/tsc', \`
const fs = require('node:fs');
fs.appendFileSync('calls', 'tsc ' + process.argv.slice(2).join(' ') + '\\\\n');
process.exit(fs.existsSync('broken') ? 2 : 0);
\`);
`;

let project = '';
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'skep-setup-'));
  mkdirSync(join(project, 'scripts'));
  cpSync(script, join(project, 'scripts', 'setup.mjs'));
  write('package-lock.json', '{"lockfileVersion": 3}');
  write('package.json', '{}');
  write('src/a.ts', 'export {};');
  write('tools/npm-cli.js', FAKE_NPM);
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

function write(name: string, text: string): void {
  mkdirSync(dirname(join(project, name)), { recursive: true });
  writeFileSync(join(project, name), text);
}

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

function setup(): Promise<Outcome> {
  const child = spawn(process.execPath, [join(project, 'scripts', 'setup.mjs')], {
    cwd: project,
    env: {
      ...process.env,
      npm_execpath: join(project, 'tools', 'npm-cli.js'),
      npm_config_omit: 'dev',
      npm_config_global: 'true',
      npm_config_registry: 'https://registry.example',
      npm_lifecycle_event: 'prestart',
    },
  });
  const outcome: Outcome = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (outcome.stdout += text));
  child.stderr.on('data', (text) => (outcome.stderr += text));
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...outcome, code })));
}

const calls = (): string[] => readFileSync(join(project, 'calls'), 'utf8').trim().split('\n');
const NPM = 'npm ci --include=dev --ignore-scripts --no-audit --no-fund';
const TSC = 'tsc -b';

it('installs and compiles once, and is silent afterwards', async () => {
  const first = await setup();
  expect(first).toMatchObject({ code: 0, stdout: '' });
  expect(first.stderr).toContain('noise');
  expect(await setup()).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(calls()).toEqual([NPM, TSC]);
});

it('keeps from npm what would change the result, and says where packages come from', async () => {
  await setup();
  const environment = JSON.parse(readFileSync(join(project, 'npm-environment'), 'utf8')) as Record<string, string>;
  expect(environment.npm_config_registry).toBe('https://registry.example');
  for (const name of ['npm_config_omit', 'npm_config_global', 'npm_lifecycle_event'])
    expect(environment).not.toHaveProperty(name);
});

it('compiles again when a source changed, installs again when the lock file did', async () => {
  await setup();
  write('src/b.ts', 'export {};');
  await setup();
  expect(calls()).toEqual([NPM, TSC, TSC]);
  write('src/b.test.ts', 'export {};');
  await setup();
  expect(calls()).toEqual([NPM, TSC, TSC]);
  write('package-lock.json', '{"lockfileVersion": 3, "changed": true}');
  await setup();
  expect(calls()).toEqual([NPM, TSC, TSC, NPM, TSC]);
});

it('fails when npm or the compiler fail, and tries again next time', async () => {
  write('offline', '');
  expect(await setup()).toMatchObject({ code: 1 });
  rmSync(join(project, 'offline'));
  write('broken', '');
  expect(await setup()).toMatchObject({ code: 1 });
  rmSync(join(project, 'broken'));
  expect(await setup()).toMatchObject({ code: 0 });
  expect(calls()).toEqual([NPM, NPM, TSC, TSC]);
});

it('several at once do the work once', async () => {
  const outcomes = await Promise.all([setup(), setup(), setup(), setup()]);
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect(calls()).toEqual([NPM, TSC]);
  expect(existsSync(join(project, '.skep-setup'))).toBe(false);
});

it('takes over the lock of a setup that died', async () => {
  // No process has this number: Linux's limit is 2^22, and it is no multiple of 4 as on Windows.
  write('.skep-setup', '99999999');
  expect(await setup()).toMatchObject({ code: 0 });
  expect(calls()).toEqual([NPM, TSC]);
});
