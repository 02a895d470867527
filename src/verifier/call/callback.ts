/**
 * Helpers that call a function of the program back (@kernel push_callback_call). Nobody knows how often: the call is
 * walked on at once, and put aside is a path through the function, which comes back to the call. There states are
 * compared, and what no decision depended on is widened (prune/widen.ts), until a round brings nothing new.
 *
 * Rejects: what a frame too many and arguments reject; at the callback's end `R0 not a scalar value` (EACCES) and `At
 * callback return the register R0 has … should have been in [%d, %d]` (EINVAL); `missing btf func_info`, `callback function
 * not static` where its address is loaded, `callback function not allowed for map` (ENOTSUPP).
 */
import { ERRNO } from '../../errors/index.ts';
import type { Instruction } from '../../isa/index.ts';
import { HELPER_NAMES, MAP_TYPE } from '../../uapi/index.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { kernelId, kernelPointer } from '../kernel-types.ts';
import { pushPath } from '../paths.ts';
import { markPrecise } from '../precision/backtrack.ts';
import { bucketOf, sameCallsites } from '../prune/bucket.ts';
import { widen } from '../prune/widen.ts';
import { checkReturn } from '../return-value.ts';
import { DYNPTR, dynptrReg } from '../state/dynptr.ts';
import { pointer, REG, type Reg } from '../state/reg.ts';
import type { Frame } from '../state/state.ts';
import { calleeOf, subprogAt } from '../subprogs.ts';
import { pushAsync } from './async.ts';
import type { CallMeta } from './call-meta.ts';
import { openFrame } from './frame.ts';
import { checkArguments } from './global.ts';

const idOf = (name: string): number => HELPER_NAMES.indexOf(name);
const LOOP = idOf('loop');
const SET_TIMER = idOf('timer_set_callback');
const DRAIN = idOf('user_ringbuf_drain');
const FOR_EACH = idOf('for_each_map_elem');
const FIND_VMA = idOf('find_vma');

/** Sets the arguments of the callback from those of the call. */
type Pass = (env: Env, caller: Frame, callee: Frame) => void;

/** bpf_loop(nr, callback, ctx, flags): callback(index, ctx) */
const passLoop: Pass = (env, caller, callee) => {
  callee.regs[1] = env.unknown();
  callee.regs[2] = caller.regs[3];
};

/** bpf_for_each_map_elem(map, callback, ctx, flags): callback(map, key, value, ctx) */
const passElement: Pass = (env, caller, callee) => {
  const { map } = caller.regs[1];
  callee.regs[1] = caller.regs[1];
  callee.regs[2] = pointer(REG.MAP_KEY, env.store.ZERO, 0, map);
  callee.regs[3] = pointer(REG.MAP_VALUE, env.store.ZERO, 0, map);
  callee.regs[4] = caller.regs[3];
};

/** bpf_user_ringbuf_drain(map, callback, ctx, flags): callback(dynptr, ctx) */
const passSample: Pass = (env, caller, callee) => {
  callee.regs[1] = dynptrReg(env.store.ZERO, DYNPTR.LOCAL, ++env.idGen, 0);
  callee.regs[2] = caller.regs[3];
};

/** bpf_find_vma(task, address, callback, ctx, flags): callback(task, vma, ctx) */
const passVma: Pass = (env, caller, callee) => {
  callee.regs[1] = caller.regs[1];
  callee.regs[2] = kernelPointer(env, 0, kernelId(env, 'vm_area_struct'));
  callee.regs[3] = caller.regs[4];
};

/** What these callbacks may return: 0 goes on, 1 stops. */
const GO_ON_OR_STOP: readonly [number, number] = [0, 1];

/** Map types whose elements can be gone through. Measured. */
const ITERABLE = new Set<number>([
  MAP_TYPE.HASH,
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.LRU_HASH,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.ARRAY,
  MAP_TYPE.PERCPU_ARRAY,
]);

