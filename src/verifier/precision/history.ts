/**
 * The path's steps that cannot be read off the program: jumps taken, stack slots touched, registers that learned
 * together. Kept per stretch between two checkpoints (@kernel bpf_jmp_history_entry).
 */
import type { Env } from '../env.ts';
import type { HistoryEntry, LinkedReg } from '../state/state.ts';

const NOWHERE = { frame: 0, slot: 0 };

/** Remember that the path passed the current instruction, and what it did there. One entry an instruction. */
export function pushHistory(
  env: Env,
  flags: number,
  place: { readonly frame: number; readonly slot: number } = NOWHERE,
  linked?: readonly LinkedReg[],
): void {
  const known = env.curHistory;
  if (known !== undefined) {
    // Atomics touch their slot twice; a comparison adds what it linked.
    known.flags |= flags;
    if (flags) {
      known.frame = place.frame;
      known.slot = place.slot;
    }
    known.linked = linked ?? known.linked;
    return;
  }
  const before = env.cur.history;
  const entry: HistoryEntry = {
    before,
    count: before === undefined ? 1 : before.count + 1,
    insn: env.insnIdx,
    prev: env.prevInsnIdx,
    flags,
    frame: place.frame,
    slot: place.slot,
    linked,
    foundRegs: 0,
    foundSlots: 0,
  };
  env.curHistory = env.cur.history = entry;
}
