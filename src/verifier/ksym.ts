/**
 * `ld_imm64` of a symbol of the kernel, by its id in the kernel's BTF (@kernel check_pseudo_btf_id). Rejects (ENOENT):
 * `ldimm64 insn specifies invalid btf_id %d.`, `ldimm64 failed to find the address for kernel symbol '%s'.`; (EINVAL)
 * `pseudo btf_id %d in ldimm64 isn't KIND_VAR or KIND_FUNC`.
 */
import { KIND } from '../btf/index.ts';
import { ERRNO } from '../errors/index.ts';
import type { Instruction } from '../isa/index.ts';
import { UnsupportedConstruct } from './context.ts';
import type { Context } from './context.ts';
import { kernelTypes } from './kernel-types.ts';

/**
 * Check the load and its second half. The profile's kernel lists only functions among its symbols, so that no variable is
 * ever found; which functions kept their names BTF does not say.
 */
export function resolveKernelSymbol(ctx: Context, { imm: id }: Instruction, tail: Instruction): number {
  const refuse = (text: string, errno: number): number => {
    ctx.log.write(`${text}\n`);
    return -errno;
  };
  if (tail.imm) throw new UnsupportedConstruct('symbol of a kernel module');
  const types = kernelTypes(ctx);
  if (id < 0 || id >= types.length) {
    return refuse(`ldimm64 insn specifies invalid btf_id ${id}.`, ERRNO.ENOENT);
  }
  const type = types.type(id);
  switch (type.kind) {
    case KIND.VAR:
      return refuse(`ldimm64 failed to find the address for kernel symbol '${type.name}'.`, ERRNO.ENOENT);
    case KIND.FUNC:
      throw new UnsupportedConstruct(`address of kernel function ${type.name}`);
    default:
      return refuse(`pseudo btf_id ${id} in ldimm64 isn't KIND_VAR or KIND_FUNC`, ERRNO.EINVAL);
  }
}
