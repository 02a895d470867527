/** Campaigns that run programs on all engines and in the kernel: what was compared, and a difference shrunk. */
import { formatProgram } from '../../../src/asm/index.ts';
import { CALL, decode } from '../../../src/isa/index.ts';
import { LinuxUnavailableError, openLinux } from '../../../src/linux/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import { CALL_PSEUDO, HELPER_NAMES, MAP_TYPE_NAMES, PROG_TYPE_NAMES } from '../../../src/uapi/index.ts';
import type { Campaign } from '../campaign.ts';
import type { Case } from './cases.ts';
import { Comparison } from './compare.ts';
import type { Difference } from './compare.ts';
import { pinToFirstCpu } from './pin.ts';
import { shrink } from '../verifier/shrink.ts';

const SHRINK_LIMIT = 400;
/** Characters of a text that differs. */
const SHOWN = 400;

let comparison: Comparison | undefined;
let whyNot: string | undefined;
try {
  comparison = new Comparison(await openLinux());
  pinToFirstCpu();
} catch (error) {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
}

const kindOf = ({ where, what }: Difference): string => `${where} ${what.replace(/\d+/g, 'N')}`;

function describe(one: Case, found: Difference, judge: Comparison): string {
  const again = (smaller: ProgramObject): Difference | undefined => {
    const object = { ...smaller, progRefs: refsOf(smaller, one.object), runs: one.object.runs };
    const outcome = judge.run({ ...one, object });
    return 'difference' in outcome ? outcome.difference : undefined;
  };
  const stays = (smaller: ProgramObject): boolean => {
    const now = again(smaller);
    return now !== undefined && kindOf(now) === kindOf(found);
  };
  const small = stays(one.object) ? shrink(one.object, stays, { limit: SHRINK_LIMIT }) : one.object;
  const now = again(small) ?? found;
  const maps = small.maps.map(
    (map, i) => `map ${i}: ${map.typeName} ${map.keySize}/${map.valueSize}/${map.maxEntries}`,
  );
  const at = Number(/run (\d+)/.exec(now.what)?.[1] ?? 0);
  const given = one.object.runs[at];
  return [
    `${PROG_TYPE_NAMES[small.progType]}${one.caps === undefined ? ', all capabilities' : ''}: ${now.where}, ${now.what}`,
    ...around(now),
    `packet   ${Buffer.from(given.data).toString('hex')} repeat ${given.repeat}`,
    `context  ${given.ctx ? Buffer.from(given.ctx).toString('hex') : 'none'}`,
    ...maps,
    ...formatProgram(decode(small.insns), { raw: true }),
  ].join('\n');
}

/** Both texts, from a little before the first place where they differ. */
function around({ expected, actual }: Difference): string[] {
  let at = 0;
  while (at < expected.length && expected[at] === actual[at]) at++;
  const from = Math.max(0, at - SHOWN / 4);
  const part = (text: string): string => `${from ? '…' : ''}${text.slice(from, from + SHOWN)}`;
  return [
    `from ${from} of ${expected.length} and ${actual.length}`,
    `expected ${part(expected)}`,
    `actual   ${part(actual)}`,
  ];
}

/** Prog arrays are filled by their index, which changes where maps before them go. */
function refsOf(smaller: ProgramObject, object: ProgramObject): ProgramObject['progRefs'] {
  return smaller.maps.length === object.maps.length ? object.progRefs : [];
}

/** What was counted, by a prefix and a name. */
class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  of(name: string): string {
    return (this.#counts.get(name) ?? 0).toLocaleString('en');
  }

  /** Names and numbers of what was counted under a prefix, the most frequent first. */
  listed(prefix: string): string {
    return [...this.#counts]
      .filter(([name]) => name.startsWith(prefix))
      .sort(([, a], [, b]) => b - a)
      .map(([name, n]) => `${name.slice(prefix.length)} ${n.toLocaleString('en')}`)
      .join(', ');
  }

  compared({ object, names = new Set() }: Case): void {
    for (const name of names) this.add(`fragment ${name}`);
    this.add('compared');
    this.add('runs', object.runs.length);
    this.add(`type ${PROG_TYPE_NAMES[object.progType]}`);
    for (const type of new Set(object.maps.map((map) => map.type))) this.add(`map ${MAP_TYPE_NAMES[type]}`);
    const calls = decode(object.insns).filter(({ opcode, src }) => opcode === CALL && src === CALL_PSEUDO.HELPER);
    for (const imm of new Set(calls.map((call) => call.imm))) this.add(`helper ${HELPER_NAMES[imm]}`);
  }
}

/** A campaign whose cases are programs with their runs. @param makeCase a case, or why there is none */
export function resultsCampaign(
  about: Pick<Campaign, 'name' | 'summary' | 'defaultCount' | 'choose'>,
  makeCase: (seed: number, n: number) => Case | string,
): Campaign {
  const counts = new Counts();
  const out = (why: string): undefined => void counts.add(`out ${why.replace(/\d+/g, 'N').slice(0, 90)}`);
  return {
    ...about,
    unavailable: () => whyNot,
    report: () => [
      `programs compared ${counts.of('compared')} in ${counts.of('runs')} runs`,
      `not compared: ${counts.listed('out ')}`,
      `program types: ${counts.listed('type ')}`,
      `map types: ${counts.listed('map ')}`,
      `helpers: ${counts.listed('helper ')}`,
      `fragments: ${counts.listed('fragment ')}`,
    ],
    runCase(seed, n) {
      if (comparison === undefined) throw new Error(whyNot);
      const one = makeCase(seed, n);
      if (typeof one === 'string') return out(one);
      const outcome = comparison.run(one);
      if ('out' in outcome) return out(outcome.out);
      counts.compared(one);
      return outcome.difference && describe(one, outcome.difference, comparison);
    },
  };
}
