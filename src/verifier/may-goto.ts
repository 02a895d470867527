/**
 * `may_goto`: a jump that the kernel takes when a loop has run too long, so that every loop it is in ends. The walk goes on
 * as if it were taken; the other way, once more round the loop, is walked later and widened, so that the rounds come to
 * equal each other. Rejects: what pushing a path rejects.
 */
import { ERRNO } from '../errors/index.ts';
import type { Instruction } from '../isa/index.ts';
import { isConditional, isGoto, isMayGoto, jumpTarget, nextSlot } from './cfg.ts';
import type { Env } from './env.ts';
import { AUX, type Subprog } from './insn-aux.ts';
import { pushPath } from './paths.ts';
import { bucketOf, sameCallsites } from './prune/bucket.ts';
import { widen } from './prune/widen.ts';
import type { State } from './state/state.ts';

/** Bytes of stack for the count of rounds and the time of the first. */
const COUNTER_SIZE = 16;

/** Walk it: sets `env.insnIdx`. @returns 0 or -errno */
export function checkMayGoto(env: Env, insn: Instruction): number {
  const at = env.insnIdx;
  const before = previousRound(env);
  const again = pushPath(env, at + 1, at);
  if (!again) return -ERRNO.ENOMEM;
  again.mayGotoDepth++;
  if (before) widen(env, before, again);
  env.insnIdx = jumpTarget(insn, at);
  return 0;
}

/** The checkpoint that this path left here the last time; the walk has just taken one of this time. */
function previousRound(env: Env): State | undefined {
  const { cur, insnIdx } = env;
  for (const { state } of bucketOf(env, insnIdx, cur)) {
    const isOpen = state.insn === insnIdx && state.branches > 0 && state !== cur.parent;
    if (isOpen && sameCallsites(state, cur)) return state;
  }
  return undefined;
}

/**
 * Bytes of stack that a function needs besides its own: 0 where the jumps lead nowhere else than on, and are removed.
 * @kernel bpf_opt_remove_nops
 */
export function counterSize(env: Env, { start, end }: Subprog): number {
  const { insns, aux } = env;
  const alive: number[] = [];
  let mayGotos = 0;
  for (let at = start; at < end; at = nextSlot(insns[at], at)) {
    if (!(aux.flags[at] & AUX.SEEN)) continue;
    alive.push(at);
    if (isMayGoto(insns[at])) mayGotos++;
  }
  for (let i = 0; i < alive.length && mayGotos; i++) {
    const target = onlyTarget(env, alive[i]);
    const next = i + 1 < alive.length ? alive[i + 1] : end;
    if (target <= alive[i] || target > next) continue;
    const removed = insns[alive.splice(i, 1)[0]];
    if (isMayGoto(removed)) mayGotos--;
    // The one before may lead on now.
    i -= isMayGoto(removed) && i > 0 ? 2 : 1;
  }
  return mayGotos ? COUNTER_SIZE : 0;
}

/** Where a jump leads that is only ever taken, or never; -1 for what is none, or may go two ways. */
function onlyTarget(env: Env, at: number): number {
  const insn = env.insns[at];
  const isSeen = (slot: number): boolean => (env.aux.flags[slot] & AUX.SEEN) !== 0;
  if (isGoto(insn) || isMayGoto(insn)) return jumpTarget(insn, at);
  if (!isConditional(insn)) return -1;
  const target = jumpTarget(insn, at);
  if (!isSeen(at + 1)) return target;
  return isSeen(target) ? -1 : at + 1;
}
