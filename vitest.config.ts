/** Tests run on the sources: the package's own name (`skep/loader`, …) resolves to src, not to dist. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

interface Manifest {
  exports: Record<string, { default: string }>;
}
const manifest = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8')) as Manifest;

export default defineConfig({
  resolve: {
    alias: Object.entries(manifest.exports).map(([subpath, target]) => ({
      find: new RegExp(`^skep${subpath.slice(1)}$`),
      replacement: fileURLToPath(
        new URL(target.default.replace('./dist/', './src/').replace(/\.js$/, '.ts'), import.meta.url),
      ),
    })),
  },
  // Node 20 has no `using` yet.
  oxc: { target: 'es2022' },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // By default one processor is left idle: on two that is half of them.
    maxWorkers: availableParallelism(),
  },
});
