/**
 * Runs a program on the kernel and on the engines, and compares what is seen of it. The kernel is asked first whether it loads:
 * it is quick to refuse. It runs a program only after the interpreter has run it.
 */
import { CALL, decode } from '../../../src/isa/index.ts';
import type { LinuxSys } from '../../../src/linux/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import { CALL_PSEUDO, HELPER_NAMES } from '../../../src/uapi/index.ts';
import { faultsLinux, hasPacketLoadsAndFunctions } from '../verifier/faults.ts';
import { showsAddresses } from './addresses.ts';
import type { Case } from './cases.ts';
import { comparedHelpers } from './helpers.ts';
import { Verdict, linuxPlace, userspacePlace } from './observe.ts';
import type { Observer, Seen } from './observe.ts';
import { zeroed } from './zeroed.ts';

/** Programs that take longer are left out: loops of `may_goto` have millions of rounds. */
const FUEL = 200_000;
/** Programs of which the kernel's verifier walks more instructions are left out. */
const WALK_LIMIT = 20_000;
/** A signal has ended a test run of several rounds. */
const EINTR = 4;

export interface Difference {
  readonly where: string;
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

/** Answers of a case: not comparable (why), or what differs, or nothing. */
export type Outcome = { readonly out: string } | { readonly difference: Difference | undefined };

export class Comparison {
  readonly #linux: Observer;
  readonly #interpreter: Observer;
  readonly #elsewhere: Observer;
  readonly #engines: Readonly<Record<string, Observer>>;

  constructor(linux: LinuxSys) {
    const cpus = linux.possibleCpus;
    const verdict = new Verdict();
    this.#linux = linuxPlace(linux);
    this.#interpreter = userspacePlace({ engine: 'interp', cpus }, verdict, { fuel: FUEL });
    this.#elsewhere = userspacePlace({ engine: 'interp', cpus }, verdict, { displaced: 0x123450 });
    this.#engines = {
      jit: userspacePlace({ engine: 'jit', cpus }, verdict),
      'jit, hardened': userspacePlace({ engine: 'jit', hardened: true, cpus }, verdict),
    };
  }

  run({ object: given, caps }: Case): Outcome {
    const object = this.#prepared(given, caps);
    if (typeof object === 'string') return { out: object };
    const reference = this.#interpreter.observe(object, caps);
    const { verdict, reason } = reference.answer;
    const why = reason.join(' | ');
    if (why.includes('budget')) return { out: 'too long' };
    if (why.includes('a verified program was stopped'))
      return { difference: { where: 'interpreter', what: 'run', expected: 'no trap', actual: why } };
    if (verdict === 'reject') return this.#refused(object, caps, why);
    if (verdict !== 'accept') return { out: `user space says ${verdict}: ${why}` };
    const kernel = this.#linux.observe(object, caps);
    const difference = this.#enginesDiffer(object, caps, reference) ?? kernelDiffers(kernel, reference);
    if (difference === undefined) return { difference };
    if (kernel.answer.runs?.some(({ errno }) => errno === EINTR)) return { out: 'interrupted' };
    if (kernel.wrapped) return { out: 'ring buffer wraps' };
    return this.#mayShowAddresses(object, caps, reference) ? { out: 'addresses' } : { difference };
  }

  /** What user space refuses, now that its stack is zeroed, the kernel must refuse too. */
  #refused(object: ProgramObject, caps: Case['caps'], why: string): Outcome {
    const out = { out: `user space says reject: ${why}` };
    if (faultsLinux(object, caps) !== undefined) return out;
    const { verdict } = this.#linux.observe({ ...object, runs: [] }, caps).answer;
    if (verdict !== 'accept') return out;
    return { difference: { where: 'user space', what: 'verdict', expected: 'accept', actual: why } };
  }

  /** The program with a stack of zeros, or why it is not compared. */
  #prepared(object: ProgramObject, caps: Case['caps']): ProgramObject | string {
    const without = leftOut(object);
    if (without !== undefined) return `helper ${without}`;
    const fault = faultsLinux(object, caps);
    if (fault !== undefined) return `not loaded: ${fault}`;
    const unrun = { ...object, runs: [] };
    if (hasPacketLoadsAndFunctions(decode(object.insns))) {
      const { verdict } = this.#interpreter.observe(unrun, caps).answer;
      if (verdict !== 'accept') return `packet loads and functions, user space says ${verdict}`;
    }
    const { verdict, reason, insns = 0, stack_depth } = this.#linux.observe(unrun, caps).answer;
    if (verdict === 'reject') return 'refused';
    if (verdict !== 'accept') return `${verdict}: ${reason.join(' | ')}`;
    if (insns > WALK_LIMIT) return 'too long to verify';
    return stack_depth === undefined ? object : zeroed(object, stack_depth.split('+').map(Number));
  }

  #enginesDiffer(object: ProgramObject, caps: Case['caps'], reference: Seen): Difference | undefined {
    for (const [name, engine] of Object.entries(this.#engines)) {
      const difference = firstDifference(`${name} beside interpreter`, reference, engine.observe(object, caps));
      if (difference !== undefined) return difference;
    }
    return undefined;
  }

  /** Only with all capabilities a program may show addresses. */
  #mayShowAddresses(object: ProgramObject, caps: Case['caps'], reference: Seen): boolean {
    if (caps !== undefined) return false;
    if (showsAddresses(object) !== undefined) return true;
    return firstDifference('', reference, this.#elsewhere.observe(object, caps)) !== undefined;
  }
}

/** A helper whose result nobody can compare. */
function leftOut({ insns }: ProgramObject): string | undefined {
  const call = decode(insns).find(
    ({ opcode, src, imm }) => opcode === CALL && src === CALL_PSEUDO.HELPER && !comparedHelpers.has(imm),
  );
  return call && (HELPER_NAMES[call.imm] ?? 'unknown');
}

function kernelDiffers(theirs: Seen, ours: Seen): Difference | undefined {
  return firstDifference('interpreter beside the kernel', theirs, ours);
}

function firstDifference(where: string, expected: Seen, actual: Seen): Difference | undefined {
  if (expected.answer.verdict !== actual.answer.verdict) {
    const say = ({ answer }: Seen): string => `${answer.verdict} ${answer.reason.join(' | ')}`;
    return { where, what: 'verdict', expected: say(expected), actual: say(actual) };
  }
  for (const [what, text] of expected.observation) {
    const other = actual.observation.get(what) ?? '(nothing)';
    if (other !== text) return { where, what, expected: text, actual: other };
  }
  return undefined;
}
