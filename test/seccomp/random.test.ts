/**
 * Random filters against Linux: whether seccomp(2) takes them, and what becomes of calls under one or several of them. And
 * against themselves: what is unknown of a call never makes a verdict certain that some value of it would change.
 */
import { describe, expect, it } from 'vitest';
import { CLASSIC_FORMS } from '../../src/cbpf/index.ts';
import type { ClassicForm, ClassicInstruction } from '../../src/cbpf/index.ts';
import {
  ClassicFilter,
  SECCOMP_RET,
  SeccompData,
  SeccompFilters,
  WORD,
  checkSeccomp,
} from '../../src/seccomp/index.ts';
import { Random } from '../../src/util/index.ts';
import { wildClassicProgram } from '../support/classic-programs.ts';
import { expectedOutcome, openSeccompJudge } from '../support/seccomp-judge.ts';
import type { JudgedCall, SeccompCase } from '../support/seccomp-judge.ts';

const judge = openSeccompJudge();
const why = typeof judge === 'string' && judge;
if (why) console.warn(`the comparison of random seccomp filters with Linux is skipped: ${why}`);

const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const NR = { getpid: 39, getppid: 110, gettid: 186, seccomp: 317 } as const;
const NR_I386 = { getpid: 20, getppid: 64, gettid: 224 } as const;
const AUDIT = { x86_64: 0xc000003e, i386: 0x40000003 } as const;

const insn = (code: number, k: number, jt = 0, jf = 0): ClassicInstruction => ({ code, jt, jf, k: k >>> 0 });
const ALLOW = insn(0x06, SECCOMP_RET.ALLOW);
const ACTIONS = [...Object.values(SECCOMP_RET), 0x10000, 0x7fe00000, 0x90000000];
/** What seccomp takes: no loads from packets, no remainders. */
const FORMS = CLASSIC_FORMS.filter(
  ({ code, mnemonic, operand }) =>
    operand !== 'ind' && operand !== 'msh' && mnemonic !== 'mod' && (operand !== 'abs' || code === 0x20),
);

/** Numbers that comparisons and arguments have in common. */
const NUMBERS = [0, 1, 3, 39, 64, 110, 186, 0x3e, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, AUDIT.x86_64, AUDIT.i386];
const number = (random: Random): number => (random.oneIn(4) ? random.u32() : random.pick(NUMBERS));

function instruction(form: ClassicForm, random: Random, after: number): ClassicInstruction {
  const skip = (): number => random.below(Math.min(after, 6));
  switch (form.operand) {
    case 'abs':
      return insn(form.code, 4 * random.below(16));
    case 'mem':
      return insn(form.code, random.below(3));
    case 'goto':
      return insn(form.code, skip());
    case 'ifK':
    case 'ifX':
      return insn(form.code, number(random), skip(), skip());
    case 'dec':
      return insn(form.code, ['lsh', 'rsh'].includes(form.mnemonic) ? random.below(32) : number(random) || 1);
    default:
      return insn(form.code, number(random));
  }
}

/** A filter that Linux takes, and that lets seccomp(2) pass, so that another one can follow. */
function randomFilter(random: Random): ClassicInstruction[] {
  const insns = [insn(0x20, 0), insn(0x15, NR.seccomp, 0, 1), ALLOW];
  const length = insns.length + 1 + random.below(24);
  const end = [insn(0x06, random.pick(ACTIONS) + random.below(3)), insn(0x06, random.pick(ACTIONS) + random.below(3))];
  if (random.oneIn(3)) end[1] = insn(0x16, 0);
  while (insns.length < length) {
    const ends = random.oneIn(12);
    const one = ends
      ? insn(0x06, random.pick(ACTIONS) + random.below(3))
      : instruction(random.pick(FORMS), random, length - insns.length);
    insns.push(...(random.oneIn(3) ? [insn(0x20, 4 * random.below(16))] : []), one);
    if (checkSeccomp([...insns, ...new Array<ClassicInstruction>(8).fill(ALLOW)])) insns.pop();
  }
  return [...insns, ...end, ALLOW, ALLOW, ALLOW, ALLOW, ALLOW, ALLOW];
}

function randomCall(random: Random): JudgedCall {
  const i386 = random.oneIn(4);
  const word = (): bigint => BigInt(number(random));
  const args = Array.from({ length: 6 }, () => (random.oneIn(2) ? word() : (word() << 32n) | word()));
  return { i386, nr: random.pick(Object.values(i386 ? NR_I386 : NR).filter((nr) => nr !== NR.seccomp)), args };
}

