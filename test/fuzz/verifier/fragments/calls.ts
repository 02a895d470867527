/** Functions of the program itself: static ones, global ones that are verified on their own, callbacks of helpers. */
import { isHelperAllowed } from '../../../../src/contracts/index.ts';
import { HELPER_NAMES, PROG_TYPE_NAMES } from '../../../../src/uapi/index.ts';
import { FP } from '../emitter.ts';
import { hasContextType } from '../../../function-btf.ts';
import type { Fragment, Generator, OwnFunction } from '../generator.ts';

const MAX_FUNCTIONS = 5;
const MAX_LEVEL = 8;
const ARGUMENTS = 0b111110;

type Arg = OwnFunction['args'][number];

const LOOP = HELPER_NAMES.indexOf('loop');
const FOR_EACH = HELPER_NAMES.indexOf('for_each_map_elem');
const DRAIN = HELPER_NAMES.indexOf('user_ringbuf_drain');

function staticArgs(g: Generator): Arg[] {
  const args: Arg[] = [];
  if (g.hasCtx && g.chance(60)) args.push('ctx');
  if (g.chance(40)) args.push('frame');
  for (let i = g.r.below(3); i > 0; i--) args.push('number');
  return args;
}

function globalArgs(g: Generator): Arg[] {
  const args: Arg[] = [];
  if (g.hasCtx && g.chance(60) && hasContextType(PROG_TYPE_NAMES[g.around.progType])) args.push('ctx');
  for (let i = g.r.below(3); i > 0; i--)
    args.push(g.r.pick(['number', 'number', 'number', 'mem', 'memory', 'untrusted']));
  return args;
}

/** One that exists already, or a new one. Only deeper functions are called, so that no call comes back; but for mistakes. */
function choose(g: Generator, kind: OwnFunction['kind'], args: () => Arg[]): OwnFunction | undefined {
  const callable = g.functions.filter((one) => one.kind === kind && (one.level > g.level || g.oops()));
  const full = g.functions.length >= MAX_FUNCTIONS;
  if (callable.length > 0 && (full || g.chance(40))) return g.r.pick(callable);
  if (full) return undefined;
  const made = { label: g.e.label(), kind, args: args(), level: g.level + 1 };
  g.functions.push(made);
  return made;
}

function passArguments(g: Generator, args: readonly Arg[]): void {
  const { e, r } = g;
  args.forEach((kind, i) => {
    const arg = i + 1;
    const passed = g.oops() ? r.pick(['number', 'ctx', 'frame', 'mem']) : kind;
    if (passed === 'ctx' && g.hasCtx) e.copy(arg, 6);
    else if (passed === 'frame') {
      e.copy(arg, FP);
      if (g.chance(70)) e.add(arg, -8 * r.below(3));
    } else if (passed === 'mem' || passed === 'memory') {
      if (g.chance(20)) e.mov(arg, 0);
      else {
        e.copy(arg, FP);
        e.add(arg, g.oops() ? -8 : -16 - 8 * r.below(3));
      }
    } else if (g.chance(50)) e.copy(arg, g.number());
    else e.mov(arg, g.imm());
    g.hold(arg);
  });
  g.release(1, 2, 3, 4, 5);
}

function call(g: Generator, kind: 'static' | 'global'): void {
  if (g.busy & ARGUMENTS) return;
  const chosen = choose(g, kind, () => (kind === 'static' ? staticArgs(g) : globalArgs(g)));
  if (!chosen) return;
  if (kind === 'global') {
    g.needsBtf = true;
    g.topics.add('global function');
  }
  passArguments(g, chosen.args);
  g.e.callFunction(chosen.label);
  g.live &= ~0b111111;
  g.isNumber(0);
}

/** bpf_loop: the callback gets the round's number and a pointer to the caller's stack. */
function loop(g: Generator): void {
  const { e, r } = g;
  if (g.busy & ARGUMENTS) return;
  const callback = choose(g, 'callback', () => ['number', g.chance(60) ? 'frame' : 'number']);
  if (!callback) return;
  g.needsBtf = true;
  const takesFrame = callback.args[1] === 'frame';
  if (g.chance(70)) e.mov(1, r.pick([1, 2, 5, 100, g.imm()]));
  else e.copy(1, g.number());
  e.functionAddress(2, callback.label);
  if (takesFrame || g.oops()) {
    e.copy(3, FP);
    if (g.chance(50)) e.add(3, -8 * r.below(3));
  } else e.mov(3, 0);
  e.mov(4, g.oops() ? 1 : 0);
  g.call(LOOP);
  g.isNumber(0);
}

/** bpf_for_each_map_elem: the callback gets map, key, value and a pointer; it reads them as numbers would be a mistake. */
function forEach(g: Generator): void {
  const { e, r } = g;
  if (g.busy & ARGUMENTS) return;
  const callback = choose(g, 'callback', () => []);
  if (!callback || callback.args.length > 0) return;
  g.needsBtf = true;
  const kinds = ['hash', 'array', 'percpu_array', 'lru_hash'];
  const map = g.map(
    ({ type }) => kinds.includes(type),
    () => ({ type: r.pick(kinds), key_size: 4, value_size: 16, max_entries: 4 }),
  );
  e.map(1, map);
  e.functionAddress(2, callback.label);
  e.mov(3, 0);
  e.mov(4, 0);
  g.call(FOR_EACH);
  g.isNumber(0);
}

/** bpf_user_ringbuf_drain: the callback gets a dynptr. */
function drain(g: Generator): void {
  const { e } = g;
  if (g.busy & ARGUMENTS) return;
  const callback = choose(g, 'callback', () => ['dynptr', g.chance(40) ? 'frame' : 'number']);
  if (!callback || (callback.args[0] !== 'dynptr' && !g.oops())) return;
  g.needsBtf = true;
  const map = g.map(
    ({ type }) => type === 'user_ringbuf',
    () => ({ type: 'user_ringbuf', key_size: 0, value_size: 0, max_entries: 4096 }),
  );
  e.map(1, map);
  e.functionAddress(2, callback.label);
  if (callback.args[1] === 'frame') {
    e.copy(3, FP);
    e.add(3, -8 * g.r.below(3));
  } else e.mov(3, 0);
  e.mov(4, 0);
  g.call(DRAIN);
  g.isNumber(0);
}

const mayCall = (g: Generator, id: number): boolean =>
  isHelperAllowed(g.around.progType, g.around.attachType, id, true);
const fits = (g: Generator): boolean => g.level < MAX_LEVEL && (g.functions.length > 0 || g.chance(40));

export const calls: readonly Fragment[] = [
  { name: 'call', weight: 4, topic: 'call', fits, write: (g) => call(g, 'static') },
  { name: 'call of a global function', weight: 1, topic: 'call', fits, write: (g) => call(g, 'global') },
  { name: 'bpf_loop', weight: 1, topic: 'callback', fits: (g) => fits(g) && mayCall(g, LOOP), write: loop },
  { name: 'for each', weight: 1, topic: 'callback', fits: (g) => fits(g) && mayCall(g, FOR_EACH), write: forEach },
  { name: 'drain', weight: 1, topic: 'callback', fits: (g) => fits(g) && mayCall(g, DRAIN), write: drain },
];
