/**
 * PROG_LOAD. Refuses, in this order: unknown flags (-EINVAL), no CAP_BPF, programs that the profile's kernel never loads
 * (-EPERM), no instruction or more than a million
 * (-E2BIG), the capability that the type asks for (-EPERM), attach arguments that do not fit the type, a network device
 * (-EINVAL), a missing licence (-EFAULT), a bad name, an unknown type, a bad log (-EINVAL), a BTF descriptor that is
 * none (-EBADF, -EINVAL); then what the verifier refuses, and -ENOSPC where its log does not fit.
 *
 * -ENOTSUPP says that Linux may know the answer and this project does not; the log's last line names the construct.
 */
import { BTF_MAX_TYPE } from '../btf/index.ts';
import { isNeverLoaded, isPlaceless, PROG_TYPE_RULES } from '../contracts/index.ts';
import type { FieldKind } from '../contracts/index.ts';
import { ERRNO, InternalError } from '../errors/index.ts';
import { helperRegistry } from '../helpers/index.ts';
import { SLOT, decode } from '../isa/index.ts';
import type { ProgLoadAttr } from '../sys/index.ts';
import { CAP, HELPER_NAMES, MAX_INSNS, PROG_FLAG, PROG_TYPE, PSEUDO } from '../uapi/index.ts';
import { plainBytes } from '../util/index.ts';
import { verify } from '../verifier/index.ts';
import type { ProgramBtf, VerifiedProgram, VerifyInput, VerifyResult } from '../verifier/index.ts';
import { UserLog, objectName } from './arguments.ts';
import { capable } from './capabilities.ts';
import { programTag } from './obj-info.ts';
import { MapObject, ProgObject } from './objects.ts';
import { releaseNumber } from './prog-array.ts';
import type { BtfObject } from './objects.ts';
import type { Subsystem } from './subsystem.ts';

const KNOWN_FLAGS = Object.values(PROG_FLAG).reduce((all, flag) => all | flag, 0);

/** Program types that attach to something with a BTF id. */
const ATTACHES_BY_BTF = new Set<number>([PROG_TYPE.TRACING, PROG_TYPE.LSM, PROG_TYPE.STRUCT_OPS, PROG_TYPE.EXT]);

/** The helper that the engine itself is. */
const TAIL_CALL = 12;

/** What decides whether a program may run: the verifier, or for programs that run checked, nobody. */
export type Verify = (input: VerifyInput) => VerifyResult;

/** @param trusted whether what passes is run as verified, on any engine */
export function progLoad(
  sub: Subsystem,
  attr: ProgLoadAttr,
  judge: Verify = verify,
  trusted = judge === verify,
): number {
  const log = new UserLog(attr.logLevel, attr.logBuf);
  attr.logTrueSize = 0;
  const name = objectName(attr.progName);
  const refused = checkArguments(sub, attr, name) || checkAttachedProg(sub, attr) || log.check();
  if (refused) return refused;
  const btf = programBtf(sub, attr);
  if (typeof btf === 'number') return btf;
  const verdict = judge(verifyInput(sub, attr, btf?.records, log));
  const result = sub.verifyOnly ? verdict : runnable(verdict, trusted);
  const missing = unsupportedLine(result);
  const cut = log.finish(result.log + missing, result.logLength + missing.length);
  attr.logTrueSize = log.trueSize;
  if (cut) return cut;
  if (!result.ok) return -result.errno;
  return install(sub, attr, result.program, name ?? '', btf, trusted);
}

/**
 * PROG_LOAD of a program that the verifier of another subsystem has judged, with maps of the same shapes. -EINVAL where the verdict
 * is not about these instructions.
 */
export function progLoadJudged(sub: Subsystem, attr: ProgLoadAttr, verdict: VerifyResult): number {
  const judge = (input: VerifyInput): VerifyResult => (verdict.ok ? withMapsOf(input, verdict) : verdict);
  const same = !verdict.ok || verdict.program.insns.length * SLOT === attr.insns?.length;
  return same ? progLoad(sub, attr, judge, true) : -ERRNO.EINVAL;
}

