/**
 * Classic programs as text. `d`, `dd` and `ddd` are byte for byte what tcpdump prints with that option; `asm` is the
 * language of bpf_asm, which Documentation/networking/filter.rst defines; `raw` is the one line that bpf_asm prints and
 * xt_bpf takes.
 */
import { FormatError } from '../errors/index.ts';
import { CLASS, SRC } from '../isa/index.ts';
import { AD, AD_OFF, classicForm } from './constants.ts';
import type { ClassicForm } from './constants.ts';
import type { ClassicInstruction } from './instruction.ts';

export const CLASSIC_FORMATS = ['d', 'dd', 'ddd', 'asm', 'raw'] as const;
export type ClassicFormat = (typeof CLASSIC_FORMATS)[number];

/** Names of ancillary loads: tcpdump's, and bpf_asm's where it has one. */
export const ANCILLARY_NAMES: readonly (readonly [offset: number, tcpdump: string, asm: string | undefined])[] = [
  [AD.PROTOCOL, 'proto', 'proto'],
  [AD.PKTTYPE, 'type', 'type'],
  [AD.IFINDEX, 'ifidx', 'ifidx'],
  [AD.NLATTR, 'nla', 'nla'],
  [AD.NLATTR_NEST, 'nlan', 'nlan'],
  [AD.MARK, 'mark', 'mark'],
  [AD.QUEUE, 'queue', 'queue'],
  [AD.HATYPE, 'hatype', 'hatype'],
  [AD.RXHASH, 'rxhash', 'rxhash'],
  [AD.CPU, 'cpu', 'cpu'],
  [AD.ALU_XOR_X, 'xor_x', undefined],
  [AD.VLAN_TAG, 'vlan_tci', 'vlan_tci'],
  [AD.VLAN_TAG_PRESENT, 'vlanp', 'vlan_avail'],
  [AD.PAY_OFFSET, 'poff', 'poff'],
  [AD.RANDOM, 'random', 'rand'],
  [AD.VLAN_TPID, 'vlan_tpid', 'vlan_tpid'],
];

const nameOf = (k: number): (typeof ANCILLARY_NAMES)[number] | undefined =>
  ANCILLARY_NAMES.find(([offset]) => offset === (k | 0) - AD_OFF);

/** @throws FormatError where `asm` has no words for an instruction */
export function formatClassic(insns: readonly ClassicInstruction[], format: ClassicFormat = 'd'): string {
  const decimal = ({ code, jt, jf, k }: ClassicInstruction): string => `${code} ${jt} ${jf} ${k}`;
  const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');
  switch (format) {
    case 'd':
      return lines(insns.map((insn, at) => formatClassicInsn(insn, at)));
    case 'dd':
      return lines(
        insns.map(
          ({ code, jt, jf, k }) => `{ 0x${code.toString(16)}, ${jt}, ${jf}, 0x${k.toString(16).padStart(8, '0')} },`,
        ),
      );
    case 'ddd':
      return lines([String(insns.length), ...insns.map(decimal)]);
    case 'raw':
      return `${[insns.length, ...insns.map(decimal)].join(',')}\n`;
    default:
      return assembly(insns);
  }
}

const hex = (k: number): string => `#0x${k.toString(16)}`;

/** The line of tcpdump -d for one instruction, without its newline. */
export function formatClassicInsn({ code, jt, jf, k }: ClassicInstruction, at: number): string {
  const form = classicForm(code);
  const [word, operand] = form ? [form.mnemonic, tcpdumpOperand(form, k, at)] : ['unimp', `0x${code.toString(16)}`];
  const head = `(${String(at).padStart(3, '0')}) ${word.padEnd(8)} `;
  if (form?.operand !== 'ifK' && form?.operand !== 'ifX') return head + operand;
  return `${head}${operand.padEnd(16)} jt ${at + 1 + jt}\tjf ${at + 1 + jf}`;
}

function tcpdumpOperand({ operand }: ClassicForm, k: number, at: number): string {
  switch (operand) {
    case 'abs':
      return `[${nameOf(k)?.[1] ?? k | 0}]`;
    case 'ind':
      return `[x + ${k | 0}]`;
    case 'mem':
      return `M[${k | 0}]`;
    case 'len':
      return '#pktlen';
    case 'msh':
      return `4*([${k | 0}]&0xf)`;
    case 'dec':
      return `#${k | 0}`;
    case 'imm':
    case 'hex':
    case 'ifK':
      return hex(k);
    case 'x':
    case 'ifX':
      return 'x';
    case 'goto':
      return String((at + 1 + k) | 0);
    default:
      return '';
  }
}

/** With a label before each instruction that a jump leads to. */
function assembly(insns: readonly ClassicInstruction[]): string {
  const targets = new Set<number>();
  const label = (at: number): string => {
    targets.add(at);
    return `L${at}`;
  };
  const texts = insns.map((insn, at) => assemblyLine(insn, at, label));
  const stray = [...targets].find((at) => at < 0 || at >= insns.length);
  if (stray !== undefined) throw new FormatError(`a jump leads to ${stray}, out of the program`);
  return texts.map((text, at) => `${targets.has(at) ? `L${at}:` : ''}\t${text}\n`).join('');
}

/** What holds when the comparison does not, for jumps that lead away only then. */
const INVERSE: Readonly<Record<string, string>> = { jeq: 'jneq', jgt: 'jle', jge: 'jlt' };

function assemblyLine(insn: ClassicInstruction, at: number, label: (at: number) => string): string {
  const { code, jt, jf, k } = insn;
  const form = classicForm(code);
  if (!form) throw new FormatError(`instruction ${at}: code 0x${code.toString(16)} has no words in bpf_asm`);
  const { mnemonic, operand } = form;
  if (operand === 'goto') return `jmp ${label((at + 1 + k) | 0)}`;
  if (operand === 'ifK' || operand === 'ifX') {
    const value = code & SRC.X ? 'x' : hex(k);
    if (jf === 0) return `${mnemonic} ${value}, ${label(at + 1 + jt)}`;
    if (jt === 0 && mnemonic in INVERSE) return `${INVERSE[mnemonic]} ${value}, ${label(at + 1 + jf)}`;
    return `${mnemonic} ${value}, ${label(at + 1 + jt)}, ${label(at + 1 + jf)}`;
  }
  const text = asmOperand(form, k, at);
  return text === '' ? mnemonic : `${mnemonic} ${text}`;
}

function asmOperand(form: ClassicForm, k: number, at: number): string {
  switch (form.operand) {
    case 'abs':
      return nameOf(k)?.[2] ?? `[${k | 0}]`;
    case 'len':
      return 'len';
    case 'a':
      return 'a';
    case 'dec':
      return (form.code & 7) === CLASS.ALU && (k | 0) < 0 ? hex(k) : `#${k}`;
    default:
      return tcpdumpOperand(form, k, at);
  }
}
