/**
 * A classic program as an eBPF program of type `socket_filter`, with the same result for every packet. A is R0, X is R7,
 * M[] the lowest 64 bytes of the frame, R6 the context that packet loads want; R8 keeps A across loads into X. Code that
 * nothing reaches is left out, since the verifier refuses it. The socket's own facts come from `struct __sk_buff`; those
 * that it has no field for, and no helper answers, are refused by name.
 */
import { UnsupportedError } from '../errors/index.ts';
import { ALU, CALL, CLASS, EXIT, JMP, MODE, SIZE, SRC } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { assertClassic } from './check.ts';
import { AD, AD_OFF, CLASSIC_CLASS, CLASSIC_MODE, classicForm, isAncillary } from './constants.ts';
import type { ClassicInstruction } from './instruction.ts';

const A = 0;
const CTX = 6;
const X = 7;
const SAVED = 8;
const FRAME = 10;
const MEMORY = -64;

/** Offsets in the context. @kernel struct __sk_buff */
const SKB = {
  len: 0,
  pkt_type: 4,
  mark: 8,
  queue_mapping: 12,
  protocol: 16,
  vlan_present: 20,
  vlan_tci: 24,
  vlan_proto: 28,
  ifindex: 40,
  hash: 68,
} as const;

const HELPER = { get_prandom_u32: 7, get_smp_processor_id: 8 } as const;

/** Facts that are one field of the context; what `be16` marks is in network order there. */
const FIELDS: Readonly<Record<number, readonly [offset: number, be16?: boolean]>> = {
  [AD.PROTOCOL]: [SKB.protocol, true],
  [AD.PKTTYPE]: [SKB.pkt_type],
  [AD.IFINDEX]: [SKB.ifindex],
  [AD.MARK]: [SKB.mark],
  [AD.QUEUE]: [SKB.queue_mapping],
  [AD.RXHASH]: [SKB.hash],
  [AD.VLAN_TAG]: [SKB.vlan_tci],
  [AD.VLAN_TAG_PRESENT]: [SKB.vlan_present],
  [AD.VLAN_TPID]: [SKB.vlan_proto, true],
};

const OUT_OF_REACH: Readonly<Record<number, string>> = {
  [AD.HATYPE]: 'hatype',
  [AD.NLATTR]: 'nla',
  [AD.NLATTR_NEST]: 'nlan',
  [AD.PAY_OFFSET]: 'poff',
};

const insn = (opcode: number, dst: number, src: number, off: number, imm: number): Instruction => ({
  opcode,
  dst,
  src,
  off,
  imm: imm | 0,
});
const alu32 = (op: number, dst: number, imm: number): Instruction => insn(CLASS.ALU | op | SRC.K, dst, 0, 0, imm);
const alu32Reg = (op: number, dst: number, src: number): Instruction => insn(CLASS.ALU | op | SRC.X, dst, src, 0, 0);
const loadWord = (dst: number, base: number, off: number): Instruction =>
  insn(CLASS.LDX | MODE.MEM | SIZE.W, dst, base, off, 0);
const jump32 = (op: number, imm: number, off: number): Instruction => insn(CLASS.JMP32 | op | SRC.K, A, 0, off, imm);
const call = (helper: number): Instruction => insn(CALL, 0, 0, 0, helper);
/** The jump with an offset of 32 bits: Linux rewrites packet loads into many more slots than one. */
const GOTOL = CLASS.JMP32 | JMP.JA;
const exit = insn(EXIT, 0, 0, 0, 0);
const returnZero = [alu32(ALU.MOV, A, 0), exit];
const memory = (word: number): number => MEMORY + 4 * word;

/**
 * Translate a program.
 * @returns slots for PROG_LOAD; at most 7 for each classic instruction, and 3
 * @throws BpfError EINVAL where Linux would refuse the classic program
 * @throws UnsupportedError for loads of `hatype`, `nla`, `nlan` and `poff` that can be reached
 */
export function translateClassic(insns: readonly ClassicInstruction[]): Instruction[] {
  assertClassic(insns);
  const live = reachable(insns);
  const out: Instruction[] = [
    insn(CLASS.ALU64 | ALU.MOV | SRC.X, CTX, 1, 0, 0),
    alu32(ALU.MOV, A, 0),
    alu32(ALU.MOV, X, 0),
  ];
  const starts: number[] = [];
  const jumps: { slot: number; target: number }[] = [];
  insns.forEach((one, at) => {
    starts.push(out.length);
    if (!live[at]) return;
    if ((one.code & 7) !== CLASS.JMP) out.push(...straight(one));
    else
      for (const { jump, target } of branches(one, at)) {
        jumps.push({ slot: out.length, target });
        out.push(jump);
      }
  });
  for (const { slot, target } of jumps) {
    const distance = starts[target] - slot - 1;
    out[slot] = out[slot].opcode === GOTOL ? { ...out[slot], imm: distance } : { ...out[slot], off: distance };
  }
  return out;
}

/** Which instructions a run can come to, taking every comparison to go both ways. */
function reachable(insns: readonly ClassicInstruction[]): boolean[] {
  const live = new Array<boolean>(insns.length).fill(false);
  live[0] = true;
  insns.forEach(({ code, jt, jf, k }, at) => {
    if (!live[at] || (code & 7) === CLASSIC_CLASS.RET) return;
    const operand = classicForm(code)?.operand;
    const skips = operand === 'goto' ? [k] : operand === 'ifK' || operand === 'ifX' ? [jt, jf] : [0];
    for (const skip of skips) live[at + 1 + skip] = true;
  });
  return live;
}

