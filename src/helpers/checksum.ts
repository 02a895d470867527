/**
 * Internet checksums: ones' complement sums of 16-bit words (RFC 1071), and their update after a change (RFC 1624). A sum is kept
 * in network order as it lies in the packet.
 */
import { ERRNO } from '../errors/index.ts';
import { CSUM, CSUM_FLAG as FLAG } from './core-numbers.ts';
import type { Family, HelperEnv } from './env.ts';
import { memory, returnInt, returnUint, uint32, uint64 } from './registers.ts';

/** The sum folded into 16 bits. */
function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** The sum folded into 32 bits: 0 only where nothing but zeros was added. */
function fold32(sum: number): number {
  while (sum > 0xffffffff) sum = (sum % 2 ** 32) + Math.floor(sum / 2 ** 32);
  return sum;
}

/** `sum` and the 32-bit words of `size` bytes at `at`, filled up with zeros, little-endian. @kernel csum_partial */
function partial(view: DataView, at: number, size: number, sum: number): number {
  let i = 0;
  for (; i + 3 < size; i += 4) sum += view.getUint32(at + i, true);
  for (let shift = 1; i < size; i++, shift *= 256) sum += view.getUint8(at + i) * shift;
  return fold32(sum);
}

const words = (value: number): number => (value & 0xffff) + (value >>> 16);
const complement = (value: number): number => words(~value >>> 0);

/** The new checksum when the words that `from` stands for are replaced by those of `to`. */
function replaced(check: number, from: number, to: number): number {
  return ~fold((~check & 0xffff) + complement(from) + words(to)) & 0xffff;
}

const replaced2 = (check: number, from: number, to: number): number =>
  ~fold((~check & 0xffff) + (~from & 0xffff) + (to & 0xffff)) & 0xffff;

/** What r3 and r4 do to a checksum, by the size of the field in the flags; undefined where they cannot. */
function update(r: Int32Array, check: number, size: number): number | undefined {
  const [from, to] = [uint32(r, 3), uint32(r, 4)];
  if (size === 0) return uint64(r, 3) === 0 ? ~fold((~check & 0xffff) + words(to)) & 0xffff : undefined;
  if (size === 2) return replaced2(check, from, to);
  return size === 4 ? replaced(check, from, to) : undefined;
}

/** Address of the checksum at r2, or undefined. */
function field(env: HelperEnv, r: Int32Array): number | undefined {
  const offset = uint32(r, 2);
  return offset > CSUM.MAX_OFFSET || offset & 1 ? undefined : env.packet?.address(offset, 2);
}

export const checksumFamily: Family = {
  csum_diff(env, r, slot) {
    const [fromSize, toSize] = [uint32(r, 2), uint32(r, 4)];
    const [from, to] = [memory(env.space, r, 1, fromSize, false, slot), memory(env.space, r, 3, toSize, false, slot)];
    const { view } = env.space;
    const seed = uint32(r, 5);
    // Which of the two zeros comes out, Linux decides by the order of its additions.
    const plus = toSize ? partial(view, to, toSize, seed) : seed;
    if (!fromSize) return returnUint(r, fold(plus));
    const sum = toSize
      ? fold32(plus + (~partial(view, from, fromSize, 0) >>> 0))
      : ~partial(view, from, fromSize, ~seed >>> 0) >>> 0;
    returnUint(r, fold(sum));
  },
  l3_csum_replace(env, r) {
    const flags = uint64(r, 5);
    if (flags > FLAG.SIZE) return returnInt(r, -ERRNO.EINVAL);
    const at = field(env, r);
    if (at === undefined) return returnInt(r, -ERRNO.EFAULT);
    const { view } = env.space;
    const check = update(r, view.getUint16(at, true), flags);
    if (check === undefined) return returnInt(r, -ERRNO.EINVAL);
    view.setUint16(at, check, true);
    returnInt(r, 0);
  },
  l4_csum_replace(env, r) {
    const flags = uint64(r, 5);
    if (flags > CSUM.FLAGS) return returnInt(r, -ERRNO.EINVAL);
    const at = field(env, r);
    if (at === undefined) return returnInt(r, -ERRNO.EFAULT);
    const { view } = env.space;
    const before = view.getUint16(at, true);
    const mangled = (flags & FLAG.MANGLED_0) !== 0;
    if (mangled && !(flags & FLAG.ENFORCE) && before === 0) return returnInt(r, 0);
    const check = update(r, before, flags & FLAG.SIZE);
    if (check === undefined) return returnInt(r, -ERRNO.EINVAL);
    view.setUint16(at, mangled && check === 0 ? CSUM.MANGLED_0 : check, true);
    returnInt(r, 0);
  },
  /** No device has summed the packet. */
  csum_update: (_env, r) => returnInt(r, -ERRNO.ENOTSUPP),
  csum_level(_env, r) {
    const level = uint64(r, 2);
    returnInt(r, level > 3 ? -ERRNO.EINVAL : level === 0 ? -ERRNO.EACCES : 0);
  },
};
