/**
 * Programs that may show addresses: where a map lies, or a stack frame. Loaded without CAP_PERFMON the verifier refuses them and
 * says why, as it does with programs that read stack that they never wrote.
 */
import type { ProgramObject } from '../../../src/loader/index.ts';
import { CAP } from '../../../src/uapi/index.ts';
import { verify } from '../../../src/verifier/index.ts';
import { withVerifierInput } from '../verifier/verifier-input.ts';

/** Without CAP_PERFMON no program passes that lets out an address, or reads stack that it never wrote. */
export const NO_LEAKS = (1n << BigInt(CAP.BPF)) | (1n << BigInt(CAP.NET_ADMIN));

/** Why a program may show addresses, or why that cannot be told: what is refused for another reason is not walked to its end. */
export function showsAddresses(object: ProgramObject): string | undefined {
  let reason: string | undefined;
  withVerifierInput(object, (input) => {
    const result = verify({ ...input, caps: NO_LEAKS, logLevel: 1 });
    if (!result.ok) reason = result.summary;
  });
  return reason;
}
