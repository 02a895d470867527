/**
 * Why a program was refused: the telling line, what was known of the registers that it is about, the instructions of the
 * refused path that made them, with their lines of source, and what usually helps.
 */
import { formatInsn } from '../../asm/index.ts';
import type { VerifierStats } from '../../errors/index.ts';
import { LOG_LEVEL, type VerifyInput } from '../api.ts';
import type { SourceLine } from '../context.ts';
import { Env } from '../env.ts';
import { effectOf } from '../liveness.ts';
import { isBookkeeping } from '../log/message.ts';
import { regText } from '../log/state-text.ts';
import { NOT_INIT } from '../state/reg.ts';
import { isSpill, letters, type Slot } from '../state/slot.ts';
import { Frame, NREGS } from '../state/state.ts';
import { judge } from '../verify.ts';
import { PathRecorder, type Step } from './recorder.ts';
import { adviceFor } from './remedies.ts';
import { type Place, type Role, slicePath, slotsAt, type SliceStep } from './slice.ts';

/** A register or stack slot and what was known of it, in the words of the verifier's log. */
export interface Known {
  /** `r0`, `fp-8`; with `frame N:` before it where it is not the innermost function's. */
  readonly place: string;
  readonly value: string;
}

export interface ExplainedStep {
  /** Slot index. */
  readonly insn: number;
  /** As the verifier's log prints it, with maps by name. */
  readonly instruction: string;
  readonly source?: SourceLine;
  readonly role: Role | 'refused';
  /** For a condition: whether it jumped. */
  readonly jumped?: boolean;
  /** How often the path came here; the values are those of the last time. */
  readonly times: number;
  /** What it made or taught, known behind it; for the refused instruction what was known before. */
  readonly known: readonly Known[];
}

export interface Explanation {
  readonly verdict: 'accept' | 'reject' | 'unsupported';
  /** Positive; 0 where accepted. */
  readonly errno: number;
  /** The last telling line of the log, or the name of what is unsupported; empty where accepted. */
  readonly message: string;
  /** All telling lines. */
  readonly lines: readonly string[];
  /** Kind of refusal: `null-check`, `packet-bounds`, …; `other` where the message is in no row of the table. */
  readonly kind: string;
  readonly cause: string;
  readonly remedy: string;
  /** Slot index of the refused instruction, -1 where there is none. */
  readonly insn: number;
  /** The slice in the order of the path; the refused instruction is the last. */
  readonly steps: readonly ExplainedStep[];
  readonly stats: VerifierStats | undefined;
}

/** Bytes of log that the telling lines are looked for in. */
const LOG_SIZE = 1 << 20;

/** Verify a program and explain what becomes of it. Level and size of its log are not looked at. */
export function explain(input: VerifyInput): Explanation {
  const env = new Env({ ...input, logLevel: LOG_LEVEL.BASIC | LOG_LEVEL.VERBOSE, logSize: LOG_SIZE });
  const recorder = new PathRecorder();
  env.observer = recorder.observe;
  const result = judge(env);
  const nothing = { lines: [], kind: '', cause: '', remedy: '', insn: -1, steps: [], stats: result.stats };
  if (result.ok) return { verdict: 'accept', errno: 0, message: '', ...nothing };
  const { errno, insn } = result;
  if (result.unsupported !== undefined) {
    const remedy =
      'skep does not know this construct yet; Linux may accept it (--backend linux of skep verify asks it)';
    const steps = refusedStep(env, recorder.last, insn, []);
    return {
      ...nothing,
      verdict: 'unsupported',
      errno,
      message: result.unsupported,
      kind: 'unsupported',
      remedy,
      insn,
      steps,
    };
  }
  const lines = tellingLines(env);
  const message = lines.at(-1) ?? '';
  const { progType, expectedAttachType: attachType } = input;
  const advice = adviceFor({ progType, attachType, insn: input.insns[insn], lines });
  const steps = explainPath(env, recorder.last, insn, advice.kind, lines);
  return { verdict: 'reject', errno, message, lines, ...advice, insn, steps, stats: result.stats };
}

/** An instruction, a state, a line of source. */
const PLACE = /^\s*(?:\d+ +)?\d+: |^; |^from \d+ to \d+:|^ |^(?:caller|callee|returning from callee|to caller at \d+):/;

/** What the log says behind the last instruction that was printed, without statistics. */
function tellingLines(env: Env): string[] {
  const lines = env.log.textFrom(env.prevLogPos).split('\n');
  return lines.filter((line) => line && !isBookkeeping(line) && !PLACE.test(line));
}

/** Kinds of refusals that have nothing to do with how the path came to the instruction. */
const NOT_OF_A_PATH = new Set([
  'stack-depth',
  'unreachable',
  'complexity',
  'helper-not-allowed',
  'unknown-helper',
  'licence',
  'context-access',
  'encoding',
  'sleepable',
]);

