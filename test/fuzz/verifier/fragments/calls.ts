/** Functions of the program itself: static ones that take numbers, the context, or the caller's stack. */
import { FP } from '../emitter.ts';
import type { Fragment, Generator } from '../generator.ts';

const MAX_FUNCTIONS = 4;
const MAX_LEVEL = 8;

type Arg = 'number' | 'ctx' | 'frame';

function newFunction(g: Generator): number {
  const { r } = g;
  const args: Arg[] = [];
  if (g.hasCtx && g.chance(60)) args.push('ctx');
  if (g.chance(40)) args.push('frame');
  for (let i = r.below(3); i > 0; i--) args.push('number');
  return g.functions.push({ label: g.e.label(), args, level: g.level + 1 }) - 1;
}

function call(g: Generator): void {
  const { e, r } = g;
  // Only deeper functions are called, so that no call comes back; but for mistakes.
  const callable = g.functions.filter((one) => one.level > g.level || g.oops());
  const reuse = callable.length > 0 && (g.chance(40) || g.functions.length >= MAX_FUNCTIONS);
  if (!reuse && g.functions.length >= MAX_FUNCTIONS) return;
  const { label, args } = reuse ? r.pick(callable) : g.functions[newFunction(g)];
  if (g.busy & 0b111110) return;
  args.forEach((kind, i) => {
    const arg = i + 1;
    const passed = g.oops() ? r.pick(['number', 'ctx', 'frame']) : kind;
    if (passed === 'ctx' && g.hasCtx) e.copy(arg, 6);
    else if (passed === 'frame') {
      e.copy(arg, FP);
      if (g.chance(70)) e.add(arg, -8 * r.below(3));
    } else if (g.chance(50)) e.copy(arg, g.number());
    else e.mov(arg, g.imm());
    g.hold(arg);
  });
  g.release(1, 2, 3, 4, 5);
  e.callFunction(label);
  g.live &= ~0b111111;
  g.isNumber(0);
}

export const calls: readonly Fragment[] = [
  {
    name: 'call',
    weight: 5,
    topic: 'call',
    fits: (g) => g.level < MAX_LEVEL && (g.functions.length > 0 || g.chance(40)),
    write: call,
  },
];
