/** Every file of this folder through `skep exec`: on skep's engines all pass; on Linux none that it takes fails. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { command } from '../../src/cli/exec.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import { testIo } from '../support/io.ts';

interface Report {
  readonly file: string;
  readonly status: string;
  readonly message?: string;
}

const folder = fileURLToPath(new URL('.', import.meta.url));
const groups = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const filesOf = (group: string): string[] =>
  readdirSync(join(folder, group))
    .filter((name) => name.endsWith('.data'))
    .map((name) => join(folder, group, name));

async function reports(engine: string, files: string[]): Promise<{ code: number; all: Report[] }> {
  const io = testIo();
  const code = await command.run(['--json', '--engine', engine, ...files], io);
  const all = io.stdout.trim().split('\n');
  return { code, all: all.map((line) => JSON.parse(line) as Report) };
}

let whyNot = '';
try {
  await openLinux();
} catch (error) {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
  console.warn(`conformance on Linux is skipped: ${whyNot}`);
}

describe('conformance', () => {
  for (const { name } of groups) {
    const files = filesOf(name);

    for (const engine of ['interp', 'jit']) {
      it(`${name}: ${files.length} files on ${engine}`, async () => {
        const { code, all } = await reports(engine, files);
        expect(all.filter(({ status }) => status !== 'pass')).toEqual([]);
        expect([code, all.length]).toEqual([0, files.length]);
      });
    }

    it.skipIf(whyNot)(`${name}: what Linux takes of them`, async () => {
      const { all } = await reports('linux', files);
      const failed = all.filter(
        ({ status, message }) => status !== 'pass' && !message?.startsWith('the kernel refuses it:'),
      );
      expect(failed).toEqual([]);
      // `callx` is no instruction of Linux; of the other groups it takes most.
      if (name !== 'callx')
        expect(all.filter(({ status }) => status === 'pass').length).toBeGreaterThan(files.length / 2);
    });
  }
});
