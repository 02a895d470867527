/**
 * What is checked of an instruction by itself.
 *
 * Before the walk, in program order, also in code that is never reached (`resolveInsns`): `BPF_LDX uses reserved
 * fields`, `unknown opcode %02x`, and everything about the map that an `ld_imm64` loads: `invalid bpf_ld_imm64 insn`,
 * `unrecognized bpf_ld_imm64 insn`, `fd %d is not pointing to valid bpf_map`, `fd_idx without fd_array is invalid`,
 * `The total number of maps per program has reached the limit of 64`, `direct value offset of %u is not allowed`,
 * `no direct value access support for this map type`, `invalid access to map value pointer, value_size=%u off=%u`.
 *
 * When the walk comes to it, before any register is looked at (`checkFields`): `… uses reserved fields` of every other
 * class, `BPF_ATOMIC uses invalid atomic opcode %02x`, `invalid atomic operand size`, `invalid may_goto imm %d`,
 * `addr_space_cast insn can only …`, `BPF_LD_[ABS|IND] instructions not allowed for this program type`.
 *
 * When its operands were read and before its result is written (`checkOperands`): `div by zero`, `invalid shift %d`,
 * `BPF_JMP/JMP32 uses reserved fields`.
 */
import type { MapDesc } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import { ALU, ATOMIC, CLASS, EXIT, JMP, LD_IMM64, MODE, SIZE, SRC, formsOf } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CALL_PSEUDO, MAP_TYPE, PROG_TYPE, PSEUDO } from '../uapi/index.ts';
import { checkFieldsOfMap } from './call/lock.ts';
import { UnsupportedConstruct } from './context.ts';
import type { Context } from './context.ts';
import { AUX } from './insn-aux.ts';
import { resolveKernelSymbol } from './ksym.ts';
import { checkMapUse } from './map-use.ts';

/** Most maps of one program. @kernel MAX_USED_MAPS */
const MAX_USED_MAPS = 64;
/** Offsets into a map's value are below this. @kernel BPF_MAX_VAR_OFF */
const MAX_VALUE_OFFSET = 1 << 29;
/** Call by register: in the opcode table, but not in Linux. */
const CALLX = CLASS.JMP | JMP.CALL | SRC.X;

const hex2 = (n: number): string => n.toString(16).padStart(2, '0');

function refuse(ctx: Context, text: string, errno: number = ERRNO.EINVAL): number {
  ctx.log.write(`${text}\n`);
  return -errno;
}

/** The pass before the walk: opcodes exist, `ld_imm64` is whole, map loads are resolved into `aux`. */
export function resolveInsns(ctx: Context): number {
  const { insns } = ctx;
  for (let at = 0; at < insns.length; at++) {
    const insn = insns[at];
    if (insn.opcode === LD_IMM64) {
      const err = resolveImm64(ctx, at);
      if (err) return err;
      ctx.aux.flags[++at] |= AUX.IMM64_TAIL;
      continue;
    }
    if ((insn.opcode & 7) === CLASS.LDX && (!isMemoryMode(insn.opcode) || insn.imm !== 0)) {
      return refuse(ctx, 'BPF_LDX uses reserved fields');
    }
    if (insn.opcode === CALLX || formsOf(insn.opcode).length === 0) {
      return refuse(ctx, `unknown opcode ${hex2(insn.opcode)}`);
    }
  }
  return 0;
}

function isMemoryMode(opcode: number): boolean {
  const mode = opcode & 0xe0;
  return mode === MODE.MEM || mode === MODE.MEMSX;
}

/** One `ld_imm64`, both slots. */
function resolveImm64(ctx: Context, at: number): number {
  const insn = ctx.insns[at];
  const tail = ctx.insns[at + 1];
  if (!tail || tail.opcode || tail.dst || tail.src || tail.off) return refuse(ctx, 'invalid bpf_ld_imm64 insn');
  switch (insn.src) {
    case 0:
    case PSEUDO.FUNC:
      return 0;
    case PSEUDO.BTF_ID:
      return resolveKernelSymbol(ctx, insn, tail);
    case PSEUDO.MAP_FD:
    case PSEUDO.MAP_IDX:
      return tail.imm === 0 ? resolveMap(ctx, at, undefined) : refuse(ctx, 'unrecognized bpf_ld_imm64 insn');
    case PSEUDO.MAP_VALUE:
    case PSEUDO.MAP_IDX_VALUE:
      return resolveMap(ctx, at, tail.imm >>> 0);
    default:
      return refuse(ctx, 'unrecognized bpf_ld_imm64 insn');
  }
}