/** `r2 = func`: the address of a function of this program, for a call. Sets the register. @returns 0 or -errno */
export function checkFunctionLoad(env: Env, insn: Instruction): number {
  const index = subprogAt(env, calleeOf(insn, env.insnIdx));
  const { func } = env.aux.subprogs[index];
  if (!env.aux.btf || !env.input.btf?.funcInfo.length) return env.fail(ERRNO.EINVAL, 'missing btf func_info');
  if (index === 0 || !func || func.isGlobal) return env.fail(ERRNO.EINVAL, 'callback function not static');
  env.regs[insn.dst] = pointer(REG.FUNC, env.store.ZERO, 0, -1, index);
  return 0;
}

/** The function argument of a helper. */
export function rememberFunction(reg: Reg, meta: CallMeta): number {
  meta.callback = reg.range;
  return 0;
}

/** What helper `id` does with the function it was given. @returns 0 or -errno */
export function startCallback(env: Env, id: number, meta: CallMeta): number {
  if (meta.callback < 0) return 0;
  if (id === SET_TIMER) return pushAsync(env, meta.callback);
  if (id === LOOP) return startLoop(env, meta.callback);
  if (id === DRAIN) return pushCallback(env, meta.callback, passSample);
  if (id === FIND_VMA) return pushCallback(env, meta.callback, passVma);
  if (id !== FOR_EACH) throw new UnsupportedConstruct(`callback of bpf_${HELPER_NAMES[id]}`);
  return pushCallback(env, meta.callback, passElement);
}

function startLoop(env: Env, subprog: number): number {
  // Whether all rounds were walked depends on their number.
  const err = noteInlining(env, subprog);
  if (err) return err;
  if (env.regs[1].type !== REG.SCALAR) return env.fail(ERRNO.EFAULT, 'verifier bug: backtracking misuse');
  markPrecise(env, 1);
  const caller = env.cur.top;
  if (BigInt(caller.callbackDepth) < env.store.umax(caller.regs[1].s)) return pushCallback(env, subprog, passLoop);
  caller.callbackDepth = 0;
  if (env.log.verbose) env.log.write(`frame${caller.frameno} bpf_loop iteration limit reached\n`);
  return 0;
}

/** Linux makes a loop of a call whose flags are always 0 and whose function is always the same. */
function noteInlining(env: Env, subprog: number): number {
  const { inlinedLoops } = env.aux;
  const known = inlinedLoops.get(env.insnIdx);
  if (known === -1) return 0;
  const flags = env.regs[4];
  const isZero = flags.type === REG.SCALAR && flags.s === env.store.ZERO;
  inlinedLoops.set(env.insnIdx, isZero && (known ?? subprog) === subprog ? subprog : -1);
  return isZero ? markPrecise(env, 4) : 0;
}

function pushCallback(env: Env, subprog: number, pass: Pass): number {
  const { start, func } = env.aux.subprogs[subprog];
  // A static function may differ from its description.
  if (func) checkArguments(env, func);
  const caller = env.cur.top;
  const state = pushPath(env, start, env.insnIdx);
  if (!state) return -ERRNO.EFAULT;
  const frame = state.top;
  const callee = openFrame(env, state, subprog, env.insnIdx);
  if (typeof callee === 'number') return callee;
  if (pass === passElement && !ITERABLE.has(env.aux.maps[caller.regs[1].map].type)) {
    return env.fail(ERRNO.ENOTSUPP, 'callback function not allowed for map');
  }
  pass(env, caller, callee);
  callee.returns = GO_ON_OR_STOP;
  state.callbackRounds++;
  frame.callbackDepth++;
  caller.callbackDepth = 0;
  env.scratchAll();
  return 0;
}

/** The end of a callback, before its frame goes. @returns 0 or -errno */
export function checkCallbackReturn(env: Env, { regs, returns }: Frame): number {
  if (regs[0].type !== REG.SCALAR) return env.fail(ERRNO.EACCES, 'R0 not a scalar value');
  return markPrecise(env, 0) || checkReturn(env, regs[0], returns!, 'At callback return');
}

/** Back at the call: forget of the numbers that changed since the last round what nobody needed to know. */
export function widenRound(env: Env): void {
  const { cur, insnIdx } = env;
  const before = bucketOf(env, insnIdx, cur).find(
    ({ state }) => state.insn === insnIdx && state.branches > 0 && sameCallsites(state, cur),
  );
  if (before) widen(env, before.state, cur);
}
