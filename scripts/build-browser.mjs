// Bundles src/browser into one minified ES module, dist/browser/skep.js, and says how large it is.
// Usage: npm run build:browser [-- --out FOLDER]
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = process.argv.indexOf('--out');
const outDir = at < 0 ? join(root, 'dist', 'browser') : resolve(process.argv[at + 1]);

await build({
  root,
  configFile: false,
  logLevel: 'error',
  publicDir: false,
  resolve: { alias: [{ find: './socket-options.ts', replacement: join(root, 'src', 'browser', 'socket-options.ts') }] },
  build: {
    target: 'es2022',
    outDir,
    emptyOutDir: true,
    // For modules vite keeps line breaks and names otherwise.
    rolldownOptions: { output: { minify: true } },
    lib: { entry: join(root, 'src', 'browser', 'index.ts'), formats: ['es'], fileName: () => 'skep.js' },
  },
});
const bytes = readFileSync(join(outDir, 'skep.js'));
console.log(`skep.js: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} compressed`);
