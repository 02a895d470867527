/** Kernel objects that a program is given: loads through them, from one to the next, NULL checks, helpers that take them. */
import { JMP, MODE } from '../../../../src/isa/index.ts';
import { HELPER_NAMES } from '../../../../src/uapi/index.ts';
import type { CtxField, Fragment, Generator } from '../generator.ts';

const isObject = ({ pointer }: CtxField): boolean => pointer?.startsWith('object') ?? false;
const SIZES = [1, 2, 4, 8];
/** Where structs of the kernel often have pointers. */
const NEAR = [0, 8, 16, 24, 32, 40, 64, 96, 112, 128, 200];

const TAKES_OBJECT = ['task_pt_regs', 'skc_to_tcp_sock', 'probe_read_kernel'].map((name) => HELPER_NAMES.indexOf(name));

/** A load at an offset that is a member as a rule. */
function load(g: Generator, ptr: number): void {
  const { e, r } = g;
  const size = r.pick(SIZES);
  const off = g.oops() ? r.below(5000) - 16 : r.pick([...NEAR, size * r.below(200 / size)]);
  const dst = g.target();
  e.load(size, dst, ptr, off, g.oops() ? MODE.MEMSX : MODE.MEM);
  // What it is only Linux knows: a number, or a pointer.
  g.isNothing(dst);
}

function use(g: Generator, ptr: number): void {
  const { e, r } = g;
  switch (r.below(10)) {
    case 0:
      e.load(8, ptr, ptr, r.pick(NEAR));
      break;
    case 1:
      e.branch(r.pick([JMP.JEQ, JMP.JNE]), ptr, 0, g.out());
      break;
    case 2:
      e.add(ptr, r.pick([8, 16, 64, 0, -8]));
      break;
    case 3:
      e.storeImm(r.pick(SIZES), ptr, r.pick([...NEAR, 1444, 1296]), g.imm());
      break;
    case 4:
      e.copy(1, ptr);
      e.mov(2, 8);
      g.call(r.pick(TAKES_OBJECT));
      break;
    default:
      load(g, ptr);
  }
}

function walk(g: Generator): void {
  const { e, r } = g;
  const ptr = g.scratch(true);
  const end = e.label();
  const field = r.pick(g.around.pointers.filter(isObject));
  e.load(g.oops() ? 4 : 8, ptr, 6, field.off);
  const checks = field.pointer === 'object_or_null' ? !g.oops() : g.oops();
  if (checks) e.branch(JMP.JEQ, ptr, 0, end);
  g.skippable(end, () => {
    for (let n = 1 + r.below(3); n > 0; n--) {
      if (g.chance(70)) load(g, ptr);
      else use(g, ptr);
    }
  });
  g.release(ptr);
  g.isNothing(ptr);
}

export const objects: readonly Fragment[] = [
  {
    name: 'kernel object',
    weight: 14,
    topic: 'kernel object',
    fits: (g) => g.hasCtx && g.around.pointers.some(isObject),
    write: walk,
  },
];
