/**
 * Disassembler: an instruction as the kernel's verifier log prints it after the `N: ` prefix, byte for byte. Never
 * fails: fields that make no sense print as the kernel prints them (`le42`, `BUG_c3`), an opcode that the kernel
 * refuses before it prints anything gets a text that cannot be mistaken for an instruction.
 */
import {
  ALU,
  CLASS,
  JMP,
  LD_IMM64,
  MODE,
  SIZE,
  accessSize,
  formOf,
  type Form,
  type Instruction,
} from '../isa/index.ts';
import { HELPER_NAMES } from '../uapi/index.ts';

export interface FormatOptions {
  /**
   * Operand of an `ld_imm64`: a number prints as the kernel prints it (map pointers are their 64-bit address, 0 for
   * callers that may not see addresses), a string prints as it is, undefined prints the two immediates.
   */
  ldImm64?(insn: Instruction, high: number, index: number): bigint | string | undefined;
  /**
   * Print what assembles back to the same slots where the log loses something: the kind of an `ld_imm64`
   * (`map[fd:3]`, `subprog[pc+7]`) and the BTF of a kernel function (`call kfunc#12@1`).
   */
  readonly raw?: boolean;
  /** Name of a helper, with `bpf_`; undefined for one that does not exist. Default: the names of Linux 6.18. */
  helperName?(id: number): string | undefined;
  /** Name of a kernel function by its BTF id and the index of its BTF. Default: none, which prints `call #id`. */
  kfuncName?(id: number, off: number): string | undefined;
  /** Operand of a bpf-to-bpf call to slot `target`. Default: `pc+1`. */
  subprogName?(target: number): string | undefined;
}

const GOTOL = CLASS.JMP32 | JMP.JA;
const hex2 = (n: number): string => n.toString(16).padStart(2, '0');
const signed = (n: number): string => (n < 0 ? String(n) : `+${n}`);

/** One word of a syntax, printed. */
type Print = (insns: readonly Instruction[], index: number, options: FormatOptions) => string;

const WORDS: Readonly<Record<string, Print>> = {
  rD: (insns, i) => `r${insns[i].dst}`,
  wD: (insns, i) => `w${insns[i].dst}`,
  rS: (insns, i) => `r${insns[i].src}`,
  wS: (insns, i) => `w${insns[i].src}`,
  OFF: (insns, i) => signed(insns[i].off),
  IMM: (insns, i) => String(insns[i].imm),
  HEX: (insns, i) => `0x${(insns[i].imm >>> 0).toString(16)}`,
  HI: (insns, i) => String(insns[i].imm >>> 16),
  LO: (insns, i) => String(insns[i].imm & 0xffff),
  HIGH: (insns, i) => String(insns[i + 1]?.imm ?? 0),
  IMM64: printImm64,
  pcOFF: (insns, i) => `pc${signed(insns[i].off)}`,
  pcIMM: (insns, i, options) => subprog(insns[i], i, options) ?? `pc${signed(insns[i].imm)}`,
  HELPER: (insns, i, options) => helper(insns[i].imm, options),
  KFUNC: (insns, i, options) => kfunc(insns[i], options),
};

function printImm64(insns: readonly Instruction[], index: number, options: FormatOptions): string {
  const low = insns[index];
  const high = insns[index + 1]?.imm ?? 0;
  const value = options.ldImm64?.(low, high, index);
  if (typeof value === 'string') return value;
  if (value !== undefined) return `0x${BigInt.asUintN(64, value).toString(16)}`;
  const digits = (low.imm >>> 0).toString(16);
  return high ? `0x${(high >>> 0).toString(16)}${digits.padStart(8, '0')}` : `0x${digits}`;
}

function helper(id: number, options: FormatOptions): string {
  const known = HELPER_NAMES[id];
  const name = options.helperName ? options.helperName(id) : known && `bpf_${known}`;
  return `${name ?? 'unknown'}#${id}`;
}

function kfunc({ imm, off }: Instruction, options: FormatOptions): string {
  const name = options.kfuncName?.(imm, off) ?? (options.raw ? 'kfunc' : '');
  return `${name}#${imm}${options.raw && off ? `@${off & 0xffff}` : ''}`;
}

/** Name of the function that a call or an `ld_imm64` of a function points to. */
function subprog({ opcode, imm }: Instruction, index: number, options: FormatOptions): string | undefined {
  return opcode === GOTOL ? undefined : options.subprogName?.(index + 1 + imm);
}

