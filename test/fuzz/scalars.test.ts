/**
 * The scalar store against Linux 6.18: the first cases of the campaign where the kernel can be reached, and everywhere the
 * logs that it wrote before. SKEP_BLESS=1 with a kernel records them anew.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decode } from '../../src/isa/index.ts';
import { ExchangeRunner } from '../../src/loader/index.ts';
import { exchangeBackends } from '../backends.ts';
import { compareLog, explain } from '../diff/scalar-log.ts';
import { runCampaign } from './campaign.ts';
import { campaign, scalarProgram } from './scalars.ts';

const RECORDED = new URL('../expect/scalar-logs.jsonl', import.meta.url);

/** Programs whose logs are recorded. */
const COUNT = 16;

/** What the check reads of a log. */
const relevant = (log: string): string =>
  log
    .split('\n')
    .filter((line) => /^(\d+: (\([0-9a-f]{2}\)|R|safe)|from |verifier bug)/.test(line))
    .join('\n');

async function record(): Promise<void> {
  const { linux } = await exchangeBackends();
  if (!linux) return;
  const runner = new ExchangeRunner(linux, { logLevel: 2, fullLog: true });
  const lines = Array.from({ length: COUNT }, (_, n) => {
    const [, object] = scalarProgram(618, n);
    const insns = Buffer.from(object.insns).toString('hex');
    return JSON.stringify({ insns, log: relevant(runner.answer(object).log ?? '') });
  });
  writeFileSync(RECORDED, `${lines.join('\n')}\n`);
}

if (process.env.SKEP_BLESS) await record();

describe('the scalar store computes what Linux prints', () => {
  it('in recorded logs', () => {
    expect(existsSync(RECORDED), 'SKEP_BLESS=1 records them').toBe(true);
    const lines = readFileSync(RECORDED, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(COUNT);
    for (const line of lines) {
      const { insns, log } = JSON.parse(line) as { insns: string; log: string };
      expect(explain(compareLog(decode(Buffer.from(insns, 'hex')), log)), insns).toBeUndefined();
    }
  });

  it('sees a difference of one bit', () => {
    const { insns, log } = JSON.parse(readFileSync(RECORDED, 'utf8').split('\n')[0]) as { insns: string; log: string };
    const wrong = log.replace(/smax=umax=smax32=umax32=255/, 'smax=umax=smax32=umax32=254');
    expect(wrong).not.toBe(log);
    expect(explain(compareLog(decode(Buffer.from(insns, 'hex')), wrong))).toContain('254');
  });

  it.skipIf(campaign.unavailable?.())('in 150 new ones', async () => {
    const seed = Number(process.env.SKEP_SEED ?? 1);
    const failures = await runCampaign(campaign, { seed, count: 150, log: () => {} });
    expect(failures, `npm run campaign -- scalars --seed ${seed} --case ${failures[0]?.caseNumber}`).toEqual([]);
  });
});
