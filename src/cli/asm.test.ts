import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { FormatError } from '../errors/index.ts';
import { encode } from '../isa/index.ts';
import { loadCollectionSpec } from '../loader/index.ts';
import { command as asm } from './asm.ts';
import { UsageError, type Io } from './command.ts';
import { command as disasm } from './disasm.ts';

const folder = mkdtempSync(join(tmpdir(), 'skep-asm-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string, content?: string | Uint8Array): string => {
  const file = join(folder, name);
  if (content !== undefined) writeFileSync(file, content);
  return file;
};

/** Run a command on a standard input. */
async function call(
  command: typeof asm,
  args: string[],
  stdin = '',
): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const io: Io = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    async *stdin() {
      yield Buffer.from(stdin.slice(0, 7));
      yield Buffer.from(stdin.slice(7));
    },
    interactive: false,
  };
  return { code: await command.run(args, io), out, err };
}

const MOV_EXIT = 'b70000002a000000\n9500000000000000\n';
const MOV_EXIT_TEXT = '   0: (b7) r0 = 42\n   1: (95) exit\n';

describe('skep asm', () => {
  it('prints one slot a line', async () => {
    expect(await call(asm, [], 'r0 = 42 ; the answer\nexit')).toEqual({ code: 0, out: MOV_EXIT, err: '' });
    expect(await call(asm, ['--hex', path('a.bpf', 'r0 = 42\nexit')])).toEqual({ code: 0, out: MOV_EXIT, err: '' });
  });

  it('writes raw bytes', async () => {
    const file = path('a.bin');
    expect(await call(asm, ['-', '-o', file], 'r0 = 42\nexit')).toEqual({ code: 0, out: '', err: '' });
    expect(readFileSync(file).toString('hex')).toBe(MOV_EXIT.replaceAll('\n', ''));
  });

  it('takes the dialect and whole conformance files', async () => {
    expect((await call(asm, ['--conformance'], 'mov %r0, 42\nexit')).out).toBe(MOV_EXIT);
    expect((await call(asm, ['--conformance'], '-- asm\nmov %r0, 42\nexit\n-- result\n42\n')).out).toBe(MOV_EXIT);
  });

  it('says which descriptors are missing and what is malformed', async () => {
    const { err } = await call(asm, [], 'r1 = map[counts]\nr0 = le17 r0\nexit').catch((e: unknown) => ({
      err: String(e),
    }));
    expect(err).toContain('"r0 = le17 r0" is not an instruction');
    expect((await call(asm, [], 'r1 = map[counts]\nexit')).err).toBe(
      'slot 0: put the descriptor of map counts into imm\n',
    );
    expect((await call(asm, ['--conformance'], '-- raw\nff\n-- error')).err).toContain('slot 0: unknown opcode 0xff');
  });

  it('refuses what is no program', async () => {
    await expect(call(asm, [], '; nothing')).rejects.toThrow(FormatError);
    await expect(call(asm, [], 'r0 = 1\nnonsense')).rejects.toThrow(
      'standard input:2: "nonsense" is not an instruction',
    );
    await expect(call(asm, ['a', 'b'])).rejects.toThrow(UsageError);
    await expect(call(asm, ['--hex', '-o', 'x'], 'exit')).rejects.toThrow(UsageError);
  });
});

describe('skep disasm', () => {
  it('takes hexadecimal as arguments, standard input or file, and raw bytes', async () => {
    const bytes = Buffer.from(MOV_EXIT.replaceAll('\n', ''), 'hex');
    for (const args of [['b70000002a0000009500000000000000'], ['b7000000', '2a000000', '0x95000000', '00000000']]) {
      expect(await call(disasm, args)).toEqual({ code: 0, out: MOV_EXIT_TEXT, err: '' });
    }
    expect((await call(disasm, ['-'], MOV_EXIT)).out).toBe(MOV_EXIT_TEXT);
    expect((await call(disasm, [path('a.hex', MOV_EXIT)])).out).toBe(MOV_EXIT_TEXT);
    expect((await call(disasm, [path('b.bin', bytes)])).out).toBe(MOV_EXIT_TEXT);
    expect((await call(disasm, ['--raw', path('b.bin', bytes)])).out).toBe(MOV_EXIT_TEXT);
  });

  it('prints every program so that it assembles back', async () => {
    const text = 'r1 = map[fd:3][0]+8\ncall pc+1\nexit\nr0 = 0x7\ncall kfunc#12@3\nexit';
    const out = (await call(disasm, ['-'], Buffer.from(encode(assemble(text).insns)).toString('hex'))).out;
    expect(encode(assemble(out).insns)).toEqual(encode(assemble(text).insns));
  });

  it('prints the programs of an object, with its maps, functions and source lines', async () => {
    const object = new URL('../../test/objects/subprogs.o', import.meta.url).pathname;
    const { out, code } = await call(disasm, [object]);
    expect(code).toBe(0);
    expect(out).toMatch(/^; program \w+, section \S+\n\w+:\n/);
    expect(out).toMatch(/\(85\) call [a-z]\w+\n/);
    expect(out).toMatch(/\n; .+ @ .*subprogs\.c:\d+\n/);
    const spec = loadCollectionSpec(new Uint8Array(readFileSync(object)));
    for (const program of out.split(/^; program /m).slice(1)) {
      const { insns, references } = spec.programs[program.slice(0, program.indexOf(','))];
      const back = assemble(`; ${program}`);
      expect(back.mapRefs.map(({ insn, name }) => [insn, name])).toEqual(
        references.map(({ insn, map }) => [insn, map]),
      );
      const slots = new Set(references.flatMap(({ insn }) => [insn, insn + 1]));
      expect(back.insns.filter((_, i) => !slots.has(i))).toEqual(insns.filter((_, i) => !slots.has(i)));
    }
    const [, name] = /^; program (\w+)/.exec(out) ?? [];
    const one = (await call(disasm, [object, '--program', name, '--no-source'])).out;
    expect(one.match(/^; /gm)).toHaveLength(1);
    await expect(call(disasm, [object, '--program', 'nobody'])).rejects.toThrow('has no such program, but');
    const maps = new URL('../../test/objects/xdp_parse.o', import.meta.url).pathname;
    expect((await call(disasm, [maps])).out).toMatch(/\(18\) r\d = map\[\w+\]/);
  });

  it('refuses what is no program', async () => {
    await expect(call(disasm, [])).rejects.toThrow(UsageError);
    await expect(call(disasm, ['b7000'])).rejects.toThrow('5 digits are not whole bytes');
    await expect(call(disasm, ['b7000000'])).rejects.toThrow('the last instruction has 4 bytes instead of 8');
    await expect(call(disasm, [path('c.bin', new Uint8Array([0xb7, 0, 0]))])).rejects.toThrow(/c\.bin, offset 0x0/);
    await expect(call(disasm, [path('empty', '')])).rejects.toThrow('there are no instructions');
    await expect(call(disasm, [path('nowhere')])).rejects.toThrow('ENOENT');
    await expect(call(disasm, [path('a.hex', MOV_EXIT), '--program', 'x'])).rejects.toThrow(UsageError);
  });
});
