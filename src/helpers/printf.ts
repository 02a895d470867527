/**
 * The restricted printf of `bpf_trace_printk`, as measured on Linux 6.18:
 *
 *     %[ 0+-]*[width][l|ll](d|i|u|x|X)   %c   %s   %p %pK %px   %pks %pus   %pB %ps %pS   %pi4 %pI4 %pi6 %pI6   %%
 *
 * Refuses (-EINVAL): a format without its NUL, control characters, any other conversion, precision, `#`, more than three
 * arguments, and a letter or digit right behind `%s` or a bare `%p`. Letters and digits right behind a longer `%p…` are
 * swallowed, those of Latin-1 too. `%p` shows a number that stands for the pointer, not the pointer, but for errnos.
 * Where there is no room left, Linux counts no byte of `%pI…`, `%pks` and `%pus` and takes what follows for other arguments;
 * here the length is that of the whole message.
 */
import type { AddressSpace } from '../memory/index.ts';
import { toBigInt } from '../vm/index.ts';

/** Of `bpf_trace_printk`. */
const MAX_ARGS = 3;
/** Widths beyond are taken as this. */
const MAX_WIDTH = 0x7fffff;
/** Most bytes that are kept of a traced message; its length counts on. */
const KEPT = 1024;

export interface Formatted {
  /** The message, cut to the bytes asked for. */
  readonly bytes: Uint8Array;
  /** Bytes of the whole message. */
  readonly length: number;
}

interface Conversion {
  /** Where padding goes, see Message.field. */
  readonly fill: ' ' | '-' | '0';
  /** Shown before a number that is not negative. */
  readonly plus: string;
  readonly width: number;
  readonly long: boolean;
  /** `d`, `u`, `x`, `X`, `c`, `s`, or `p` with its suffix. */
  readonly kind: string;
}

/** A conversion, anchored behind its `%`; bytes are latin-1 characters. */
const CONVERSION =
  /([ 0+-]*)(\d*)(?:(ll?)?([diuxX])|(c)|(s)(?![A-Za-z\d])|(p)(?![A-Za-z\d])|(p(?:[KxsSB]|[ku]s|[iI][46]))[A-Za-z\d\xc0-\xd6\xd8-\xf6\xf8-\xff]*)/y;

/**
 * Format a message.
 * @param format the format's bytes as the program gave them
 * @param word word of the first argument in `r`
 * @param maxArgs most conversions
 * @param kept most bytes kept
 * @returns undefined where the format is refused
 */
export function formatTrace(
  space: AddressSpace,
  format: Uint8Array,
  r: Int32Array,
  word: number,
  maxArgs = MAX_ARGS,
  kept = KEPT,
): Formatted | undefined {
  const end = format.indexOf(0);
  if (end < 0) return undefined;
  const text = latin1(format.subarray(0, end));
  if (/[^\s\x20-\x7e\x80-\xff]/.test(text)) return undefined;
  const parts = parse(text);
  if (parts === undefined || parts.filter((part) => typeof part !== 'string').length > maxArgs) return undefined;
  const out = new Message(kept);
  for (const part of parts) {
    if (typeof part === 'string') out.append(part);
    else {
      convert(out, part, space, r[word], r[word + 1]);
      word += 2;
    }
  }
  return { bytes: out.bytes.subarray(0, out.length), length: out.length };
}

/** A message under way: its first bytes, and its whole length. */
class Message {
  readonly bytes: Uint8Array;
  length = 0;

  constructor(kept: number) {
    this.bytes = new Uint8Array(kept);
  }

  append(text: string): void {
    const kept = Math.min(text.length, this.bytes.length - this.length);
    for (let i = 0; i < kept; i++) this.bytes[this.length + i] = text.charCodeAt(i);
    this.length += text.length;
  }

  repeat(char: string, count: number): void {
    if (count <= 0) return;
    if (this.length < this.bytes.length) this.bytes.fill(char.charCodeAt(0), this.length, this.length + count);
    this.length += count;
  }

  /** `sign` and `text` in a field: spaces to the left, to the right (`-`), or zeros between them (`0`). */
  field(sign: string, text: string, width: number, fill: Conversion['fill']): void {
    const padding = width - sign.length - text.length;
    if (fill === ' ') this.repeat(' ', padding);
    this.append(sign);
    if (fill === '0') this.repeat('0', padding);
    this.append(text);
    if (fill === '-') this.repeat(' ', padding);
  }
}

