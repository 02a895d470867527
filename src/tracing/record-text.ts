/**
 * A record as its `print fmt` prints it: `id=7 total=1999 country=DE`. Control characters in
 * texts are printed as `\x0a`, so that a text cannot pass for lines of its own.
 */
import type { AddressSpace } from '../memory/index.ts';
import type { Field } from './fields.ts';

const decoder = new TextDecoder();

export function recordText({ view, bytes }: AddressSpace, record: number, fields: readonly Field[]): string {
  return fields.map((field) => `${field.name}=${valueText(view, bytes, record + field.offset, field)}`).join(' ');
}

function valueText(view: DataView, bytes: Uint8Array, at: number, { kind, size, signed }: Field): string {
  if (kind === 'text') {
    const end = bytes.indexOf(0, at);
    return printable(bytes.subarray(at, end < 0 ? at + size : Math.min(end, at + size)));
  }
  if (size === 8) return String(signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true));
  if (size === 4) return String(signed ? view.getInt32(at, true) : view.getUint32(at, true));
  if (size === 2) return String(signed ? view.getInt16(at, true) : view.getUint16(at, true));
  return String(signed ? view.getInt8(at) : view.getUint8(at));
}

function printable(text: Uint8Array): string {
  return decoder.decode(text).replace(/[\x00-\x1f\x7f]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
