/** Time stamps of pcapng: a 64-bit count of ticks, exactly, without a BigInt per packet for usual resolutions. */

export interface Time {
  seconds: number;
  nanoseconds: number;
}

/**
 * @param high upper 32 bits of the count
 * @param low lower 32 bits
 * @param resolution ticks per second: a power of ten or of two, at least 1
 */
export function splitTicks(high: number, low: number, resolution: number): Time {
  if (resolution > 1e9) return splitLongTicks(high, low, resolution);
  // Long division in base 65536: each remainder times 65536 stays below 2^53.
  const middle = (high % resolution) * 65536 + (low >>> 16);
  const last = (middle % resolution) * 65536 + (low & 0xffff);
  const seconds =
    Math.floor(high / resolution) * 2 ** 32 + Math.floor(middle / resolution) * 65536 + Math.floor(last / resolution);
  // Exact: 10^9 divided by a power of ten is whole, by a power of two a short binary fraction.
  return { seconds, nanoseconds: Math.floor((last % resolution) * (1e9 / resolution)) };
}

function splitLongTicks(high: number, low: number, resolution: number): Time {
  const ticks = (BigInt(high) << 32n) | BigInt(low);
  // A power of ten above 10^22 is not exact as a number, but then the count is below one second anyway.
  const perSecond = BigInt(resolution);
  return {
    seconds: Number(ticks / perSecond),
    nanoseconds: Number(((ticks % perSecond) * 1_000_000_000n) / perSecond),
  };
}
