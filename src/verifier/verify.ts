/**
 * The order of passes (@kernel bpf_check) and the verdict. What each pass rejects is told in its own file.
 */
import { isGplCompatible, isPlaceless, PROG_TYPE_RULES } from '../contracts/index.ts';
import { ScalarStore } from '../domain/index.ts';
import { ERRNO, InternalError, type VerifierStats } from '../errors/index.ts';
import { MAX_INSNS } from '../uapi/index.ts';
import { Arena } from './arena.ts';
import { LOG_LEVEL, type VerifyInput, type VerifyResult } from './api.ts';
import { checkConversions } from './access/socket.ts';
import { checkAttachTarget } from './attach/target.ts';
import { checkBtfInfo, checkFuncInfo } from './btf-info.ts';
import { checkTailCallMaps } from './call/tail-call.ts';
import { checkCfg } from './cfg.ts';
import { Refusal, UnsupportedConstruct } from './context.ts';
import { Env } from './env.ts';
import { checkFunctionsWalked, isWalked, walkFunctions } from './functions.ts';
import { AUX } from './insn-aux.ts';
import { resolveInsns } from './insns.ts';
import { checkCallsResolved } from './kfunc.ts';
import { computeLiveRegs } from './liveness.ts';
import { insnText } from './log/insn-text.ts';
import { lastMessage } from './log/message.ts';
import { counterSize } from './may-goto.ts';
import { checkPacketLoadRange } from './packet-load-range.ts';
import { checkProfile, checkProfileMaps } from './profile.ts';
import { computeScc } from './scc.ts';
import { checkStackDepth, inlinedLoopSize } from './stack-depth.ts';
import { checkSubprogs, findSubprogs } from './subprogs.ts';

/** A store is a megabyte: programs that nobody looks into afterwards share one, and one arena. */
const sharedStore = new ScalarStore();
const sharedArena = new Arena();

/** Verify one program. Never throws for a program, however malformed. */
export function verify(input: VerifyInput): VerifyResult {
  return judge(new Env(input, sharedStore, sharedArena));
}

/** The same in a workspace that may have been given an observer. */
export function judge(env: Env): VerifyResult {
  const began = performance.now();
  let err: number;
  try {
    err = runPasses(env);
  } catch (problem) {
    // A contradiction found in our own work is no verdict either.
    if (problem instanceof InternalError) return unsupported(env, problem.message);
    if (problem instanceof UnsupportedConstruct) return unsupported(env, problem.construct);
    if (!(problem instanceof Refusal)) throw problem;
    err = -problem.errno;
  }
  const stats = statsOf(env, env.aux.isFinal);
  printStats(env, stats, performance.now() - began);
  const log = env.log.text();
  const logLength = env.log.peak;
  if (err) return { ok: false, errno: -err, log, logLength, summary: lastMessage(log), insn: env.insnIdx, stats };
  return { ok: true, log, logLength, stats, program: verified(env, stats) };
}

function runPasses(env: Env): number {
  const err =
    checkProfile(env) ||
    checkFuncInfo(env) ||
    findSubprogs(env) ||
    checkSubprogs(env) ||
    checkBtfInfo(env) ||
    resolveInsns(env) ||
    checkProfileMaps(env) ||
    checkCfg(env) ||
    checkAttachTarget(env) ||
    computeScc(env) ||
    computeLiveRegs(env, (index) => insnText(env, index));
  if (err) return err;
  const { progType, profile } = env.input;
  if (!(progType in PROG_TYPE_RULES) && !isPlaceless(progType, profile)) {
    throw new UnsupportedConstruct(`program type ${progType}`);
  }
  return (
    walkFunctions(env) ||
    checkStackDepth(env) ||
    checkConversions(env) ||
    checkTailCallMaps(env) ||
    checkPacketLoadRange(env) ||
    checkCallsResolved(env) ||
    checkFunctionsWalked(env)
  );
}

function statsOf(env: Env, ok: boolean): VerifierStats {
  // Functions that were never walked are no part of a program that passed.
  const subprogs = env.aux.subprogs.filter((s) => !ok || isWalked(env, s));
  return {
    insns: env.insnProcessed,
    maxStatesPerInsn: env.maxStatesPerInsn,
    totalStates: env.totalStates,
    peakStates: env.peakStates,
    stackDepth: subprogs.map((s) => s.stackDepth + (ok ? counterSize(env, s) + inlinedLoopSize(env, s) : 0)).join('+'),
  };
}

/** @kernel print_verification_stats */
function printStats(env: Env, stats: VerifierStats, ms: number): void {
  if (env.log.level & LOG_LEVEL.STATS) {
    env.log.write(`verification time ${Math.round(ms * 1000)} usec\nstack depth ${stats.stackDepth}\n`);
  }
  const states = `max_states_per_insn ${stats.maxStatesPerInsn} total_states ${stats.totalStates}`;
  const peak = `peak_states ${stats.peakStates} mark_read 0`;
  env.log.write(`processed ${stats.insns} insns (limit ${MAX_INSNS}) ${states} ${peak}\n`);
}

function verified(env: Env, stats: VerifierStats) {
  const { input, aux, insns } = env;
  const unreachable = new Set<number>();
  for (let i = 0; i < insns.length; i++) if (!(aux.flags[i] & (AUX.SEEN | AUX.IMM64_TAIL))) unreachable.add(i);
  return {
    insns,
    progType: input.progType,
    gplCompatible: isGplCompatible(input.license),
    mapRefs: aux.mapRefs,
    // Without the shapes of maps in maps, which are no maps of the program.
    maps: aux.maps.slice(0, aux.maps.length - aux.shapes.size),
    helpers: [...env.helpers].sort((a, b) => a - b),
    unreachable,
    subprogs: aux.subprogs.filter((subprog) => isWalked(env, subprog)).map(({ start }) => start),
    stackDepth: aux.subprogs[0].stackDepth + counterSize(env, aux.subprogs[0]),
    maxCtxOffset: env.maxCtxOffset,
    recordLoads: env.recordLoads,
    inlinedLoops: new Set([...aux.inlinedLoops].flatMap(([at, callback]) => (callback >= 0 ? [at] : []))),
    guardedLoads: env.guardedLoads,
    readsObjects: env.readsObjects,
    passesNull: env.passesNull,
    stats,
  };
}

function unsupported(env: Env, construct: string): VerifyResult {
  env.log.write(`unsupported by skep: ${construct}\n`);
  return {
    ok: false,
    errno: ERRNO.ENOTSUPP,
    log: env.log.text(),
    logLength: env.log.peak,
    summary: `unsupported by skep: ${construct}`,
    insn: env.insnIdx,
    stats: undefined,
    unsupported: construct,
  };
}