/** A syntax cut into printed words and literal text between them. */
function compile(syntax: string): (string | Print)[] {
  return syntax.split(/\b(r[DS]|w[DS]|OFF|pcOFF|IMM64|pcIMM|IMM|HEX|HI|LO|HIGH|HELPER|KFUNC)\b/).map((part, i) => {
    return i & 1 ? WORDS[part] : part;
  });
}

const compiled = new Map<string, (string | Print)[]>();

function print(syntax: string, insns: readonly Instruction[], index: number, options: FormatOptions): string {
  let parts = compiled.get(syntax);
  if (!parts) compiled.set(syntax, (parts = compile(syntax)));
  let text = '';
  for (const part of parts) text += typeof part === 'string' ? part : part(insns, index, options);
  return text;
}

/** The syntax of a form in the log, where every kind of 64-bit immediate is a number. */
function logSyntax(form: Form, insns: readonly Instruction[], index: number, options: FormatOptions): string {
  if (form.opcode !== LD_IMM64) return form.syntax;
  const named = options.ldImm64?.(insns[index], insns[index + 1]?.imm ?? 0, index) !== undefined;
  return options.raw && !named ? form.syntax : 'rD = IMM64';
}

/**
 * What the kernel prints for field values that are no form of their opcode; it refuses the program only later.
 * Returns the whole text, with the prefix where the kernel prints one.
 */
function formatOdd(insn: Instruction): string {
  const { opcode, imm, off, dst, src } = insn;
  const prefix = `(${hex2(opcode)})`;
  switch (opcode) {
    case CLASS.ALU | ALU.END:
      return `${prefix} r${dst} = le${imm} r${dst}`;
    case CLASS.ALU | ALU.END | 8:
      return `${prefix} r${dst} = be${imm} r${dst}`;
    case CLASS.ALU64 | ALU.END:
      return `${prefix} r${dst} = bswap${imm} r${dst}`;
    case CLASS.JMP | JMP.JCOND:
      return `${prefix} if r${dst} (null) 0x${(imm >>> 0).toString(16)} goto pc${signed(off)}`;
    case CLASS.JMP | JMP.CALL:
      return `${prefix} call unknown#${imm}`;
    case LD_IMM64:
      return `${prefix} r${dst} = src${src}:0x${(imm >>> 0).toString(16)}`;
  }
  if ((opcode & 0xe7) === (CLASS.STX | MODE.ATOMIC)) return formatOddAtomic(insn);
  return `${prefix} unknown opcode ${hex2(opcode)}`;
}

/** Atomics on 1 and 2 bytes are refused, but print like those on 4. */
function formatOddAtomic(insn: Instruction): string {
  const wide = formOf({ ...insn, opcode: CLASS.STX | MODE.ATOMIC | SIZE.W });
  if (!wide) return `BUG_${hex2(insn.opcode)}`;
  return `(${hex2(insn.opcode)}) ${print(wide.syntax.replace('u32', `u${8 * accessSize(insn.opcode)}`), [insn], 0, {})}`;
}

/** Moves print a cast for any of these offsets, although a 32-bit one of 32 bits and -1 are refused. */
function formatOddMove(insn: Instruction): string | undefined {
  const { opcode, off, dst, src } = insn;
  if (opcode === 0xbc && off === 32) return `(bc) w${dst} = (s32)w${src}`;
  if (opcode === 0xbf && off === -1) return `(bf) r${dst} = &(void __percpu *)(r${src})`;
  return undefined;
}

/**
 * The instruction at slot `index` in the words of the verifier's log, with its `(xx) ` prefix and no line end.
 * The second slot of an `ld_imm64` is not an instruction: do not ask for it.
 */
export function formatInsn(insns: readonly Instruction[], index: number, options: FormatOptions = {}): string {
  const insn = insns[index];
  const form = formOf(insn);
  if (!form) return formatOdd(insn);
  return (
    formatOddMove(insn) ??
    `(${hex2(insn.opcode)}) ${print(logSyntax(form, insns, index, options), insns, index, options)}`
  );
}

/** A whole program, one line an instruction: `   0: (b7) r0 = 42`. */
export function formatProgram(insns: readonly Instruction[], options: FormatOptions = {}): string[] {
  const lines: string[] = [];
  for (let i = 0; i < insns.length; i += insns[i].opcode === LD_IMM64 ? 2 : 1) {
    lines.push(`${String(i).padStart(4)}: ${formatInsn(insns, i, options)}`);
  }
  return lines;
}
