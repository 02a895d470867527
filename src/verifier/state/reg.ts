/**
 * What is known of one register (@kernel bpf_reg_state). A `Reg` never changes: states share registers, and a register
 * that learns something is replaced. Marks that do change (precision) live in the frame.
 */

/** Kinds of values (@kernel enum bpf_reg_type), in the kernel's order. */
export const REG = {
  NOT_INIT: 0,
  SCALAR: 1,
  CTX: 2,
  MAP_PTR: 3,
  MAP_VALUE: 4,
  MAP_KEY: 5,
  STACK: 6,
  PACKET_META: 7,
  PACKET: 8,
  PACKET_END: 9,
  FLOW_KEYS: 10,
  SOCKET: 11,
  SOCK_COMMON: 12,
  TCP_SOCK: 13,
  TP_BUFFER: 14,
  XDP_SOCK: 15,
  BTF_ID: 16,
  MEM: 17,
  ARENA: 18,
  BUF: 19,
  FUNC: 20,
  DYNPTR: 21,
} as const;

/** The value may be zero: a check against zero must come before any use. Or-ed to a kind. @kernel PTR_MAYBE_NULL */
export const MAYBE_NULL = 1 << 8;
/** Memory that must not be written. @kernel MEM_RDONLY */
export const RDONLY = 1 << 9;
/** @kernel PTR_TRUSTED */
export const TRUSTED = 1 << 10;
/** Memory of a ring buffer's record. @kernel MEM_RINGBUF */
export const RINGBUF = 1 << 11;
/** Memory that each processor has its own of. @kernel MEM_PERCPU */
export const PERCPU = 1 << 12;
/** A kernel object that may be gone: loads through it never fault, but it is no argument. @kernel PTR_UNTRUSTED */
export const UNTRUSTED = 1 << 13;
/** A kernel object that stays while the program does not sleep. @kernel MEM_RCU */
export const RCU = 1 << 14;

/** In the order in which the log spells them. */
const PREFIXES = [
  [RDONLY, 'rdonly_'],
  [RINGBUF, 'ringbuf_'],
  [PERCPU, 'percpu_'],
  [RCU, 'rcu_'],
  [UNTRUSTED, 'untrusted_'],
  [TRUSTED, 'trusted_'],
] as const;

const NAMES = [
  '?',
  'scalar',
  'ctx',
  'map_ptr',
  'map_value',
  'map_key',
  'fp',
  'pkt_meta',
  'pkt',
  'pkt_end',
  'flow_keys',
  'sock',
  'sock_common',
  'tcp_sock',
  'tp_buffer',
  'xdp_sock',
  'ptr_',
  'mem',
  'arena',
  'buf',
  'func',
  'dynptr_ptr',
];

export const baseType = (type: number): number => type & 0xff;
export const mayBeNull = (type: number): boolean => (type & MAYBE_NULL) !== 0;

/** The kind as the log spells it: `map_value_or_null`, `rdonly_mem`. @kernel reg_type_str */
export function typeName(type: number): string {
  const base = baseType(type);
  let prefix = '';
  if (type > 0x1ff) for (const [flag, name] of PREFIXES) if (type & flag) prefix += name;
  const suffix = mayBeNull(type) ? (base === REG.BTF_ID ? 'or_null_' : '_or_null') : '';
  return prefix + NAMES[base] + suffix;
}

/** `range` of a packet pointer that is known to lie exactly at, or at least one byte beyond, the packet's end. */
export const AT_PKT_END = -1;
export const BEYOND_PKT_END = -2;

/** See `Reg.linked`. */
export type Link = 0 | 32 | 64;

/** Offsets of pointers stay below this, so that sums of a few never overflow. @kernel BPF_MAX_VAR_OFF */
export const MAX_VAR_OFF = 1 << 29;

