/**
 * The walk: every path, instruction by instruction, until each ends or joins what was found safe before (@kernel do_check).
 * Rejects: `BPF program is too large. Processed %d insn` (E2BIG).
 */
import { ERRNO } from '../errors/index.ts';
import { MAX_INSNS } from '../uapi/index.ts';
import type { Env } from './env.ts';
import { AUX } from './insn-aux.ts';
import { insnText } from './log/insn-text.ts';
import { printLine } from './log/lines.ts';
import { printInsnState, stateText } from './log/state-text.ts';
import { popPath } from './paths.ts';
import { pushHistory } from './precision/history.ts';
import { checkVisited, endPath, VISITED } from './prune/visited.ts';
import { step, STEP } from './step.ts';

/** @returns 0 or -errno */
export function walk(env: Env): number {
  env.scratchAll();
  for (;;) {
    const outcome = walkInsn(env);
    if (outcome < 0) return outcome;
    if (outcome === STEP.NEXT) continue;
    env.scratchAll();
    endPath(env);
    env.liveStack.update();
    if (!popPath(env)) return 0;
    env.printState = true;
  }
}

/** @returns STEP or -errno */
function walkInsn(env: Env): number {
  const at = env.insnIdx;
  const { cur } = env;
  env.curHistory = undefined;
  if (++env.insnProcessed > MAX_INSNS) {
    return env.fail(ERRNO.E2BIG, `BPF program is too large. Processed ${env.insnProcessed} insn`);
  }
  cur.lastInsn = env.prevInsnIdx;
  cur.insn = at;
  const flags = env.aux.flags[at];
  if (flags & AUX.PRUNE_POINT) {
    const visited = checkVisited(env);
    if (visited < 0) return visited;
    if (visited === VISITED.SAFE) {
      printSafe(env);
      return STEP.PATH_ENDS;
    }
  }
  if (flags & AUX.JMP_POINT) pushHistory(env, 0);
  printInsn(env);
  env.aux.flags[at] |= AUX.SEEN;
  env.liveStack.beginVisit(at);
  const outcome = step(env);
  if (outcome < 0) return outcome;
  env.liveStack.endVisit();
  env.prevInsnIdx = at;
  return outcome;
}

function printSafe(env: Env): void {
  if (!env.log.enabled) return;
  env.log.write(env.printState ? `\nfrom ${env.prevInsnIdx} to ${env.insnIdx}: safe\n` : `${env.insnIdx}: safe\n`);
}

function printInsn(env: Env): void {
  const { log, cur, insnIdx } = env;
  if (!log.enabled) return;
  if (env.printState && log.verbose) {
    log.write(`\nfrom ${env.prevInsnIdx} to ${insnIdx}:${stateText(env, cur, cur.frames.length - 1, true)}\n`);
    env.printState = false;
  }
  if (env.scratchedRegs || env.scratchedLow || env.scratchedHigh) printInsnState(env, cur);
  printLine(env, insnIdx, '; ');
  env.prevLogPos = log.length;
  log.write(`${insnIdx}: ${insnText(env, insnIdx)}\n`);
  env.prevInsnPrintLength = log.length - env.prevLogPos;
  env.prevLogPos = log.length;
}
