/** Elements of a program object's maps: the initial ones go in, those after a run come out. */
import { errnoName } from '../errors/index.ts';
import type { BpfSys } from '../sys/index.ts';
import { BPF_CMD, MAP_TYPE } from '../uapi/index.ts';
import { toHex } from './exchange-hex.ts';
import type { ExchangeMap } from './exchange-object.ts';

/** Maps whose values are plain bytes, in the order in which they are kept. */
const INDEXED: ReadonlySet<number> = new Set([MAP_TYPE.ARRAY, MAP_TYPE.PERCPU_ARRAY]);
const KEYED: ReadonlySet<number> = new Set([
  MAP_TYPE.HASH,
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.LRU_HASH,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.LPM_TRIE,
]);
const PER_CPU: ReadonlySet<number> = new Set([
  MAP_TYPE.PERCPU_ARRAY,
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.PERCPU_CGROUP_STORAGE,
]);

/** Elements of one map that an answer shows. */
const DUMP_LIMIT = 65536;

/** Bytes of a value as user space passes it. */
function passedSize(sys: BpfSys, map: ExchangeMap): number {
  return PER_CPU.has(map.type) ? Math.ceil(map.valueSize / 8) * 8 * sys.possibleCpus : map.valueSize;
}

/** Put the initial elements in and freeze the map. A value is filled up with zeros. @returns what did not work. */
export function fillMap(sys: BpfSys, mapFd: number, map: ExchangeMap): string[] {
  const problems: string[] = [];
  const size = passedSize(sys, map);
  map.init.forEach(([key, bytes], i) => {
    let value = bytes;
    if (bytes.length !== size) {
      value = new Uint8Array(size);
      value.set(bytes.subarray(0, size));
    }
    const error = sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd, key, value });
    if (error) problems.push(`init[${i}]: ${errnoName(error)}`);
  });
  if (!map.freeze) return problems;
  const error = sys.bpf(BPF_CMD.MAP_FREEZE, { mapFd });
  return error ? [...problems, `freeze: ${errnoName(error)}`] : problems;
}

export interface MapDump {
  /** By index; hash tables, which have no order of their own, by key. */
  readonly elements: (readonly [key: string, value: string])[];
  readonly truncated: boolean;
}

/** The map's elements in hexadecimal; none for a type whose values are not plain bytes. */
export function dumpMap(sys: BpfSys, mapFd: number, map: ExchangeMap): MapDump {
  if (INDEXED.has(map.type)) return dumpArray(sys, mapFd, map);
  return KEYED.has(map.type) ? dumpKeyed(sys, mapFd, map) : { elements: [], truncated: false };
}

function dumpArray(sys: BpfSys, mapFd: number, map: ExchangeMap): MapDump {
  const elements: [string, string][] = [];
  const value = new Uint8Array(passedSize(sys, map));
  const key = new Uint8Array(4);
  const view = new DataView(key.buffer);
  for (let index = 0; index < Math.min(map.maxEntries, DUMP_LIMIT); index++) {
    view.setUint32(0, index, true);
    if (sys.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key, value }) === 0) elements.push([toHex(key), toHex(value)]);
  }
  return { elements, truncated: map.maxEntries > DUMP_LIMIT };
}

function dumpKeyed(sys: BpfSys, mapFd: number, map: ExchangeMap): MapDump {
  const elements: [string, string][] = [];
  const value = new Uint8Array(passedSize(sys, map));
  let key: Uint8Array | undefined;
  for (;;) {
    const nextKey = new Uint8Array(map.keySize);
    if (sys.bpf(BPF_CMD.MAP_GET_NEXT_KEY, { mapFd, key, nextKey }) !== 0) break;
    if (elements.length >= DUMP_LIMIT) return { elements: sorted(elements), truncated: true };
    key = nextKey;
    if (sys.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key, value }) === 0) elements.push([toHex(key), toHex(value)]);
  }
  return { elements: sorted(elements), truncated: false };
}

function sorted(elements: [string, string][]): [string, string][] {
  return elements.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
