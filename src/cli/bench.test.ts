import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { testIo } from '../../test/support/io.ts';
import { command } from './bench.ts';
import { UsageError } from './command.ts';

const objects = fileURLToPath(new URL('../../test/objects/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'skep-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** An IPv4/TCP frame. */
const packet = join(folder, 'packet');
const frame = new Uint8Array(64);
frame.set([8, 0, 0x45], 12);
frame[23] = 6;
writeFileSync(packet, frame);

async function bench(...args: string[]): Promise<{ code: number; out: string }> {
  const io = testIo();
  return { code: await command.run(args, io), out: io.stdout };
}

describe('skep bench', () => {
  it('measures a program on each engine, with the same result', async () => {
    const object = join(objects, 'xdp_parse.o');
    const { code, out } = await bench(object, '--data', packet, '--repeat', '50', '--rounds', '2', '--json');
    const rows = JSON.parse(out) as Record<string, unknown>[];
    expect([code, rows.map(({ engine }) => engine)]).toEqual([0, ['jit', 'interp']]);
    for (const row of rows) {
      expect(row).toMatchObject({ program: rows[0]['program'], retval: rows[1]['retval'], repeat: 50, rounds: 2 });
      expect(row['interpreted']).toBeUndefined();
      for (const field of ['ns_per_run', 'median', 'empty']) expect(row[field]).toBeGreaterThanOrEqual(0);
      expect(row['median']).toBeGreaterThanOrEqual(row['ns_per_run'] as number);
    }
  });

  it('prints a table', async () => {
    const { out } = await bench(join(objects, 'xdp_parse.o'), '--engine', 'jit', '--repeat', '10', '--rounds', '1');
    expect(out.split('\n')[0]).toMatch(/^engine +ns\/run +median +empty +returned$/);
    expect(out.split('\n')[1]).toMatch(/^jit +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d +\d+$/);
  });

  it('refuses wrong arguments', async () => {
    const object = join(objects, 'xdp_parse.o');
    for (const args of [[], [object, '--engine', 'fast'], [object, '--repeat', '0'], [object, 'a', 'b']])
      await expect(bench(...args)).rejects.toThrow(UsageError);
  });
});
