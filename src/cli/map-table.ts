/** Contents of maps, for people and as JSON. */
import { formatValue, valueToJson } from '../btf/index.ts';
import type { Json, Value } from '../btf/index.ts';
import type { LiveMap } from '../loader/index.ts';
import { MAP_TYPE, MAP_TYPE_NAMES } from '../uapi/index.ts';
import { formatTable } from './table.ts';

export interface MapContents {
  readonly name: string;
  readonly type: string;
  readonly maxEntries: number;
  /** In order of their keys. */
  readonly entries: readonly (readonly [key: Value, value: Value])[];
  /** Elements of an array left out of `entries`: their bytes are all zero. */
  readonly zeros: number;
}

const ARRAYS: ReadonlySet<number> = new Set([MAP_TYPE.ARRAY, MAP_TYPE.PERCPU_ARRAY]);

/**
 * Read a whole map.
 * @param skipZeros leave out elements of arrays that nobody has written: an array has all its elements from the start
 * @throws BpfError for a type that cannot be walked
 */
export function readMap(name: string, map: LiveMap, skipZeros: boolean): MapContents {
  const { maxEntries } = map;
  const contents = { name, type: MAP_TYPE_NAMES[map.type] ?? String(map.type), maxEntries };
  const skip = skipZeros && ARRAYS.has(map.type);
  const entries: [Value, Value][] = [];
  let zeros = 0;
  for (const [key, value] of map.as<Value, Value>())
    if (skip && isZero(value)) zeros++;
    else entries.push([key, value]);
  return { ...contents, entries: entries.sort(([a], [b]) => compareKeys(a, b)), zeros };
}

function isZero(value: Value): boolean {
  if (value instanceof Uint8Array || Array.isArray(value)) return (value as Iterable<Value> & Value[]).every(isZero);
  // A decoded struct also gives its bytes: an enumerator's name does not show whether it is 0.
  if (isStruct(value) && value.bytes instanceof Uint8Array) return isZero(value.bytes);
  if (isStruct(value)) return Object.values(value).every(isZero);
  return value === 0 || value === 0n || value === false || value === '';
}

function compareKeys(a: Value, b: Value): number {
  const isNumber = (value: Value): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';
  const [left, right] = isNumber(a) && isNumber(b) ? [a, b] : [formatValue(a), formatValue(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

type Struct = Readonly<Record<string, Value>>;

function isStruct(value: Value): value is Struct {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** A key or value that BTF does not describe: `{bytes}`. */
function isRaw(value: Value): value is { bytes: Uint8Array } {
  return isStruct(value) && value.bytes instanceof Uint8Array && Object.keys(value).length === 1;
}

/** The cells of a key or value: a struct fills a column for each member, everything else one. */
function cells(value: Value): string[] {
  if (isRaw(value)) return [formatValue(value.bytes)];
  return isStruct(value) ? Object.values(value).map(formatValue) : [formatValue(value)];
}

/** @param role what a column is called that has no member's name */
function headings(value: Value, role: string): string[] {
  return isStruct(value) && !isRaw(value) ? Object.keys(value) : [role];
}

/** A heading line and a table. */
export function mapText({ name, type, maxEntries, entries, zeros }: MapContents): string {
  const rest = zeros > 0 ? `, ${zeros} zero elements not shown` : '';
  const head = `map ${name}: ${type}, ${entries.length} of ${maxEntries} entries${rest}\n`;
  if (entries.length === 0) return head;
  const [[key, value]] = entries;
  const rows = entries.map(([k, v]) => [...cells(k), ...cells(v)]);
  return head + formatTable([[...headings(key, 'key'), ...headings(value, 'value')], ...rows]);
}

export function mapJson({ type, maxEntries, entries }: MapContents): Json {
  return {
    type,
    maxEntries,
    entries: entries.map(([key, value]) => ({ key: valueToJson(key), value: valueToJson(value) })),
  };
}
