/**
 * Which registers are read later, on any path (backward data flow inside each function): `aux.liveRegs` holds bit r for
 * every register that is live before a slot. Pruning ignores the others. At level 2 the result is printed as the block
 * `Live regs before insn:`. Rejects nothing.
 */
import { helperArgCount } from '../contracts/index.ts';
import { ALU, ATOMIC, CALL, CLASS, EXIT, LD_IMM64, MODE, SRC } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CALL_PSEUDO } from '../uapi/index.ts';
import { isGiven } from './call/allowed.ts';
import { flowOf, isConditional, isMayGoto, nextSlot } from './cfg.ts';
import type { Context } from './context.ts';

const bit = (reg: number): number => 1 << reg;
const R0 = bit(0);
/** r1-r5, the arguments of a call. */
const ARGS = 0x3e;
/** r0-r5: what a call overwrites. */
const CALLER_SAVED = R0 | ARGS;
const ALL = 0x7ff;

/** Registers read and written, as masks: `writes << 16 | reads`. */
function effect(reads: number, writes: number): number {
  return (writes << 16) | reads;
}

/** The registers that an instruction reads and writes, as masks: `writes << 16 | reads`. */
export function effectOf(ctx: Context, insn: Instruction): number {
  const dst = bit(insn.dst);
  const src = bit(insn.src);
  const byRegister = (insn.opcode & SRC.X) !== 0;
  switch (insn.opcode & 7) {
    case CLASS.LD:
      // The packet loads keep every register: they are a call in disguise that may end the program.
      return insn.opcode === LD_IMM64 ? effect(0, dst) : effect(ALL, 0);
    case CLASS.LDX:
      return effect(src, dst);
    case CLASS.ST:
      return effect(dst, 0);
    case CLASS.STX:
      return (insn.opcode & 0xe0) === MODE.ATOMIC ? atomicEffect(insn) : effect(dst | src, 0);
    case CLASS.JMP:
    case CLASS.JMP32:
      if (insn.opcode === CALL) return effect(callReads(ctx, insn), CALLER_SAVED);
      if (insn.opcode === EXIT) return effect(R0, 0);
      if (!isConditional(insn) || isMayGoto(insn)) return 0;
      return effect(byRegister ? dst | src : dst, 0);
    default:
      switch (insn.opcode & 0xf0) {
        case ALU.MOV:
          return effect(byRegister ? src : 0, dst);
        case ALU.END:
        case ALU.NEG:
          return effect(dst, dst);
        default:
          return effect(byRegister ? dst | src : dst, dst);
      }
  }
}

function atomicEffect(insn: Instruction): number {
  const dst = bit(insn.dst);
  const src = bit(insn.src);
  switch (insn.imm) {
    case ATOMIC.LOAD_ACQ:
      return effect(src, dst);
    case ATOMIC.CMPXCHG:
      return effect(dst | src | R0, R0);
    default:
      return effect(dst | src, insn.imm !== ATOMIC.STORE_REL && insn.imm & ATOMIC.FETCH ? src : 0);
  }
}

/** Arguments a call reads; all five where it is not known. */
function callReads(ctx: Context, insn: Instruction): number {
  if (insn.src !== CALL_PSEUDO.HELPER || !isGiven(ctx, insn.imm)) return ARGS;
  return ((1 << helperArgCount(insn.imm, ctx.input.progType)) - 1) << 1;
}

/** The pass. `text` prints the instruction at a slot for the level-2 block. */
export function computeLiveRegs(ctx: Context, text: (index: number) => string): number {
  const { insns } = ctx;
  const { liveRegs, arena } = ctx.aux;
  const flow = flowOf(ctx);
  const effects = arena.int32(insns.length);
  for (let at = 0; at < insns.length; at++) effects[at] = effectOf(ctx, insns[at]);
  // Going backwards settles straight code in one round; each loop adds rounds by its depth.
  for (let changed = true; changed;) {
    changed = false;
    for (let at = insns.length - 1; at >= 0; at--) {
      const first = flow[2 * at];
      const second = flow[2 * at + 1];
      const after = (first < 0 ? 0 : liveRegs[first]) | (second < 0 ? 0 : liveRegs[second]);
      const before = (after & ~(effects[at] >>> 16)) | (effects[at] & 0xffff);
      if (before !== liveRegs[at]) {
        liveRegs[at] = before;
        changed = true;
      }
    }
  }
  if (ctx.log.verbose) printLiveRegs(ctx, text);
  return 0;
}

function printLiveRegs(ctx: Context, text: (index: number) => string): void {
  const { scc, liveRegs } = ctx.aux;
  ctx.log.write('Live regs before insn:\n');
  for (let at = 0; at < ctx.insns.length; at = nextSlot(ctx.insns[at], at)) {
    const component = scc[at] ? `${String(scc[at]).padStart(3)} ` : '    ';
    let regs = '';
    for (let reg = 0; reg < 10; reg++) regs += liveRegs[at] & bit(reg) ? reg : '.';
    ctx.log.write(`${component}${String(at).padStart(3)}: ${regs} ${text(at)}\n`);
  }
}
