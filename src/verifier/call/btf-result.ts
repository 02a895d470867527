/** Kernel objects that helpers answer and that are never NULL. */
import type { HelperProto } from '../../contracts/index.ts';
import { HELPER_NAMES } from '../../uapi/index.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { kernelId, kernelPointer } from '../kernel-types.ts';
import { type Reg, TRUSTED } from '../state/reg.ts';

/** Structs by helper. Measured. */
const STRUCTS: ReadonlyMap<number, string> = new Map(
  Object.entries({ get_current_task_btf: 'task_struct', task_pt_regs: 'pt_regs' }).map(([helper, struct]) => [
    HELPER_NAMES.indexOf(helper),
    struct,
  ]),
);

/** The result of a helper of kind `btfId`. */
export function btfResult(env: Env, { id, name }: HelperProto): Reg {
  const struct = STRUCTS.get(id);
  if (struct === undefined) throw new UnsupportedConstruct(`result of ${name}`);
  return kernelPointer(env, TRUSTED, kernelId(env, struct));
}
