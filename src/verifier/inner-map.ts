/** Maps of maps: what is looked up in them is a map again, of which the shape is known. */
import type { MapDesc } from '../contracts/index.ts';
import type { Env } from './env.ts';
import { UnsupportedConstruct } from './context.ts';

/** Kinds of fields for which two maps of one shape are told apart: a timer belongs to its map. @kernel map_uid */
const TOLD_APART: readonly string[] = ['bpf_timer', 'bpf_wq', 'bpf_task_work'];

/** Whether one map of this shape must be told from another: by the id that the look-up gave it. */
export const isToldApart = (map: MapDesc): boolean =>
  map.fields?.some(({ kind }) => TOLD_APART.includes(kind)) ?? false;

/**
 * Index in `aux.maps` of the shape that the maps in map `outer` have; it joins the program's maps at its first use.
 * @kernel bpf_map.inner_map_meta
 */
export function innerMap(env: Env, outer: number): number {
  const { maps, shapes } = env.aux;
  const known = shapes.get(outer);
  if (known !== undefined) return known;
  const { inner } = maps[outer];
  if (!inner) throw new UnsupportedConstruct('map of maps without a known shape');
  const { type, keySize, valueSize, maxEntries, flags, fields } = inner;
  // Only the shape: the maps that will be there have names and contents of their own.
  const index = maps.push({ type, keySize, valueSize, maxEntries, flags, fields, name: '', frozen: false }) - 1;
  shapes.set(outer, index);
  return index;
}
