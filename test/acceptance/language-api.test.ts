/** The first example of the README: it is the text of readme-example.ts, which is type-checked, and it counts right. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import ts from 'typescript';

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

it('stands in the README word for word', () => {
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain('```ts\n' + source + '```\n');
});

// The built package is what users import; `npm test` builds it first.
it.skipIf(!existsSync(join(root, 'dist', 'kernel', 'index.js')))('counts what tshark counts (needs dist)', () => {
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
});
