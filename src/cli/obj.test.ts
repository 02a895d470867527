import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { testIo } from '../../test/support/io.ts';
import { UsageError } from './command.ts';
import { command } from './obj.ts';

const folder = new URL('../../test/objects/', import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, folder));

it('shows maps, variables and programs', async () => {
  const io = testIo();
  expect(await command.run(['show', path('tc_rewrite.o')], io)).toBe(0);
  expect(io.stdout).toBe(`map .rodata: array, key 4 bytes, value 3 bytes (.rodata), at most 1, flags 0x480, frozen
map .bss: array, key 4 bytes, value 16 bytes (.bss), at most 1, flags 0x400
variable match_port: 2 bytes at .rodata+0
variable dscp: 1 bytes at .rodata+2
variable skipped: 8 bytes at .bss+0
variable rewritten: 8 bytes at .bss+8
program rewrite: sched_cls in tc, 62 instructions, maps .rodata, .bss
`);
});

it('as JSON, from standard input', async () => {
  const io = testIo({ input: [readFileSync(path('legacy.o'))] });
  expect(await command.run(['show', '-', '--json'], io)).toBe(0);
  expect(JSON.parse(io.stdout)).toMatchObject({
    file: 'standard input',
    maps: { protocols: { type: 'array', maxEntries: 256 } },
    programs: { count: { type: 'socket_filter', section: 'socket', insns: 31 } },
  });
});

it('lists types, with the sizes and places that the object gives them', async () => {
  const io = testIo();
  await command.run(['types', path('maps.o')], io);
  const listed = (text: string) => text.split('\n').filter((line) => !/DATASEC|^\ttype_id=/.test(line));
  expect(listed(io.stdout)).toEqual(listed(readFileSync(path('maps.btf.txt'), 'utf8')));
  expect(io.stdout).toContain("DATASEC '.maps' size=208 vlen=6\n\ttype_id=15 offset=0 size=32 (VAR 'counts')");
});

it('wrong usage', async () => {
  for (const args of [[], ['what'], ['show'], ['show', 'a', 'b']])
    await expect(command.run(args, testIo())).rejects.toThrow(UsageError);
});
