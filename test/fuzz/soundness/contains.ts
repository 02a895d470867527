/**
 * Whether a running program's registers and stack lie within a state that the verifier walked: every bit of every number's
 * tnum and all of its bounds, kind, object and offset of pointers, what of the packet was compared with its end, and each
 * byte of the stack that was written.
 */
import { ctxFieldOffsets } from './places.ts';
import type { AddressSpace } from '../../../src/memory/index.ts';
import { HASH_ELEM, MAP_HEADER } from '../../../src/memory/index.ts';
import { MAP_TYPE } from '../../../src/uapi/index.ts';
import type { BpfMap } from '../../../src/maps/index.ts';
import { baseType, mayBeNull, REG, type Reg } from '../../../src/verifier/state/reg.ts';
import { isSpill, kindAt, spillSize, STACK, type Slot } from '../../../src/verifier/state/slot.ts';
import type { FrameView, Walked } from './walked.ts';

/** A program at one instruction. */
export interface Concrete {
  readonly space: AddressSpace;
  readonly progType: number;
  /** Words of r0-r10, low word first. */
  readonly registers: Int32Array;
  readonly ctx: number;
  /** Value of r10 in each frame that the verifier walked together, the outermost first. */
  readonly frameTops: readonly number[];
  /** Slot of the call that opened each of them, -1 for the outermost. */
  readonly callsites: readonly number[];
}

const U64 = (1n << 64n) - 1n;

interface Bounds {
  readonly value: bigint;
  readonly mask: bigint;
  readonly smin: bigint;
  readonly smax: bigint;
  readonly umin: bigint;
  readonly umax: bigint;
  readonly smin32: bigint;
  readonly smax32: bigint;
  readonly umin32: bigint;
  readonly umax32: bigint;
}

/** Checks runs of one program. */
export class Containment {
  readonly #walked: Walked;
  readonly #bounds = new Map<number, Bounds>();
  /** Where the search at each slot begins: a run meets the states mostly in the order in which they were walked. */
  readonly #next: Int32Array;

  constructor(walked: Walked) {
    this.#walked = walked;
    this.#next = new Int32Array(walked.states.length);
  }

  /** A new run begins. */
  restart(): void {
    this.#next.fill(0);
  }

  /** @returns undefined where a state matches, else what is wrong with the state that comes closest. */
  problemAt(slot: number, at: Concrete): string | undefined {
    let best = `no state was walked at ${slot} in these ${at.callsites.length} frames`;
    let most = -1;
    const states = this.#walked.states[slot];
    const first = this.#next[slot];
    for (let n = 0; n < states.length; n++) {
      const frames = states[(first + n) % states.length];
      if (frames.length !== at.callsites.length) continue;
      if (frames.some((frame, f) => frame.callsite !== at.callsites[f])) continue;
      const problems = this.#problems(frames, slot, at);
      if (problems.held < 0) {
        this.#next[slot] = (first + n + 1) % states.length;
        return undefined;
      }
      if (problems.held <= most) continue;
      most = problems.held;
      best = problems.first;
    }
    return best;
  }

