/**
 * What a comparison with the packet's end teaches: so many bytes behind the base can be read. It holds for every pointer
 * of the same base, that is, of the same id. @kernel try_match_pkt_pointers, find_good_pkt_pointers
 */
import { type Instruction, JMP } from '../../isa/index.ts';
import type { Env } from '../env.ts';
import { AT_PKT_END, BEYOND_PKT_END, REG, type Reg } from '../state/reg.ts';
import { mapRegs, type State } from '../state/state.ts';

/** Offsets beyond this teach nothing: the sum might overflow. @kernel MAX_PACKET_OFF */
const MAX_PACKET_OFF = 0xffff;

/** Whether `a op b` compares a packet's pointer with its end (or metadata with the data), in this order. */
const ordered = (env: Env, a: Reg, b: Reg): boolean =>
  (a.type === REG.PACKET && b.type === REG.PACKET_END) || (a.type === REG.PACKET_META && isStart(env, b));

/** The very first byte of the packet. */
const isStart = (env: Env, reg: Reg): boolean =>
  reg.type === REG.PACKET && reg.range === 0 && reg.id === 0 && reg.off === 0 && reg.s === env.store.ZERO;

/** On which way `ptr op end` leaves `ptr` inside, and whether strictly (`<`). */
const INSIDE: Record<number, { taken: boolean; strict: boolean }> = {
  [JMP.JGT]: { taken: false, strict: false },
  [JMP.JLT]: { taken: true, strict: true },
  [JMP.JGE]: { taken: false, strict: true },
  [JMP.JLE]: { taken: true, strict: false },
};
const MIRROR: Record<number, number> = {
  [JMP.JGT]: JMP.JLT,
  [JMP.JLT]: JMP.JGT,
  [JMP.JGE]: JMP.JLE,
  [JMP.JLE]: JMP.JGE,
};

/** @returns whether the comparison was one of a packet with its end. */
export function learnPacketRange(
  env: Env,
  op: number,
  insn: Instruction,
  a: Reg,
  b: Reg,
  here: State,
  other: State,
): boolean {
  if (!(op in INSIDE)) return false;
  const direct = ordered(env, a, b);
  if (!direct && !ordered(env, b, a)) return false;
  const r = direct ? insn.dst : insn.src;
  const ptr = direct ? a : b;
  const { taken, strict } = INSIDE[direct ? op : MIRROR[op]];
  const inside = taken ? other : here;
  const outside = taken ? here : other;
  extendRange(env, inside, ptr, strict);
  const { regs } = outside.top;
  if (regs[r].type === REG.PACKET) regs[r] = regs[r].withRange(strict ? AT_PKT_END : BEYOND_PKT_END);
  return true;
}

function extendRange(env: Env, state: State, ptr: Reg, strict: boolean): void {
  if (ptr.off < 0 || (ptr.off === 0 && strict)) return;
  const umax = env.store.umaxN(ptr.s);
  if (umax > MAX_PACKET_OFF || umax + ptr.off > MAX_PACKET_OFF) return;
  const range = ptr.off + (strict ? 1 : 0);
  mapRegs(state, (reg) =>
    reg.type === ptr.type && reg.id === ptr.id && reg.range < range ? reg.withRange(range) : reg,
  );
}
