/**
 * Large objects, verified as Linux 6.18 verified them: verdict, error, telling line, statistics, and every byte of the log
 * of levels 1 and 2, whose digests are kept. SKEP_BLESS=1 on a machine with that kernel records its answers anew.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BpfError } from '../../../src/errors/index.ts';
import { createKernel } from '../../../src/kernel/index.ts';
import { openLinux } from '../../../src/linux/index.ts';
import { loadCollectionSpec, reasonOf, statsOf } from '../../../src/loader/index.ts';
import type { CollectionSpec, LogStats } from '../../../src/loader/index.ts';
import { kernelBtfSource } from '../../../src/node/index.ts';
import type { BpfSys } from '../../../src/sys/index.ts';
import { sha256 } from '../../../src/util/index.ts';
import { blessing } from '../../backends.ts';

interface Answer {
  readonly errno: number;
  /** The telling line of a refused program. */
  readonly message?: string;
  readonly stats: LogStats;
  /**
   * SHA-256 of the log at level 7 (of a long walk at level 5), and of a refused program's at level 1, without addresses and
   * times.
   */
  readonly logs: readonly string[];
}

const folder = new URL('./', import.meta.url);
const LEDGER = new URL('linux-6.18.json', folder);
const objects = readdirSync(folder)
  .filter((name) => name.endsWith('.o'))
  .sort();
const specs = new Map(
  objects.map((file) => [file, loadCollectionSpec(new Uint8Array(readFileSync(new URL(file, folder))), { file })]),
);

/** What differs from run to run: addresses of maps, times. */
const masked = (log: string): string =>
  log
    .replace(/0xffff[0-9a-f]{12}/g, 'ADDRESS')
    .replace(/(\(18\) r\d+ = ADDRESS)\s+;/g, '$1 ;')
    .replace(/verification time \d+ usec/, '');

const digest = (log: string): string =>
  Array.from(sha256(new TextEncoder().encode(masked(log))), (byte) => byte.toString(16).padStart(2, '0')).join('');

function load(spec: CollectionSpec, sys: BpfSys, name: string, logLevel: number): { errno: number; log: string } {
  try {
    const collection = spec.load(sys, { programs: [name], logLevel });
    collection.close();
    return { errno: 0, log: collection.programs[name].log };
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return { errno: error.errno, log: 'log' in error ? String(error.log) : '' };
  }
}

/** Instructions of a walk whose log is not compared line by line. */
const LONG = 12_000;

/** @param recorded says how long the walk is. */
function answerOf(spec: CollectionSpec, sys: BpfSys, name: string, recorded?: Answer): Answer {
  const { insns = 0 } = recorded?.stats ?? statsOf(load(spec, sys, name, 4).log);
  const { errno, log } = load(spec, sys, name, insns > LONG ? 5 : 7);
  const { verif_usec: _, ...stats } = statsOf(log);
  const logs = [log, ...(errno ? [load(spec, sys, name, 1).log] : [])].map(digest);
  return { errno, ...(errno && { message: reasonOf(log).at(-1) ?? '' }), stats, logs };
}

const answersOf = (sys: BpfSys): Record<string, Record<string, Answer>> =>
  Object.fromEntries(
    objects.map((file) => {
      const spec = specs.get(file) as CollectionSpec;
      return [file, Object.fromEntries(Object.keys(spec.programs).map((name) => [name, answerOf(spec, sys, name)]))];
    }),
  );

if (blessing) {
  const linux = await openLinux();
  writeFileSync(LEDGER, `${JSON.stringify(answersOf(linux), null, 1)}\n`);
}

const recorded = JSON.parse(readFileSync(LEDGER, 'utf8')) as Record<string, Record<string, Answer>>;
const kernel = createKernel({ verifyOnly: true, kernelBtf: kernelBtfSource() });

describe.each(objects)('%s', (file) => {
  const spec = specs.get(file) as CollectionSpec;

  it.each(Object.keys(recorded[file]))('%s is judged as on Linux', (name) => {
    expect(answerOf(spec, kernel, name, recorded[file][name])).toEqual(recorded[file][name]);
  });

  it('has the programs that were recorded', () => {
    expect(Object.keys(spec.programs)).toEqual(Object.keys(recorded[file]));
  });
});