  /** `held` parts match before the `first` that does not; -1: all match. */
  #problems(frames: readonly FrameView[], slot: number, at: Concrete): { held: number; first: string } {
    const top = frames[frames.length - 1];
    const { exact, liveRegs } = this.#walked;
    let held = 0;
    for (let r = 0; r <= 10; r++, held++) {
      if (!exact && !((liveRegs[slot] >>> r) & 1)) continue;
      const value = u64(at.registers[2 * r], at.registers[2 * r + 1]);
      const why = this.#registerProblem(top.regs[r], value, at);
      if (why) return { held, first: `r${r} = ${hex(value)}: ${why}` };
    }
    // What pruned paths leave on the stack was compared only as far as it was read later.
    if (!exact) return { held: -1, first: '' };
    for (let f = 0; f < frames.length; f++) {
      for (let i = 0; i < frames[f].stack.length; i++, held++) {
        const why = this.#slotProblem(frames[f].stack[i], at.frameTops[f] - 8 * (i + 1), at);
        if (why) return { held, first: `frame ${f} fp${-8 * (i + 1)}: ${why}` };
      }
    }
    return { held: -1, first: '' };
  }

  #slotProblem(slot: Slot, address: number, at: Concrete): string | undefined {
    const { bytes, view } = at.space;
    for (let i = 0; i < 8; i++) {
      if (kindAt(slot.types, i) === STACK.ZERO && bytes[address + 7 - i] !== 0) return `byte ${7 - i} is not zero`;
    }
    if (!isSpill(slot)) return undefined;
    const size = spillSize(slot.types);
    const low = view.getBigUint64(address, true) & ((1n << BigInt(8 * size)) - 1n);
    if (slot.reg.type !== REG.SCALAR) return this.#registerProblem(slot.reg, low, at);
    const { store, exact } = this.#walked;
    return exact ? this.#outside(size < 8 ? store.truncate(slot.reg.s, size) : slot.reg.s, low) : undefined;
  }

  #registerProblem(reg: Reg, value: bigint, at: Concrete): string | undefined {
    if (reg.type === REG.NOT_INIT) return undefined;
    if (reg.type === REG.SCALAR) return this.#walked.exact ? this.#outside(reg.s, value) : undefined;
    if (mayBeNull(reg.type) && value === 0n) return undefined;
    const address = Number(value);
    switch (baseType(reg.type)) {
      case REG.STACK:
        return this.#offsetProblem(reg, value, at.frameTops[reg.frame], 'the frame');
      case REG.CTX:
        return this.#offsetProblem(reg, value, at.ctx, 'the context');
      case REG.PACKET:
      case REG.PACKET_META:
        return this.#packetProblem(reg, value, at);
      case REG.PACKET_END:
        return address === place(at, 'data_end') ? undefined : 'not the end of the packet';
      case REG.MAP_VALUE:
        return this.#valueProblem(reg, value, at);
      case REG.MAP_PTR:
        return address === this.#map(reg).address ? undefined : 'not the map';
      default:
        return undefined;
    }
  }

  #packetProblem(reg: Reg, value: bigint, at: Concrete): string | undefined {
    const isMeta = reg.type === REG.PACKET_META;
    const start = place(at, isMeta ? 'data_meta' : 'data');
    const end = place(at, isMeta ? 'data' : 'data_end');
    const why = this.#offsetProblem(reg, value, start, 'the packet');
    if (why || reg.range <= 0) return why;
    const reach = Number(value) - reg.off + reg.range;
    return reach <= end ? undefined : `${reg.range} bytes from its base end ${reach - end} behind the packet`;
  }

  #map(reg: Reg): BpfMap {
    return (this.#walked.maps[reg.map] as unknown as { map: BpfMap }).map;
  }

  /** The address must be the proved offset from the start of some value of the map. */
  #valueProblem(reg: Reg, value: bigint, at: Concrete): string | undefined {
    const map = this.#map(reg);
    const { view } = at.space;
    const word = (offset: number): number => view.getUint32(map.address + offset, true);
    const stride = word(MAP_HEADER.ELEM_SIZE);
    const isArray = map.info.type === MAP_TYPE.ARRAY || map.info.type === MAP_TYPE.PERCPU_ARRAY;
    if (!isArray) return this.#elementProblem(reg, value, at);
    const first = word(MAP_HEADER.VALUES);
    const b = this.#boundsOf(reg.s);
    const distance = BigInt.asIntN(64, value) - BigInt(first + reg.off);
    // Values start at first + k * stride; the variable offset is between its bounds.
    const lowest = (distance - b.smax) / BigInt(stride) - 1n;
    const highest = (distance - b.smin) / BigInt(stride) + 1n;
    if (highest - lowest > 64n) return undefined;
    for (let k = lowest < 0n ? 0n : lowest; k <= highest; k++) {
      if (!this.#outside(reg.s, BigInt.asUintN(64, distance - k * BigInt(stride)))) return undefined;
    }
    return `not at offset ${reg.off} of a value of map ${map.info.name} (${this.#outside(reg.s, BigInt.asUintN(64, distance))})`;
  }

  /** The address must be the proved offset from the value of some element of the hash, which knows its map. */
  #elementProblem(reg: Reg, value: bigint, at: Concrete): string | undefined {
    const map = this.#map(reg);
    const { view } = at.space;
    const address = Number(value & 0xffff_ffffn);
    // A pointer may leave the values of a hash as long as nobody uses it there.
    if (at.space.regionAt(address)?.kind !== 'map-value') return undefined;
    const b = this.#boundsOf(reg.s);
    if (b.smax - b.smin > 4096n) return undefined;
    const offset = view.getUint32(map.address + MAP_HEADER.VALUE_OFFSET, true);
    for (let variable = b.smin; variable <= b.smax; variable++) {
      const element = address - reg.off - Number(variable) - offset;
      const isElement = at.space.regionAt(element + HASH_ELEM.STATE)?.kind === 'map-value';
      const owner = isElement ? view.getUint32(element + HASH_ELEM.STATE, true) & ~0xfff : 0;
      if (owner === map.address && !this.#outside(reg.s, BigInt.asUintN(64, variable))) return undefined;
    }
    return `not at offset ${reg.off} of the value of an element of map ${map.info.name}`;
  }

  #offsetProblem(reg: Reg, value: bigint, start: number, what: string): string | undefined {
    const variable = BigInt.asUintN(64, value - BigInt(start + reg.off));
    const why = this.#outside(reg.s, variable);
    return why && `offset from ${what} less ${reg.off}: ${why}`;
  }

  #boundsOf(s: number): Bounds {
    let bounds = this.#bounds.get(s);
    if (!bounds) {
      const { store } = this.#walked;
      bounds = {
        value: store.tnumValue(s),
        mask: store.tnumMask(s),
        smin: store.smin(s),
        smax: store.smax(s),
        umin: store.umin(s),
        umax: store.umax(s),
        smin32: BigInt(store.smin32(s)),
        smax32: BigInt(store.smax32(s)),
        umin32: BigInt(store.umin32(s)),
        umax32: BigInt(store.umax32(s)),
      };
      this.#bounds.set(s, bounds);
    }
    return bounds;
  }

  /** @returns which of the facts about a number a value breaks. */
  #outside(s: number, value: bigint): string | undefined {
    const b = this.#boundsOf(s);
    if ((value & ~b.mask & U64) !== b.value) return `${hex(value)} is not in tnum (${hex(b.value)}; ${hex(b.mask)})`;
    const signed = BigInt.asIntN(64, value);
    if (signed < b.smin || signed > b.smax) return `${signed} is not in s64 [${b.smin}, ${b.smax}]`;
    if (value < b.umin || value > b.umax) return `${value} is not in u64 [${b.umin}, ${b.umax}]`;
    const low = value & 0xffff_ffffn;
    if (low < b.umin32 || low > b.umax32) return `${low} is not in u32 [${b.umin32}, ${b.umax32}]`;
    const signedLow = BigInt.asIntN(32, value);
    if (signedLow < b.smin32 || signedLow > b.smax32) return `${signedLow} is not in s32 [${b.smin32}, ${b.smax32}]`;
    return undefined;
  }
}

const u64 = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** The address that a field of the context holds. */
function place(at: Concrete, field: 'data' | 'data_end' | 'data_meta'): number {
  return at.space.view.getUint32(at.ctx + ctxFieldOffsets(at.progType)[field], true);
}
