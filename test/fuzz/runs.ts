/**
 * Generated programs that user space and the kernel accept, run on random packets and contexts on the interpreter, on
 * both modes of the JIT and on the kernel: results, packets, contexts, maps and records must be the same everywhere.
 * docs/parity/results.md says what is left out.
 */
import { formatProgram } from '../../src/asm/index.ts';
import { CALL, decode } from '../../src/isa/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { ProgramObject } from '../../src/loader/index.ts';
import { CALL_PSEUDO, HELPER_NAMES, MAP_TYPE_NAMES, PROG_TYPE_NAMES } from '../../src/uapi/index.ts';
import type { Campaign } from './campaign.ts';
import { makeCase } from './runs/cases.ts';
import type { Case } from './runs/cases.ts';
import { Comparison } from './runs/compare.ts';
import type { Difference } from './runs/compare.ts';
import { pinToFirstCpu } from './runs/pin.ts';
import { shrink } from './verifier/shrink.ts';

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

const counts = new Map<string, number>();
const count = (name: string, by = 1): void => void counts.set(name, (counts.get(name) ?? 0) + by);

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

function tally(object: ProgramObject): void {
  count('compared');
  count('runs', object.runs.length);
  count(`type ${PROG_TYPE_NAMES[object.progType]}`);
  for (const type of new Set(object.maps.map((map) => map.type))) count(`map ${MAP_TYPE_NAMES[type]}`);
  const calls = decode(object.insns).filter(({ opcode, src }) => opcode === CALL && src === CALL_PSEUDO.HELPER);
  for (const imm of new Set(calls.map((call) => call.imm))) count(`helper ${HELPER_NAMES[imm]}`);
}

/** Names and numbers of what was counted under a prefix, the most frequent first. */
function listed(prefix: string): string {
  return [...counts]
    .filter(([name]) => name.startsWith(prefix))
    .sort(([, a], [, b]) => b - a)
    .map(([name, n]) => `${name.slice(prefix.length)} ${n.toLocaleString('en')}`)
    .join(', ');
}

export const campaign: Campaign = {
  name: 'runs',
  summary: 'accepted programs run: interpreter, JIT, hardened JIT and the kernel give the same results',
  defaultCount: 100_000,
  unavailable: () => whyNot,
  report() {
    const of = (name: string): string => (counts.get(name) ?? 0).toLocaleString('en');
    return [
      `programs compared ${of('compared')} in ${of('runs')} runs`,
      `not compared: ${listed('out ')}`,
      `program types: ${listed('type ')}`,
      `map types: ${listed('map ')}`,
      `helpers: ${listed('helper ')}`,
    ];
  },
  runCase(seed, n) {
    if (comparison === undefined) throw new Error(whyNot);
    const one = makeCase(seed, n);
    const outcome = comparison.run(one);
    if ('out' in outcome) {
      count(`out ${outcome.out.replace(/\d+/g, 'N').slice(0, 90)}`);
      return undefined;
    }
    tally(one.object);
    return outcome.difference && describe(one, outcome.difference, comparison);
  },
};
