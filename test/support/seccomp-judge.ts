/** Linux as the judge of seccomp filters: `test/seccomp/judge.c`, compiled when first asked. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeClassic } from '../../src/cbpf/index.ts';
import type { ClassicInstruction } from '../../src/cbpf/index.ts';
import { verdictOf } from '../../src/seccomp/index.ts';

export interface JudgedCall {
  /** True: made with `int $0x80`. */
  readonly i386?: boolean;
  readonly nr: number;
  /** 64 bits each, at most six; the rest is 0. */
  readonly args: readonly bigint[];
}

export interface SeccompCase {
  readonly filters: readonly (readonly ClassicInstruction[])[];
  readonly calls: readonly JudgedCall[];
}

export interface SeccompAnswer {
  /** Of each filter: 0 or -errno. */
  readonly installed: readonly number[];
  /** Of each call: `returned -1`, `trapped 5`, `thread killed`, `process killed 31`. */
  readonly outcomes: readonly string[];
}

const OUTCOMES = ['returned', 'trapped', 'thread killed', 'process killed', 'not tried'];

export class SeccompJudge {
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
  }

  /** @param cases given the instruction pointers that filters see of the two ways to make a call */
  ask(cases: readonly SeccompCase[]): { answers: SeccompAnswer[]; pointers: [bigint, bigint] } {
    const input = Buffer.concat(cases.flatMap(({ filters, calls }) => encodeCase(filters, calls)));
    const { stdout, status } = spawnSync(this.#program, { input, maxBuffer: 1 << 28, timeout: 60_000 });
    if (status !== 0) throw new Error(`judge ended with ${status}`);
    const words = new BigInt64Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
    let at = 2;
    const answers = cases.map(({ filters, calls }) => {
      const installed = filters.map(() => Number(words[at++]));
      const outcomes = calls.map(() => {
        const [what, value] = [Number(words[at++]), Number(words[at++])];
        return what === 2 ? OUTCOMES[what] : `${OUTCOMES[what]} ${value}`;
      });
      return { installed, outcomes };
    });
    return { answers, pointers: [BigInt.asUintN(64, words[0]), BigInt.asUintN(64, words[1])] };
  }
}

function encodeCase(filters: SeccompCase['filters'], calls: readonly JudgedCall[]): Uint8Array[] {
  const parts: Uint8Array[] = [new Uint8Array(Uint32Array.of(filters.length, calls.length).buffer)];
  for (const insns of filters) parts.push(new Uint8Array(Uint32Array.of(insns.length).buffer), encodeClassic(insns));
  for (const { i386, nr, args } of calls) {
    const words = [i386 ? 1n : 0n, BigInt(nr), ...Array.from({ length: 6 }, (_, n) => args[n] ?? 0n)];
    parts.push(new Uint8Array(BigUint64Array.from(words, (word) => BigInt.asUintN(64, word)).buffer));
  }
  return parts;
}

/** What a call must come to, whose effect is only to return something positive. */
export function expectedOutcome(returned: number): RegExp {
  const { action, data } = verdictOf(returned);
  switch (action) {
    case 'KILL_PROCESS':
      return /^process killed 31$/;
    case 'KILL_THREAD':
      return /^thread killed$/;
    case 'TRAP':
      return new RegExp(`^trapped ${data}$`);
    case 'ERRNO':
      return new RegExp(`^returned ${data === 0 ? 0 : -data}$`);
    case 'TRACE':
    case 'USER_NOTIF':
      return /^returned -38$/;
    default:
      return /^returned [1-9]\d*$/;
  }
}

/** @returns why there is none, instead of the judge */
export function openSeccompJudge(): SeccompJudge | string {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'this is not Linux on x86-64';
  const program = join(mkdtempSync(join(tmpdir(), 'skep-')), 'judge');
  const source = fileURLToPath(new URL('../seccomp/judge.c', import.meta.url));
  for (const compiler of ['cc', 'clang-19', 'clang-16'])
    if (spawnSync(compiler, ['-O1', '-pthread', '-o', program, source]).status === 0) return new SeccompJudge(program);
  return 'there is no C compiler';
}
