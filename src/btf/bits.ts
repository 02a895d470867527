/** Bit fields in little-endian bytes: bit 0 is the lowest bit of the first byte. */

/** `bits` (at most 128) from bit `first`. A number where it is exact, else a bigint. */
export function readBits(view: DataView, first: number, bits: number, signed: boolean): number | bigint {
  const end = first + bits;
  if (bits > 53) return readWide(view, first, bits, signed);
  let value = 0;
  let scale = 1;
  for (let at = first; at < end;) {
    const low = at & 7;
    const take = Math.min(8 - low, end - at);
    value += ((view.getUint8(at >> 3) >> low) & ((1 << take) - 1)) * scale;
    scale *= 2 ** take;
    at += take;
  }
  return signed && bits > 0 && value >= scale / 2 ? value - scale : value;
}

function readWide(view: DataView, first: number, bits: number, signed: boolean): number | bigint {
  let value = 0n;
  for (let done = 0; done < bits; done += 32) {
    const part = readBits(view, first + done, Math.min(32, bits - done), false) as number;
    value |= BigInt(part) << BigInt(done);
  }
  if (signed) value = BigInt.asIntN(bits, value);
  const near = Number(value);
  return Number.isSafeInteger(near) ? near : value;
}

/** Overwrite `bits` from bit `first` with the low bits of `value`. */
export function writeBits(view: DataView, first: number, bits: number, value: bigint): void {
  let rest = BigInt.asUintN(bits, value);
  for (let at = first, end = first + bits; at < end;) {
    const low = at & 7;
    const take = Math.min(8 - low, end - at);
    const mask = (1 << take) - 1;
    const old = view.getUint8(at >> 3) & ~(mask << low);
    view.setUint8(at >> 3, old | ((Number(rest & 255n) & mask) << low));
    rest >>= BigInt(take);
    at += take;
  }
}
