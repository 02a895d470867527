/** What calls do to registers, and how many there may be: the same on both engines. */

/** Tail calls in one run, those of its sub-programs too. @kernel MAX_TAIL_CALL_CNT */
export const MAX_TAIL_CALLS = 33;
/** Both words of r1-r5 after a helper call: no address, and not a number that comes up by chance. */
export const POISON = 0xdeadbeef | 0;

/** r1-r5 after a call. */
export function poison(r: Int32Array): void {
  for (let word = 2; word < 12; word++) r[word] = POISON;
}
