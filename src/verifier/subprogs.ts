/**
 * Where functions begin and end. Guarantees to every later pass: `aux.subprogs` covers all slots in ascending order,
 * every jump stays inside its function, and no function runs off its end.
 *
 * Rejects: `call to invalid destination`, `jump out of range from insn %d to %d`, `last insn is not an exit or jmp`.
 */
import { ERRNO } from '../errors/index.ts';
import { CALL, CLASS, EXIT, JMP, LD_IMM64, MODE } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CALL_PSEUDO, HELPER_NAMES, PSEUDO } from '../uapi/index.ts';
import type { Context } from './context.ts';
import { isKernelCall, resolveKernelCall } from './kfunc.ts';

const TAIL_CALL = HELPER_NAMES.indexOf('tail_call');
const GOTO = CLASS.JMP | JMP.JA;
const GOTOL = CLASS.JMP32 | JMP.JA;

/** A call of another function of this program. */
export function isLocalCall(insn: Instruction): boolean {
  return insn.opcode === CALL && insn.src === CALL_PSEUDO.CALL;
}

/** An `ld_imm64` that loads the address of a function of this program (a callback). */
export function isFunctionReference(insn: Instruction): boolean {
  return insn.opcode === LD_IMM64 && insn.src === PSEUDO.FUNC;
}

/** First slot of the function that the local call or function reference at `at` names. */
export function calleeOf(insn: Instruction, at: number): number {
  return at + insn.imm + 1;
}

/** Index of the function that slot `at` belongs to. */
export function subprogAt(ctx: Context, at: number): number {
  const { subprogs } = ctx.aux;
  let low = 0;
  let high = subprogs.length - 1;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if (subprogs[mid].start <= at) low = mid;
    else high = mid - 1;
  }
  return low;
}

/** Find the functions and fill `aux.subprogs`, as far as it is found when the program is refused. */
export function findSubprogs(ctx: Context): number {
  const starts = new Set([0]);
  const err = collectStarts(ctx, starts);
  const sorted = [...starts].sort((a, b) => a - b);
  sorted.forEach((start, i) => {
    const end = sorted[i + 1] ?? ctx.insns.length;
    ctx.aux.subprogs.push({
      start,
      end,
      stackDepth: 0,
      hasTailCall: false,
      hasLdAbs: false,
      isAsync: false,
      func: undefined,
    });
    if (!err && ctx.log.verbose) ctx.log.write(`func#${i} @${start}\n`);
  });
  return err;
}

/** Where functions begin. @returns 0 or -errno */
function collectStarts(ctx: Context, starts: Set<number>): number {
  const { insns } = ctx;
  for (let at = 0; at < insns.length; at++) {
    const insn = insns[at];
    if (isKernelCall(insn)) {
      const err = resolveKernelCall(ctx, insn);
      if (err) return err;
    }
    if (!isLocalCall(insn) && !isFunctionReference(insn)) continue;
    const start = calleeOf(insn, at);
    if (start < 0 || start >= insns.length) {
      ctx.log.write('call to invalid destination\n');
      return -ERRNO.EINVAL;
    }
    starts.add(start);
  }
  return 0;
}

/** Distance of a jump, or undefined for what is no jump. Linux looks at these fields before it knows the opcodes. */
function jumpDistance(insn: Instruction): number | undefined {
  const cls = insn.opcode & 7;
  const operation = insn.opcode & 0xf0;
  if ((cls !== CLASS.JMP && cls !== CLASS.JMP32) || operation === JMP.CALL || operation === JMP.EXIT) return undefined;
  return insn.opcode === GOTOL ? insn.imm : insn.off;
}

/** Check the jumps and the end of each function; note what a function's frame depends on. */
export function checkSubprogs(ctx: Context): number {
  for (const subprog of ctx.aux.subprogs) {
    for (let at = subprog.start; at < subprog.end; at++) {
      const insn = ctx.insns[at];
      if (insn.opcode === CALL && insn.src === CALL_PSEUDO.HELPER && insn.imm === TAIL_CALL) {
        subprog.hasTailCall = true;
      }
      const mode = insn.opcode & 0xe0;
      if ((insn.opcode & 7) === CLASS.LD && (mode === MODE.ABS || mode === MODE.IND)) subprog.hasLdAbs = true;
      const distance = jumpDistance(insn);
      if (distance !== undefined) {
        const target = (at + 1 + distance) | 0;
        if (target < subprog.start || target >= subprog.end) {
          ctx.log.write(`jump out of range from insn ${at} to ${target}\n`);
          return -ERRNO.EINVAL;
        }
      }
    }
    const last = ctx.insns[subprog.end - 1].opcode;
    if (last !== EXIT && last !== GOTO && last !== GOTOL) {
      ctx.log.write('last insn is not an exit or jmp\n');
      return -ERRNO.EINVAL;
    }
  }
  return 0;
}
