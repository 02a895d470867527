/** `skep exec`: conformance files, each a program, its memory and what must come out. */
import { parseArgs } from 'node:util';
import { formatInsn, parseDataFile } from '../asm/index.ts';
import type { DataFile } from '../asm/index.ts';
import { FormatError } from '../errors/index.ts';
import type { Instruction } from '../isa/index.ts';
import type { LinuxSys } from '../linux/index.ts';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';
import { execInterp } from './exec-interp.ts';
import type { Outcome } from './exec-interp.ts';
import { execLinux } from './exec-linux.ts';
import { inputName, readInput } from './input.ts';

const help = `usage: skep exec FILE.data… [options]

Runs conformance files (sections -- asm or -- raw, -- mem, -- result or -- error) and compares r0 with the expected
value. Programs are not verified: every access is checked while they run, and a bad one stops the program. r1 is the
address of the memory, or 0, r2 its length. Helpers 0 to 5 are the functions that uBPF's files call; the others are
Linux's, as far as skep runs them.

  --engine NAME        interp (default), jit or linux, the running kernel, which verifies
  --json               one JSON object a file: file, engine, status (pass, fail, error), expected, actual, message
  --trace              the registers before each instruction, on standard error (interp)

Exit code 0 when all pass.

examples:
  skep exec test/conformance/base32/*.data
  skep exec --trace add.data
`;

const options = {
  engine: { type: 'string' },
  json: { type: 'boolean' },
  trace: { type: 'boolean' },
} as const;

const ENGINES = ['interp', 'jit', 'linux'] as const;
type Engine = (typeof ENGINES)[number];

interface Report {
  readonly file: string;
  readonly engine: Engine;
  readonly status: 'pass' | 'fail' | 'error';
  /** r0 in hexadecimal, or `error`; null where it is not known. */
  readonly expected: string | null;
  readonly actual: string | null;
  readonly message?: string;
}

type Run = (insns: readonly Instruction[], mem: Uint8Array | undefined) => Outcome;

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const engine = ENGINES.find((name) => name === (values.engine ?? 'interp'));
  if (engine === undefined) throw new UsageError(`--engine is ${ENGINES.join(', ')}, not ${values.engine}`);
  if (positionals.length === 0) throw new UsageError('skep exec: give it files');
  if (values.trace && engine !== 'interp') throw new UsageError('--trace needs the interpreter');
  const runner = await openEngine(engine, values.trace ? io : undefined);
  let passed = 0;
  for (const path of positionals) {
    const report = await execFile(path, engine, runner, io);
    if (report.status === 'pass') passed++;
    io.out(values.json ? `${JSON.stringify(report)}\n` : asText(report));
  }
  if (!values.json && positionals.length > 1) io.out(`${passed} of ${positionals.length} passed\n`);
  return passed === positionals.length ? 0 : 1;
}

/** What runs a program. */
async function openEngine(engine: Engine, trace: Io | undefined): Promise<Run> {
  if (engine === 'jit') return (await import('./exec-jit.ts')).execJit;
  if (engine === 'linux') {
    const { openLinux } = await import('../linux/index.ts');
    const sys: LinuxSys = await openLinux();
    return (insns, mem) => execLinux(sys, insns, mem);
  }
  if (trace === undefined) return execInterp;
  return (insns, mem) =>
    execInterp(insns, mem, (slot, registers) => trace.err(`${traceLine(insns, slot, registers)}\n`));
}

async function execFile(path: string, engine: Engine, runner: Run, io: Io): Promise<Report> {
  const file = inputName(path);
  const head = { file, engine };
  let text: string;
  try {
    text = new TextDecoder().decode(await readInput(path, io));
  } catch (error) {
    return { ...head, status: 'error', expected: null, actual: null, message: (error as Error).message };
  }
  let data: DataFile;
  try {
    data = parseDataFile(text, file);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // A program that cannot even be assembled fails as such a file demands.
    const pass = mustFail(text) && !['mem', 'result'].includes(error.section);
    const expected = mustFail(text) ? 'error' : null;
    return {
      ...head,
      status: pass ? 'pass' : 'error',
      expected,
      actual: pass ? 'error' : null,
      message: error.message,
    };
  }
  return { ...head, ...judge(runner(data.insns, data.mem), mustFail(text) ? undefined : data.result) };
}

/** Whether the program must fail; then a `-- result` beside means nothing. */
function mustFail(text: string): boolean {
  return /^--\s+error\b/m.test(text);
}

/** @param result the expected r0; undefined: the program must fail */
function judge(outcome: Outcome, result: bigint | undefined): Omit<Report, 'file' | 'engine'> {
  const expected = result === undefined ? 'error' : hex(result);
  if ('stopped' in outcome) {
    const status = result === undefined ? 'pass' : 'error';
    return { status, expected, actual: 'error', message: outcome.stopped };
  }
  const actual = hex(outcome.r0);
  return { status: actual === expected ? 'pass' : 'fail', expected, actual };
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function asText({ file, status, expected, actual, message }: Report): string {
  if (status === 'pass') return `pass   ${file}\n`;
  if (status === 'fail') return `fail   ${file}: expected ${expected}, got ${actual === 'error' ? message : actual}\n`;
  return `error  ${file}: ${message}\n`;
}

/** `  3: r0 += r1                     r0=0x1 r1=0x2 r10=0x10200`; registers that are 0 are left out. */
function traceLine(insns: readonly Instruction[], slot: number, registers: Int32Array): string {
  const shown: string[] = [];
  for (let n = 0; n <= 10; n++) {
    const value = BigInt.asUintN(64, (BigInt(registers[2 * n + 1]) << 32n) | BigInt(registers[2 * n] >>> 0));
    if (value !== 0n) shown.push(`r${n}=${hex(value)}`);
  }
  return `${String(slot).padStart(4)}: ${formatInsn(insns, slot).padEnd(40)} ${shown.join(' ')}`.trimEnd();
}

export const command: Command = { help, run };
