/**
 * Prototypes of the kernel's functions that programs can be attached to. Rejects (EINVAL): `The function %s has %d
 * arguments. Too many.`, `The function %s return type %s is unsupported.`, `The function %s with variable args is
 * unsupported.`, `The function %s has malformed void argument.`, `The function %s arg%d type %s is unsupported.`
 */
import { type Btf, type BtfFuncProto, KIND, KIND_NAMES } from '../../btf/index.ts';
import { ERRNO } from '../../errors/index.ts';
import type { Env } from '../env.ts';

/** @kernel MAX_BPF_FUNC_ARGS */
const MAX_ARGS = 12;
/** Bytes of a struct that is passed in registers. */
const MAX_STRUCT = 16;

/** Bytes of a value of the type; 0 for none. */
export function sizeOf(btf: Btf, id: number): number {
  return btf.size(id) ?? 0;
}

/** Bytes of the context that a value of the type takes. */
export const slotSize = (btf: Btf, id: number): number => Math.ceil(sizeOf(btf, id) / 8) * 8;

const WORDS: readonly number[] = [KIND.INT, KIND.PTR, KIND.ENUM, KIND.ENUM64];
const AGGREGATES: readonly number[] = [KIND.STRUCT, KIND.UNION];

/** Whether a trampoline could call it. @kernel btf_distill_func_proto */
export function checkPrototype(env: Env, btf: Btf, name: string, { params, type }: BtfFuncProto): number {
  const refuse = (text: string): number => env.fail(ERRNO.EINVAL, `The function ${name} ${text}`);
  if (params.length > MAX_ARGS) return refuse(`has ${params.length} arguments. Too many.`);
  const { kind } = btf.resolve(type);
  if (kind !== KIND.VOID && !WORDS.includes(kind)) return refuse(`return type ${KIND_NAMES[kind]} is unsupported.`);
  for (const [i, param] of params.entries()) {
    if (param.type === 0 && i === params.length - 1) return refuse('with variable args is unsupported.');
    const { kind: of } = btf.resolve(param.type);
    const isPassed = WORDS.includes(of) || (AGGREGATES.includes(of) && sizeOf(btf, param.type) <= MAX_STRUCT);
    if (!isPassed) return refuse(`arg${i} type ${KIND_NAMES[of]} is unsupported.`);
    if (sizeOf(btf, param.type) === 0) return refuse('has malformed void argument.');
  }
  return 0;
}
