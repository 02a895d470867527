/**
 * Loads and stores of the context. Rejects (EACCES): offsets and sizes outside the table of the program type
 * (`invalid bpf_context access off=%d size=%d`), and pointers to the context that were moved. Of a program that is for no
 * place (`isPlaceless`) no offset and no size is refused. Programs that are attached by BTF: see ctx-btf.ts.
 */
import { ctxAccess, isPlaceless } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { PROG_TYPE } from '../../uapi/index.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { kernelId, kernelPointer } from '../kernel-types.ts';
import { tnumText } from '../log/state-text.ts';
import { MAYBE_NULL, pointer, REG, type Reg, TRUSTED, typeName } from '../state/reg.ts';
import { checkTargetCtx } from './ctx-btf.ts';

/** The kinds that the contracts table names. */
const KINDS: Record<string, number> = {
  pkt: REG.PACKET,
  pkt_end: REG.PACKET_END,
  pkt_meta: REG.PACKET_META,
  flow_keys: REG.FLOW_KEYS,
  sock: REG.SOCKET,
  sock_or_null: REG.SOCKET | MAYBE_NULL,
  sock_common_or_null: REG.SOCK_COMMON | MAYBE_NULL,
  tp_buffer: REG.TP_BUFFER,
};

/** Before the name of a struct. */
const KERNEL_OBJECT = 'trusted_ptr_';

/** Types whose context lies in memory as the program sees it. Measured. */
const PLAIN = new Set<number>([
  PROG_TYPE.KPROBE,
  PROG_TYPE.TRACEPOINT,
  PROG_TYPE.RAW_TRACEPOINT,
  PROG_TYPE.RAW_TRACEPOINT_WRITABLE,
  PROG_TYPE.CGROUP_DEVICE,
  PROG_TYPE.NETFILTER,
  PROG_TYPE.SYSCALL,
]);

/** Whether the context may be passed to a function as memory. */
export function isCtxMemory({ input: { progType }, target }: Env): boolean {
  return target !== undefined || PLAIN.has(progType);
}

/** `size` bytes of the context at register `r`, as memory: its last byte stands for all. @returns 0 or -errno */
export function checkCtxMemory(env: Env, r: number, size: number, write: boolean, zeroOk: boolean): number {
  if (!isCtxMemory(env)) throw new UnsupportedConstruct('ctx as memory of a helper');
  if (size === 0) return zeroOk ? 0 : -ERRNO.EACCES;
  return checkCtx(env, r, env.regs[r].off + size - 1, 1, write, -1, false);
}

/** Whether a pointer is used where it was given. @kernel check_ptr_off_reg */
export function checkUnmoved(env: Env, reg: Reg, r: number, fixedOk = false): number {
  if (reg.off < 0) {
    return env.fail(ERRNO.EACCES, `negative offset ${typeName(reg.type)} ptr R${r} off=${reg.off} disallowed`);
  }
  if (!fixedOk && reg.off) {
    return env.fail(ERRNO.EACCES, `dereference of modified ${typeName(reg.type)} ptr R${r} off=${reg.off} disallowed`);
  }
  if (!env.store.isConst(reg.s) || env.store.constNumber(reg.s) !== 0) {
    return env.fail(
      ERRNO.EACCES,
      `variable ${typeName(reg.type)} access var_off=${tnumText(env.store, reg.s)} disallowed`,
    );
  }
  return 0;
}

/** Access through context pointer `r`; a load fills `dst` unless it is negative, `signed` when it extends the sign. */
export function checkCtx(
  env: Env,
  r: number,
  off: number,
  size: number,
  write: boolean,
  dst: number,
  signed: boolean,
): number {
  const reg = env.regs[r];
  const err = checkUnmoved(env, reg, r);
  if (err) return err;
  if (env.target) return checkTargetCtx(env, env.target, off, size, write, dst);
  const { progType, expectedAttachType, profile } = env.input;
  if (isPlaceless(progType, profile)) {
    if (!write && dst >= 0) env.regs[dst] = env.unknown();
    return 0;
  }
  const rules = ctxAccess(progType, expectedAttachType);
  if (!rules) throw new UnsupportedConstruct(`context of program type ${progType}`);
  const kind = write ? undefined : rules.pointerAt(off);
  // A pointer has no sign.
  if (!(write ? rules.canWrite(off, size) : rules.canRead(off, size)) || (signed && kind !== undefined)) {
    return env.fail(ERRNO.EACCES, `invalid bpf_context access off=${off} size=${size}`);
  }
  if (off + size > env.maxCtxOffset) env.maxCtxOffset = off + size;
  if (write || dst < 0) return 0;
  if (progType === PROG_TYPE.TRACEPOINT) env.recordLoads.set(off, (env.recordLoads.get(off) ?? 0) | size);
  if (kind === undefined) {
    env.regs[dst] = env.unknown();
    return 0;
  }
  if (kind.startsWith(KERNEL_OBJECT)) {
    env.regs[dst] = kernelPointer(env, TRUSTED, kernelId(env, kind.slice(KERNEL_OBJECT.length)));
    return 0;
  }
  const type = KINDS[kind];
  if (type === undefined) throw new UnsupportedConstruct(`context field of kind ${kind}`);
  env.regs[dst] = pointer(type, env.store.ZERO, type & MAYBE_NULL ? ++env.idGen : 0);
  return 0;
}
