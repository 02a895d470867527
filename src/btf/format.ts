/** Decoded values as text for people and as JSON. */
import type { Value } from './value.ts';

/**
 * One line: `{packets: 3, bytes: 180}`, `[1, 2]`, `"text"`, bytes as `0a 1b 2c`. Integers are decimal, pointers (and
 * integers of 2^53 and more) too.
 */
export function formatValue(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Uint8Array) return hex(value);
  if (isList(value)) return `[${value.map(formatValue).join(', ')}]`;
  if (typeof value === 'object')
    return `{${Object.entries(value)
      .map(([name, member]) => `${name}: ${formatValue(member)}`)
      .join(', ')}}`;
  return String(value);
}

/** What JSON.stringify can take: integers beyond 2^53 become decimal strings, bytes arrays of numbers. */
export type Json = number | boolean | string | Json[] | { [name: string]: Json };

export function valueToJson(value: Value): Json {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Uint8Array) return [...value];
  if (isList(value)) return value.map(valueToJson);
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, valueToJson(member)]));
  return value;
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
