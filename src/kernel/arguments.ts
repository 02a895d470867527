/** Arguments as they come through the seam: numbers that must fit their field, names, log buffers. */
import { ERRNO } from '../errors/index.ts';
import { BPF_OBJ_NAME_LEN } from '../uapi/index.ts';
import { byteTextBytes } from '../util/index.ts';
import { LOG_LEVEL } from '../verifier/index.ts';

/** Fields of 64 bits: safe integers. Every other number has 32 bits, signed or not. */
const WIDE = new Set(['flags', 'elemFlags', 'mapExtra', 'fuel', 'timeMs']);

/** @returns 0, or -EINVAL where a number does not fit its field. */
export function checkNumbers(attr: object): number {
  for (const field in attr) {
    const value: unknown = (attr as Record<string, unknown>)[field];
    if (typeof value !== 'number') continue;
    const fits = WIDE.has(field) ? Number.isSafeInteger(value) : value === value >>> 0 || value === (value | 0);
    if (!fits) return -ERRNO.EINVAL;
  }
  return 0;
}

/** The name of an object, or undefined where it is none: 15 letters, digits, `_` and `.` at most. */
export function objectName(name = ''): string | undefined {
  const text = name.split('\0', 1)[0];
  return text.length < BPF_OBJ_NAME_LEN && /^[\w.]*$/.test(text) ? text : undefined;
}

/** Whether a key or value is there with all its bytes. */
export function present(bytes: Uint8Array | undefined, size: number): bytes is Uint8Array {
  return bytes !== undefined && bytes.length >= size;
}

const LOG_BITS = LOG_LEVEL.BASIC | LOG_LEVEL.VERBOSE | LOG_LEVEL.STATS | LOG_LEVEL.FIXED;
const MAX_LOG = 0x3fffffff;

/** A caller's log: wanted level and room for it. */
export class UserLog {
  readonly level: number;
  readonly #buffer: Uint8Array | undefined;
  /** Bytes of the whole text and its NUL; 0 where no log is kept. */
  trueSize = 0;

  constructor(level = 0, buffer: Uint8Array | undefined) {
    this.level = level >>> 0;
    this.#buffer = buffer?.length ? buffer : undefined;
  }

  /** A buffer without a level, an unknown level bit, or a buffer of 1 GiB are refused: -EINVAL. */
  check(): number {
    if (this.level > LOG_BITS || (this.#buffer !== undefined && this.level === 0)) return -ERRNO.EINVAL;
    return (this.#buffer?.length ?? 0) > MAX_LOG ? -ERRNO.EINVAL : 0;
  }

  /** Bytes of text that may be shown, without its NUL: no more need be kept. */
  get room(): number {
    return (this.#buffer?.length ?? 1) - 1;
  }

  /**
   * Hand over the text: its end where it does not fit, its beginning with LOG_LEVEL.FIXED; NUL-terminated.
   * @param text what was kept of it, a character a byte; @param length bytes that it had, kept or not
   * @returns 0, or -ENOSPC where it was cut.
   */
  finish(text: string, length?: number): number {
    if (this.level === 0) return 0;
    const bytes = byteTextBytes(text);
    this.trueSize = (length ?? bytes.length) + 1;
    const buffer = this.#buffer;
    if (buffer === undefined) return 0;
    const room = buffer.length - 1;
    const atEnd = bytes.length > room && !(this.level & LOG_LEVEL.FIXED);
    const shown = atEnd ? bytes.subarray(bytes.length - room) : bytes.subarray(0, room);
    buffer.set(shown);
    buffer[shown.length] = 0;
    return this.trueSize > buffer.length ? -ERRNO.ENOSPC : 0;
  }
}
