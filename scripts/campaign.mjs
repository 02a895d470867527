// Long campaigns: fuzzers and differential runs that are too long for `npm test`.
// Failures are printed and written to campaign-out/NAME-SEED.txt; the exit code is 1 if there were any, 2 for a wrong command line.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

const USAGE = `usage: npm run campaign -- [NAME…] [--seed N] [--count N] [--case N] [--type T]
Without a name it lists them; 'all' runs all. --case N runs one case again.`;

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

/** @throws Error that says what is wrong with the command line */
function readArguments() {
  const text = { type: 'string' };
  const options = { seed: text, count: text, case: text, type: text, help: { type: 'boolean', short: 'h' } };
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  const number = (name) => {
    if (values[name] === undefined) return undefined;
    if (!/^\d+$/.test(values[name])) throw new Error(`--${name} takes a number`);
    return Number(values[name]);
  };
  const seed = number('seed') ?? Math.floor(Math.random() * 2 ** 31);
  const { type, help } = values;
  return { names: positionals, help, options: { seed, count: number('count'), only: number('case'), type } };
}

async function main({ names, options }) {
  const out = join(root, 'campaign-out', `bundle-${process.pid}`);
  try {
    const { runCampaign, campaigns } = await load(out);
    if (names.length === 0) return console.log(`${USAGE}\n\n${campaigns.map(({ name }) => name).join('\n')}`);
    const chosen = names.includes('all') ? campaigns : campaigns.filter(({ name }) => names.includes(name));
    if (chosen.length === 0) return refuse(`no campaign ${names.join(', ')}`);
    if (options.type !== undefined) for (const campaign of chosen) campaign.choose?.(options.type);
    for (const campaign of chosen) if (!(await runOne(campaign, runCampaign, options))) process.exitCode = 1;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function refuse(problem) {
  console.error(`${problem}\n${USAGE}`);
  process.exitCode = 2;
}

let given;
try {
  given = readArguments();
} catch (error) {
  refuse(error.message);
}
if (given?.help) console.log(USAGE);
else if (given) await main(given);
