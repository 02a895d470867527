/** Atomic operations of every kind, on the stack and wherever else a fragment has memory. */
import { ALU, ATOMIC, CLASS, MODE } from '../../../../src/isa/index.ts';
import { item } from '../code.ts';
import { FP, SIZE_BITS } from '../emitter.ts';
import type { Fragment, Generator } from '../generator.ts';

const OPERATIONS = [ATOMIC.ADD, ATOMIC.OR, ATOMIC.AND, ATOMIC.XOR];

/** One atomic operation at `pointer`, at the offset that `place` gives for so many bytes. */
export function writeAtomic(g: Generator, pointer: number, place: (bytes: number) => number): void {
  const { e, r } = g;
  const kind = r.below(10);
  const size = r.pick([4, 8]);
  if (kind < 4) {
    const fetch = g.chance(40) ? ATOMIC.FETCH : 0;
    e.atomic(g.oops() ? r.pick([1, 2]) : size, r.pick(OPERATIONS) | fetch, pointer, place(size), g.number());
  } else if (kind < 6) e.atomic(size, ATOMIC.XCHG, pointer, place(size), g.number());
  else if (kind < 8) {
    if (!(g.live & ~g.busy & 1)) {
      if (g.busy & 1) return;
      g.loadNumber(0);
    }
    e.atomic(size, ATOMIC.CMPXCHG, pointer, place(size), g.number());
  } else if (kind < 9) {
    const any = r.pick([1, 2, 4, 8]);
    const dst = g.target();
    e.push(item(CLASS.STX | MODE.ATOMIC | SIZE_BITS[any], dst, pointer, place(any), ATOMIC.LOAD_ACQ));
    g.isNumber(dst);
  } else {
    const any = r.pick([1, 2, 4, 8]);
    e.atomic(any, ATOMIC.STORE_REL, pointer, place(any), g.number());
  }
}

function onStack(g: Generator): void {
  const { e, r } = g;
  const off = g.slot(8);
  if (g.chance(80)) e.storeImm(8, FP, off, g.imm());
  else if (g.chance(50)) e.store(8, FP, off, g.oops() ? 6 : g.number());
  const place = (bytes: number): number => off + (bytes < 8 ? bytes * r.below(8 / bytes) : 0) + (g.oops() ? 1 : 0);
  if (g.oops() && g.hasCtx) return writeAtomic(g, 6, () => r.below(64));
  writeAtomic(g, FP, place);
  if (g.chance(60)) {
    const dst = g.target();
    e.load(8, dst, FP, off);
    g.isNumber(dst);
    if (g.chance(30)) e.alu(ALU.AND, dst, 7);
  }
}

export const atomics: readonly Fragment[] = [{ name: 'atomic', weight: 4, topic: 'atomic', write: onStack }];
