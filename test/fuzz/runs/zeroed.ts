/** Programs whose stack holds nothing of before: a program with all capabilities may read what it never wrote. */
import { ALU, CALL, CLASS, LD_IMM64, SRC } from '../../../src/isa/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import { CALL_PSEUDO, MAX_BPF_STACK, PSEUDO } from '../../../src/uapi/index.ts';
import { itemsOf, withItems } from '../verifier/code.ts';
import type { Item } from '../verifier/code.ts';
import { Emitter, FP } from '../verifier/emitter.ts';

const isReference = ({ opcode, src }: Item): boolean =>
  (opcode === CALL && src === CALL_PSEUDO.CALL) || (opcode === LD_IMM64 && src === PSEUDO.FUNC);

const copiesFrame = ({ opcode, src }: Item): boolean => opcode === (CLASS.ALU64 | ALU.MOV | SRC.X) && src === FP;

/** Bytes below the frame pointer that instructions name: what only helpers read counts for nothing in the log. */
function reach(items: readonly Item[]): number {
  const offsets = items.map((one, i) => {
    const { opcode, dst, src, off, imm } = one;
    const cls = opcode & 7;
    if (cls === CLASS.LDX) return src === FP ? off : 0;
    if (cls === CLASS.ST || cls === CLASS.STX) return dst === FP ? off : 0;
    return opcode === (CLASS.ALU64 | ALU.ADD) && i > 0 && items[i - 1].dst === dst && copiesFrame(items[i - 1])
      ? imm
      : 0;
  });
  return -Math.min(0, ...offsets.filter((off) => off >= -MAX_BPF_STACK));
}

/**
 * The same with stores of zeros before the first instruction of each function.
 * @param depths bytes of stack of each function, in the order of their first instructions, as the verifier's log says
 */
export function zeroed(object: ProgramObject, depths: readonly number[]): ProgramObject {
  const items = itemsOf(object);
  const references = items.filter(isReference);
  const entries = new Set(references.map(({ target }) => target));
  const starts = items.flatMap((one, i) => (i === 0 || entries.has(one) ? [i] : []));
  const all: Item[] = [];
  items.forEach((one, i) => {
    const n = starts.indexOf(i);
    if (n >= 0) {
      const e = new Emitter();
      const deepest = Math.max(depths[n] ?? 0, reach(items.slice(i, starts[n + 1])));
      for (let off = 8; off < deepest + 8; off += 8) e.storeImm(8, FP, -off, 0);
      const [first] = e.items;
      if (first) {
        first.func = one.func;
        one.func = undefined;
        first.line = one.line;
        one.line = undefined;
        for (const reference of references) if (reference.target === one) reference.target = first;
        all.push(...e.items);
      }
    }
    all.push(one);
  });
  return withItems(object, all);
}
