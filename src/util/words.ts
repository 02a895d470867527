/** Numbers of 64 bits as doubles, little-endian: positions and sizes, which stay below 2^53. Above it the low bits are lost. */

const TWO_32 = 2 ** 32;

/** The unsigned number at byte `at`. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}

/** Write a whole number; one below 0 wraps. */
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}