/** Literal text and conversions in turn; undefined where one is not allowed. */
function parse(text: string): (string | Conversion)[] | undefined {
  const parts: (string | Conversion)[] = [];
  for (let at = 0; at < text.length;) {
    const percent = text.indexOf('%', at);
    if (percent !== at) parts.push(text.slice(at, percent < 0 ? text.length : percent));
    if (percent < 0) break;
    if (text[percent + 1] === '%') {
      parts.push('%');
      at = percent + 2;
      continue;
    }
    CONVERSION.lastIndex = percent + 1;
    const match = CONVERSION.exec(text);
    if (match === null) return undefined;
    const [, flags, width, long, integer, ...others] = match;
    const kind = (integer === 'i' ? 'd' : integer) ?? others.find((other) => other !== undefined) ?? '';
    const fill = flags.includes('-') ? '-' : flags.includes('0') ? '0' : ' ';
    const plus = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
    parts.push({ fill, plus, width: clampWidth(width), long: long !== undefined, kind });
    at = CONVERSION.lastIndex;
  }
  return parts;
}

/** Has no absolute value of 32 bits. */
const MIN_INT = -(2 ** 31);

/** As a 32-bit number, then cut to the printer's 24-bit field. */
function clampWidth(digits: string): number {
  const width = Number(BigInt.asIntN(32, BigInt(digits || '0')));
  return width === MIN_INT ? 0 : Math.min(Math.abs(width), MAX_WIDTH);
}

function convert(out: Message, to: Conversion, space: AddressSpace, low: number, high: number): void {
  const { width, kind, fill } = to;
  const text = fill === '-' ? '-' : ' '; // zeros go only before digits
  switch (kind) {
    case 'c':
      return out.field('', String.fromCharCode(low & 0xff), width, text);
    case 'pks':
    case 'pus':
      return out.append(stringAt(space, low, high));
    case 's':
      return out.field('', stringAt(space, low, high), width, text);
    case 'p':
    case 'pK':
    case 'px': {
      const value = kind === 'px' ? toBigInt(low, high) : disguise(low, high);
      return out.field('', value.toString(16), width || 16, width === 0 ? '0' : fill);
    }
    case 'pB':
    case 'ps':
    case 'pS':
      return out.field('', `0x${toBigInt(low, high).toString(16)}`, width, text);
    case 'pi4':
    case 'pI4':
    case 'pi6':
    case 'pI6':
      return out.append(internetAddress(kind, bytesAt(space, low, high, kind.endsWith('4') ? 4 : 16)));
    default:
      return integer(out, to, low, high);
  }
}

function integer(out: Message, { plus, width, long, kind, fill }: Conversion, low: number, high: number): void {
  const bits = long ? toBigInt(low, high) : BigInt(low >>> 0);
  if (kind === 'd') {
    const value = BigInt.asIntN(long ? 64 : 32, bits);
    out.field(value < 0n ? '-' : plus, String(value < 0n ? -value : value), width, fill);
  } else if (kind === 'u') {
    out.field('', String(bits), width, fill);
  } else {
    const digits = bits.toString(16);
    out.field('', kind === 'X' ? digits.toUpperCase() : digits, width, fill);
  }
}

/** The bytes of a string up to its NUL or its object's end; empty where there is no readable memory. */
function stringAt(space: AddressSpace, low: number, high: number): string {
  let text = '';
  for (let at = low >>> 0; high === 0 && text.length < KEPT && space.check(at, 1, false) !== undefined; at++) {
    if (space.bytes[at] === 0) break;
    text += String.fromCharCode(space.bytes[at]);
  }
  return text;
}

/** `size` bytes; zeros where there is no readable memory. */
function bytesAt(space: AddressSpace, low: number, high: number, size: number): Uint8Array {
  const readable = high === 0 && space.check(low >>> 0, size, false) !== undefined;
  return readable ? space.bytes.slice(low >>> 0, (low >>> 0) + size) : new Uint8Array(size);
}

/** `%pI4` 127.0.0.1, `%pi4` 127.000.000.001, `%pI6` in groups, `%pi6` without colons. */
function internetAddress(kind: string, bytes: Uint8Array): string {
  if (kind.endsWith('4')) {
    return Array.from(bytes, (byte) => String(byte).padStart(kind === 'pi4' ? 3 : 1, '0')).join('.');
  }
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return kind === 'pi6' ? digits : (digits.match(/..../g) ?? []).join(':');
}

/** Pointers from here on are errnos. @kernel MAX_ERRNO */
const FIRST_ERROR = -4095;

/** A 32-bit number that is the same for the same pointer and 0 only for 0; an errno as it is. */
function disguise(low: number, high: number): bigint {
  if ((low | high) === 0 || (high === -1 && low >= FIRST_ERROR && low < 0)) return toBigInt(low, high);
  let h = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0xcc9e2d51);
  h = Math.imul(h ^ (h >>> 15), 0x1b873593);
  return BigInt((h ^ (h >>> 13)) >>> 0 || 1);
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
