/** Damage to a file as storage, transport and attackers do it: flipped bits, extreme numbers, cuts, repeats, moves. */
import type { Random } from '../../src/util/index.ts';

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** @returns a changed copy, at most twice as long plus 64 bytes */
export function mutate(file: Uint8Array, random: Random): Uint8Array {
  let bytes: Uint8Array = file.slice();
  for (let rounds = 1 + random.below(4); rounds > 0; rounds--) bytes = mutateOnce(bytes, random);
  return bytes.subarray(0, 2 * file.length + 64);
}

function mutateOnce(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  switch (random.below(6)) {
    case 0:
      if (at < bytes.length) bytes[at] ^= 1 << random.below(8);
      return bytes;
    case 1: {
      const value = random.pick(EXTREMES);
      const size = random.pick([1, 2, 4]);
      const little = random.oneIn(2);
      for (let i = 0; i < size && at + i < bytes.length; i++)
        bytes[at + i] = value >>> (8 * (little ? i : size - 1 - i));
      return bytes;
    }
    case 2:
      return bytes.slice(0, at);
    case 3:
      return join(bytes.subarray(0, at), random.bytes(random.below(16)), bytes.subarray(at));
    case 4:
      return join(bytes.subarray(0, at), bytes.subarray(at + random.below(16)));
    default: {
      const from = random.below(bytes.length + 1);
      return join(bytes.subarray(0, at), bytes.subarray(from, from + random.below(64)), bytes.subarray(at));
    }
  }
}

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
