/**
 * Kernel objects as arguments of helpers: by the type that the helper takes, or that of a struct at the pointer's offset in
 * the object (`&file->f_path`). Rejects (EACCES): `R%d is of type %s but %s is expected`, and what struct-walk.ts says of
 * the offset.
 */
import { type HelperProto, structTaken } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { holdsStruct } from '../access/struct-walk.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { isNamed, kernelId, kernelTypes, structId, structName } from '../kernel-types.ts';
import { baseType, REG } from '../state/reg.ts';

/** The argument of kind `btfId`. @returns 0 or -errno */
export function checkStruct(env: Env, r: number, proto: HelperProto): number {
  const wanted = structTaken(proto.id);
  if (wanted === undefined) throw new UnsupportedConstruct(`kernel object as argument of ${proto.name}`);
  return checkIs(env, r, wanted);
}

/** A socket, which may be given as a kernel object: all structs of sockets begin with what they have in common. */
export function checkSockStruct(env: Env, r: number): number {
  const reg = env.regs[r];
  if (baseType(reg.type) !== REG.BTF_ID) return 0;
  // Those that are known without types are sockets by their names.
  if (isNamed(reg.map) && !reg.off && structName(env, reg.map).endsWith('_sock')) return 0;
  return checkIs(env, r, 'sock_common');
}

function checkIs(env: Env, r: number, wanted: string): number {
  const { map, off } = env.regs[r];
  if (structName(env, map) === wanted && !off) return 0;
  return checkHolds(env, r, kernelId(env, wanted));
}

/** A kernel object of struct `wanted`, by its id, or that holds one where register `r` points. @returns 0 or -errno */
export function checkHolds(env: Env, r: number, wanted: number): number {
  const { map, off } = env.regs[r];
  const types = kernelTypes(env);
  const found = holdsStruct(types, structId(env, map), off >>> 0, wanted);
  if (found === true) return 0;
  if (found) env.log.write(`${found}\n`);
  const text = `R${r} is of type ${structName(env, map)} but ${types.type(wanted).name} is expected`;
  return env.fail(ERRNO.EACCES, text);
}
