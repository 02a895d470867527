/**
 * The listing of a classic filter, as tcpdump -d prints it, with what numbers mean behind semicolons: fields of `struct
 * seccomp_data`, system calls, architectures, actions.
 */
import { CLASSIC_CLASS, formatClassicInsn } from '../cbpf/index.ts';
import type { ClassicInstruction } from '../cbpf/index.ts';
import { CLASS, JMP, MODE, SRC } from '../isa/index.ts';
import { formatVerdict } from './action.ts';
import { archByNumber, callName } from './arch.ts';
import type { Arch } from './arch.ts';
import { WORD, WORD_NAMES } from './data.ts';

/** What is in A before an instruction, on every way to it. */
interface Known {
  /** The word it was loaded from; -1 where it is no word, or not the same one on all ways. */
  readonly word: number;
  /** The architecture that comparisons have found; undefined where ways differ. */
  readonly arch: Arch | undefined;
}

/** @param arch whose names numbers get where the filter does not say */
export function formatSeccomp(insns: readonly ClassicInstruction[], arch: Arch): string {
  const before = knownBefore(insns);
  const lines = insns.map((insn, at) => {
    const text = formatClassicInsn(insn, at).replace('\t', ' ');
    const comment = commentOf(insn, before[at] ?? { word: -1, arch: undefined }, arch);
    return comment === '' ? text.trimEnd() : `${text.padEnd(47)} ; ${comment}`;
  });
  return lines.map((line) => `${line}\n`).join('');
}

const isLoad = ({ code }: ClassicInstruction): boolean => (code & 7) === CLASS.LD;
const isWord = ({ code }: ClassicInstruction): boolean =>
  isLoad({ code } as ClassicInstruction) && (code & 0xe0) === MODE.ABS;

/** One pass, since jumps only lead forwards; undefined for what nothing reaches. */
function knownBefore(insns: readonly ClassicInstruction[]): (Known | undefined)[] {
  const before: (Known | undefined)[] = [{ word: -1, arch: undefined }];
  const reach = (at: number, now: Known): void => {
    const seen = before[at];
    before[at] = seen
      ? { word: seen.word === now.word ? now.word : -1, arch: seen.arch === now.arch ? now.arch : undefined }
      : now;
  };
  insns.forEach((insn, at) => {
    const now = before[at];
    const kind = insn.code & 7;
    if (now === undefined || kind === CLASSIC_CLASS.RET) return;
    if (kind !== CLASS.JMP) {
      const changes = isLoad(insn) || kind === CLASS.ALU || (kind === CLASSIC_CLASS.MISC && (insn.code & 0x80) !== 0);
      return reach(at + 1, changes ? { ...now, word: isWord(insn) ? insn.k >> 2 : -1 } : now);
    }
    const op = insn.code & 0xf0;
    if (op === JMP.JA) return reach(at + 1 + insn.k, now);
    const found = op === JMP.JEQ && !(insn.code & SRC.X) && now.word === WORD.ARCH ? archByNumber(insn.k) : undefined;
    reach(at + 1 + insn.jt, found ? { ...now, arch: found } : now);
    reach(at + 1 + insn.jf, now);
  });
  return before;
}

function commentOf(insn: ClassicInstruction, { word, arch }: Known, otherwise: Arch): string {
  const { code, k } = insn;
  if (isWord(insn)) return k % 4 === 0 ? (WORD_NAMES[k >> 2] ?? '') : '';
  if ((code & 7) === CLASSIC_CLASS.RET) return (code & 0x18) === 0x10 ? '' : formatVerdict(k);
  if ((code & 7) !== CLASS.JMP || code & SRC.X || (code & 0xf0) === JMP.JA) return '';
  if (word === WORD.ARCH) return archByNumber(k)?.name ?? '';
  if (word === WORD.NR && k < 0x8000_0000 && (code & 0xf0) !== JMP.JSET) return callName(arch ?? otherwise, k);
  return '';
}
