/** Programs whose stack holds nothing of before: a program with all capabilities may read what it never wrote. */
import { CALL, LD_IMM64 } from '../../../src/isa/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import { CALL_PSEUDO, PSEUDO } from '../../../src/uapi/index.ts';
import { itemsOf, withItems } from '../verifier/code.ts';
import type { Item } from '../verifier/code.ts';
import { Emitter, FP } from '../verifier/emitter.ts';

const isReference = ({ opcode, src }: Item): boolean =>
  (opcode === CALL && src === CALL_PSEUDO.CALL) || (opcode === LD_IMM64 && src === PSEUDO.FUNC);

/**
 * The same with stores of zeros before the first instruction of each function.
 * @param depths bytes of stack of each function, in the order of their first instructions, as the verifier's log says
 */
export function zeroed(object: ProgramObject, depths: readonly number[]): ProgramObject {
  const items = itemsOf(object);
  const references = items.filter(isReference);
  const entries = new Set(references.map(({ target }) => target));
  let n = 0;
  const all: Item[] = [];
  items.forEach((one, i) => {
    if (i === 0 || entries.has(one)) {
      const e = new Emitter();
      for (let off = 8; off <= (depths[n] ?? 0); off += 8) e.storeImm(8, FP, -off, 0);
      n++;
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
