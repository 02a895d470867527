/** What calls of a function do beside returning a number, as far as its caller has to know. Rejects nothing. */
import { helperProto, type HelperProto } from '../../contracts/index.ts';
import { CALL, type Instruction } from '../../isa/index.ts';
import { CALL_PSEUDO, HELPER_NAMES } from '../../uapi/index.ts';
import { type Context, UnsupportedConstruct } from '../context.ts';
import { calleeOf, isFunctionReference, isLocalCall, subprogAt } from '../subprogs.ts';

const TAIL_CALL = HELPER_NAMES.indexOf('tail_call');

/** What some function of a program does, itself or through others it names, reached or not. */
type Effect = (insn: Instruction) => boolean;

/** A helper call that may move or resize the packet. */
const movesPacket: Effect = (insn) => isHelperCall(insn) && (insn.imm === TAIL_CALL || protoOf(insn).changesPacket);
/** A helper call that may sleep. */
const sleeps: Effect = (insn) => isHelperCall(insn) && insn.imm !== TAIL_CALL && protoOf(insn).mightSleep;

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
  const has = ctx.aux.subprogs.map(({ start, end }) => insns.slice(start, end).some(effect));
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

function protoOf({ imm }: Instruction): HelperProto {
  const proto = helperProto(imm);
  if (!proto) throw new UnsupportedConstruct(`helper bpf_${HELPER_NAMES[imm]} in a global function`);
  return proto;
}