/** Comparisons that hold when another does not; `jset` has none. */
const INVERSE: Readonly<Record<number, number>> = { [JMP.JEQ]: JMP.JNE, [JMP.JGT]: JMP.JLE, [JMP.JGE]: JMP.JLT };

interface Branch {
  /** Its distance is filled in once all targets are known. */
  readonly jump: Instruction;
  readonly target: number;
}

function branches({ code, jt, jf, k }: ClassicInstruction, at: number): Branch[] {
  const op = code & 0xf0;
  const next = at + 1;
  const always = (skip: number): Branch => ({
    jump: insn(skip > 255 ? GOTOL : CLASS.JMP | JMP.JA, 0, 0, 0, 0),
    target: next + skip,
  });
  if (op === JMP.JA) return k === 0 ? [] : [always(k)];
  const when = (condition: number, skip: number): Branch => ({
    jump: code & SRC.X ? insn(CLASS.JMP32 | condition | SRC.X, A, X, 0, 0) : jump32(condition, k, 0),
    target: next + skip,
  });
  if (jt === jf) return jt === 0 ? [] : [always(jt)];
  if (jf === 0) return [when(op, jt)];
  if (jt === 0 && op in INVERSE) return [when(INVERSE[op], jf)];
  return [when(op, jt), always(jf)];
}

/** All but jumps. */
function straight({ code, k }: ClassicInstruction): readonly Instruction[] {
  switch (code & 7) {
    case CLASS.LD:
      return loadA(code, k);
    case CLASS.LDX:
      return loadX(code, k);
    case CLASS.ST:
      return [insn(CLASS.STX | MODE.MEM | SIZE.W, FRAME, A, memory(k), 0)];
    case CLASS.STX:
      return [insn(CLASS.STX | MODE.MEM | SIZE.W, FRAME, X, memory(k), 0)];
    case CLASS.ALU:
      return arithmetic(code, k);
    case CLASSIC_CLASS.RET:
      return (code & 0x18) === 0x10 ? [exit] : [alu32(ALU.MOV, A, k), exit];
    default:
      return [code & 0x80 ? alu32Reg(ALU.MOV, A, X) : alu32Reg(ALU.MOV, X, A)];
  }
}

function loadA(code: number, k: number): readonly Instruction[] {
  switch (code & 0xe0) {
    case MODE.ABS:
      return isAncillary(k) ? ancillary((k | 0) - AD_OFF) : [insn(code, 0, 0, 0, k)];
    case MODE.IND:
      return [insn(code, 0, X, 0, k)];
    case MODE.MEM:
      return [loadWord(A, FRAME, memory(k))];
    case CLASSIC_MODE.LEN:
      return [loadWord(A, CTX, SKB.len)];
    default:
      return [alu32(ALU.MOV, A, k)];
  }
}

function loadX(code: number, k: number): readonly Instruction[] {
  switch (code & 0xe0) {
    case CLASSIC_MODE.MSH:
      return [
        alu32Reg(ALU.MOV, SAVED, A),
        insn(CLASS.LD | MODE.ABS | SIZE.B, 0, 0, 0, k),
        alu32(ALU.AND, A, 0xf),
        alu32(ALU.LSH, A, 2),
        alu32Reg(ALU.MOV, X, A),
        alu32Reg(ALU.MOV, A, SAVED),
      ];
    case MODE.MEM:
      return [loadWord(X, FRAME, memory(k))];
    case CLASSIC_MODE.LEN:
      return [loadWord(X, CTX, SKB.len)];
    default:
      return [alu32(ALU.MOV, X, k)];
  }
}

function arithmetic(code: number, k: number): readonly Instruction[] {
  const op = code & 0xf0;
  if (op === ALU.NEG) return [alu32(ALU.NEG, A, 0)];
  if (!(code & SRC.X)) return [alu32(op, A, k)];
  if (op !== ALU.DIV && op !== ALU.MOD) return [alu32Reg(op, A, X)];
  const skipReturn = insn(CLASS.JMP32 | JMP.JNE | SRC.K, X, 0, returnZero.length, 0);
  return [skipReturn, ...returnZero, alu32Reg(op, A, X)];
}

function ancillary(what: number): readonly Instruction[] {
  if (what in OUT_OF_REACH) throw new UnsupportedError(`classic load of ${OUT_OF_REACH[what]} in an eBPF program`);
  if (what === AD.ALU_XOR_X) return [alu32Reg(ALU.XOR, A, X)];
  if (what === AD.CPU) return [call(HELPER.get_smp_processor_id)];
  if (what === AD.RANDOM) return [call(HELPER.get_prandom_u32)];
  const [offset, be16] = FIELDS[what];
  const load = loadWord(A, CTX, offset);
  if (be16) return [load, insn(CLASS.ALU | ALU.END | SRC.X, A, 0, 0, 16)];
  // Without a device the index is 0: the run ends with A as it was.
  if (what === AD.IFINDEX)
    return [alu32Reg(ALU.MOV, SAVED, A), load, jump32(JMP.JNE, 0, 2), alu32Reg(ALU.MOV, A, SAVED), exit];
  return [load];
}
