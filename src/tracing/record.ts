/**
 * Writes values into a record, as C would convert them: numbers lose their fraction and wrap at the field's width, NaN and the
 * infinities are 0, true is 1, a `bool` is whether the number is not 0. What is no number (for a text: no string) is 0 or
 * empty and counted. No value is asked for anything: nothing can throw, and no code of the application runs.
 *
 * A text is copied as UTF-8. One that fits is followed by NULs up to the field's end; a longer one is cut at the last
 * character that leaves room for a NUL. Half surrogate pairs become U+FFFD.
 */
import type { AddressSpace } from '../memory/index.ts';
import { FIRST, compileWriter } from './compiled.ts';
import type { TakesValues, WriteOther } from './compiled.ts';
import type { Field, RecordLayout } from './fields.ts';

const TWO_32 = 2 ** 32;

/** A field at its address, and what its last text has left in memory. */
interface Slot {
  readonly at: number;
  readonly size: number;
  readonly kind: Field['kind'];
  /** Bytes from the field's start that may not be NUL. */
  used: number;
}

export class RecordWriter {
  /** Values that were no numbers, or no strings. */
  mistyped = 0;
  readonly #space: AddressSpace;
  readonly #slots: readonly Slot[];
  /** Write values, one for each field. Where a record has more than eight, there are `others`. */
  readonly write: TakesValues;

  /** @param base address of the record, which is zero */
  constructor(space: AddressSpace, base: number, { fields }: RecordLayout) {
    this.#space = space;
    this.#slots = fields.map(({ offset, size, kind }) => ({ at: base + offset, size, kind, used: 0 }));
    const slots = this.#slots;
    const one: WriteOther = (i, value) => this.#write(slots[i], value);
    const text: WriteOther = (i, value) => this.#writeText(slots[i], value);
    this.write =
      compileWriter(fields, base, space, writeWide, text, one) ??
      ((a, b, c, d, e, f, g, h, others) => {
        const first = [a, b, c, d, e, f, g, h];
        for (let i = 0; i < slots.length; i++) one(i, i < FIRST ? first[i] : others?.[i - FIRST]);
      });
  }

  #write(slot: Slot, value: unknown): void {
    if (slot.kind === 'text') this.#writeText(slot, value);
    else if (typeof value === 'number' && slot.kind === 'number')
      writeNumber(this.#space.view, slot.at, slot.size, value);
    else this.#writeOther(slot, value);
  }

  #writeText(slot: Slot, value: unknown): void {
    if (typeof value !== 'string') this.mistyped++;
    const { bytes } = this.#space;
    const used = typeof value === 'string' ? writeText(bytes, slot.at, slot.size, value) : 0;
    for (let i = used; i < slot.used; i++) bytes[slot.at + i] = 0;
    slot.used = used;
  }

  #writeOther({ at, size, kind }: Slot, value: unknown): void {
    const { view } = this.#space;
    const given = typeof value;
    if (given !== 'number' && given !== 'bigint' && given !== 'boolean') {
      this.mistyped++;
      writeNumber(view, at, size, 0);
    } else if (kind === 'bool') writeNumber(view, at, size, value === false || value === 0 || value === 0n ? 0 : 1);
    else if (typeof value !== 'bigint') writeNumber(view, at, size, Number(value));
    else if (size === 8) view.setBigUint64(at, BigInt.asUintN(64, value), true);
    else writeNumber(view, at, size, Number(BigInt.asIntN(32, value)));
  }
}

function writeNumber(view: DataView, at: number, size: number, value: number): void {
  if (size === 4) view.setInt32(at, value, true);
  else if (size === 8) writeWide(view, at, value);
  else if (size === 2) view.setInt16(at, value, true);
  else view.setInt8(at, value);
}

/** A number as 64 bits. */
function writeWide(view: DataView, at: number, value: number): void {
  const whole = Math.trunc(value);
  view.setInt32(at, whole, true);
  view.setInt32(at + 4, (whole | 0) === whole ? whole >> 31 : Math.floor(whole / TWO_32), true);
}

/** @returns how many bytes it took, NULs not counted */
function writeText(bytes: Uint8Array, at: number, size: number, text: string): number {
  const most = text.length <= size ? text.length : size - 1;
  for (let i = 0; i < most; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return writeUtf8(bytes, at, size, text, i);
    bytes[at + i] = code;
  }
  return most;
}

/** The same from character `from` on, before which all are ASCII. */
function writeUtf8(bytes: Uint8Array, at: number, size: number, text: string, from: number): number {
  let used = from;
  /** Bytes up to the last character that leaves room for a NUL. */
  let cut = from;
  for (let i = from; i < text.length; i++) {
    let code = text.codePointAt(i) as number;
    if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
    const length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (used + length > size) {
      bytes.fill(0, at + cut, at + used);
      return cut;
    }
    encodeCharacter(bytes, at + used, code, length);
    used += length;
    if (used < size) cut = used;
    if (length === 4) i++;
  }
  return used;
}

/** First byte's high bits, by length. */
const LEADS = [0, 0, 0xc0, 0xe0, 0xf0];

function encodeCharacter(bytes: Uint8Array, at: number, code: number, length: number): void {
  for (let i = length - 1; i > 0; i--) {
    bytes[at + i] = 0x80 | (code & 0x3f);
    code >>= 6;
  }
  bytes[at] = LEADS[length] | code;
}
