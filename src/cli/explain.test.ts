import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { encode } from '../isa/index.ts';
import type { Explanation } from '../verifier/index.ts';
import { testIo } from '../../test/support/io.ts';
import { UsageError } from './command.ts';
import { command } from './explain.ts';

const objects = fileURLToPath(new URL('../../test/objects/', import.meta.url));
const golden = fileURLToPath(new URL('../../test/golden/explain.golden', import.meta.url));

const PROGRAMS: readonly (readonly [string, string])[] = [
  ['rejected', 'no_null_check'],
  ['explain', 'index_may_be_negative'],
  ['explain', 'index_one_too_far'],
  ['explain', 'short_bounds_check'],
  ['explain', 'spilled_unchecked'],
  ['explain', 'unset_on_a_branch'],
  ['explain', 'lost_in_call'],
  ['explain', 'writes_context'],
  ['explain', 'wrong_helper'],
  ['explain', 'never_ends'],
  ['explain', 'multiplies_pointer'],
  ['unsupported', 'uses_kfunc'],
];

async function explained(...args: string[]): Promise<{ code: number; out: string }> {
  const io = testIo();
  const code = await command.run(args, io);
  return { code, out: io.stdout.replaceAll(objects, '') };
}

/** Instructions in hexadecimal. */
const hex = (text: string): string => Buffer.from(encode(assemble(text).insns)).toString('hex');

async function explainLines(programs: readonly object[]): Promise<(Explanation & { name: string })[]> {
  const io = testIo({ input: [Buffer.from(programs.map((one) => JSON.stringify(one)).join('\n'))] });
  expect(await command.run(['--batch'], io)).toBe(0);
  return io.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Explanation & { name: string });
}

describe('skep explain', () => {
  it('says what it says in test/golden/explain.golden', async () => {
    let text = '';
    for (const [object, program] of PROGRAMS) {
      const { code, out } = await explained(`${objects}${object}.o`, program);
      expect(code).toBe(1);
      text += `${out}\n`;
    }
    if (process.env['SKEP_BLESS'] || !existsSync(golden)) writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });

  it('says of an accepted program what it cost', async () => {
    const { code, out } = await explained(`${objects}globals.o`);
    expect(code).toBe(0);
    expect(out).toBe('globals.o: use_globals (socket_filter): accepted\n  50 instructions walked, 1 states, 1 at once, 0 bytes of stack\n'); // prettier-ignore
  });

  it('gives all of it as JSON', async () => {
    const { code, out } = await explained(`${objects}rejected.o`, 'no_bounds_check', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      file: 'rejected.o',
      program: 'no_bounds_check',
      type: 'xdp',
      verdict: 'reject',
      errno: 13,
      message: 'R1 offset is outside of the packet',
      kind: 'packet-bounds',
      remedy: 'compare with data_end before this: if (data + 13 > data_end) return …;',
      insn: 1,
      steps: [
        { insn: 0, role: 'made', source: { line: 21 }, known: [{ place: 'r1', value: 'pkt(r=0)' }] },
        { insn: 1, role: 'refused', source: { line: 22 } },
      ],
      stats: { insns: 2 },
    });
  });

  it('names the programs there are', async () => {
    const call = command.run([`${objects}explain.o`], testIo());
    await expect(call).rejects.toThrow(/which program of .*explain\.o\? There are: index_may_be_negative, /);
    await expect(call).rejects.toBeInstanceOf(UsageError);
    await expect(command.run([`${objects}explain.o`, 'nobody'], testIo())).rejects.toThrow(/has no program nobody/);
  });

  it('follows values through functions, loops and spills', async () => {
    const [call, loop, lost] = await explainLines([
      {
        name: 'call',
        prog_type: 'socket_filter',
        insns: hex('r1 = 7\ncall pc+1\nexit\nr1 *= 4\nr0 = r1\nr0 = *(u8 *)(r0 +0)\nexit'),
      },
      {
        name: 'loop',
        prog_type: 'socket_filter',
        insns: hex('r2 = r10\nr3 = 9\nr2 += -8\nr3 -= 1\nif r3 != 0 goto pc-3\nr0 = *(u64 *)(r2 -456)\nexit'),
      },
      {
        name: 'lost',
        prog_type: 'xdp',
        insns: hex(
          'r2 = *(u32 *)(r1 +0)\nr6 = r1\nr1 = r6\nr2 = 8\ncall bpf_xdp_adjust_head#44\nr0 = *(u8 *)(r2 +0)\nexit',
        ),
      },
    ]);
    expect(call).toMatchObject({ kind: 'not-a-pointer', message: "R0 invalid mem access 'scalar'", insn: 5 });
    expect(call.steps.map(({ insn, role }) => `${insn} ${role}`)).toEqual(['0 made', '1 made', '3 made', '4 made', '5 refused']); // prettier-ignore
    expect(loop).toMatchObject({ kind: 'stack-bounds', insn: 5 });
    expect(loop.steps.map(({ insn, times }) => [insn, times])).toEqual([
      [0, 1],
      [2, 9],
      [5, 1],
    ]);
    expect(loop.steps[1].known).toEqual([{ place: 'r2', value: 'fp-72' }]);
    expect(lost).toMatchObject({ kind: 'uninitialised-register', message: 'R2 !read_ok' });
    expect(lost.steps[0]).toMatchObject({ insn: 4, known: [{ place: 'r2', value: 'not written' }] });
  });

  it('--batch answers each line, whatever it holds', async () => {
    const [good, broken, shape] = await explainLines([
      { name: 'good', insns: hex('r0 = 0\nexit') },
      { name: 'broken', insns: '95' },
      { name: 'shape', insns: hex('r0 = 0\ngoto pc+5\nexit') },
    ]);
    expect(good).toMatchObject({ name: 'good', verdict: 'accept', steps: [] });
    expect(broken).toMatchObject({ name: 'broken', verdict: 'setup-failed' });
    expect(shape).toMatchObject({ name: 'shape', verdict: 'reject', kind: 'control-flow', errno: 22 });
  });

  it('paints only where colours are wanted', async () => {
    const io = { ...testIo(), colours: true };
    let out = '';
    io.out = (text) => void (out += text);
    await command.run([`${objects}rejected.o`, 'no_null_check'], io);
    expect(out).toContain('\x1b[31m');
    expect((await explained(`${objects}rejected.o`, 'no_null_check')).out).not.toContain('\x1b');
  });
});
