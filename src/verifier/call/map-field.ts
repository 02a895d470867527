/**
 * Arguments that point at a field the kernel keeps in a map's value: a lock, a timer. Rejects (EINVAL): a variable offset,
 * `map '%s' has to have BTF in order to use %s`, `map '%s' has no valid %s`, `off %d doesn't point to 'struct %s' that is
 * at %d`.
 */
import { type FieldKind, mapField } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';

/** Whether `r`, which points into a map's value, points at its field of this kind. @returns 0 or -EINVAL */
export function checkMapField(env: Env, r: number, kind: FieldKind): number {
  const refuse = (text: string): number => env.fail(ERRNO.EINVAL, text);
  const reg = env.regs[r];
  const map = env.aux.maps[reg.map];
  if (!env.store.isConst(reg.s)) {
    return refuse(`R${r} doesn't have constant offset. ${kind} has to be at the constant offset`);
  }
  if (!map.fields) return refuse(`map '${map.name}' has to have BTF in order to use ${kind}`);
  const field = mapField(map, kind);
  if (!field) return refuse(`map '${map.name}' has no valid ${kind}`);
  const at = reg.off + env.store.sminN(reg.s);
  return at === field.offset ? 0 : refuse(`off ${at} doesn't point to 'struct ${kind}' that is at ${field.offset}`);
}