/** The map of the load at `at`; `valueOffset` is undefined when it loads the map itself. */
function resolveMap(ctx: Context, at: number, valueOffset: number | undefined): number {
  const insn = ctx.insns[at];
  let fd = insn.imm;
  if (insn.src === PSEUDO.MAP_IDX || insn.src === PSEUDO.MAP_IDX_VALUE) {
    const { fdArray } = ctx.input;
    if (!fdArray) return refuse(ctx, 'fd_idx without fd_array is invalid', ERRNO.EPROTO);
    if (fdArray[insn.imm] === undefined) return -ERRNO.EFAULT;
    fd = fdArray[insn.imm];
  }
  const map = ctx.input.mapOf(fd);
  if (map === undefined || typeof map === 'number') {
    return refuse(ctx, `fd ${fd} is not pointing to valid bpf_map`, map === undefined ? ERRNO.EBADF : -map);
  }
  const index = useMap(ctx, map);
  if (index < 0) return index;
  if (valueOffset !== undefined) {
    const err = checkDirectValue(ctx, map, valueOffset);
    if (err) return err;
  }
  ctx.aux.mapRefs.set(at, { map: index, valueOffset });
  return 0;
}

/** Index of the map in `aux.maps`, where it is put at its first use. */
function useMap(ctx: Context, map: MapDesc): number {
  const { maps } = ctx.aux;
  const known = maps.indexOf(map);
  if (known >= 0) return known;
  if (map.type === MAP_TYPE.ARENA) throw new UnsupportedConstruct('arena');
  const err = checkFieldsOfMap(ctx, map);
  if (err) return err;
  if (maps.length >= MAX_USED_MAPS) {
    const text = `The total number of maps per program has reached the limit of ${MAX_USED_MAPS}`;
    return refuse(ctx, text, ERRNO.E2BIG);
  }
  return checkMapUse(ctx, map) || maps.push(map) - 1;
}

/** Only arrays of one element give addresses into their values. */
function checkDirectValue(ctx: Context, map: MapDesc, offset: number): number {
  if (offset >= MAX_VALUE_OFFSET) return refuse(ctx, `direct value offset of ${offset} is not allowed`);
  if (map.type !== MAP_TYPE.ARRAY) return refuse(ctx, 'no direct value access support for this map type');
  const text = `invalid access to map value pointer, value_size=${map.valueSize} off=${offset}`;
  if (map.maxEntries !== 1) return refuse(ctx, text, ERRNO.ENOTSUPP);
  return offset >= map.valueSize ? refuse(ctx, text) : 0;
}

/** Fields that must be 0 (or hold a known operation) of the instruction the walk is at; before it reads registers. */
export function checkFields(ctx: Context, index: number): number {
  const insn = ctx.insns[index];
  switch (insn.opcode & 7) {
    case CLASS.LD:
      return checkLd(ctx, insn);
    case CLASS.LDX:
      return 0;
    case CLASS.ST:
      return insn.src ? refuse(ctx, 'BPF_ST uses reserved fields') : 0;
    case CLASS.STX:
      return (insn.opcode & 0xe0) === MODE.ATOMIC ? checkAtomic(ctx, insn) : checkStx(ctx, insn);
    case CLASS.JMP:
    case CLASS.JMP32:
      return checkJump(ctx, insn);
    default:
      return checkAlu(ctx, insn);
  }
}

/** Program types that read packets with LD_ABS and LD_IND; those for no place may turn out to be one of them. */
const LD_ABS_PROG_TYPES: readonly number[] = [
  PROG_TYPE.UNSPEC,
  PROG_TYPE.SOCKET_FILTER,
  PROG_TYPE.SCHED_CLS,
  PROG_TYPE.SCHED_ACT,
];

function checkLd(ctx: Context, insn: Instruction): number {
  if (insn.opcode === LD_IMM64) return insn.off ? refuse(ctx, 'BPF_LD_IMM64 uses reserved fields') : 0;
  if (!LD_ABS_PROG_TYPES.includes(ctx.input.progType)) {
    return refuse(ctx, 'BPF_LD_[ABS|IND] instructions not allowed for this program type');
  }
  const indirect = (insn.opcode & 0xe0) === MODE.IND;
  const reserved = insn.dst || insn.off || (!indirect && insn.src);
  return reserved ? refuse(ctx, 'BPF_LD_[ABS|IND] uses reserved fields') : 0;
}

function checkStx(ctx: Context, insn: Instruction): number {
  return insn.imm ? refuse(ctx, 'BPF_STX uses reserved fields') : 0;
}

const ATOMIC_OPERATIONS: ReadonlySet<number> = new Set([
  ...[ATOMIC.ADD, ATOMIC.OR, ATOMIC.AND, ATOMIC.XOR].flatMap((operation) => [operation, operation | ATOMIC.FETCH]),
  ATOMIC.XCHG,
  ATOMIC.CMPXCHG,
  ATOMIC.LOAD_ACQ,
  ATOMIC.STORE_REL,
]);

