/** Texts that the verifier must know. */
import { MAP_FLAG } from '../../../../src/uapi/index.ts';
import type { Generator, MapJson } from '../../verifier/generator.ts';

/** The text in a frozen array, one byte each character. @returns the map's index */
export function constantText(g: Generator, value: string): number {
  const value_size = value.length + 1;
  const init: [string, string][] = [['00000000', Buffer.from(`${value}\0`, 'latin1').toString('hex')]];
  const made: MapJson = {
    type: 'array',
    key_size: 4,
    value_size,
    max_entries: 1,
    map_flags: MAP_FLAG.RDONLY_PROG,
    freeze: true,
    init,
  };
  return g.maps.push({ ...made, name: 'text' }) - 1;
}
