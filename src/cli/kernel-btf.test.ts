/** `--btf FILE`: programs for the kernel whose types a file has. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { BtfBuilder, KIND } from '../btf/index.ts';
import { encode } from '../isa/index.ts';
import type { ExchangeAnswer } from '../loader/index.ts';
import type { Io } from './command.ts';
import { command } from './verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'skep-btf-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A kernel whose tasks have a number and a pointer to another task, and one without tasks. */
function writeTypes(name: string, hasTasks: boolean): string {
  const b = new BtfBuilder();
  const u64 = b.add({ kind: KIND.INT, name: 'unsigned long', size: 8, encoding: 0, offset: 0, bits: 64 });
  if (hasTasks) {
    const members = [
      { name: 'number', type: u64, bitOffset: 0, bitSize: 0 },
      { name: 'real_parent', type: u64 + 2, bitOffset: 64, bitSize: 0 },
    ];
    const task = b.add({ kind: KIND.STRUCT, name: 'task_struct', size: 16, members });
    b.add({ kind: KIND.PTR, name: '', type: task });
  }
  const file = join(folder, name);
  writeFileSync(file, b.bytes());
  return file;
}

async function ask(text: string, ...args: string[]): Promise<ExchangeAnswer> {
  const insns = Buffer.from(encode(assemble(`call bpf_get_current_task_btf#158\n${text}\nr0 = 0\nexit`).insns));
  let out = '';
  const io: Io = {
    out: (line) => void (out += line),
    err: () => undefined,
    async *stdin() {
      yield Promise.resolve(Buffer.from(JSON.stringify({ prog_type: 'kprobe', insns: insns.toString('hex') })));
    },
    interactive: false,
  };
  await command.run(['--batch', ...args, '--full-log', '--level', '2'], io);
  return JSON.parse(out) as ExchangeAnswer;
}

describe('the types that --btf names', () => {
  const tasks = writeTypes('tasks', true);

  it('tell what lies where', async () => {
    const answer = await ask('r1 = *(u64 *)(r0 +0)\nr1 = *(u64 *)(r0 +8)', '--btf', tasks);
    expect(answer.verdict).toBe('accept');
    expect(answer.log).toContain('R1=rcu_ptr_task_struct()');
  });

  it('and where nothing does', async () => {
    const answer = await ask('r1 = *(u64 *)(r0 +16)', '--btf', tasks);
    expect(answer).toMatchObject({
      verdict: 'reject',
      reason: ['access beyond struct task_struct at off 16 size 8'],
    });
  });

  it('lack a struct', async () => {
    const answer = await ask('r1 = *(u64 *)(r0 +0)', '--btf', writeTypes('none', false));
    expect(answer).toMatchObject({
      verdict: 'unsupported',
      reason: ['unsupported by skep: struct task_struct, which the given kernel BTF does not have'],
    });
  });

  it('are in a file that is not there, or is no BTF', async () => {
    const missing = await ask('r1 = *(u64 *)(r0 +0)', '--btf', join(folder, 'missing'));
    expect(missing).toMatchObject({ verdict: 'setup-failed', reason: [expect.stringContaining('no such file')] });
    const broken = join(folder, 'broken');
    writeFileSync(broken, 'not BTF, but long enough for a header');
    expect(await ask('r1 = *(u64 *)(r0 +0)', '--btf', broken)).toMatchObject({
      verdict: 'setup-failed',
      reason: [expect.stringContaining('BTF magic')],
    });
  });
});
