/**
 * What a system of another time refuses before it looks at what a program does; see `Profile`. Nothing is refused here for
 * the kernel that the tables describe.
 *
 * Rejects (EPERM): who may load at all. Rejects (EINVAL): the licence, the length, the program type, instructions, calls
 * and map types that there were not, in words of our own that begin with `profile NAME: `. Loops are refused where control
 * flow is checked, as Linux refuses them without CAP_BPF, and reads of stack that nothing wrote where the stack is, as without
 * CAP_PERFMON.
 */
import { callsHelper, isGplCompatible } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import { CALL, LD_IMM64 } from '../isa/index.ts';
import { HELPER_NAMES, MAP_TYPE_NAMES, PROG_TYPE_NAMES } from '../uapi/index.ts';
import type { Context } from './context.ts';
import type { Env } from './env.ts';

/** Whether programs may have loops, as far as the profile decides it. */
export const profileHasLoops = ({ input }: Context): boolean => input.profile?.limits === undefined;

/** Whether programs of callers who may see all may read what nothing wrote, as far as the profile decides it. */
export const profileReadsUnwritten = ({ input }: Context): boolean => input.profile?.limits === undefined;

/** @returns 0 or -errno */
export function checkProfile(env: Env): number {
  const { profile, caps, license, progType } = env.input;
  const limits = profile?.limits;
  if (!limits) return 0;
  const fail = (text: string, errno: number = ERRNO.EINVAL): number =>
    env.fail(errno, `profile ${profile.name}: ${text}`);
  if (((caps >> BigInt(limits.cap)) & 1n) === 0n)
    return fail('programs are loaded with CAP_SYS_ADMIN only', ERRNO.EPERM);
  if (limits.gplOnly && !isGplCompatible(license))
    return fail(`the licence '${license}' is not compatible with the GPL`);
  const helpers = limits.helpers.get(progType);
  const type = PROG_TYPE_NAMES[progType] ?? String(progType);
  if (!helpers) return fail(`there are no programs of type ${type}`);
  if (env.insns.length > limits.maxInsns)
    return fail(`${env.insns.length} instructions are more than ${limits.maxInsns}`);
  for (let at = 0; at < env.insns.length; at++) {
    const insn = env.insns[at];
    env.insnIdx = at;
    if (insn.opcode === CALL && !callsHelper(insn)) return fail(`insn ${at}: only helpers can be called`);
    if (insn.opcode === CALL && !helpers.has(insn.imm))
      return fail(`insn ${at}: programs of type ${type} cannot call bpf_${HELPER_NAMES[insn.imm] ?? insn.imm}`);
    if (!limits.knows(insn))
      return fail(`insn ${at}: there is no such instruction (opcode 0x${insn.opcode.toString(16)})`);
    if (insn.opcode === LD_IMM64) at++;
  }
  env.insnIdx = 0;
  return 0;
}

/** The maps, once they are known. @returns 0 or -errno */
export function checkProfileMaps(env: Env): number {
  const { profile } = env.input;
  const other = env.aux.maps.find(({ type }) => profile?.limits && !profile.limits.mapTypes.has(type));
  if (!other) return 0;
  const type = MAP_TYPE_NAMES[other.type] ?? other.type;
  return env.fail(ERRNO.EINVAL, `profile ${profile?.name}: there are no maps of type ${type}`);
}
