/** What calls of a function do beside returning a number, as far as its caller has to know. Rejects nothing. */
import { helperProto } from '../../contracts/index.ts';
import { CALL, type Instruction } from '../../isa/index.ts';
import { CALL_PSEUDO, HELPER_NAMES } from '../../uapi/index.ts';
import type { Context } from '../context.ts';
import { isGiven } from './allowed.ts';
import { calleeOf, isFunctionReference, isLocalCall, subprogAt } from '../subprogs.ts';

const TAIL_CALL = HELPER_NAMES.indexOf('tail_call');

/** What some function of a program does, itself or through others it names, reached or not. */
type Effect = (insn: Instruction, ctx: Context) => boolean;

/** A helper call that may move or resize the packet. */
const movesPacket: Effect = (insn) =>
  isHelperCall(insn) && (insn.imm === TAIL_CALL || helperProto(insn.imm)?.changesPacket === true);
/** A call of a helper that may sleep, if the program is given it at all. */
const sleeps: Effect = (insn, ctx) =>
  isHelperCall(insn) && helperProto(insn.imm)?.mightSleep === true && isGiven(ctx, insn.imm);

const packetMovers = new WeakMap<Context, readonly boolean[]>();
const sleepers = new WeakMap<Context, readonly boolean[]>();

/** Which functions may move or resize the packet. */
export const changesPacket = (ctx: Context): readonly boolean[] => known(packetMovers, ctx, movesPacket);

/** Which functions may sleep. */
export const maySleep = (ctx: Context): readonly boolean[] => known(sleepers, ctx, sleeps);

function known(cache: WeakMap<Context, readonly boolean[]>, ctx: Context, effect: Effect): readonly boolean[] {
  let has = cache.get(ctx);
  if (!has) cache.set(ctx, (has = findEffect(ctx, effect)));
  return has;
}

function findEffect(ctx: Context, effect: Effect): readonly boolean[] {
  const { insns } = ctx;
  const has = ctx.aux.subprogs.map(({ start, end }) => insns.slice(start, end).some((insn) => effect(insn, ctx)));
  for (let changed = true; changed;) {
    changed = false;
    insns.forEach((insn, at) => {
      if (!isLocalCall(insn) && !isFunctionReference(insn)) return;
      const caller = subprogAt(ctx, at);
      if (has[caller] || !has[subprogAt(ctx, calleeOf(insn, at))]) return;
      has[caller] = changed = true;
    });
  }
  return has;
}

const isHelperCall = (insn: Instruction): boolean => insn.opcode === CALL && insn.src === CALL_PSEUDO.HELPER;
