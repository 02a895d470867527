/** Random programs about numbers: every state in the kernel's log is what the scalar store computes. */
import { encode } from '../../src/isa/index.ts';
import { ExchangeRunner, parseProgramObject } from '../../src/loader/index.ts';
import type { ProgramObject } from '../../src/loader/index.ts';
import { Random } from '../../src/util/index.ts';
import { exchangeBackends } from '../backends.ts';
import { compareLog, explain } from '../diff/scalar-log.ts';
import { randomProgram } from '../diff/scalar-programs.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';

const { linux } = await exchangeBackends();
const onLinux = linux && new ExchangeRunner(linux, { logLevel: 2, fullLog: true });

/** The program of a case: short ones reach further, long ones know more. */
export function scalarProgram(
  seed: number,
  n: number,
): readonly [insns: ReturnType<typeof randomProgram>, ProgramObject] {
  const random = new Random(caseSeed(seed, n));
  const insns = randomProgram(random, 10 + random.below(40));
  const hex = Buffer.from(encode(insns)).toString('hex');
  return [insns, parseProgramObject({ name: `${seed}-${n}`, prog_type: 'socket_filter', insns: hex })];
}

export const campaign: Campaign = {
  name: 'scalars',
  summary: 'random arithmetic and jumps: every state in the kernel log is what the scalar store computes',
  defaultCount: 500_000,
  unavailable: () => (linux ? undefined : 'the kernel cannot be reached'),
  runCase(seed, n) {
    const [insns, object] = scalarProgram(seed, n);
    const { verdict, reason, log = '' } = (onLinux as ExchangeRunner).answer(object);
    if (verdict !== 'accept') return `${verdict}: ${reason.join('\n')}\n${log}`;
    const problem = explain(compareLog(insns, log));
    return problem && `${problem}\n${log}`;
  },
};
