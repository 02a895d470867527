/**
 * Values whose fields the kernel keeps (locks, timers, pointers): user space neither sees nor sets these bytes. Programs
 * that could change them do not run here, so they are zero.
 */
import type { MapField } from '../contracts/index.ts';
import type { MapObject } from './objects.ts';

/** Clear the fields in a value as user space passes it: per-CPU types have one slot for each CPU. */
function clear(value: Uint8Array, slot: number, fields: readonly MapField[]): void {
  for (let at = 0; at + slot <= value.length; at += slot) {
    for (const { offset, size } of fields) value.fill(0, at + offset, at + offset + size);
  }
}

/** The value without what it has in the kernel's fields. */
export function withoutFields({ map, fields }: MapObject, value: Uint8Array): Uint8Array {
  if (!fields?.length) return value;
  const size = map.userValueSize;
  const out = value.slice(0, size);
  const isPerCpu = size !== map.info.valueSize && size % 8 === 0;
  clear(out, isPerCpu ? Math.ceil(map.info.valueSize / 8) * 8 : size, fields);
  return out;
}
