/**
 * Programs on which Linux 6.18 itself faults while it verifies them: no campaign may load them in the running kernel. Skep's
 * verifier is asked instead, and what it cannot judge is not loaded either. Source: measured.
 */
import { ALU, CALL, CLASS, LD_IMM64, MODE, decode } from '../../../src/isa/index.ts';
import type { Instruction } from '../../../src/isa/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import { CALL_PSEUDO, PROG_TYPE, PSEUDO } from '../../../src/uapi/index.ts';
import { ScalarStore } from '../../../src/domain/index.ts';
import { verify } from '../../../src/verifier/index.ts';
import type { VerifyInput } from '../../../src/verifier/index.ts';
import { Arena } from '../../../src/verifier/arena.ts';
import { Env } from '../../../src/verifier/env.ts';
import { judge } from '../../../src/verifier/verify.ts';
import { distanceField } from './code.ts';
import { withVerifierInput } from './verifier-input.ts';

/**
 * It writes before the beginning of an array (packet loads in programs with functions: see src/verifier/precision/backtrack.ts),
 * or reads through NULL (an operation of the kernel that returns a number and is given a reference to return).
 */
const FATAL_MESSAGE = /subprog exit from frame 0|reference leak/;
/**
 * It reads through NULL where a number is forked in two (src/verifier/value/alu.ts) and its list of 8192 pending paths is full.
 * Half of that is near enough.
 */
const NEARLY_FULL = 4096;
/** Walks of more instructions than this are nobody's to compare: whether they fill the list is not waited for. */
const WALK_LIMIT = 30_000;

const isCall = ({ opcode, src }: Instruction): boolean => opcode === CALL && src === CALL_PSEUDO.CALL;
const isCallback = ({ opcode, src }: Instruction): boolean => opcode === LD_IMM64 && src === PSEUDO.FUNC;

const isPacketLoad = ({ opcode }: Instruction): boolean =>
  (opcode & 7) === CLASS.LD && ((opcode & 0xe0) === MODE.ABS || (opcode & 0xe0) === MODE.IND);

export const hasPacketLoadsAndFunctions = (insns: readonly Instruction[]): boolean =>
  insns.some(isPacketLoad) && insns.some(isCall);

function mayFork({ opcode }: Instruction): boolean {
  const cls = opcode & 7;
  const op = opcode & 0xf0;
  return (cls === CLASS.ALU || cls === CLASS.ALU64) && (op === ALU.AND || op === ALU.OR);
}

function jumpsBack(insn: Instruction): boolean {
  const field = distanceField(insn);
  return field !== undefined && insn[field] < 0;
}

/** Without a way back, a path meets no more branches than there are instructions. */
const mayFillList = (insns: readonly Instruction[]): boolean =>
  insns.length > NEARLY_FULL || insns.some((one) => isCall(one) || isCallback(one) || jumpsBack(one));

/** Ends a walk: why the program must not be loaded. */
class Dangerous {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

const store = new ScalarStore();
const arena = new Arena();

/** Whether the list of pending paths may fill up: what skep does not know counts as such. */
function fillsList(input: VerifyInput): string | undefined {
  const env = new Env({ ...input, logLevel: 0 }, store, arena);
  env.observer = ({ pending, insnProcessed }) => {
    if (pending.length >= NEARLY_FULL) throw new Dangerous('a number is forked and the list of pending paths fills');
    if (insnProcessed > WALK_LIMIT) throw new Dangerous('a number is forked and the walk is long');
  };
  try {
    const result = judge(env);
    return result.ok || result.unsupported === undefined ? undefined : `a number is forked and ${result.summary}`;
  } catch (problem) {
    if (problem instanceof Dangerous) return problem.why;
    throw problem;
  }
}

function saysFatal(input: VerifyInput): string | undefined {
  const result = verify({ ...input, logLevel: 1 });
  return !result.ok && FATAL_MESSAGE.test(result.summary) ? result.summary : undefined;
}

/**
 * Why the program must not be loaded in the running kernel; undefined where it may be.
 * @param caps what the caller holds; undefined: all
 */
export function faultsLinux(object: ProgramObject, caps: bigint | undefined = object.caps): string | undefined {
  const insns = decode(object.insns);
  const saysIt = hasPacketLoadsAndFunctions(insns) || object.progType === PROG_TYPE.STRUCT_OPS;
  const fills = insns.some(mayFork) && mayFillList(insns);
  if (!saysIt && !fills) return undefined;
  let why: string | undefined = fills ? 'a number is forked, and user space cannot set the program up' : undefined;
  withVerifierInput(object, (input) => {
    const given = caps === undefined ? input : { ...input, caps };
    why = (saysIt ? saysFatal(given) : undefined) ?? (fills ? fillsList(given) : undefined);
  });
  return why;
}
