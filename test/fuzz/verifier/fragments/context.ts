/** The context: loads and stores of every field and size, moved pointers, and the packet loads of classic BPF. */
import { ALU, CLASS, MODE } from '../../../../src/isa/index.ts';
import { PROG_TYPE } from '../../../../src/uapi/index.ts';
import { item } from '../code.ts';
import { SIZE_BITS } from '../emitter.ts';
import type { Fragment, Generator } from '../generator.ts';

const LEGACY: readonly number[] = [PROG_TYPE.SOCKET_FILTER, PROG_TYPE.SCHED_CLS, PROG_TYPE.SCHED_ACT];
const SIZES = [1, 2, 4, 8];

function read(g: Generator): void {
  const { e, r, around } = g;
  const dst = g.target();
  if (!around.numbers.length || g.oops()) {
    e.load(r.pick(SIZES), dst, 6, r.below(200) - 8, g.chance(20) ? MODE.MEMSX : MODE.MEM);
  } else {
    const { size, off } = r.pick(around.numbers);
    e.load(size, dst, 6, off, g.oops() ? MODE.MEMSX : MODE.MEM);
  }
  g.isNumber(dst);
}

function write(g: Generator): void {
  const { e, r, around } = g;
  const { size, off } = g.oops() ? { size: r.pick(SIZES), off: r.below(200) } : r.pick(around.writable);
  if (g.chance(70)) e.store(size, 6, off, g.number());
  else e.storeImm(size, 6, off, g.imm());
}

/** Through a copy that was moved, which only some program types allow. */
function moved(g: Generator): void {
  const { e, r, around } = g;
  const copy = g.scratch();
  const { size, off } = r.pick(around.numbers);
  e.copy(copy, 6);
  const by = g.oops() || around.progType === PROG_TYPE.TRACEPOINT ? r.pick([0, 4, 8, -4]) : 0;
  if (g.oops()) {
    const index = g.number();
    g.bound(index, 15);
    e.aluX(ALU.ADD, copy, index);
  }
  e.add(copy, by);
  const dst = g.target();
  e.load(size, dst, copy, off - by);
  g.isNumber(dst);
  g.release(copy);
}

/** LD_ABS and LD_IND: r6 is the context, the result comes in r0, r1 to r5 are lost. */
function legacy(g: Generator): void {
  const { e, r } = g;
  const size = SIZE_BITS[r.pick([1, 2, 4])];
  if (g.chance(60)) e.push(item(CLASS.LD | MODE.ABS | size, 0, 0, 0, g.chance(80) ? r.below(64) : g.imm()));
  else e.push(item(CLASS.LD | MODE.IND | size, 0, g.number(), 0, r.below(32)));
  g.live &= ~0b111111;
  g.isNumber(0);
}

const hasFields = (g: Generator): boolean => g.hasCtx && g.around.numbers.length > 0;

export const context: readonly Fragment[] = [
  { name: 'read the context', weight: 6, topic: 'context', fits: hasFields, write: read },
  {
    name: 'write the context',
    weight: 3,
    topic: 'context',
    fits: (g) => g.hasCtx && g.around.writable.length > 0,
    write,
  },
  { name: 'moved context', weight: 1, topic: 'context', fits: hasFields, write: moved },
  {
    name: 'legacy load',
    weight: 3,
    topic: 'legacy load',
    fits: (g) => g.hasCtx && (LEGACY.includes(g.around.progType) || g.oops()),
    write: legacy,
  },
];
