/**
 * Packet loads (LD_ABS, LD_IND) are replaced, in order, by sequences of their own, and jumps over them grow. A jump
 * keeps its 16-bit offset, so it can be pushed out of reach.
 *
 * Rejects: `insn %d cannot be patched due to 16-bit range` (ENOMEM). Measured on Linux 6.18: each load becomes six
 * instructions; other instructions that grow are not counted. With dead code, which is removed before, the construct is `unsupported`.
 */
import { ERRNO } from '../errors/index.ts';
import { CLASS, LD_IMM64 } from '../isa/index.ts';
import { isConditional, isGoto } from './cfg.ts';
import { UnsupportedConstruct } from './context.ts';
import type { Env } from './env.ts';
import { AUX } from './insn-aux.ts';

/** Instructions that a load grows by. */
const GROWTH = 5;
const [MIN_OFFSET, MAX_OFFSET] = [-32768, 32767];

/** @returns 0 or -errno */
export function checkPacketLoadRange(env: Env): number {
  const { insns } = env;
  const isLive = (at: number): boolean => (env.aux.flags[at] & AUX.SEEN) !== 0;
  const loads: number[] = [];
  insns.forEach(({ opcode }, at) => {
    const isTail = at > 0 && insns[at - 1].opcode === LD_IMM64;
    if ((opcode & 7) === CLASS.LD && opcode !== LD_IMM64 && !isTail && isLive(at)) loads.push(at);
  });
  if (insns.length + loads.length * GROWTH <= MAX_OFFSET) return 0;
  let first = Infinity;
  insns.forEach((insn, at) => {
    const is16Bit = isConditional(insn) || (isGoto(insn) && (insn.opcode & 7) === CLASS.JMP);
    if (!is16Bit) return;
    const target = at + 1 + insn.off;
    const [from, to] = insn.off >= 0 ? [at + 1, target] : [target, at];
    const room = insn.off >= 0 ? MAX_OFFSET - insn.off : insn.off - MIN_OFFSET;
    const breaking = loads[firstFrom(loads, from) + Math.floor(room / GROWTH)];
    if (breaking < to) first = Math.min(first, breaking);
  });
  if (first === Infinity) return 0;
  const hasDeadCode = insns.some((_, at) => !(env.aux.flags[at] & (AUX.SEEN | AUX.IMM64_TAIL)));
  if (hasDeadCode) throw new UnsupportedConstruct('dead code beside jumps over thousands of packet loads');
  return env.fail(ERRNO.ENOMEM, `insn ${first} cannot be patched due to 16-bit range`);
}

/** Index of the first of ascending `numbers` that is not below `least`. */
function firstFrom(numbers: readonly number[], least: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
