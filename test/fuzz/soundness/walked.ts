/**
 * What the verifier proved of each instruction: the states it walked there. Small programs are walked without pruning, so
 * that every run must match one of these states exactly. Where that takes too long the walk prunes, and then a run may
 * follow a path that was never walked because one like it was: there numbers count as unknown and only what was read
 * later matters.
 */
import type { Reg } from '../../../src/verifier/state/reg.ts';
import type { Slot } from '../../../src/verifier/state/slot.ts';
import type { MapDesc } from '../../../src/contracts/index.ts';
import type { ScalarStore } from '../../../src/domain/index.ts';
import type { VerifyInput } from '../../../src/verifier/index.ts';
import { Env } from '../../../src/verifier/env.ts';
import { viewFrames, type FrameView } from '../../../src/verifier/explain/recorder.ts';
import { judge } from '../../../src/verifier/verify.ts';

/** Most instructions of a walk that does not prune, and of one that does. */
const UNPRUNED = 1500;
const PRUNED = 8000;

export interface Walked {
  readonly store: ScalarStore;
  readonly maps: readonly MapDesc[];
  /** States by slot: all frames, the outermost first. */
  readonly states: readonly (readonly (readonly FrameView[])[])[];
  /** Registers that are read later, by slot. */
  readonly liveRegs: Uint16Array;
  /** First slots of functions that are walked by themselves, whoever calls them. */
  readonly alone: ReadonlySet<number>;
  /** Every state must match in all its parts. */
  readonly exact: boolean;
}

export type { FrameView, Reg, Slot };

class TooLong {}

/** Why there is no record: the program does not pass, or its walk takes too long. */
export type NotWalked = 'reject' | 'unsupported' | 'too long';

export function recordWalk(input: VerifyInput): Walked | NotWalked {
  const walked = record(input, false, UNPRUNED);
  return walked === 'too long' ? record(input, true, PRUNED) : walked;
}

function record(input: VerifyInput, prunes: boolean, limit: number): Walked | NotWalked {
  const env = new Env({ ...input, logLevel: 0 });
  const states: FrameView[][][] = input.insns.map(() => []);
  let left = limit;
  env.prunes = prunes;
  env.observer = ({ insnIdx, cur }) => {
    if (left-- === 0) throw new TooLong();
    states[insnIdx].push(viewFrames(cur));
  };
  try {
    const result = judge(env);
    if (!result.ok) return result.unsupported === undefined ? 'reject' : 'unsupported';
  } catch (problem) {
    if (problem instanceof TooLong) return 'too long';
    throw problem;
  }
  const { store, aux } = env;
  const alone = new Set(aux.subprogs.filter(({ func }, i) => i > 0 && func?.isGlobal).map(({ start }) => start));
  return { store, maps: aux.maps, states, liveRegs: aux.liveRegs, alone, exact: !prunes };
}
