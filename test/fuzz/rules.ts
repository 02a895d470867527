/**
 * Programs by rule (rule-templates.ts), on user space and on the kernel, asked with all capabilities and without
 * CAP_PERFMON and CAP_SYS_ADMIN: the same verdict, errno, reason, statistics and level-2 log. `unsupported` is no
 * difference.
 */
import { ExchangeRunner } from '../../src/loader/index.ts';
import type { ExchangeAnswer, ProgramObject } from '../../src/loader/index.ts';
import { ALL_CAPS } from '../../src/cli/caps.ts';
import { CAP } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { exchangeBackends } from '../backends.ts';
import { canonical, parseBpft } from '../bpft.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';
import { faultsLinux } from './verifier/faults.ts';
import { MAPS, TEMPLATES } from './rule-templates.ts';

/** Take every choice of a template: innermost first. */
function expand(template: string, random: Random): string {
  let text = template;
  for (let before = ''; before !== text;) {
    before = text;
    text = text.replace(/\{([^{}]*)\}/, (_, alternatives: string) => random.pick(alternatives.split('|')));
  }
  return text
    .replace(/\[(-?\d+)~(-?\d+)\]/g, (_, low: string, high: string) =>
      String(Number(low) + random.below(Number(high) - Number(low) + 1)),
    )
    .replace(/OR=/g, '|=')
    .replace(/;/g, '\n');
}

function program(random: Random): { text: string; object: ProgramObject } {
  const { topic, type, text } = random.pick(TEMPLATES);
  const flags = random.below(4) === 0 ? '.flags test_reg_invariants\n' : '';
  const source = `.type ${expand(type, random)}\n${flags}${MAPS}\n== ${topic}\n${expand(text, random)}\n`;
  return { text: source, object: parseBpft(source, topic)[0].object };
}

/** Programs that the kernel walks for longer are left to other tests. */
const TOO_LONG = 3000;
const PERFMON = (1n << BigInt(CAP.PERFMON)) | (1n << BigInt(CAP.SYS_ADMIN));

const { userspace, linux } = await exchangeBackends();
const callers = [0n, PERFMON].map((withoutCaps) => {
  const options = { logLevel: 6, fullLog: true, withoutCaps };
  const caps = ALL_CAPS & ~withoutCaps;
  return {
    caps,
    onUserspace: new ExchangeRunner(userspace, options),
    onLinux: linux && new ExchangeRunner(linux, options),
  };
});

/** What has to be the same. */
function essence(answer: ExchangeAnswer): string {
  const { verdict, errno, reason, log = '' } = answer;
  return JSON.stringify({ verdict, errno, reason: reason.map(canonical), log: canonical(log) }, undefined, 1);
}

export const campaign: Campaign = {
  name: 'rules',
  summary: 'programs by rule, privileged or not: user space and the kernel say the same, log included',
  defaultCount: 30_000,
  unavailable: () => (linux ? undefined : 'the kernel cannot be reached'),
  runCase(seed, n) {
    const random = new Random(caseSeed(seed, n));
    const { text, object } = program(random);
    const { caps, onUserspace, onLinux } = random.pick(callers);
    if (faultsLinux(object, caps) !== undefined) return undefined;
    const theirs = onLinux!.answer(object);
    if ((theirs.insns ?? 0) > TOO_LONG) return undefined;
    const ours = onUserspace.answer(object);
    if (ours.verdict === 'unsupported') return undefined;
    const [actual, expected] = [essence(ours), essence(theirs)];
    return actual === expected ? undefined : `${text}\nskep: ${actual}\nLinux: ${expected}`;
  },
};