function checkAtomic(ctx: Context, insn: Instruction): number {
  const { imm } = insn;
  if (!ATOMIC_OPERATIONS.has(imm)) return refuse(ctx, `BPF_ATOMIC uses invalid atomic opcode ${hex2(imm >>> 0)}`);
  const size = insn.opcode & 0x18;
  const anySize = imm === ATOMIC.LOAD_ACQ || imm === ATOMIC.STORE_REL;
  return anySize || size === SIZE.W || size === SIZE.DW ? 0 : refuse(ctx, 'invalid atomic operand size');
}

function checkJump(ctx: Context, insn: Instruction): number {
  const wide = (insn.opcode & 7) === CLASS.JMP;
  switch (insn.opcode & 0xf0) {
    case JMP.CALL: {
      const { src, dst, off } = insn;
      const known = src === CALL_PSEUDO.HELPER || src === CALL_PSEUDO.CALL || src === CALL_PSEUDO.KFUNC;
      const reserved = dst || !known || (off && src !== CALL_PSEUDO.KFUNC);
      return reserved ? refuse(ctx, 'BPF_CALL uses reserved fields') : 0;
    }
    case JMP.JA:
      return insn.src || insn.dst || (wide ? insn.imm : insn.off) ? refuse(ctx, 'BPF_JA uses reserved fields') : 0;
    case JMP.EXIT:
      return insn.src || insn.dst || insn.imm ? refuse(ctx, 'BPF_EXIT uses reserved fields') : 0;
    case JMP.JCOND:
      return insn.src || insn.dst || insn.imm ? refuse(ctx, `invalid may_goto imm ${insn.imm}`) : 0;
    default:
      return 0;
  }
}

function checkAlu(ctx: Context, insn: Instruction): number {
  const byRegister = (insn.opcode & SRC.X) !== 0;
  const operation = insn.opcode & 0xf0;
  switch (operation) {
    case ALU.NEG:
      return insn.src || insn.off || insn.imm ? refuse(ctx, 'BPF_NEG uses reserved fields') : 0;
    case ALU.END: {
      const width = insn.imm === 16 || insn.imm === 32 || insn.imm === 64;
      return insn.src || insn.off || !width ? refuse(ctx, 'BPF_END uses reserved fields') : 0;
    }
    case ALU.MOV:
      return byRegister ? checkMovX(ctx, insn) : insn.src || insn.off ? refuse(ctx, 'BPF_MOV uses reserved fields') : 0;
    default: {
      const signedForm = operation === ALU.DIV || operation === ALU.MOD;
      const offset = insn.off === 0 || (signedForm && insn.off === 1);
      return (byRegister ? insn.imm : insn.src) || !offset ? refuse(ctx, 'BPF_ALU uses reserved fields') : 0;
    }
  }
}

/** Register moves: plain, sign-extending, or between address spaces. */
function checkMovX(ctx: Context, insn: Instruction): number {
  const { off, imm } = insn;
  const wide = (insn.opcode & 7) === CLASS.ALU64;
  if (wide && off === 1) {
    if (imm !== 1 && imm !== 1 << 16) {
      return refuse(ctx, 'addr_space_cast insn can only convert between address space 1 and 0');
    }
    // Programs with an arena were turned away when their maps were resolved.
    return refuse(ctx, 'addr_space_cast insn can only be used in a program that has an associated arena');
  }
  const extends_ = off === 8 || off === 16 || (wide && off === 32);
  return imm || (off && !extends_) ? refuse(ctx, 'BPF_MOV uses reserved fields') : 0;
}

/**
 * What Linux checks only after reading registers. Arithmetic: after src and dst were read, before dst is written.
 * Conditional jumps: after dst was read, before src is.
 */
export function checkOperands(ctx: Context, index: number): number {
  const insn = ctx.insns[index];
  const byRegister = (insn.opcode & SRC.X) !== 0;
  const operation = insn.opcode & 0xf0;
  switch (insn.opcode & 7) {
    case CLASS.JMP:
    case CLASS.JMP32:
      if (insn.opcode === EXIT || operation === JMP.CALL || operation === JMP.JA || operation === JMP.JCOND) return 0;
      return (byRegister ? insn.imm : insn.src) ? refuse(ctx, 'BPF_JMP/JMP32 uses reserved fields') : 0;
    case CLASS.ALU:
    case CLASS.ALU64: {
      if (byRegister) return 0;
      if ((operation === ALU.DIV || operation === ALU.MOD) && insn.imm === 0) return refuse(ctx, 'div by zero');
      if (operation !== ALU.LSH && operation !== ALU.RSH && operation !== ALU.ARSH) return 0;
      const bits = (insn.opcode & 7) === CLASS.ALU64 ? 64 : 32;
      return insn.imm < 0 || insn.imm >= bits ? refuse(ctx, `invalid shift ${insn.imm}`) : 0;
    }
    default:
      return 0;
  }
}