function explainPath(
  env: Env,
  last: Step | undefined,
  insn: number,
  kind: string,
  lines: readonly string[],
): ExplainedStep[] {
  if (last?.insn !== insn || NOT_OF_A_PATH.has(kind)) return refusedStep(env, undefined, insn, []);
  const places = offending(env, last, lines);
  return [...merge(env, slicePath(env, last, places)), ...refusedStep(env, last, insn, places)];
}

/** The registers that the message names, or else those that the instruction reads; for stack reads the slots. */
function offending(env: Env, last: Step, lines: readonly string[]): Place[] {
  const top = last.frames.length - 1;
  const register = (reg: number): Place => ({ frame: top, reg, slot: -1 });
  const insn = env.insns[last.insn];
  const message = lines.at(-1) ?? '';
  const stack = /^invalid read from stack off (-?\d+)\+(\d+) size (\d+)/.exec(message);
  if (stack) return slotsAt(env, last, insn.src, insn.off, Number(stack[3]));
  const indirect = /^invalid read from stack R(\d+) off -?\d+\+\d+ size (\d+)/.exec(message);
  if (indirect) return slotsAt(env, last, Number(indirect[1]), 0, Number(indirect[2]));
  const named = new Set([...lines.join(' ').matchAll(/\bR(\d+)\b/g)].map((m) => Number(m[1])).filter((r) => r < NREGS));
  const reads = effectOf(env, insn) & 0xffff;
  const chosen = named.size ? [...named] : Array.from({ length: NREGS }, (_, r) => r).filter((r) => (reads >>> r) & 1);
  return chosen.filter((r) => r !== 10).map(register);
}

/** One line for each instruction: a loop came by several times. */
function merge(env: Env, slice: readonly SliceStep[]): ExplainedStep[] {
  const times = new Map<number, number>();
  for (const { step } of slice) times.set(step.insn, (times.get(step.insn) ?? 0) + 1);
  const lastOf = new Map(slice.map((one) => [one.step.insn, one]));
  return slice
    .filter((one) => lastOf.get(one.step.insn) === one)
    .map(({ step, role, places, after, jumped }) => ({
      ...place(env, step.insn),
      role,
      ...(jumped !== undefined && { jumped }),
      times: times.get(step.insn) ?? 1,
      known: places.map((one) => describe(env, after, one)).filter((one) => one !== undefined),
    }));
}

function refusedStep(env: Env, last: Step | undefined, insn: number, places: readonly Place[]): ExplainedStep[] {
  if (insn < 0 || insn >= env.insns.length) return [];
  const known = last ? places.map((one) => describe(env, last, one)).filter((one) => one !== undefined) : [];
  return [{ ...place(env, insn), role: 'refused', times: 1, known }];
}

function place(env: Env, insn: number): Pick<ExplainedStep, 'insn' | 'instruction' | 'source'> {
  const source = sourceOf(env, insn);
  return { insn, instruction: instructionText(env, insn), ...(source && { source }) };
}

function sourceOf(env: Env, insn: number): SourceLine | undefined {
  const index = env.aux.line[insn];
  const found = index ? env.lines[index - 1] : env.lines.findLast((one) => one.insn <= insn);
  if (!found?.line) return undefined;
  const { insn: first, file, line, column, text } = found;
  return { insn: first, file, line, column, text: text.trim() };
}

function instructionText(env: Env, index: number): string {
  return formatInsn(env.insns, index, {
    ldImm64: (_insn, _high, at) => {
      const ref = env.aux.mapRefs.get(at);
      if (!ref) return undefined;
      const name = env.aux.maps[ref.map].name || `#${ref.map}`;
      return `map[${name}]${ref.valueOffset === undefined ? '' : `[0]+${ref.valueOffset}`}`;
    },
  });
}

function describe(env: Env, step: Step, { frame, reg, slot }: Place): Known | undefined {
  const view = step.frames[frame];
  if (!view) return undefined;
  const outer = frame === step.frames.length - 1 ? '' : `frame ${frame}: `;
  const holder = new Frame(frame, 0, view.callsite, [...view.regs], [...view.stack]);
  if (slot < 0) {
    const value = view.regs[reg] === NOT_INIT ? 'not written' : regText(env, view.regs[reg], holder, false);
    return { place: `${outer}r${reg}`, value };
  }
  const held: Slot | undefined = view.stack[slot];
  const bytes = held && held.types !== 0 ? `bytes ${letters(held.types)}` : 'not written';
  const value = held && isSpill(held) ? regText(env, held.reg, holder, false) : bytes;
  return { place: `${outer}fp${-(slot + 1) * 8}`, value };
}
