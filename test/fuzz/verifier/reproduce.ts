/** Files that show a disagreement again: `.bpft` where that can hold the program, otherwise an object of the exchange format. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoName } from '../../../src/errors/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import { compare, sameKind } from './judge.ts';
import type { Difference, Judgement, Kernel } from './judge.ts';
import { shrink } from './shrink.ts';
import { toBpft } from './to-bpft.ts';
import { toJson } from './to-json.ts';

export interface Where {
  /** Folder. */
  readonly out: string;
  /** What makes the names of files unique: seed and case. */
  readonly name: string;
  /** How the unshrunk program is made again. */
  readonly command: string;
}

/** Shrink the program as long as the difference stays, and write it. @returns the file's path */
export function writeShrunk(object: ProgramObject, difference: Difference, where: Where, kernel: Kernel): string {
  const small = shrink(object, (candidate) => sameKind(compare(candidate, kernel).difference, difference));
  const { theirs, difference: now = difference } = compare(small, kernel);
  const stem = `verifier-${difference.grade.replace(/\W+/g, '-')}-${where.name}`;
  const isText = small.funcInfo.length === 0 && small.lineInfo.length === 0;
  const path = join(where.out, `${stem}.${isText ? 'bpft' : 'json'}`);
  mkdirSync(where.out, { recursive: true });
  const text = isText ? bpftText(small, now, theirs, where, path) : jsonText(small, now, where, path);
  writeFileSync(path, text);
  return path;
}

function jsonText(small: ProgramObject, now: Difference, { command }: Where, path: string): string {
  const notes = {
    made_by: command,
    shown_by: `npm run fuzz:verifier -- --object ${path}`,
    disagrees: { grade: now.grade, kernel: now.theirs, skep: now.ours },
    program: toBpft(small, String(small.name)).slice(1),
  };
  return `${JSON.stringify({ ...notes, ...toJson(small) }, null, 1)}\n`;
}

function bpftText(small: ProgramObject, now: Difference, theirs: Judgement, { command }: Where, path: string): string {
  const lines = [
    `# ${command}`,
    `# node test/run-bpft.mjs ${path}`,
    `# disagrees: ${now.grade}`,
    ...`kernel ${now.theirs}\nskep ${now.ours}`.split('\n').map((line) => `#   ${line}`),
    ...(/^log/.test(now.grade) ? [`.log ${now.grade.slice(4)}`] : []),
    '',
    ...toBpft(small, String(small.name)),
    ...answer(theirs, now.grade),
  ];
  return `${lines.join('\n')}\n`;
}

/** The kernel's answer as `.bpft` files have it. */
function answer(theirs: Judgement, grade: string): string[] {
  const { verdict, errno, reason, processed, states, stackDepth, log } = theirs;
  const [total, peak, most] = states.split('/');
  const lines = [verdict === 'accept' ? '=> accept' : `=> reject ${errnoName(errno)}`];
  for (const text of reason) lines.push(`   message ${text}`);
  if (processed !== undefined)
    lines.push(`   processed ${processed} insns, ${total} states, ${peak} peak, ${most} per insn`);
  if (verdict === 'accept') lines.push(`   stack depth ${stackDepth}`);
  if (grade !== 'log 1') return lines;
  const kept = log
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(verification time|stack depth)/.test(line));
  return [...lines, ...kept.map((line) => `| ${line}`.trimEnd())];
}
