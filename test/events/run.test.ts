/** `skep events run`: a script in a process of its own, its threads, its end, and what is printed then. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist', 'cli', 'main.js');
const object = join(root, 'examples', 'http-requests', 'http.bpf.o');
const service = join(root, 'examples', 'http-requests', 'service.mjs');
const folder = mkdtempSync(join(tmpdir(), 'skep-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => spawnSync(process.execPath, [main, 'events', 'run', ...args], { encoding: 'utf8' });
const script = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

/** Publishes as node:http does. */
const FINISH = `
import dc from 'node:diagnostics_channel';
export const finish = (url, n) => {
  for (let i = 0; i < n; i++) dc.channel('http.server.response.finish').publish({ request: { url }, response: { statusCode: 200 } });
};
`;
const requests = (thread: { maps: Record<string, { entries: { key: { url: string }; value: number }[] }> }): string[] =>
  thread.maps.requests.entries.map(({ key, value }) => `${key.url} ${value}`);

describe.skipIf(!existsSync(main))('skep events run (needs dist)', () => {
  it('prints what the maps hold when the script ends, whose exit code it has', () => {
    const { status, stdout, stderr } = run(object, '--', service, '--requests', '50');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^http:\/\/127.0.0.1:\d+\nprogram +event +runs +misses\non_response +http:server_response_finish +50 +0\n/,
    );
    expect(stdout).toMatch(/^"\/orders\/9" +404 +10$/m);
    expect(run(object, '--', script('three.mjs', 'process.exitCode = 3')).status).toBe(3);
  });

  it('reports each thread', () => {
    script('finish.mjs', FINISH);
    const workers = script(
      'workers.mjs',
      `import { isMainThread, Worker } from 'node:worker_threads';
       import { finish } from './finish.mjs';
       if (isMainThread) for (let i = 0; i < 2; i++) new Worker(new URL(import.meta.url));
       finish(isMainThread ? '/main' : '/worker', isMainThread ? 3 : 5);`,
    );
    const output = join(folder, 'report.json');
    expect(run(object, '--json', '-o', output, '--', workers)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const { exitCode, threads } = JSON.parse(readFileSync(output, 'utf8')) as {
      exitCode: number;
      threads: (Parameters<typeof requests>[0] & { thread: number })[];
    };
    expect(exitCode).toBe(0);
    expect(threads.map((one) => [one.thread, requests(one)])).toEqual([
      [0, ['/main 3']],
      [1, ['/worker 5']],
      [2, ['/worker 5']],
    ]);
  });

  it('reports after an exception and says what is lost', () => {
    const thrown = run(object, '--', script('throws.mjs', `${FINISH}; finish('/x', 2); throw new Error('the end')`));
    expect([thrown.status, thrown.stdout.match(/^"\/x" +200 +2$/m)?.length]).toEqual([1, 1]);
    expect(thrown.stderr).toContain('Error: the end');
    const ended = run(object, '--', script('killed.mjs', `process.kill(process.pid, 'SIGKILL')`));
    expect(ended.status).toBe(137);
    expect(ended.stderr).toBe('skep: thread 0 was ended before it could report: what its maps held is lost\n');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends a service by %s, and its workers report', async (signal) => {
    script('finish.mjs', FINISH);
    const serves = script(
      'serves.mjs',
      `import { isMainThread, Worker } from 'node:worker_threads';
       import { finish } from './finish.mjs';
       finish('/served', 1);
       if (isMainThread) new Worker(new URL(import.meta.url)).on('message', () => console.log('ready'));
       else (await import('node:worker_threads')).parentPort.postMessage(0);
       setInterval(() => {}, 1000);`,
    );
    const child = spawn(process.execPath, [main, 'events', 'run', object, '--', serves]);
    let text = '';
    child.stdout.on('data', (piece) => {
      text += String(piece);
      if (text === 'ready\n') child.kill(signal);
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(text.match(/^thread .*$|^"\/served" +200 +1$/gm)).toHaveLength(4);
  });

  it('prints events, also those that the script defines, and says what never came', () => {
    const node = new URL('../../dist/node/index.js', import.meta.url).href;
    const orders = script(
      'orders.mjs',
      `import { defineTracepoint } from ${JSON.stringify(node)};
       const order = defineTracepoint('shop', 'order', { id: 'u64', country: 'char[2]' });
       for (const country of ['DE', 'FR']) order.emit({ id: 7n, country });`,
    );
    const filter = 'shop:order=country == "DE" || id > 7';
    const printed = run('--enable', 'shop:*', '--enable', 'no:such', '--filter', filter, '--', orders);
    expect(printed.stdout.match(/order: id=\d country=..$/gm)).toEqual(['order: id=7 country=DE']);
    expect(printed.stderr).toBe('skep: warning: there was no event no:such\n');
  });

  it.each(['throw', 'warn', 'strict', 'none'])(
    'hears rejections with --unhandled-rejections=%s, which changes nothing',
    (mode) => {
      const rejects = script('rejects.mjs', `setTimeout(() => Promise.reject(new TypeError('lost')), 5)`);
      const env = { ...process.env, NODE_OPTIONS: `--unhandled-rejections=${mode}` };
      const bare = spawnSync(process.execPath, [rejects], { env });
      const args = [main, 'events', 'run', '--enable', 'process:un*', '--enable', 'process:exit', '--', rejects];
      const { status, stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
      expect(status).toBe(bare.status);
      const expected = {
        throw: ['unhandled_rejection', 'uncaught_exception', 'exit'],
        warn: ['unhandled_rejection', 'exit'],
        strict: ['uncaught_exception', 'exit'],
        none: ['unhandled_rejection', 'exit'],
      }[mode];
      expect(stdout.match(/(?<=: )\w+(?=: (error_name=TypeError|origin=unhandledRejection|exit_code=))/g)).toEqual(
        expected,
      );
    },
  );

  it('says before the script begins what cannot be attached', () => {
    const quiet = script('quiet.mjs', 'console.log("began")');
    const counted = join(root, 'examples', 'count-by-protocol', 'count.bpf.o');
    expect(run(counted, '--', quiet)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'skep: attach: Invalid argument (EINVAL): the object has no program for events\n',
    });
    expect(run(join(folder, 'none.o'), '--', quiet)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `skep: ${join(folder, 'none.o')}: no such file\n`,
    });
  });
});
