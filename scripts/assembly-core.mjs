// Compiles AssemblyScript to a module that is checked in as hexadecimal digits, so that users need neither the compiler nor a file beside
// the code: FOLDER/assembly → FOLDER/generated.ts. Before that, the constants that it shares with TypeScript are written to
// FOLDER/assembly/generated.ts.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { createServer } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

const FLAGS = ['--runtime', 'stub', '--importMemory', '--noExportMemory', '-O3', '--converge', '--noAssert'];
/** Characters on a line. */
const LINE = 118;

/** Load modules of `src` as they are. @param paths below `src` */
async function loadModules(paths) {
  const server = await createServer({
    root,
    configFile: false,
    server: { middlewareMode: true, watch: null, hmr: false, ws: false },
    optimizeDeps: { noDiscovery: true },
    appType: 'custom',
    logLevel: 'error',
  });
  try {
    return await Promise.all(paths.map((path) => server.ssrLoadModule(`/src/${path}`)));
  } finally {
    await server.close();
  }
}

const typeOf = (name) => (name.startsWith('HASH_') ? 'u64' : /^(E[A-Z0-9]+|ASK)$/.test(name) ? 'i32' : 'u32');

/** Constants that some file of the core names: the others would only be in the way. */
function constants(all, sources, header) {
  const lines = Object.entries(all).flatMap(([prefix, table]) =>
    Object.entries(table)
      .map(([name, value]) => [`${prefix}${name}`, value])
      .filter(([name]) => new RegExp(`\\b${name}\\b`).test(sources))
      .map(([name, value]) => `export const ${name}: ${typeOf(name)} = ${value};`),
  );
  return `${header}${lines.join('\n')}\n`;
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
function moduleText(bytes, what, constant) {
  const lines = bytes.toString('hex').match(new RegExp(`.{1,${LINE - 4}}`, 'g'));
  const text = lines.map((line) => `  '${line}'`).join(' +\n');
  return `// The ${what} as WebAssembly, ${bytes.length} bytes.\n\nexport const ${constant} =\n${text};\n`;
}

/**
 * @param core `folder` below the project, `name` for messages, `constant` that holds the module, `modules` of `src` that
 *   `tables` makes its constants of: tables by the prefix of their names
 * @param script path of who calls; with `--check` on its command line nothing is written, and it fails when a file would change
 */
export async function buildCore({ folder, name, constant, modules, tables }, script) {
  const command = basename(script, '.mjs').replace('-', ':');
  const header = `// Written by scripts/${basename(script)}; do not edit.\n`;
  const assembly = join(root, folder, 'assembly');
  const sources = readdirSync(assembly).filter((file) => file.endsWith('.ts') && file !== 'generated.ts');
  const files = new Map(sources.map((file) => [file, readFileSync(join(assembly, file), 'utf8')]));
  const shared = tables(...(await loadModules(modules)));
  files.set('generated.ts', constants(shared, [...files.values()].join('\n'), header));
  const bytes = await compile(files);
  const outputs = [
    [join(assembly, 'generated.ts'), files.get('generated.ts')],
    [join(root, folder, 'generated.ts'), header + moduleText(bytes, name, constant)],
  ];
  const check = process.argv.includes('--check');
  for (const [path, text] of outputs) {
    if (!check) writeFileSync(path, text);
    else if (readFileSync(path, 'utf8') !== text) {
      console.error(`${path} is not what its sources give: npm run ${command}`);
      process.exitCode = 1;
    }
  }
  if (!check) console.log(`${name}: ${bytes.length} bytes`);
}
