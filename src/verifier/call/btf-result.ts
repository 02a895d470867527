/** Kernel objects that helpers answer. */
import { type HelperProto, kernelStruct, structGiven } from '../../contracts/index.ts';
import { HELPER_NAMES } from '../../uapi/index.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { kernelId, structNumber } from '../kernel-types.ts';
import { MAYBE_NULL, pointer, REG, type Reg, TRUSTED } from '../state/reg.ts';

/** Who runs the program stays while it runs. */
const CURRENT_TASK = HELPER_NAMES.indexOf('get_current_task_btf');

/** The result of a helper of kind `btfId`, or `btfIdOrNull`. */
export function btfResult(env: Env, { id, name }: HelperProto, orNull: boolean): Reg {
  const struct = structGiven(id);
  if (struct === undefined) throw new UnsupportedConstruct(`result of ${name}`);
  const named = kernelStruct(struct);
  const number = named >= 0 ? named : structNumber(env, kernelId(env, struct));
  const flags = (orNull ? MAYBE_NULL : 0) | (id === CURRENT_TASK ? TRUSTED : 0);
  return pointer(REG.BTF_ID | flags, env.store.ZERO, orNull ? ++env.idGen : 0, number);
}
