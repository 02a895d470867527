/** Strings: numbers in text, comparison, `bpf_snprintf`. Measured on Linux 6.18. */
import { ERRNO, Trap } from '../errors/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { formatTrace } from './printf.ts';
import { memory, returnInt, text as textOf, uint32, uint64 } from './registers.ts';

/** Most characters of a number that are looked at. */
const MAX_NUMBER = 63;
/** Most bytes of arguments: twelve. @kernel MAX_BPRINTF_VARARGS */
const MAX_ARGS = 12;
const BASES: readonly number[] = [0, 8, 10, 16];
const MAX_64 = (1n << 64n) - 1n;
const MIN_SIGNED = 1n << 63n;

interface Parsed {
  readonly negative: boolean;
  readonly value: bigint;
  /** Characters before the end of the number. */
  readonly length: number;
}

/** Spaces, a minus, a prefix, digits. @returns -EINVAL, -ERANGE */
function parse(text: string, base: number): Parsed | number {
  const [lead, minus] = /^[\s]*(-?)/.exec(text) as unknown as [string, string];
  const rest = text.slice(lead.length, lead.length + MAX_NUMBER);
  const prefix = (base === 16 ? /^0[xX]/ : base === 0 ? /^0[xX](?=[0-9a-fA-F])/ : /^(?!)/).exec(rest)?.[0];
  const radix = base || (prefix ? 16 : rest.startsWith('0') ? 8 : 10);
  const digits = (radix === 16 ? /^[0-9a-fA-F]+/ : radix === 10 ? /^[0-9]+/ : /^[0-7]+/).exec(
    rest.slice(prefix?.length ?? 0),
  )?.[0];
  if (digits === undefined) return -ERRNO.EINVAL;
  const value = BigInt((radix === 16 ? '0x' : radix === 8 ? '0o' : '') + digits);
  if (value > MAX_64) return -ERRNO.ERANGE;
  return { negative: minus !== '', value, length: lead.length + (prefix?.length ?? 0) + digits.length };
}

/** `(text, size, base, result)` */
function toNumber(env: HelperEnv, r: Int32Array, signed: boolean, slot: number): void {
  const size = uint32(r, 2);
  const at = memory(env.space, r, 1, size, false, slot);
  const out = memory(env.space, r, 4, 8, true, slot);
  const base = uint64(r, 3);
  // First: the text may lie there as well.
  env.space.view.setBigUint64(out, 0n, true);
  if (size === 0 || !BASES.includes(base)) return returnInt(r, -ERRNO.EINVAL);
  let text = '';
  for (const byte of env.space.bytes.subarray(at, at + size)) text += String.fromCharCode(byte);
  const parsed = parse(text.split('\0', 1)[0], base);
  if (typeof parsed === 'number') return returnInt(r, parsed);
  const { negative, value, length } = parsed;
  if (!signed && negative) return returnInt(r, -ERRNO.EINVAL);
  if (signed && value > (negative ? MIN_SIGNED : MIN_SIGNED - 1n)) return returnInt(r, -ERRNO.ERANGE);
  env.space.view.setBigUint64(out, BigInt.asUintN(64, negative ? -value : value), true);
  returnInt(r, length);
}

/** The arguments of `(…, data, size)` in r`n` and r`n + 1`, two words each; undefined where the size is wrong. */
export function formatArguments(env: HelperEnv, r: Int32Array, n: number, slot: number): Int32Array | undefined {
  const size = uint32(r, n + 1);
  if (size % 8 !== 0 || size > MAX_ARGS * 8) return undefined;
  const at = memory(env.space, r, n, size, false, slot);
  const words = new Int32Array(size / 4);
  for (let i = 0; i < words.length; i++) words[i] = env.space.view.getInt32(at + 4 * i, true);
  return words;
}

export const stringFamily: Family = {
  strtol(env, r, slot) {
    toNumber(env, r, true, slot);
  },
  strtoul(env, r, slot) {
    toNumber(env, r, false, slot);
  },
  /** `(a, size, b)`: -1, 0 or 1. */
  strncmp(env, r, slot) {
    const size = uint32(r, 2);
    const a = memory(env.space, r, 1, size, false, slot);
    const [b, end] = textOf(env.space, r, 3, slot);
    const { bytes } = env.space;
    for (let i = 0; i < size; i++) {
      if (b + i === end) throw new Trap('r3 is no text', slot);
      if (bytes[a + i] !== bytes[b + i]) return returnInt(r, bytes[a + i] < bytes[b + i] ? -1 : 1);
      if (bytes[a + i] === 0) break;
    }
    returnInt(r, 0);
  },
  /** `(out, size, format, data, dataSize)`: the length that the whole text has, its NUL included. */
  snprintf(env, r, slot) {
    const size = uint32(r, 2);
    const out = memory(env.space, r, 1, size, true, slot);
    const args = formatArguments(env, r, 4, slot);
    if (args === undefined) return returnInt(r, -ERRNO.EINVAL);
    const { bytes } = env.space;
    const format = bytes.subarray(...textOf(env.space, r, 3, slot));
    const text = formatTrace(env.space, format.subarray(0, format.indexOf(0) + 1), args, 0, args.length / 2, size);
    if (text === undefined) return returnInt(r, -ERRNO.EINVAL);
    if (size > 0) {
      const kept = text.bytes.subarray(0, size - 1);
      bytes.set(kept, out);
      bytes[out + kept.length] = 0;
    }
    returnInt(r, text.length + 1);
  },
};
