/**
 * The numbers of classic BPF, and the one table of its instructions: what is valid, printed and parsed follows from it.
 * Bit fields that eBPF inherited are those of the instruction set's own constants. Sources: the uapi headers
 * linux/filter.h and linux/bpf_common.h; which codes exist was asked of Linux 6.18, all 65,536 of them.
 */
import { ALU, CLASS, JMP, MODE, SIZE, SRC } from '../isa/index.ts';

/** The two classes that eBPF gave other meanings. */
export const CLASSIC_CLASS = { RET: 6, MISC: 7 } as const;
/** The two modes that eBPF dropped. */
export const CLASSIC_MODE = { LEN: 0x80, MSH: 0xa0 } as const;
/** Most instructions of a program. @kernel BPF_MAXINSNS */
export const MAX_CLASSIC_INSNS = 4096;
/** Words of scratch memory, `M[0]` to `M[15]`. @kernel BPF_MEMWORDS */
export const MEM_WORDS = 16;

/** Where an absolute load reads no packet bytes but a fact about the packet. @kernel SKF_AD_OFF */
export const AD_OFF = -0x1000;
/** Offsets from here up to -1 count from the network header. @kernel SKF_NET_OFF */
export const NET_OFF = -0x100000;
/** Offsets from here up to `NET_OFF` count from the link-layer header. @kernel SKF_LL_OFF */
export const LL_OFF = -0x200000;

/** What can be asked at `AD_OFF + n`. @kernel SKF_AD_* */
export const AD = {
  PROTOCOL: 0,
  PKTTYPE: 4,
  IFINDEX: 8,
  NLATTR: 12,
  NLATTR_NEST: 16,
  MARK: 20,
  QUEUE: 24,
  HATYPE: 28,
  RXHASH: 32,
  CPU: 36,
  ALU_XOR_X: 40,
  VLAN_TAG: 44,
  VLAN_TAG_PRESENT: 48,
  PAY_OFFSET: 52,
  RANDOM: 56,
  VLAN_TPID: 60,
} as const;

/**
 * How the operand of an instruction is written:
 * `abs` [k], `ind` [x + k], `mem` M[k], `imm` #k, `len` #pktlen, `msh` 4*([k]&0xf), `dec` and `hex` #k in that base,
 * `x` x, `a` the accumulator, `goto` one target, `ifK` and `ifX` a comparison and two targets, empty for none.
 */
export type Operand =
  'abs' | 'ind' | 'mem' | 'imm' | 'len' | 'msh' | 'dec' | 'hex' | 'x' | 'a' | 'goto' | 'ifK' | 'ifX' | '';

export interface ClassicForm {
  readonly code: number;
  readonly mnemonic: string;
  readonly operand: Operand;
}

const { LD, LDX, ST, STX } = CLASS;
const { RET, MISC } = CLASSIC_CLASS;

const loads: readonly (readonly [number, string, Operand])[] = [
  [LD | SIZE.W | MODE.ABS, 'ld', 'abs'],
  [LD | SIZE.H | MODE.ABS, 'ldh', 'abs'],
  [LD | SIZE.B | MODE.ABS, 'ldb', 'abs'],
  [LD | SIZE.W | MODE.IND, 'ld', 'ind'],
  [LD | SIZE.H | MODE.IND, 'ldh', 'ind'],
  [LD | SIZE.B | MODE.IND, 'ldb', 'ind'],
  [LD | SIZE.W | MODE.IMM, 'ld', 'imm'],
  [LD | SIZE.W | MODE.MEM, 'ld', 'mem'],
  [LD | SIZE.W | CLASSIC_MODE.LEN, 'ld', 'len'],
  [LDX | SIZE.W | MODE.IMM, 'ldx', 'imm'],
  [LDX | SIZE.W | MODE.MEM, 'ldx', 'mem'],
  [LDX | SIZE.W | CLASSIC_MODE.LEN, 'ldx', 'len'],
  [LDX | SIZE.B | CLASSIC_MODE.MSH, 'ldxb', 'msh'],
  [ST, 'st', 'mem'],
  [STX, 'stx', 'mem'],
];

/** Operation, mnemonic, base in which tcpdump prints a constant. */
const arithmetic: readonly (readonly [number, string, 'dec' | 'hex'])[] = [
  [ALU.ADD, 'add', 'dec'],
  [ALU.SUB, 'sub', 'dec'],
  [ALU.MUL, 'mul', 'dec'],
  [ALU.DIV, 'div', 'dec'],
  [ALU.MOD, 'mod', 'dec'],
  [ALU.AND, 'and', 'hex'],
  [ALU.OR, 'or', 'hex'],
  [ALU.XOR, 'xor', 'hex'],
  [ALU.LSH, 'lsh', 'dec'],
  [ALU.RSH, 'rsh', 'dec'],
];

const comparisons: readonly (readonly [number, string])[] = [
  [JMP.JEQ, 'jeq'],
  [JMP.JGT, 'jgt'],
  [JMP.JGE, 'jge'],
  [JMP.JSET, 'jset'],
];

const others: readonly (readonly [number, string, Operand])[] = [
  [CLASS.ALU | ALU.NEG, 'neg', ''],
  [CLASS.JMP | JMP.JA, 'ja', 'goto'],
  [RET | SRC.K, 'ret', 'dec'],
  [RET | 0x10, 'ret', 'a'],
  [MISC, 'tax', ''],
  [MISC | 0x80, 'txa', ''],
];

/** Every instruction there is. */
export const CLASSIC_FORMS: readonly ClassicForm[] = [
  ...loads,
  ...arithmetic.flatMap(([op, name, base]): [number, string, Operand][] => [
    [CLASS.ALU | op | SRC.K, name, base],
    [CLASS.ALU | op | SRC.X, name, 'x'],
  ]),
  ...comparisons.flatMap(([op, name]): [number, string, Operand][] => [
    [CLASS.JMP | op | SRC.K, name, 'ifK'],
    [CLASS.JMP | op | SRC.X, name, 'ifX'],
  ]),
  ...others,
].map(([code, mnemonic, operand]) => ({ code, mnemonic, operand }));

const byCode = new Map(CLASSIC_FORMS.map((form) => [form.code, form]));

/** The row of a code; undefined for a code that does not exist. */
export function classicForm(code: number): ClassicForm | undefined {
  return byCode.get(code);
}

/** Whether a load is of a fact about the packet: `AD_OFF` up to, but not including, 0. */
export const isAncillary = (k: number): boolean => (k | 0) >= AD_OFF && (k | 0) < 0;
