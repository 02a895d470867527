/** Helpers 10, 11, 28: internet checksums (RFC 1071) and their update (RFC 1624), as src/helpers/checksum.ts has them. */
import {
  ASK,
  CSUM_FLAG_ENFORCE,
  CSUM_FLAG_MANGLED_0,
  CSUM_FLAG_SIZE,
  CSUM_MANGLED_0,
  CSUM_MAX_OFFSET,
  STATE_DATA,
  STATE_LENGTH,
} from './generated';

/** What stands for a number of more than 32 bits. */
const WIDE: u32 = 0xffffffff;

/** A sum of fewer than 2^31 words folded into 32 bits: 0 only where nothing but zeros was added. */
function fold32(sum: u64): u32 {
  sum = (sum & 0xffffffff) + (sum >> 32);
  return <u32>((sum & 0xffffffff) + (sum >> 32));
}

/** The same in 16 bits. */
function fold(sum: u32): u32 {
  sum = halves(sum);
  return halves(sum);
}

/** The two halves of a word, added. */
function halves(word: u32): u32 {
  return (word & 0xffff) + (word >> 16);
}

/** `sum` and the words of `size` bytes at `at`, filled up with zeros. */
function partial(at: u32, size: u32, sum: u64): u32 {
  for (; size >= 4; size -= 4, at += 4) sum += load<u32>(at);
  if (size & 2) {
    sum += load<u16>(at);
    at += 2;
    if (size & 1) sum += (<u64>load<u8>(at)) << 16;
  } else if (size & 1) {
    sum += load<u8>(at);
  }
  return fold32(sum);
}

/** Helper 28. @returns the sum, 16 bits */
export function csum_diff(from: u32, fromSize: u32, to: u32, toSize: u32, seed: u32): u32 {
  const plus = toSize !== 0 ? partial(to, toSize, seed) : seed;
  if (fromSize === 0) return fold(plus);
  if (toSize === 0) return fold(~partial(from, fromSize, ~seed));
  return fold(fold32(<u64>plus + ~partial(from, fromSize, 0)));
}

/** Helpers 10 and 11. @param most the largest `flags`. @returns 0 or ASK */
export function csum_replace(state: u32, offset: u32, from: u32, to: u32, flags: u32, most: u32): i32 {
  if (flags > most) return ASK;
  if (offset > CSUM_MAX_OFFSET || (offset & 1) !== 0 || offset + 2 > load<u32>(state, STATE_LENGTH)) return ASK;
  const at = load<u32>(state, STATE_DATA) + offset;
  const before = <u32>load<u16>(at);
  const mangled = (flags & CSUM_FLAG_MANGLED_0) !== 0;
  if (mangled && (flags & CSUM_FLAG_ENFORCE) === 0 && before === 0) return 0;
  if (from === WIDE) return ASK;
  let sum = ~before & 0xffff;
  switch (flags & CSUM_FLAG_SIZE) {
    case 0:
      if (from !== 0) return ASK;
      sum += halves(to);
      break;
    case 2:
      sum += (~from & 0xffff) + (to & 0xffff);
      break;
    case 4:
      sum += halves(~from) + halves(to);
      break;
    default:
      return ASK;
  }
  const check = ~fold(sum) & 0xffff;
  store<u16>(at, mangled && check === 0 ? CSUM_MANGLED_0 : check);
  return 0;
}
