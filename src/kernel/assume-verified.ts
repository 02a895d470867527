/**
 * The verdict for a program that nobody verifies: it is taken as it is, and runs on the interpreter, which checks every
 * access. For `skep exec` and for tests of the engines. Only what the image needs is found out: which maps it loads.
 */
import { isGplCompatible } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import { CALL, LD_IMM64 } from '../isa/index.ts';
import type { MapDesc } from '../contracts/index.ts';
import { CALL_PSEUDO, MAX_BPF_STACK, PSEUDO } from '../uapi/index.ts';
import type { VerifyInput, VerifyResult } from '../verifier/index.ts';

const NO_STATS = { insns: 0, maxStatesPerInsn: 0, totalStates: 0, peakStates: 0, stackDepth: '' };

const BY_INDEX = new Set<number>([PSEUDO.MAP_IDX, PSEUDO.MAP_IDX_VALUE]);
const BY_VALUE = new Set<number>([PSEUDO.MAP_VALUE, PSEUDO.MAP_IDX_VALUE]);

export function assumeVerified(input: VerifyInput): VerifyResult {
  const maps: MapDesc[] = [];
  const mapRefs = new Map<number, { map: number; valueOffset: number | undefined }>();
  const helpers = new Set<number>();
  const { insns } = input;
  for (let slot = 0; slot < insns.length; slot++) {
    const insn = insns[slot];
    if (insn.opcode === CALL && insn.src === CALL_PSEUDO.HELPER) helpers.add(insn.imm);
    if (insn.opcode !== LD_IMM64) continue;
    const tail = insns[++slot];
    const loadsMap = insn.src === PSEUDO.MAP_FD || insn.src === PSEUDO.MAP_VALUE || BY_INDEX.has(insn.src);
    if (!loadsMap || tail === undefined) continue;
    const fd = BY_INDEX.has(insn.src) ? input.fdArray?.[insn.imm] : insn.imm;
    const map = fd === undefined ? undefined : input.mapOf(fd);
    if (map === undefined || typeof map === 'number') return refuse(map ?? -ERRNO.EBADF, slot - 1);
    if (!maps.includes(map)) maps.push(map);
    const valueOffset = BY_VALUE.has(insn.src) ? tail.imm >>> 0 : undefined;
    mapRefs.set(slot - 1, { map: maps.indexOf(map), valueOffset });
  }
  return {
    ok: true,
    log: '',
    logLength: 0,
    stats: NO_STATS,
    program: {
      insns,
      progType: input.progType,
      gplCompatible: isGplCompatible(input.license),
      mapRefs,
      maps,
      helpers: [...helpers].sort((a, b) => a - b),
      unreachable: new Set(),
      subprogs: subprogStarts(insns),
      stackDepth: MAX_BPF_STACK,
      maxCtxOffset: 0,
      recordLoads: new Map(),
      inlinedLoops: new Set(),
      guardedLoads: new Set(),
      readsObjects: false,
      passesNull: false,
      stats: NO_STATS,
    },
  };
}

/** Where functions begin that are called or whose address is loaded. */
function subprogStarts(insns: VerifyInput['insns']): number[] {
  const starts = new Set([0]);
  insns.forEach(({ opcode, src, imm }, slot) => {
    const names = (opcode === CALL && src === CALL_PSEUDO.CALL) || (opcode === LD_IMM64 && src === PSEUDO.FUNC);
    if (names) starts.add(slot + 1 + imm);
  });
  return [...starts].sort((a, b) => a - b);
}

function refuse(errno: number, insn: number): VerifyResult {
  return { ok: false, errno: -errno, log: '', logLength: 0, summary: 'not a map', insn, stats: undefined };
}
