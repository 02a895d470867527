/** Filters and calls as text, with the verdict beside each call: of skep, and of Linux where all of the call is known. */
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseClassic } from '../../src/cbpf/index.ts';
import {
  ClassicFilter,
  SeccompData,
  SeccompFilters,
  archByName,
  formatVerdict,
  nameWords,
  readCall,
} from '../../src/seccomp/index.ts';
import { expectedOutcome, openSeccompJudge } from '../support/seccomp-judge.ts';
import type { JudgedCall } from '../support/seccomp-judge.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const judge = openSeccompJudge();
if (typeof judge === 'string') console.warn(`the comparison of the corpus with Linux is skipped: ${judge}`);

/** Calls that do nothing, and look at no argument. */
const HARMLESS = new Set(['getpid', 'getppid']);

interface Case {
  readonly text: string;
  readonly verdict: string;
}

function readCorpus(file: string): { filters: string[]; calls: Case[] } {
  const filters: string[] = [];
  const calls: Case[] = [];
  for (const section of readFileSync(file, 'utf8').split(/^-- /m).slice(1)) {
    const [kind, ...lines] = section.split('\n');
    if (kind === 'filter') filters.push(lines.join('\n'));
    else
      for (const line of lines.filter((one) => one.trim() !== '' && !one.startsWith('#'))) {
        const [, text, verdict] = /^(.*?\)) {2,}(.*)$/.exec(line) ?? [];
        expect(verdict, line).toBeDefined();
        calls.push({ text, verdict });
      }
  }
  return { filters, calls };
}

describe.each(readdirSync(folder).filter((name) => name.endsWith('.txt')))('%s', (name) => {
  const { filters, calls } = readCorpus(folder + name);
  const programs = filters.map((text) => parseClassic(text));
  const all = new SeccompFilters(programs.map((insns) => new ClassicFilter(insns)));

  it.each(calls)('$text', ({ text, verdict }) => {
    const [, archName = 'x86_64', call] = /^(?:(\w+): )?(.*)$/.exec(text) ?? [];
    const arch = archByName(archName);
    if (!arch) throw new Error(`no such convention: ${archName}`);
    const data = new SeccompData();
    const callee = readCall(call, arch, data);
    const { answers, certain, complete, unknown } = all.decide(data);
    const may = [...answers.map(({ returned }) => formatVerdict(returned)), ...(complete ? [] : ['others'])].join(
      ' or ',
    );
    expect(certain ? may : `depends on ${nameWords(unknown).join(', ')}: ${may}`).toBe(verdict);
    if (typeof judge === 'string' || !certain || !HARMLESS.has(callee) || archName === 'aarch64') return;
    const args = Array.from({ length: 6 }, (_, n) => {
      const [low, high] = data.words.subarray(4 + 2 * n, 6 + 2 * n);
      return (BigInt(high) << 32n) | BigInt(low);
    });
    const judged: JudgedCall = { i386: archName === 'i386', nr: data.words[0], args };
    const [answer] = judge.ask([{ filters: programs, calls: [judged] }]).answers;
    expect(answer.installed.every((result) => result === 0)).toBe(true);
    expect(answer.outcomes[0]).toMatch(expectedOutcome(answers[0].returned));
  });
});
