/** Maps of maps: what is looked up in them is a map again, of which the shape is known. */
import type { Env } from './env.ts';
import { UnsupportedConstruct } from './context.ts';

/** Kinds of fields by which two maps of one shape are told apart: a timer belongs to its map. @kernel map_uid */
const TOLD_APART: readonly string[] = ['bpf_timer', 'bpf_wq', 'bpf_task_work'];

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
  const uid = inner.fields?.find(({ kind }) => TOLD_APART.includes(kind));
  if (uid) throw new UnsupportedConstruct(`${uid.kind} in a map of a map`);
  const { type, keySize, valueSize, maxEntries, flags, fields } = inner;
  // Only the shape: the maps that will be there have names and contents of their own.
  const index = maps.push({ type, keySize, valueSize, maxEntries, flags, fields, name: '', frozen: false }) - 1;
  shapes.set(outer, index);
  return index;
}
