/**
 * The kernel's own types, as the verifier asks for them. A register that points to a kernel object names its struct by a
 * number: an index into KERNEL_STRUCTS for the few that are known without BTF, else the type's id beyond them, so that
 * one struct has one number. Whatever needs types that were not given is unsupported.
 */
import type { Btf } from '../btf/index.ts';
import { KERNEL_STRUCTS, kernelStruct } from '../contracts/index.ts';
import { UnsupportedConstruct } from './context.ts';
import type { Context } from './context.ts';
import type { Env } from './env.ts';
import { MAYBE_NULL, pointer, REG, type Reg } from './state/reg.ts';

/** Numbers from here on are ids of types. */
const IDS = 1 << 8;

/** The kernel's types. */
export function kernelTypes({ input }: Context): Btf {
  const btf = input.kernelBtf?.btf;
  if (!btf) throw new UnsupportedConstruct('kernel BTF: the types of a kernel are needed and were not given');
  return btf;
}

/** The number of the struct whose type's id is `id`. */
export function structNumber(ctx: Context, id: number): number {
  const known = kernelStruct(kernelTypes(ctx).type(id).name);
  return known >= 0 && kernelId(ctx, KERNEL_STRUCTS[known]) === id ? known : IDS + id;
}

/** The id of the type of struct `number`. */
export function structId(ctx: Context, number: number): number {
  if (number >= IDS) return number - IDS;
  return kernelId(ctx, KERNEL_STRUCTS[number]);
}

/** The id of a struct by its name. */
export function kernelId(ctx: Context, name: string): number {
  kernelTypes(ctx);
  const id = ctx.input.kernelBtf?.struct(name);
  if (id === undefined) throw new UnsupportedConstruct(`struct ${name}, which the given kernel BTF does not have`);
  return id;
}

/** Whether struct `number` is one that is known without BTF. */
export const isNamed = (number: number): boolean => number < IDS;

/** The name of struct `number`, as the log spells it. */
export function structName(ctx: Context, number: number): string {
  return number < IDS ? KERNEL_STRUCTS[number] : kernelTypes(ctx).type(number - IDS).name;
}

/**
 * A pointer to the start of a kernel object of the struct with that id in the kernel's BTF. `flags`: TRUSTED, RCU,
 * UNTRUSTED, MAYBE_NULL, … or-ed.
 */
export function kernelPointer(env: Env, flags: number, id: number): Reg {
  const regId = flags & MAYBE_NULL ? ++env.idGen : 0;
  return pointer(REG.BTF_ID | flags, env.store.ZERO, regId, structNumber(env, id));
}
