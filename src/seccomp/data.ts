/**
 * `struct seccomp_data` (uapi linux/seccomp.h): what a filter sees of a system call. It is kept as sixteen 32-bit words in
 * the order of the bytes on a little-endian machine, and each word is known or not: a log of strace does not tell all
 * that a filter may ask for.
 */

/** Bytes of the struct. */
export const SECCOMP_DATA_SIZE = 64;
/** Words of the struct. */
export const WORDS = SECCOMP_DATA_SIZE / 4;
/** Arguments of a system call. */
export const MAX_ARGS = 6;

/** Numbers of words. Those of argument N are `ARGS + 2 * N`, the low one, and the one behind it. */
export const WORD = { NR: 0, ARCH: 1, IP: 2, ARGS: 4 } as const;

/** What a word is called: `nr`, `arch`, `ip.low`, `args[2].high`. */
export const WORD_NAMES: readonly string[] = [
  'nr',
  'arch',
  'ip.low',
  'ip.high',
  ...Array.from({ length: MAX_ARGS }, (_, n) => [`args[${n}].low`, `args[${n}].high`]).flat(),
];

/** Bits of a mask of words: each name of the struct once, in its order, as `argument 1`. */
export function nameWords(mask: number): string[] {
  const names = new Set<string>();
  for (let word = 0; word < WORDS; word++) {
    if (!(mask & (1 << word))) continue;
    if (word === WORD.NR) names.add('the number of the call');
    else if (word === WORD.ARCH) names.add('the architecture');
    else if (word < WORD.ARGS) names.add('the instruction pointer');
    else names.add(`argument ${(word - WORD.ARGS) >> 1}`);
  }
  return [...names];
}

export class SeccompData {
  /** Values; what is not known is 0. */
  readonly words = new Uint32Array(WORDS);
  /** Bit N: word N is known. */
  known = 0;

  /** Forget everything but number and architecture. @param nr 32 bits @param arch an `AUDIT_ARCH_*` */
  reset(nr: number, arch: number): this {
    this.words.fill(0);
    this.words[WORD.NR] = nr;
    this.words[WORD.ARCH] = arch;
    this.known = (1 << WORD.NR) | (1 << WORD.ARCH);
    return this;
  }

  /** @param n 0 to 5 */
  setArg(n: number, low: number, high: number, knownHigh = true): void {
    const word = WORD.ARGS + 2 * n;
    this.words[word] = low;
    this.words[word + 1] = high;
    this.known |= (knownHigh ? 3 : 1) << word;
  }

  setInstructionPointer(low: number, high: number): void {
    this.words[WORD.IP] = low;
    this.words[WORD.IP + 1] = high;
    this.known |= 3 << WORD.IP;
  }
}
