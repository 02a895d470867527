/**
 * The value of an argument of a system call, as far as a text tells: numbers as C writes them, constants by name, joined by
 * `|`. Strings, structs and lists are pointers, of which a text says nothing. strace prints an argument in its type of the
 * system call's prototype: what is negative, or has bit 31 set, may or may not be sign-extended in its register, so that
 * its upper half is unknown; that of other numbers is taken to be 0.
 */
import { CONSTANTS } from './generated.ts';

export interface ArgValue {
  /** 32 bits, unsigned. */
  readonly low: number;
  readonly high: number;
  readonly knownHigh: boolean;
}

let constants: Map<string, bigint> | undefined;

/** A constant of the uapi headers, 64 bits unsigned. */
function constant(name: string): bigint | undefined {
  constants ??= new Map(
    CONSTANTS.trim()
      .split(/\s+/)
      .map((entry) => {
        const [key, value] = entry.split('=');
        return [key, BigInt(value)];
      }),
  );
  return constants.get(name);
}

const COMMENT = /\/\*.*?\*\//g;
const SIMPLE = /^(?:0|[1-9]\d{0,8})$/;
const NUMBER = /^(-?)(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)(?:<.*>)?$/i;
const IOCTL = /^_IOC\(([A-Z_|]+|0), (0x[0-9a-f]+|\d+), (0x[0-9a-f]+|\d+), (0x[0-9a-f]+|\d+)\)$/i;
const MASK = (1n << 64n) - 1n;

/** A text of a log is often there again. */
const memo = new Map<string, ArgValue | undefined>();
const MEMO = 10_000;

/** @returns undefined where the text does not tell the value */
export function argValue(text: string): ArgValue | undefined {
  if (SIMPLE.test(text)) return { low: Number(text), high: 0, knownHigh: true };
  const first = text.charCodeAt(0);
  // " [ { ~ @
  if (first === 0x22 || first === 0x5b || first === 0x7b || first === 0x7e || first === 0x40) return undefined;
  if (memo.has(text)) return memo.get(text);
  const value = parse(text.replace(COMMENT, '').trim());
  if (memo.size === MEMO) memo.clear();
  memo.set(text, value);
  return value;
}

function parse(text: string): ArgValue | undefined {
  const ioctl = IOCTL.exec(text);
  const parts = ioctl ? [text] : text.split('|');
  let all = 0n;
  for (const part of parts) {
    const one = ioctl ? request(ioctl) : single(part.trim());
    if (one === undefined) return undefined;
    all |= one;
  }
  const low = Number(all & 0xffff_ffffn);
  const high = Number(all >> 32n);
  const whole = /^0x[0-9a-f]{16}$/i.test(text);
  const extended = low >= 0x8000_0000 && (high === 0 || high === 0xffff_ffff);
  return { low, high, knownHigh: whole || !extended };
}

/** One number or name; several names for the same number are joined by `or`. */
function single(text: string): bigint | undefined {
  const found = NUMBER.exec(text);
  if (found) {
    const [, sign, digits] = found;
    const value = BigInt(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
    if (value > MASK) return undefined;
    return sign === '' ? value : -value & MASK;
  }
  const shift = /^1<<(\d{1,2})$/.exec(text);
  if (shift) return (1n << BigInt(shift[1])) & MASK;
  if (text.includes(' or ')) {
    const values = new Set(text.split(' or ').map((name) => constant(name.trim())));
    values.delete(undefined);
    return values.size === 1 ? [...values][0] : undefined;
  }
  // AT_FDCWD</home>
  const name = text.replace(/<.*>$/, '');
  if (name === 'NULL' || name === 'SIG_0') return 0n;
  const realtime = /^SIGRT_(\d{1,2})$/.exec(name);
  return realtime ? 32n + BigInt(realtime[1]) : constant(name);
}

const DIRECTIONS: Readonly<Record<string, bigint>> = { '0': 0n, _IOC_NONE: 0n, _IOC_WRITE: 1n, _IOC_READ: 2n };

/** `_IOC(direction, type, number, size)` of asm-generic/ioctl.h. */
function request([, directions, type, number, size]: RegExpExecArray): bigint | undefined {
  let direction = 0n;
  for (const name of directions.split('|')) {
    if (!Object.hasOwn(DIRECTIONS, name)) return undefined;
    direction |= DIRECTIONS[name];
  }
  return (direction << 30n) | (BigInt(size) << 16n) | (BigInt(type) << 8n) | BigInt(number);
}