function dataOf({ i386, nr, args }: JudgedCall, pointers: readonly bigint[]): SeccompData {
  const data = new SeccompData().reset(nr, i386 ? AUDIT.i386 : AUDIT.x86_64);
  // Not cut to 32 bits: a 64-bit process may make calls of i386, and filters see all of its registers.
  const words = (value: bigint): [number, number] => [Number(value & 0xffffffffn), Number(value >> 32n)];
  args.forEach((value, n) => data.setArg(n, ...words(value)));
  const pointer = pointers[i386 ? 1 : 0];
  data.setInstructionPointer(Number(pointer & 0xffffffffn), Number(pointer >> 32n));
  return data;
}

describe.skipIf(why)('Linux agrees', () => {
  it('on which filters it takes', () => {
    const random = new Random(seed);
    const cases: SeccompCase[] = Array.from({ length: 400 }, () => {
      const insns = wildClassicProgram(random);
      if (random.oneIn(2))
        insns.forEach((one, at) => (insns[at] = (one.code & 0xe7) === 0x20 ? insn(0x20, 4 * random.below(18)) : one));
      return { filters: [insns], calls: [] };
    });
    for (let code = 0; code < 0x100; code++)
      cases.push({ filters: [[insn(0x02, 1), insn(0x02, 0), insn(code, 1), ALLOW, ALLOW, ALLOW]], calls: [] });
    for (let k = -8; k < 72; k++) cases.push({ filters: [[insn(0x20, k), ALLOW]], calls: [] });
    let taken = 0;
    (judge as Exclude<typeof judge, string>).ask(cases).answers.forEach(({ installed }, i) => {
      const refused = checkSeccomp(cases[i].filters[0]);
      expect(installed[0], `SKEP_SEED=${seed}, case ${i}: ${refused?.problem}`).toBe(refused ? -22 : 0);
      if (!refused) taken++;
    });
    expect(taken).toBeGreaterThan(80);
  });

  it('on what becomes of calls', () => {
    const random = new Random(seed);
    const cases: SeccompCase[] = Array.from({ length: 250 }, () => ({
      filters: Array.from({ length: 1 + (random.oneIn(3) ? random.below(3) : 0) }, () => randomFilter(random)),
      calls: Array.from({ length: 6 }, () => randomCall(random)),
    }));
    const { answers, pointers } = (judge as Exclude<typeof judge, string>).ask(cases);
    const seen = new Set<string>();
    cases.forEach(({ filters, calls }, i) => {
      const all = new SeccompFilters(filters.map((insns) => new ClassicFilter(insns)));
      expect(answers[i].installed, `SKEP_SEED=${seed}, case ${i}`).toEqual(filters.map(() => 0));
      calls.forEach((call, n) => {
        const decision = all.decide(dataOf(call, pointers));
        expect(decision.certain).toBe(true);
        const outcome = answers[i].outcomes[n];
        seen.add(outcome.replace(/ .*/, ''));
        expect(outcome, `SKEP_SEED=${seed}, case ${i}, call ${n}`).toMatch(
          expectedOutcome(decision.answers[0].returned),
        );
      });
    });
    expect([...seen].sort()).toEqual(['process', 'returned', 'thread', 'trapped']);
  });
});

describe('a call of which not all is known', () => {
  it('has the verdicts that it would have with any values', () => {
    const random = new Random(seed);
    let certain = 0;
    for (let n = 0; n < 1500; n++) {
      const filters = [randomFilter(random), ...(random.oneIn(3) ? [randomFilter(random)] : [])];
      const all = new SeccompFilters(filters.map((insns) => new ClassicFilter(insns)));
      const call = { ...randomCall(random), i386: false };
      const partly = dataOf(call, [0n, 0n]);
      const hidden = random.u32() & 0xfff0;
      partly.known &= ~hidden;
      for (let word = WORD.ARGS; word < 16; word++) if (hidden & (1 << word)) partly.words[word] = 0;
      const decision = all.decide(partly);
      if (decision.certain) certain++;
      for (let tries = 0; tries < 4; tries++) {
        const whole = dataOf(call, [0n, 0n]);
        for (let word = WORD.ARGS; word < 16; word++) if (hidden & (1 << word)) whole.words[word] = number(random);
        const [{ returned }] = new SeccompFilters(all.programs).decide(whole).answers;
        const told = decision.answers.map((answer) => answer.returned);
        if (decision.complete) expect(told, `SKEP_SEED=${seed}, case ${n}`).toContain(returned);
        if (decision.certain) expect(returned, `SKEP_SEED=${seed}, case ${n}`).toBe(told[0]);
      }
    }
    expect(certain).toBeGreaterThan(100);
    expect(certain).toBeLessThan(1500);
  });
});
