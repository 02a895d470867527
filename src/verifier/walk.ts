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
import { preventByBarrier } from './pointer/sanitize.ts';
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
    env.liveStack.update(env.cur.frames);
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
  if (env.observer !== undefined) env.observer(env);
  if (flags & AUX.PRUNE_POINT && env.prunes) {
    const visited = checkVisited(env);
    if (visited < 0) return visited;
    if (visited === VISITED.SAFE) {
      printSafe(env);
      return STEP.PATH_ENDS;
    }
  }
  if (flags & AUX.JMP_POINT) pushHistory(env, 0);
  printInsn(env);
  if (!cur.speculative) env.aux.flags[at] |= AUX.SEEN;
  else if (env.aux.flags[at] & AUX.NOSPEC) return STEP.PATH_ENDS;
  env.liveStack.beginVisit(at, cur.frames);
  let outcome = step(env);
  if (outcome < 0) {
    if (!preventByBarrier(env, at, outcome)) return outcome;
    outcome = STEP.PATH_ENDS;
  }
  env.liveStack.endVisit();
  env.prevInsnIdx = at;
  return cur.speculative && env.aux.flags[at] & AUX.NOSPEC_RESULT ? STEP.PATH_ENDS : outcome;
}

function printSafe(env: Env): void {
  if (!env.log.enabled) return;
  env.log.write(env.printState ? `\n${fromTo(env)}: safe\n` : `${env.insnIdx}: safe\n`);
}

const fromTo = (env: Env): string =>
  `from ${env.prevInsnIdx} to ${env.insnIdx}${env.cur.speculative ? ' (speculative execution)' : ''}`;

function printInsn(env: Env): void {
  const { log, cur, insnIdx } = env;
  if (!log.enabled) return;
  if (env.printState && log.verbose) {
    log.write(`\n${fromTo(env)}:${stateText(env, cur, cur.frames.length - 1, true)}\n`);
    env.printState = false;
  }
  if (env.scratchedRegs || env.scratchedLow || env.scratchedHigh) printInsnState(env, cur);
  printLine(env, insnIdx, '; ');
  const text = (env.insnTexts[insnIdx] ??= `${insnIdx}: ${insnText(env, insnIdx)}`);
  // The state may come to stand on the same line: then the newline goes.
  log.write(text);
  log.write('\n');
  env.prevInsnPrintLength = text.length + 1;
  env.prevLogPos = log.mark;
}
