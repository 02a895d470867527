// Compiles the map core: src/maps/core/assembly (AssemblyScript) → src/maps/core/generated.ts, the WebAssembly module in
// base64, which is checked in, so that users need neither the compiler nor a file beside the code. Before that, the
// constants that the core shares with TypeScript are written to src/maps/core/assembly/generated.ts.
// Usage: npm run build:maps-core [-- --check]. With --check nothing is written; fails when a file would change.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { createServer } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const core = join(root, 'src', 'maps', 'core');
const CONSTANTS = join(core, 'assembly', 'generated.ts');
const MODULE = join(core, 'generated.ts');
const HEADER = '// Written by scripts/build-maps-core.mjs; do not edit.\n';

const FLAGS = ['--runtime', 'stub', '--importMemory', '--noExportMemory', '-O3', '--converge', '--noAssert'];
/** Characters of base64 on a line. */
const LINE = 118;

/** Tables of TypeScript by the prefix of their constants in the core. */
async function tables() {
  const server = await createServer({
    root,
    configFile: false,
    server: { middlewareMode: true, watch: null, hmr: false, ws: false },
    optimizeDeps: { noDiscovery: true },
    appType: 'custom',
    logLevel: 'error',
  });
  try {
    const [memory, errors, uapi, corruption] = await Promise.all(
      ['memory/index.ts', 'errors/errno.ts', 'uapi/index.ts', 'maps/core-numbers.ts'].map((path) =>
        server.ssrLoadModule(`/src/${path}`),
      ),
    );
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
  } finally {
    await server.close();
  }
}

const typeOf = (name) => (name.startsWith('HASH_') ? 'u64' : /^E[A-Z0-9]+$/.test(name) ? 'i32' : 'u32');

/** Constants that some file of the core names: the others would only be in the way. */
function constants(all, sources) {
  const lines = Object.entries(all).flatMap(([prefix, table]) =>
    Object.entries(table)
      .map(([name, value]) => [`${prefix}${name}`, value])
      .filter(([name]) => new RegExp(`\\b${name}\\b`).test(sources))
      .map(([name, value]) => `export const ${name}: ${typeOf(name)} = ${value};`),
  );
  return `${HEADER}${lines.join('\n')}\n`;
}

/** @returns the module's bytes */
async function compile(files) {
  let binary;
  const { error, stderr } = await asc.main(['index.ts', ...FLAGS, '--outFile', 'core.wasm'], {
    readFile: (name) => files.get(name) ?? null,
    writeFile: (_name, data) => (binary = data),
    listFiles: () => [],
  });
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Buffer.from(binary);
}

/** As hexadecimal digits: compressed they take less than base 64, whose digits stand for no whole bytes. */
function moduleText(bytes) {
  const lines = bytes.toString('hex').match(new RegExp(`.{1,${LINE - 4}}`, 'g'));
  const text = lines.map((line) => `  '${line}'`).join(' +\n');
  return `${HEADER}// The map core as WebAssembly, ${bytes.length} bytes.\n\nexport const MAP_CORE =\n${text};\n`;
}

const SOURCES = readdirSync(join(core, 'assembly')).filter((name) => name.endsWith('.ts') && name !== 'generated.ts');

async function main(check) {
  const files = new Map(SOURCES.map((name) => [name, readFileSync(join(core, 'assembly', name), 'utf8')]));
  files.set('generated.ts', constants(await tables(), [...files.values()].join('\n')));
  const bytes = await compile(files);
  const outputs = [
    [CONSTANTS, files.get('generated.ts')],
    [MODULE, moduleText(bytes)],
  ];
  for (const [path, text] of outputs) {
    if (!check) writeFileSync(path, text);
    else if (readFileSync(path, 'utf8') !== text) {
      console.error(`${path} is not what its sources give: npm run build:maps-core`);
      process.exitCode = 1;
    }
  }
  if (!check) console.log(`map core: ${bytes.length} bytes`);
}

await main(process.argv.includes('--check'));