function withMapsOf({ insns, mapOf, fdArray }: VerifyInput, verdict: VerifyResult & { ok: true }): VerifyResult {
  const { program } = verdict;
  const maps = [...program.maps];
  for (const [slot, { map }] of program.mapRefs) {
    const { src, imm } = insns[slot];
    const byIndex = src === PSEUDO.MAP_IDX || src === PSEUDO.MAP_IDX_VALUE;
    const found = mapOf(byIndex ? (fdArray?.[imm] ?? -1) : imm);
    if (typeof found === 'object') maps[map] = found;
  }
  return { ...verdict, program: { ...program, insns, maps } };
}

/** What PROG_LOAD would give the verifier, or -errno where it refuses before that. Loads nothing. */
export function verifierInput(sub: Subsystem, attr: ProgLoadAttr): VerifyInput | number {
  const refused = checkArguments(sub, attr, objectName(attr.progName)) || checkAttachedProg(sub, attr);
  if (refused) return refused;
  const btf = programBtf(sub, attr);
  if (typeof btf === 'number') return btf;
  return verifyInput(sub, attr, btf?.records, new UserLog(attr.logLevel, attr.logBuf));
}

function checkArguments({ caps, profile }: Subsystem, attr: ProgLoadAttr, name: string | undefined): number {
  const flags = (attr.progFlags ?? 0) >>> 0;
  if (flags & ~KNOWN_FLAGS) return -ERRNO.EINVAL;
  if (!capable(caps, CAP.BPF) || isNeverLoaded(attr.progType, attachType(attr))) return -ERRNO.EPERM;
  if (attr.insns === undefined) return -ERRNO.EFAULT;
  const count = attr.insns.length / SLOT;
  if (count === 0 || count > MAX_INSNS) return -ERRNO.E2BIG;
  const refused = checkType(caps, attr);
  if (refused) return refused;
  if (attr.progIfindex || !Number.isInteger(count)) return -ERRNO.EINVAL;
  if (attr.license === undefined) return -ERRNO.EFAULT;
  const isType = PROG_TYPE_RULES[attr.progType] !== undefined || isPlaceless(attr.progType, profile);
  return name === undefined || !isType ? -ERRNO.EINVAL : 0;
}

/** An unknown type passes here: Linux says so only after it has read the other arguments. */
function checkType(caps: bigint, attr: ProgLoadAttr): number {
  const rules = PROG_TYPE_RULES[attr.progType];
  if (rules?.cap !== undefined && !capable(caps, rules.cap)) return -ERRNO.EPERM;
  const byBtf = ATTACHES_BY_BTF.has(attr.progType);
  const { attachBtfId = 0, attachProgFd } = attr;
  if ((attachBtfId && !byBtf) || attachBtfId >>> 0 > BTF_MAX_TYPE || (attachProgFd && !attachBtfId))
    return -ERRNO.EINVAL;
  const { attachTypes } = rules ?? {};
  return attachTypes === undefined || attachTypes.includes(attachType(attr)) ? 0 : -ERRNO.EINVAL;
}

/** The program that a tracing program looks at; types of the caller's own instead are no types of a kernel's. */
function checkAttachedProg(sub: Subsystem, { attachProgFd = 0, progType }: ProgLoadAttr): number {
  if (!attachProgFd) return 0;
  if (typeof sub.get(attachProgFd | 0, 'btf') !== 'number') return -ERRNO.ENOTSUPP;
  const isProg = typeof sub.get(attachProgFd | 0, 'prog') !== 'number';
  return isProg && progType === PROG_TYPE.TRACING ? 0 : -ERRNO.EINVAL;
}

function attachType(attr: ProgLoadAttr): number {
  return (attr.expectedAttachType ?? 0) >>> 0 || (PROG_TYPE_RULES[attr.progType]?.defaultAttachType ?? 0);
}

interface HeldBtf {
  readonly object: BtfObject;
  readonly records: ProgramBtf;
}

/** The BTF that the program's records refer to; without records the descriptor is not looked at. */
function programBtf(sub: Subsystem, attr: ProgLoadAttr): HeldBtf | undefined | number {
  const { funcInfo = new Uint8Array(), lineInfo = new Uint8Array() } = attr;
  if (funcInfo.length === 0 && lineInfo.length === 0) return undefined;
  const descriptor = sub.get((attr.progBtfFd ?? 0) | 0, 'btf');
  if (typeof descriptor === 'number') return descriptor;
  const { object } = descriptor;
  const records = {
    btf: object.btf.bytes,
    types: object.btf,
    funcInfo: plainBytes(funcInfo).slice(),
    funcInfoRecSize: attr.funcInfoRecSize ?? 0,
    lineInfo: plainBytes(lineInfo).slice(),
    lineInfoRecSize: attr.lineInfoRecSize ?? 0,
  };
  return { object, records };
}

