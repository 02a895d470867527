/** What calls of a function do beside returning a number, as far as its caller has to know. Rejects nothing. */
import { helperProto } from '../../contracts/index.ts';
import { CALL, type Instruction } from '../../isa/index.ts';
import { CALL_PSEUDO, HELPER_NAMES } from '../../uapi/index.ts';
import { type Context, UnsupportedConstruct } from '../context.ts';
import { calleeOf, isFunctionReference, isLocalCall, subprogAt } from '../subprogs.ts';

const TAIL_CALL = HELPER_NAMES.indexOf('tail_call');

const known = new WeakMap<Context, readonly boolean[]>();

/** Which functions may move or resize the packet, themselves or through others they name, reached or not. */
export function changesPacket(ctx: Context): readonly boolean[] {
  let changes = known.get(ctx);
  if (!changes) known.set(ctx, (changes = findChanges(ctx)));
  return changes;
}

function findChanges(ctx: Context): readonly boolean[] {
  const { insns } = ctx;
  const changes = ctx.aux.subprogs.map(({ start, end }) => insns.slice(start, end).some(changesItself));
  for (let changed = true; changed;) {
    changed = false;
    insns.forEach((insn, at) => {
      if (!isLocalCall(insn) && !isFunctionReference(insn)) return;
      const caller = subprogAt(ctx, at);
      if (changes[caller] || !changes[subprogAt(ctx, calleeOf(insn, at))]) return;
      changes[caller] = changed = true;
    });
  }
  return changes;
}

function changesItself(insn: Instruction): boolean {
  if (insn.opcode !== CALL || insn.src !== CALL_PSEUDO.HELPER) return false;
  if (insn.imm === TAIL_CALL) return true;
  const proto = helperProto(insn.imm);
  if (!proto) throw new UnsupportedConstruct(`helper bpf_${HELPER_NAMES[insn.imm]} in a global function`);
  return proto.changesPacket;
}
