/** Helper 7: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016). */
import { STATE_SEED } from './generated';

/** @returns 32 random bits */
export function get_prandom_u32(state: u32): u32 {
  let seed = load<u64>(state, STATE_SEED);
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  store<u64>(state, seed, STATE_SEED);
  return <u32>((seed * 0x2545f4914f6cdd1d) >> 32);
}