function verifyInput(sub: Subsystem, attr: ProgLoadAttr, btf: ProgramBtf | undefined, log: UserLog): VerifyInput {
  return {
    insns: decode(attr.insns),
    progType: attr.progType,
    expectedAttachType: attachType(attr),
    progFlags: attr.progFlags ?? 0,
    license: attr.license,
    caps: sub.caps,
    mapOf: (fd) => {
      const descriptor = sub.get(fd, 'map');
      if (typeof descriptor !== 'number') return descriptor.object;
      return descriptor === -ERRNO.EBADF ? undefined : descriptor;
    },
    fdArray: attr.fdArray,
    btf,
    kernelBtf: sub.kernelBtf,
    profile: sub.profile,
    attachBtfId: attr.attachBtfId,
    attachesToProgram: !!attr.attachProgFd,
    logLevel: log.level,
    logSize: log.room,
  };
}

/** What only kernel functions reach, which do not run here. */
const NOT_RUNNING: ReadonlySet<FieldKind> = new Set(['bpf_res_spin_lock', 'bpf_wq', 'bpf_task_work']);

/** What a verified program needs that only the verifier knows, or that may fault: it cannot run here. */
function notRunning({ helpers, maps, readsObjects, passesNull }: VerifiedProgram): string | undefined {
  const missing = helpers.find((id) => id !== TAIL_CALL && helperRegistry(id) === undefined);
  if (missing !== undefined) return `running helper bpf_${HELPER_NAMES[missing]}`;
  const field = maps.flatMap(({ fields = [] }) => fields).find(({ kind }) => NOT_RUNNING.has(kind));
  if (field) return `running with ${field.kind} in a map's value`;
  if (readsObjects) return 'running reads of kernel objects';
  return passesNull ? 'running with NULL for an argument that is never NULL' : undefined;
}

function runnable(result: VerifyResult, verified: boolean): VerifyResult {
  const unsupported = result.ok && verified ? notRunning(result.program) : undefined;
  if (unsupported === undefined) return result;
  return { ...result, ok: false, errno: ERRNO.ENOTSUPP, summary: unsupported, insn: -1, unsupported };
}

/** Names what is missing here, where the verifier has not done so itself. */
function unsupportedLine(result: VerifyResult): string {
  if (result.ok || result.unsupported === undefined) return '';
  const line = `unsupported by skep: ${result.unsupported}\n`;
  return result.log.endsWith(line) ? '' : line;
}

function install(
  sub: Subsystem,
  attr: ProgLoadAttr,
  verified: VerifiedProgram,
  name: string,
  btf: HeldBtf | undefined,
  trusted: boolean,
): number {
  const maps = verified.maps.map((map) => {
    if (!(map instanceof MapObject)) throw new InternalError('the verifier answered a map it was not given');
    return map;
  });
  const parts = {
    verified,
    expectedAttachType: attachType(attr),
    name,
    tag: programTag(attr.insns),
    maps,
    btf: btf?.object,
    records: btf?.records,
    loadTime: sub.host.clock.boottime(),
    uid: sub.host.task.uid,
  };
  if (maps.some((map) => sub.progArrays.get(map.map)?.admits(parts) === false)) return -ERRNO.EINVAL;
  for (const map of maps) sub.maps.hold(map);
  if (btf !== undefined) sub.btfs.hold(btf.object);
  const release = () => {
    releaseNumber(sub, program);
    for (const map of maps) sub.maps.drop(map);
    if (btf !== undefined) sub.btfs.drop(btf.object);
  };
  const owner = { hold: () => void sub.progs.hold(program), drop: () => sub.progs.drop(program) };
  // A program that is closed while it runs keeps its maps until it has ended.
  const program: ProgObject = new ProgObject(parts, trusted, owner, () => sub.host.rcu.defer(release));
  sub.progs.hold(sub.progs.add(program));
  const fd = sub.open(program);
  sub.progs.drop(program);
  return fd;
}
