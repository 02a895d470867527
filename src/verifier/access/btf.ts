/**
 * Accesses through pointers to kernel objects (@kernel check_ptr_to_btf_access). No load faults: a pointer may be stale.
 * What a loaded pointer may be used for depends on what it was loaded through.
 * Rejects: callers without CAP_PERFMON (`'struct %s' access is allowed only to …`, EPERM), programs without a GPL licence
 * (`Cannot access kernel 'struct %s' from non-GPL compatible program`, EINVAL); (EACCES) `R%d is ptr_%s invalid negative
 * access: off=%d`, `R%d is ptr_%s invalid variable offset: …`, what struct-walk.ts rejects, and stores: see btf-write.ts.
 */
import { isGplCompatible } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';
import { kernelPointer, kernelTypes, structId, structName } from '../kernel-types.ts';
import { tnumText } from '../log/state-text.ts';
import { pointer, RDONLY, REG, type Reg, UNTRUSTED } from '../state/reg.ts';
import { checkObjectWrite } from './btf-write.ts';
import type { Access } from './mem.ts';
import { type Found, walkStruct } from './struct-walk.ts';
import { loadedFlags } from './trust.ts';

/** An access of any number of bytes: of a helper. */
type AnyAccess = Omit<Access, 'size'> & { readonly size: number };

/** Access at `off`, the pointer's fixed offset included; a load fills the register. @returns 0 or -errno */
export function checkBtfPointer(env: Env, { ptr, size, write, value }: AnyAccess, off: number): number {
  const reg = env.regs[ptr];
  const name = structName(env, reg.map);
  const refuse = (text: string, errno: number = ERRNO.EACCES): number => env.fail(errno, text);
  if (!env.perfmonCapable) {
    return refuse(`'struct ${name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`, ERRNO.EPERM);
  }
  if (!isGplCompatible(env.input.license)) {
    return refuse(`Cannot access kernel 'struct ${name}' from non-GPL compatible program`, ERRNO.EINVAL);
  }
  if (off < 0) return refuse(`R${ptr} is ptr_${name} invalid negative access: off=${off}`);
  if (!env.store.isConst(reg.s)) {
    return refuse(`R${ptr} is ptr_${name} invalid variable offset: off=${off}, var_off=${tnumText(env.store, reg.s)}`);
  }
  const at = off + env.store.constNumber(reg.s);
  if (write) return checkObjectWrite(env, reg, at, size);
  return loadMember(env, reg, structId(env, reg.map), at, size, value);
}

/**
 * Read `size` bytes at `off` of struct `id`, to which register `through` points, into register `value` unless it is
 * negative. @returns 0 or -errno
 */
export function loadMember(env: Env, through: Reg, id: number, off: number, size: number, value: number): number {
  const found = walkStruct(kernelTypes(env), id, off, size);
  if (found.kind === 'refused') return env.fail(found.errno, found.message);
  if (value >= 0) env.regs[value] = loaded(env, through, found);
  return 0;
}

function loaded(env: Env, through: Reg, found: Exclude<Found, { kind: 'refused' }>): Reg {
  if (found.kind === 'number') return env.unknown();
  // Memory of an unknown size, read as far as anybody likes.
  if (!found.struct) return pointer(REG.MEM | RDONLY | UNTRUSTED, env.store.ZERO);
  return kernelPointer(env, loadedFlags(env, through, found), found.struct.id);
}
