/**
 * `npm run fuzz:verifier`: generated programs, judged by skep's verifier and by the running kernel. Every kind of
 * disagreement is shrunk and written as a `.bpft` file that `node test/run-bpft.mjs FILE` runs.
 */
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { ALL_CAPS, heldCaps } from '../../../src/cli/caps.ts';
import { openExchangeBackend } from '../../../src/cli/exchange.ts';
import { PROG_TYPE_RULES } from '../../../src/contracts/index.ts';
import { LinuxUnavailableError } from '../../../src/linux/index.ts';
import type { ExchangeBackend, ProgramObject } from '../../../src/loader/index.ts';
import { makeCase } from './case.ts';
import { Kernel, compare } from './judge.ts';
import { compareFile } from './object-file.ts';
import { writeShrunk } from './reproduce.ts';
import { Tally } from './tally.ts';
import type { Finding } from './tally.ts';
import { toBpft } from './to-bpft.ts';

const HELP = `usage: npm run fuzz:verifier -- [--seed S] [--count N] [--case N] [--out DIR] [--no-shrink] [--json]

Generates programs and compares skep's verdict, errno, message, statistics and logs with the running kernel's.

  --seed S      what the programs depend on (default: the time)
  --count N     how many programs (default 1000)
  --case N      only case N of the seed; prints the program
  --object FILE only the program objects in that file: one, or one a line
  --caps LIST   as a caller who holds only these capabilities, as in bpf,net_admin; types that they may not load are left out
  --out DIR     where shrunk disagreements are written (default test/diff)
  --no-shrink   write none
  --json        the summary as JSON
`;

const root = new URL('../../../', import.meta.url).pathname;

interface Options {
  readonly seed: number;
  readonly first: number;
  readonly count: number;
  readonly out: string | undefined;
  /** Capabilities held; undefined: all. */
  readonly caps?: bigint;
  /** The same as it was given. */
  readonly capsText?: string;
}

/** @returns the exit code: 1 where there were disagreements. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      count: { type: 'string' },
      case: { type: 'string' },
      object: { type: 'string' },
      caps: { type: 'string' },
      out: { type: 'string' },
      'no-shrink': { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  let linux: ExchangeBackend;
  try {
    linux = await openExchangeBackend('linux');
  } catch (error) {
    if (!(error instanceof LinuxUnavailableError)) throw error;
    process.stdout.write(`${values.json ? JSON.stringify({ skipped: error.message }) : error.message}\n`);
    return 0;
  }
  if (values.object !== undefined)
    return compareFile(values.object, new Kernel(linux), (text) => process.stdout.write(text));
  const seed = Number(values.seed ?? Math.floor(Date.now() / 1000));
  const only = values.case === undefined ? undefined : Number(values.case);
  const options = {
    seed,
    first: only ?? 0,
    count: only === undefined ? Number(values.count ?? 1000) : 1,
    caps: heldCaps(values.caps),
    capsText: values.caps,
    out: values['no-shrink'] ? undefined : (values.out ?? join(root, 'test/diff')),
  };
  if (only !== undefined && !values.json)
    process.stdout.write(`${toBpft(makeCase(seed, only, options.caps).object, `${seed}/${only}`).join('\n')}\n`);
  const tally = runCampaign(options, new Kernel(linux));
  process.stdout.write(
    `${values.json ? JSON.stringify({ seed, ...tally.toJson() }) : `seed ${seed}\n${tally.toText()}`}\n`,
  );
  return tally.differences ? 1 : 0;
}

/** Without the capability that the type asks for the verifier is never asked. */
function mayLoad({ caps = ALL_CAPS, progType }: ProgramObject): boolean {
  const { cap } = PROG_TYPE_RULES[progType] ?? {};
  return cap === undefined || ((caps >> BigInt(cap)) & 1n) !== 0n;
}

/** All cases, one after the other; progress goes to standard error where that is a terminal. */
export function runCampaign({ seed, first, count, out, caps, capsText }: Options, kernel: Kernel): Tally {
  const tally = new Tally();
  const fresh: Finding[] = [];
  let shown = Date.now();
  for (let n = first; n < first + count; n++) {
    const one = makeCase(seed, n, caps);
    if (!mayLoad(one.object)) continue;
    const finding = tally.add(n, one, compare(one.object, kernel));
    if (finding) fresh.push(finding);
    if (process.stderr.isTTY && Date.now() - shown > 500) {
      shown = Date.now();
      process.stderr.write(`\r${n - first + 1} of ${count}, ${tally.differences} different `);
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  if (out !== undefined) {
    for (const finding of fresh) {
      const { firstCase, difference } = finding;
      const command = `npm run fuzz:verifier -- --seed ${seed} --case ${firstCase}${capsText ? ` --caps ${capsText}` : ''}`;
      const where = { out, name: `${seed}-${firstCase}`, command };
      finding.file = relative(root, writeShrunk(makeCase(seed, firstCase, caps).object, difference, where, kernel));
    }
  }
  return tally;
}
