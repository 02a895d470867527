// Compiles the map core: src/maps/core/assembly (AssemblyScript) → src/maps/core/generated.ts.
// Usage: npm run build:maps-core [-- --check]. With --check nothing is written; fails when a file would change.
import { buildCore } from './assembly-core.mjs';

function tables(memory, errors, uapi, corruption) {
  const { HASH_FACTOR, HASH_SHIFT, LIST_END } = memory;
  const factor = (BigInt(HASH_FACTOR.HIGH) << 32n) | BigInt(HASH_FACTOR.LOW);
  return {
    MAP_: memory.MAP_HEADER,
    ELEM_: memory.HASH_ELEM,
    STATE_: { ...memory.ELEM_STATE, ...memory.CORE_STATE },
    RING_: memory.RING,
    LRU_LIST_: memory.LRU_LIST,
    LRU_NODE_: memory.LRU_NODE,
    LPM_NODE_: memory.LPM_NODE,
    TYPE_: uapi.MAP_TYPE,
    BPF_: uapi.ELEM_FLAG,
    CORRUPT_: corruption.CORRUPT,
    OPERATION_: corruption.OPERATION,
    '': { ...errors.ERRNO, HASH_FACTOR: `0x${factor.toString(16)}`, HASH_SHIFT, LIST_END },
  };
}

const modules = ['memory/index.ts', 'errors/errno.ts', 'uapi/index.ts', 'maps/core-numbers.ts'];
await buildCore(
  { folder: 'src/maps/core', name: 'map core', constant: 'MAP_CORE', modules, tables },
  import.meta.filename,
);
