/**
 * bpf_spin_lock() and bpf_spin_unlock() (@kernel process_spin_lock): one lock at a time, which the same value's pointer
 * opens again; meanwhile no other helper is called and the program does not end.
 * Rejects (EINVAL): `function calls are not allowed while holding a lock`, `bpf_spin_unlock without taking a lock`,
 * `bpf_spin_unlock of different lock`; for programs that may use no locks, `… progs cannot use bpf_spin_lock yet`.
 */
import { hasLock, type MapDesc, mapField } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import type { Instruction } from '../../isa/index.ts';
import { CALL_PSEUDO, HELPER_NAMES, PROG_TYPE } from '../../uapi/index.ts';
import { type Context, UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { baseType, REG } from '../state/reg.ts';
import { heldLock, REF, without } from '../state/refs.ts';
import { checkMapField } from './map-field.ts';

const UNLOCK = HELPER_NAMES.indexOf('spin_unlock');

/** The first argument of helper `id`, bpf_spin_lock or bpf_spin_unlock. @returns 0 or -errno */
export function checkSpinLock(env: Env, r: number, id: number): number {
  if (baseType(env.regs[r].type) !== REG.MAP_VALUE) throw new UnsupportedConstruct('lock in an allocated object');
  const err = checkMapField(env, r, 'bpf_spin_lock');
  if (err) return err;
  const { id: value, map } = env.regs[r];
  const { refs } = env.cur;
  if (id !== UNLOCK) {
    env.cur.refs = [...refs, { kind: REF.LOCK, id: value, insn: env.insnIdx, map }];
    return 0;
  }
  const held = heldLock(refs);
  if (!held) return env.fail(ERRNO.EINVAL, 'bpf_spin_unlock without taking a lock');
  if (held.id !== value || held.map !== map) return env.fail(ERRNO.EINVAL, 'bpf_spin_unlock of different lock');
  env.cur.refs = without(refs, held);
  return 0;
}

/** Under a lock only the unlocking and the program's own functions are called. @returns 0 or -EINVAL */
export function checkCallUnderLock(env: Env, insn: Instruction): number {
  if (env.cur.refs.length === 0 || !heldLock(env.cur.refs)) return 0;
  if (insn.src === CALL_PSEUDO.CALL || (insn.src === CALL_PSEUDO.HELPER && insn.imm === UNLOCK)) return 0;
  return env.fail(ERRNO.EINVAL, 'function calls are not allowed while holding a lock');
}

/** Programs of these types may run inside of a lock's own code. @kernel is_tracing_prog_type */
const TRACING = new Set<number>([
  PROG_TYPE.KPROBE,
  PROG_TYPE.TRACEPOINT,
  PROG_TYPE.PERF_EVENT,
  PROG_TYPE.RAW_TRACEPOINT,
  PROG_TYPE.RAW_TRACEPOINT_WRITABLE,
]);

/** Whether a program of this type may use a map with such fields. @kernel check_map_prog_compatibility */
export function checkFieldsOfMap(ctx: Context, map: MapDesc): number {
  const { progType } = ctx.input;
  const refuse = (text: string): number => {
    ctx.log.write(`${text}\n`);
    return -ERRNO.EINVAL;
  };
  const tracing = TRACING.has(progType);
  if (hasLock(map)) {
    if (progType === PROG_TYPE.SOCKET_FILTER) return refuse('socket filter progs cannot use bpf_spin_lock yet');
    if (tracing) return refuse('tracing progs cannot use bpf_spin_lock yet');
  }
  for (const kind of ['bpf_timer', 'bpf_wq'] as const) {
    if (mapField(map, kind) && tracing) return refuse(`tracing progs cannot use ${kind} yet`);
  }
  return 0;
}
