/**
 * `r0 = *(u8 *)skb[…]`: packet loads of classic BPF's heritage (@kernel check_ld_abs). Rejects (EINVAL): `at the time of
 * BPF_LD_ABS|IND R6 != pointer to skb`; a moved context pointer (EACCES). Which programs may use them was checked with the
 * instruction's fields.
 */
import { ERRNO } from '../../errors/index.ts';
import { type Instruction, MODE } from '../../isa/index.ts';
import { checkUnmoved } from '../access/ctx.ts';
import type { Env } from '../env.ts';
import { clobberCallerSaved, readReg } from '../state/access-reg.ts';
import { REG } from '../state/reg.ts';
import { checkLeaks } from './refs.ts';

/** The register that holds the context, by convention. */
const CTX_REG = 6;

export function checkLdAbs(env: Env, insn: Instruction): number {
  let err = readReg(env, CTX_REG);
  if (err) return err;
  err = checkLeaks(env, 'BPF_LD_[ABS|IND]');
  if (err) return err;
  if (env.regs[CTX_REG].type !== REG.CTX) {
    return env.fail(ERRNO.EINVAL, 'at the time of BPF_LD_ABS|IND R6 != pointer to skb');
  }
  if ((insn.opcode & 0xe0) === MODE.IND) {
    err = readReg(env, insn.src);
    if (err) return err;
  }
  err = checkUnmoved(env, env.regs[CTX_REG], CTX_REG);
  if (err) return err;
  clobberCallerSaved(env);
  env.regs[0] = env.unknown();
  return 0;
}
