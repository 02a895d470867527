/**
 * Mutated programs of test/verifier, on user space and on the kernel: the same verdict, errno, reason and statistics.
 * `unsupported` is no difference.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { decode, encode } from '../../src/isa/index.ts';
import type { Instruction } from '../../src/isa/index.ts';
import { ExchangeRunner } from '../../src/loader/index.ts';
import type { ExchangeAnswer, ProgramObject } from '../../src/loader/index.ts';
import { formatProgram } from '../../src/asm/index.ts';
import { Random } from '../../src/util/index.ts';
import { exchangeBackends } from '../backends.ts';
import { canonical, parseBpft } from '../bpft.ts';
import { caseSeed } from './campaign.ts';
import type { Campaign } from './campaign.ts';
import { faultsLinux } from './verifier/faults.ts';

const folder = new URL('../verifier/', import.meta.url);
const seeds: readonly ProgramObject[] = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.bpft'))
  .sort()
  .flatMap((name) => parseBpft(readFileSync(new URL(name, folder), 'utf8'), name))
  .map(({ object }) => object)
  .filter(({ caps, insns }) => caps === undefined && insns.length > 16);

/** A slot, and the map whose descriptor belongs into it. */
interface Slot {
  insn: Instruction;
  readonly map?: number;
  /** Slots of a map load are not changed: descriptors differ between backends. */
  readonly fixed: boolean;
}

const IMMEDIATES = [0, 1, -1, 2, 4, 7, 8, 15, 16, 31, 32, 63, 64, 255, 256, 4095, 65535, 0x7fffffff, -0x80000000];
const OFFSETS = [0, 1, -1, 2, -2, 3, 4, -4, 8, -8, -16, 12, 14, 47, 48, -512, -520, 76, 80, 4096];

function slotsOf({ insns, mapRefs }: ProgramObject): Slot[] {
  const maps = new Map(mapRefs);
  return decode(insns).map((insn, i) => ({ insn, map: maps.get(i), fixed: maps.has(i) || maps.has(i - 1) }));
}

function mutate(slots: Slot[], random: Random): void {
  const at = random.below(slots.length);
  const slot = slots[at];
  if (slot.fixed) return;
  const { insn } = slot;
  switch (random.below(9)) {
    case 0:
      slot.insn = { ...insn, imm: random.pick(IMMEDIATES) };
      break;
    case 1:
      slot.insn = { ...insn, off: random.pick(OFFSETS) };
      break;
    case 2:
      slot.insn = { ...insn, dst: random.below(11) };
      break;
    case 3:
      slot.insn = { ...insn, src: random.below(11) };
      break;
    case 4: {
      const other = random.pick(slots);
      if (!other.fixed) slot.insn = { ...insn, opcode: other.insn.opcode };
      break;
    }
    case 5:
      // Another operation of the same class, another source, another size.
      slot.insn = { ...insn, opcode: insn.opcode ^ random.pick([0x08, 0x10, 0x18, 0x40, 0x80, 0x01, 0x03, 0xb0]) };
      break;
    case 6:
      if (slots.length > 2) slots.splice(at, 1);
      break;
    case 7:
      slots.splice(at, 0, { ...slot });
      break;
    default:
      slots.splice(
        at,
        0,
        ...slotsOf(random.pick(seeds))
          .filter(({ fixed }) => !fixed)
          .slice(0, 1 + random.below(3)),
      );
  }
}

function mutated(random: Random): ProgramObject {
  const seed = random.pick(seeds);
  const slots = slotsOf(seed);
  for (let rounds = 1 + random.below(4); rounds > 0; rounds--) mutate(slots, random);
  const mapRefs = slots.flatMap(({ map }, i) => (map === undefined ? [] : [[i, map] as const]));
  return { ...seed, insns: encode(slots.map(({ insn }) => insn)), mapRefs };
}

/** What has to be the same. */
function essence(answer: ExchangeAnswer): Record<string, unknown> {
  const { verdict, errno, reason, insns, max_states_per_insn, total_states, peak_states, stack_depth } = answer;
  const words = reason.map(canonical);
  return { verdict, errno, reason: words, insns, max_states_per_insn, total_states, peak_states, stack_depth };
}

/** Programs that the kernel walks for longer are left to other tests: one of them takes the time of thousands. */
const TOO_LONG = 20_000;

const { userspace, linux } = await exchangeBackends();
const options = { logLevel: 5 };
const onUserspace = new ExchangeRunner(userspace, options);
const onLinux = linux && new ExchangeRunner(linux, options);

export const campaign: Campaign = {
  name: 'verdicts',
  summary: 'mutated programs: user space and the kernel say the same',
  defaultCount: 1_000_000,
  unavailable: () => (linux ? undefined : 'the kernel cannot be reached'),
  runCase(seed, n) {
    const object = mutated(new Random(caseSeed(seed, n)));
    if (faultsLinux(object) !== undefined) return undefined;
    const theirs = (onLinux as ExchangeRunner).answer(object);
    if ((theirs.insns ?? 0) > TOO_LONG) return undefined;
    const ours = onUserspace.answer(object);
    if (ours.verdict === 'unsupported') return undefined;
    const [actual, expected] = [JSON.stringify(essence(ours)), JSON.stringify(essence(theirs))];
    if (actual === expected) return undefined;
    const text = formatProgram(decode(object.insns), { raw: true }).join('\n');
    return `from "${object.name}", type ${object.progType}\nkernel     ${expected}\nuser space ${actual}\n${text}`;
  },
};
