/**
 * The README: its first example is the text of readme-example.ts, which is type-checked, and it counts right; the output
 * it shows is real.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import ts from 'typescript';
import { dispatch } from '../../src/cli/dispatch.ts';
import { testIo } from '../support/io.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundled = join(root, 'examples', 'count-by-protocol');
/** In the repository, so that the package finds itself by its name. */
const folder = join(root, 'tmp', `acceptance-${process.pid}`);
const source = readFileSync(new URL('readme-example.ts', import.meta.url), 'utf8');

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(bundled, 'count.bpf.o'), join(folder, 'count.o'));
  copyFileSync(join(bundled, 'traffic.pcap'), join(folder, 'traffic.pcap'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const readme = readFileSync(join(root, 'README.md'), 'utf8');

it('the example stands in the README word for word', () => {
  expect(readme).toContain('```ts\n' + source + '```\n');
});

// The built package is what users import; `npm test` builds it first.
it.skipIf(!existsSync(join(root, 'dist', 'kernel', 'index.js')))(
  'the example counts what tshark counts (needs dist)',
  () => {
    const target = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    writeFileSync(join(folder, 'example.mjs'), ts.transpileModule(source, { compilerOptions: target }).outputText);
    const output = execFileSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8' });
    const counted = output
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number))
      .map(([protocol, packets, bytes]) => [String(protocol), { packets, bytes }]);
    const expected = JSON.parse(readFileSync(join(bundled, 'traffic.expected.json'), 'utf8')) as object;
    expect(Object.fromEntries(counted)).toEqual(expected);
  },
);

it('shows what the commands print', async () => {
  const [main, run] = [testIo(), testIo()];
  const capture = join(bundled, 'traffic.pcap');
  await dispatch([], main);
  await dispatch(['run', join(bundled, 'count.bpf.o'), '--pcap', capture], run);
  expect(readme).toContain('```\n' + main.stdout + '```\n');
  expect(readme).toContain('--pcap traffic.pcap\n' + run.stdout.replace(capture, 'traffic.pcap') + '```\n');
});
