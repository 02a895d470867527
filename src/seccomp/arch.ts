/**
 * System call conventions by the number that `struct seccomp_data` has for them (uapi linux/audit.h), and the names of their
 * system calls.
 */
import { ARM64_CALLS, I386_CALLS, X86_64_CALLS } from './generated.ts';

export type ArchName = 'x86_64' | 'i386' | 'aarch64';

export interface Arch {
  readonly name: ArchName;
  /** @kernel AUDIT_ARCH_* */
  readonly audit: number;
  /** Bits of an argument, 32 or 64. Where it is 32, the upper half that filters see is 0. */
  readonly bits: 32 | 64;
  /** The number of a system call; undefined for an unknown name. */
  numberOf(name: string): number | undefined;
  /** The name of a number; undefined where there is none. */
  nameOf(nr: number): string | undefined;
}

/** On x86-64, the bit that calls of the x32 convention have in their number. @kernel __X32_SYSCALL_BIT */
export const X32_BIT = 0x4000_0000;

function arch(name: ArchName, audit: number, bits: 32 | 64, packed: string): Arch {
  let names: Map<number, string> | undefined;
  let numbers: Map<string, number> | undefined;
  const load = (): Map<number, string> => {
    const all = new Map<number, string>();
    let next = 0;
    for (const word of packed.trim().split(/\s+/)) {
      if (/^\d+$/.test(word)) next = Number(word);
      else all.set(next++, word);
    }
    return all;
  };
  return {
    name,
    audit,
    bits,
    nameOf: (nr) => (names ??= load()).get(nr),
    numberOf(call) {
      numbers ??= new Map([...(names ??= load())].map(([nr, text]) => [text, nr]));
      return numbers.get(call);
    },
  };
}

export const ARCHS: readonly Arch[] = [
  arch('x86_64', 0xc000_003e, 64, X86_64_CALLS),
  arch('i386', 0x4000_0003, 32, I386_CALLS),
  arch('aarch64', 0xc000_00b7, 64, ARM64_CALLS),
];

/** @returns undefined for a name that is none */
export const archByName = (name: string): Arch | undefined => ARCHS.find((one) => one.name === name);

/** @param audit an `AUDIT_ARCH_*` @returns undefined for one without a table here */
export const archByNumber = (audit: number): Arch | undefined => ARCHS.find((one) => one.audit === audit);

/** The name of a call, or its number where it has none. */
export function callName({ name, nameOf }: Arch, nr: number): string {
  if (name === 'x86_64' && nr & X32_BIT) return `x32 ${nameOf(nr & ~X32_BIT) ?? nr & ~X32_BIT}`;
  return nameOf(nr) ?? `syscall_0x${nr.toString(16)}`;
}
