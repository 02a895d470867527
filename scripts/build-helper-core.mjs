// Compiles the helper core: src/helpers/core/assembly (AssemblyScript) → src/helpers/core/generated.ts.
// Usage: npm run build:helper-core [-- --check]. With --check nothing is written; fails when a file would change.
import { buildCore } from './assembly-core.mjs';

function tables({ ASK, HELPER_STATE }, { XDP_MD, offsetsOf }, { XDP, CSUM, CSUM_FLAG, STORE_FLAG }) {
  const { data, data_end, data_meta } = offsetsOf(XDP_MD, ['data', 'data_end', 'data_meta']);
  return {
    STATE_: HELPER_STATE,
    CONTEXT_: { DATA: data, DATA_END: data_end, DATA_META: data_meta },
    XDP_: XDP,
    CSUM_: CSUM,
    CSUM_FLAG_: CSUM_FLAG,
    STORE_FLAG_: STORE_FLAG,
    '': { ASK },
  };
}

const modules = ['memory/index.ts', 'contracts/index.ts', 'helpers/core-numbers.ts'];
await buildCore(
  { folder: 'src/helpers/core', name: 'helper core', constant: 'HELPER_CORE', modules, tables },
  import.meta.filename,
);
