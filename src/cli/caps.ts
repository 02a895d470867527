/** `--caps LIST` and `--nonperfmon`: who asks. */
import { capabilityBit } from '../loader/index.ts';
import { CAP } from '../uapi/index.ts';
import { UsageError } from './command.ts';

/** Every capability there is. */
export const ALL_CAPS = (1n << 64n) - 1n;
/** What --nonperfmon takes away. */
const PERFMON = (1n << BigInt(CAP.PERFMON)) | (1n << BigInt(CAP.SYS_ADMIN));

/** Bits of the capabilities that the caller holds; undefined where nothing was said of them. @throws UsageError */
export function heldCaps(list: string | undefined, nonperfmon = false): bigint | undefined {
  if (list === undefined) return nonperfmon ? ALL_CAPS & ~PERFMON : undefined;
  const held = list.split(',').reduce((bits, name) => bits | capsNamed(name.trim()), 0n);
  return nonperfmon ? held & ~PERFMON : held;
}

function capsNamed(name: string): bigint {
  if (name === 'all') return ALL_CAPS;
  if (name === 'none') return 0n;
  const bit = capabilityBit(name);
  if (bit === undefined) throw new UsageError(`--caps: there is no capability ${name || 'without a name'}`);
  return bit;
}
