/**
 * Calls of helper functions (@kernel check_helper_call). Rejects (EINVAL): `invalid func %s#%d`, `program of this type
 * cannot use helper %s#%d`, `cannot call GPL-restricted function from non-GPL compatible program`, `cannot pass map_type
 * %d into func %s#%d`; arguments: see args.ts.
 */
import { helperProto, HELPERS, isGplCompatible, isHelperAllowed, type HelperProto } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { accessSize, CLASS, type Instruction, MODE, SIZE } from '../../isa/index.ts';
import { HELPER_NAMES, MAP_TYPE } from '../../uapi/index.ts';
import { checkMem } from '../access/mem.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { clobberCallerSaved } from '../state/access-reg.ts';
import { isPacket, MAYBE_NULL, NOT_INIT, pointer, REG, scalar } from '../state/reg.ts';
import { mapRegs } from '../state/state.ts';
import { type CallMeta, checkArg, newMeta } from './args.ts';

/** Processors of the profile's machine: what get_smp_processor_id() may answer is below this. */
const NR_CPUS = 2;

const BYTE_STORE = CLASS.STX | MODE.MEM | SIZE.B;

export function checkHelperCall(env: Env, insn: Instruction): number {
  const id = insn.imm;
  const known = id >= 0 && id < HELPER_NAMES.length;
  const name = known ? `bpf_${HELPER_NAMES[id]}#${id}` : `unknown#${id}`;
  if (!known) return env.fail(ERRNO.EINVAL, `invalid func ${name}`);
  const { progType, expectedAttachType, license } = env.input;
  if (!isHelperAllowed(progType, expectedAttachType, id, env.perfmonCapable)) {
    return env.fail(ERRNO.EINVAL, `program of this type cannot use helper ${name}`);
  }
  if (HELPERS[id].gplOnly && !isGplCompatible(license)) {
    return env.fail(ERRNO.EINVAL, 'cannot call GPL-restricted function from non-GPL compatible program');
  }
  const proto = helperProto(id);
  if (!proto) throw new UnsupportedConstruct(`helper bpf_${HELPER_NAMES[id]}`);
  env.helpers.add(id);
  const meta = newMeta();
  for (let i = 0; i < proto.args.length; i++) {
    const err = checkArg(env, i, proto, meta);
    if (err) return err;
  }
  return writeRawMemory(env, meta) || finishCall(env, proto, meta, name);
}

/** The helper fills memory that was not initialised: as if the program stored it byte by byte. */
function writeRawMemory(env: Env, meta: CallMeta): number {
  for (let i = 0; i < meta.raw.size; i++) {
    const access = { ptr: meta.raw.reg, off: i, size: accessSize(BYTE_STORE), write: true, value: -1 };
    const err = checkMem(env, access);
    if (err) return err;
  }
  return 0;
}

function finishCall(env: Env, proto: HelperProto, meta: CallMeta, name: string): number {
  const map = meta.map >= 0 ? env.aux.maps[meta.map] : undefined;
  clobberCallerSaved(env);
  env.regs[0] = result(env, proto, meta);
  if (map && !takesMap(map.type)) {
    return env.fail(ERRNO.EINVAL, `cannot pass map_type ${map.type} into func ${name}`);
  }
  if (proto.changesPacket) forgetPacketPointers(env);
  return 0;
}

function result(env: Env, proto: HelperProto, meta: CallMeta) {
  if (proto.ret === 'void') return NOT_INIT;
  if (proto.ret === 'mapValueOrNull') {
    const map = env.aux.maps[meta.map];
    // A constant index inside an array always finds its element.
    const found = meta.constKey >= 0n && meta.constKey < BigInt(map.maxEntries);
    const type = found ? REG.MAP_VALUE : REG.MAP_VALUE | MAYBE_NULL;
    return pointer(type, env.store.ZERO, found ? 0 : ++env.idGen, meta.map);
  }
  if (HELPER_NAMES[proto.id] === 'get_smp_processor_id') {
    const { store } = env;
    return scalar(store.withRange(store.UNKNOWN, { umin: 0n, umax: BigInt(NR_CPUS - 1) }));
  }
  return env.unknown();
}

/** Map types that look-up, update and delete work on as plain memory. */
const PLAIN = new Set<number>([MAP_TYPE.HASH, MAP_TYPE.ARRAY, MAP_TYPE.PERCPU_HASH, MAP_TYPE.PERCPU_ARRAY]);

function takesMap(type: number): boolean {
  if (PLAIN.has(type)) return true;
  throw new UnsupportedConstruct(`map type ${type} in a helper call`);
}

/** The packet may have moved: what pointed into it is a number now. @kernel clear_all_pkt_pointers */
export function forgetPacketPointers(env: Env): void {
  mapRegs(env.cur, (reg) => (isPacket(reg.type) || reg.type === REG.PACKET_END ? env.unknown() : reg));
}
