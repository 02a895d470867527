// Long campaigns: fuzzers and differential runs that are too long for `npm test`.
// Usage: npm run campaign [-- NAME… --seed N --count N --case N --type T]
// Without a name it lists them; `all` runs all. `--case N` runs one case again. Failures are printed and written to
// campaign-out/NAME-SEED.txt; the exit code is 1 if there were any.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Sources find files beside them, wherever they are bundled to. */
const ownUrls = {
  name: 'own-urls',
  enforce: 'pre',
  transform: (code, id) => code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href)),
};

/** All in few files: that is twice as quick as modules that are loaded one by one. */
async function bundle(input, outDir) {
  await build({
    root,
    configFile: join(root, 'vitest.config.ts'),
    logLevel: 'error',
    plugins: [ownUrls],
    build: {
      ssr: true,
      outDir,
      minify: false,
      target: 'node20',
      rollupOptions: { input, output: { entryFileNames: '[name].mjs' } },
    },
  });
}

/** Remove `out` when no campaign runs any more: modules may be loaded late. */
async function load(out) {
  const folder = join(root, 'test', 'fuzz');
  const names = readdirSync(folder).flatMap((name) => /^([^.]+)\.ts$/.exec(name)?.[1] ?? []);
  await bundle(Object.fromEntries(names.map((name) => [name, join(folder, `${name}.ts`)])), out);
  const modules = await Promise.all(names.map((name) => import(pathToFileURL(join(out, `${name}.mjs`)).href)));
  const { runCampaign } = modules[names.indexOf('campaign')];
  return { runCampaign, campaigns: modules.map((one) => one.campaign).filter(Boolean) };
}

/** @returns whether all cases held */
async function runOne(campaign, runCampaign, { seed, count, only, type }) {
  const why = campaign.unavailable?.();
  if (why) {
    console.log(`${campaign.name}: skipped: ${why}`);
    return true;
  }
  const started = Date.now();
  const options = { seed, count: only === undefined ? (count ?? campaign.defaultCount) : 1, log: console.error };
  const failures = await runCampaign(campaign, options, only ?? 0);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${campaign.name}: seed ${seed}, ${options.count} cases, ${failures.length} failed, ${seconds} s`);
  for (const line of campaign.report?.() ?? []) console.log(`  ${line}`);
  const texts = failures.map(
    ({ caseNumber, detail }) =>
      `npm run campaign -- ${campaign.name}${type ? ` --type ${type}` : ''} --seed ${seed} --case ${caseNumber}\n${detail}\n`,
  );
  if (texts.length > 0) {
    console.log(texts.join('\n'));
    mkdirSync(join(root, 'campaign-out'), { recursive: true });
    writeFileSync(join(root, 'campaign-out', `${campaign.name}-${seed}.txt`), texts.join('\n'));
  }
  return texts.length === 0;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string' },
      count: { type: 'string' },
      case: { type: 'string' },
      type: { type: 'string' },
    },
  });
  const number = (text) => (text === undefined ? undefined : Number(text));
  const seed = number(values.seed) ?? Math.floor(Math.random() * 2 ** 31);
  const out = join(root, 'campaign-out', `bundle-${process.pid}`);
  try {
    const { runCampaign, campaigns } = await load(out);
    if (positionals.length === 0) return list(campaigns);
    const chosen = positionals.includes('all') ? campaigns : campaigns.filter(({ name }) => positionals.includes(name));
    if (chosen.length === 0) throw new Error(`no campaign ${positionals.join(', ')}; see npm run campaign`);
    if (values.type !== undefined) for (const campaign of chosen) campaign.choose?.(values.type);
    const options = { seed, count: number(values.count), only: number(values.case), type: values.type };
    for (const campaign of chosen) if (!(await runOne(campaign, runCampaign, options))) process.exitCode = 1;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

await main();
