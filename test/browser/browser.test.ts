/** The browser build in a real Chromium: the bundled example on both engines. Without a Chromium it is skipped, and says so. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const CHROMIUM = [
  process.env['SKEP_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path && existsSync(path));
if (!CHROMIUM) console.warn('the test in a browser is skipped: no Chromium (SKEP_CHROMIUM names one)');

/** Most bytes of the module, compressed. */
const LIMIT = 200_000;
/** Headless, and silent towards the network. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

interface Run {
  readonly engine: string;
  readonly packets: number;
  readonly counts: readonly (readonly [protocol: number, packets: number, bytes: number])[];
}
type Result = { readonly runs: readonly Run[]; readonly refusal: string } | { readonly error: string };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skep-browser-'));
  execFileSync(process.execPath, [join(root, 'scripts/build-browser.mjs'), '--out', join(folder, 'module')], {
    stdio: 'pipe',
  });
}, 60_000);
// Chromium's processes end after the one that was started, and write until then.
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));

/** Open the page; what it sends back. */
async function openPage(chromium: string): Promise<Result> {
  const files: Readonly<Record<string, readonly [path: string, type: string]>> = {
    '/page.html': [join(root, 'test/browser/page.html'), 'text/html'],
    '/skep.js': [join(folder, 'module/skep.js'), 'text/javascript'],
    '/count.bpf.o': [join(root, 'examples/count-by-protocol/count.bpf.o'), 'application/octet-stream'],
    '/traffic.pcap': [join(root, 'examples/count-by-protocol/traffic.pcap'), 'application/octet-stream'],
    '/rejected.o': [join(root, 'test/objects/rejected.o'), 'application/octet-stream'],
  };
  let told: (result: Result) => void;
  const result = new Promise<Result>((resolve) => (told = resolve));
  const server = createServer((request, response) => {
    const file = files[request.url ?? ''];
    if (file !== undefined) return void response.writeHead(200, { 'content-type': file[1] }).end(readFileSync(file[0]));
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      response.end();
      if (request.url === '/result') told(JSON.parse(Buffer.concat(pieces).toString()) as Result);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/page.html`;
  const browser = spawn(chromium, [...FLAGS, `--user-data-dir=${join(folder, 'profile')}`, url], { stdio: 'ignore' });
  try {
    return await Promise.race([
      result,
      new Promise<Result>((_, reject) =>
        browser.once('exit', (code) => reject(new Error(`Chromium ended with ${code}`))),
      ),
    ]);
  } finally {
    browser.removeAllListeners('exit');
    browser.kill();
    server.closeAllConnections();
    server.close();
    await new Promise((resolve) => (browser.exitCode === null ? browser.once('exit', resolve) : resolve(undefined)));
  }
}

it('is one module of less than 200 KB compressed', () => {
  const bytes = readFileSync(join(folder, 'module/skep.js'));
  expect(gzipSync(bytes, { level: 9 }).length).toBeLessThan(LIMIT);
  const text = bytes.toString();
  const foreign = ['SharedArrayBuffer', '"node:', "'node:", '`node:', 'import('].filter((word) => text.includes(word));
  expect(foreign).toEqual([]);
});

it.skipIf(!CHROMIUM)('counts the packets of the example on both engines', { timeout: 60_000 }, async () => {
  const result = await openPage(CHROMIUM as string);
  if ('error' in result) throw new Error(result.error);
  const expected = JSON.parse(
    readFileSync(join(root, 'examples/count-by-protocol/traffic.expected.json'), 'utf8'),
  ) as Record<string, { packets: number; bytes: number }>;
  const counts = Object.entries(expected).map(([protocol, { packets, bytes }]) => [Number(protocol), packets, bytes]);
  counts.sort(([a], [b]) => a - b);
  expect(result.runs.map(({ engine }) => engine)).toEqual(['interp', 'jit']);
  for (const run of result.runs) expect(run.counts).toEqual(counts);
  expect(result.refusal).toMatch(/EACCES|EINVAL/);
});
