/**
 * Programs that may show addresses: where a map lies, or a stack frame. Loaded without CAP_PERFMON the verifier refuses them and
 * says why, as it does with programs that read stack that they never wrote.
 */
import type { ProgramObject } from '../../../src/loader/index.ts';
import { CALL } from '../../../src/isa/index.ts';
import type { Instruction } from '../../../src/isa/index.ts';
import { CALL_PSEUDO, CAP, HELPER_NAMES } from '../../../src/uapi/index.ts';
import { verify } from '../../../src/verifier/index.ts';
import { withVerifierInput } from '../verifier/verifier-input.ts';

/** Without CAP_PERFMON no program passes that lets out an address, or reads stack that it never wrote. */
export const NO_LEAKS = (1n << BigInt(CAP.BPF)) | (1n << BigInt(CAP.NET_ADMIN));

/** Helpers that read memory: only callers with CAP_PERFMON may call them. */
export const READERS = /^(probe_read|copy_from|snprintf)/;
const [PRINT, NUMBER] = ['snprintf', 'get_prandom_u32'].map((name) => HELPER_NAMES.indexOf(name));

/** Another helper in the place of the one that prints: it returns any number, and writes nothing. Others may read addresses. */
function withoutPrint(insn: Instruction): Instruction {
  const prints = insn.opcode === CALL && insn.src === CALL_PSEUDO.HELPER && insn.imm === PRINT;
  return prints ? { ...insn, imm: NUMBER } : insn;
}

/** Why a program may show addresses, or why that cannot be told: what is refused for another reason is not walked to its end. */
export function showsAddresses(object: ProgramObject): string | undefined {
  let reason: string | undefined;
  withVerifierInput(object, (input) => {
    const result = verify({ ...input, insns: input.insns.map(withoutPrint), caps: NO_LEAKS, logLevel: 1 });
    if (!result.ok) reason = result.summary;
  });
  return reason;
}
