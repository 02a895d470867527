// Differential fuzzing of the verifier against the running kernel: npm run fuzz:verifier -- --help
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { createServer } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const server = await createServer({
  root,
  configFile: join(root, 'vitest.config.ts'),
  server: { middlewareMode: true, watch: null, hmr: false, ws: false },
  optimizeDeps: { noDiscovery: true },
  appType: 'custom',
  logLevel: 'error',
});
try {
  const { main } = await server.ssrLoadModule('/test/fuzz/verifier/main.ts');
  process.exitCode = await main(process.argv.slice(2));
} finally {
  await server.close();
}
