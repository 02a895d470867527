/**
 * Runs every program of test/verifier/**.bpft on user space, and on the kernel where it can be reached; there
 * SKEP_BLESS=1 writes the kernel's answers into the files. BPFT=FILE[,FILE] runs only these.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ExchangeRunner } from '../src/loader/index.ts';
import type { ExchangeBackend, ExchangeOptions } from '../src/loader/index.ts';
import { answerOf, parseBpft, withAnswers } from './bpft.ts';
import type { BpftProgram } from './bpft.ts';
import { blessing, exchangeBackends } from './backends.ts';
import { profileTypes } from './support/profile-types.ts';

const { userspace, verifier, linux } = await exchangeBackends();
/** Programs that name types of the kernel that was asked are judged by no others. */
const hasKernelBtf = profileTypes() !== undefined;
const root = new URL('./verifier/', import.meta.url);
const files = process.env['BPFT']
  ? process.env['BPFT'].split(',')
  : readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.bpft'))
      .map((name) => new URL(name, root).pathname)
      .sort();

/** Runners by log level: one for the answer, one for each level that a program wants to see. */
function runners(backend: ExchangeBackend): (program: BpftProgram) => string[] {
  const make = (options: ExchangeOptions): ExchangeRunner => new ExchangeRunner(backend, options);
  const plain = make({ run: true });
  return (program) => answerOf(program, plain, (logLevel) => make({ logLevel, fullLog: true }));
}

for (const file of files) {
  const text = readFileSync(file, 'utf8');
  const programs = parseBpft(text, file);
  describe(file.split('/test/').at(-1) ?? file, () => {
    if (blessing && linux) {
      it('is blessed by the kernel', () => {
        writeFileSync(file, withAnswers(text, programs, programs.map(runners(linux))));
      });
      return;
    }
    for (const program of programs) {
      // What is not run need not have an implementation.
      const onUserspace = runners(program.object.runs.length ? userspace : verifier);
      const isJudged = program.object.attachBtf === undefined || hasKernelBtf;
      const run = !isJudged ? it.skip : program.todo === undefined ? it : it.fails;
      run(program.name, ({ skip }) => {
        expect(program.expected.length, 'no answer is recorded: run with SKEP_BLESS=1').toBeGreaterThan(0);
        const answer = onUserspace(program).join('\n');
        skip(!hasKernelBtf && answer.includes('unsupported by skep: kernel BTF'));
        expect(answer).toBe(program.expected.join('\n'));
      });
    }
    it.skipIf(!linux)('is what the kernel says', () => {
      const onLinux = runners(linux as ExchangeBackend);
      for (const program of programs)
        expect(onLinux(program).join('\n'), program.name).toBe(program.expected.join('\n'));
    });
  });
}