export class Reg {
  /** A kind of REG, with flags. */
  readonly type: number;
  /** Handle of the scalar: the number itself, or the variable part of a pointer's offset. */
  readonly s: number;
  /** Fixed part of a pointer's offset; for a linked scalar the constant distance from the others. Signed 32 bits. */
  readonly off: number;
  /** Registers with one id came from one value; 0 = none. */
  readonly id: number;
  /**
   * Scalars only: bits of the addition that put it at the constant distance `off` from the others of its id, 0 for none.
   * @kernel BPF_ADD_CONST32, BPF_ADD_CONST64
   */
  readonly linked: Link;
  /** Id of the acquired reference that this points into; 0 = none. */
  readonly refId: number;
  /**
   * Index into the program's maps for map pointers, keys and values; the struct's number for
   * kernel objects, see kernel-types.ts; the dynptr's id for slices of one; else -1.
   */
  readonly map: number;
  /**
   * Packet pointers: bytes from the base that were compared with the end. Memory: size in bytes. Maps, and pointers into
   * their values: the id that tells the map from others of its shape, 0 where nothing has to. @kernel map_uid
   */
  readonly range: number;
  /** Stack pointers: number of the frame. */
  readonly frame: number;

  constructor(
    type: number,
    s: number,
    off: number,
    id: number,
    linked: Link,
    refId: number,
    map: number,
    range: number,
    frame: number,
  ) {
    this.type = type;
    this.s = s;
    this.off = off;
    this.id = id;
    this.linked = linked;
    this.refId = refId;
    this.map = map;
    this.range = range;
    this.frame = frame;
  }

  withType(type: number): Reg {
    return new Reg(type, this.s, this.off, this.id, this.linked, this.refId, this.map, this.range, this.frame);
  }
  withScalar(s: number): Reg {
    if (s === this.s) return this;
    return new Reg(this.type, s, this.off, this.id, this.linked, this.refId, this.map, this.range, this.frame);
  }
  /** Another id, no longer at a distance. */
  withId(id: number): Reg {
    return new Reg(this.type, this.s, this.type === REG.SCALAR ? 0 : this.off, id, 0, this.refId, this.map, this.range, this.frame); // prettier-ignore
  }
  withOffset(off: number, s: number): Reg {
    return new Reg(this.type, s, off, this.id, this.linked, this.refId, this.map, this.range, this.frame);
  }
  /** Pointing into the acquired reference `refId`. */
  withRef(refId: number): Reg {
    return new Reg(this.type, this.s, this.off, this.id, this.linked, refId, this.map, this.range, this.frame);
  }
  withMap(map: number): Reg {
    return new Reg(this.type, this.s, this.off, this.id, this.linked, this.refId, map, this.range, this.frame);
  }
  withRange(range: number): Reg {
    return new Reg(this.type, this.s, this.off, this.id, this.linked, this.refId, this.map, range, this.frame);
  }
}

/** Nothing was written here. */
export const NOT_INIT = new Reg(REG.NOT_INIT, 0, 0, 0, 0, 0, -1, 0, 0);

/** A number. */
export function scalar(s: number, id = 0): Reg {
  return new Reg(REG.SCALAR, s, 0, id, 0, 0, -1, 0, 0);
}

/** A pointer to the start of something; `zero` is the store's handle of 0. */
export function pointer(type: number, zero: number, id = 0, map = -1, range = 0, frame = 0): Reg {
  return new Reg(type, zero, 0, id, 0, 0, map, range, frame);
}

export const isPacket = (type: number): boolean => type === REG.PACKET || type === REG.PACKET_META;

/** A kernel object that stays as long as the program uses it. @kernel is_trusted_reg */
export const isTrusted = (reg: Reg): boolean => reg.refId !== 0 || (reg.type & (TRUSTED | UNTRUSTED)) === TRUSTED;

/** Whether all but ids and references is equal. */
export function sameValue(a: Reg, b: Reg): boolean {
  return a === b || (a.type === b.type && a.s === b.s && a.off === b.off && a.map === b.map && a.range === b.range);
}
