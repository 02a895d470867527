/**
 * Runs a classic program over a packet as Linux does on a socket: 32-bit A and X that begin as 0, scratch words, loads in
 * network order. A load past the end of the packet, or a division by an X of 0, ends the run with 0. Checked programs have
 * no loops, so a run ends after as many steps as there are instructions.
 */
import { ALU, CLASS, JMP, MODE, SIZE, SRC } from '../isa/index.ts';
import { AD, AD_OFF, CLASSIC_CLASS, CLASSIC_MODE, LL_OFF, MEM_WORDS, NET_OFF, isAncillary } from './constants.ts';
import { assertClassic } from './check.ts';
import type { ClassicInstruction } from './instruction.ts';
import { findAttribute, findNestedAttribute } from './netlink-attribute.ts';

/** What ancillary loads answer; what is left out is 0. Numbers are unsigned 32 bits. */
export interface ClassicAncillary {
  /** EtherType in host order. */
  readonly protocol?: number;
  /** 0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 outgoing. @kernel PACKET_* */
  readonly pktType?: number;
  /** Without a device, loads of `ifindex` and `hatype` end the run, and A as it was is returned. */
  readonly ifindex?: number;
  /** @kernel ARPHRD_* */
  readonly hatype?: number;
  readonly mark?: number;
  readonly queue?: number;
  readonly rxhash?: number;
  readonly cpu?: number;
  readonly vlanTci?: number;
  readonly vlanPresent?: number;
  /** In host order. */
  readonly vlanTpid?: number;
  /** Offset of the payload behind the headers that the caller's dissector knows. */
  readonly payOffset?: number;
  /** One number a load. */
  random?(): number;
}

/** A packet as a place shows it to a program. Offsets are indices of `bytes`. */
export interface ClassicPacket {
  /** All that can be reached, headers before the data included. */
  readonly bytes: Uint8Array;
  /** Where the data begins, which offset 0 reads; 0 when left out. */
  readonly start?: number;
  /** Network header, for offsets from `NET_OFF`; where the data begins when left out. */
  readonly network?: number;
  /** Link-layer header, for offsets from `LL_OFF`; such loads fail when left out. */
  readonly link?: number;
  /** What `ld #pktlen` answers; bytes from `start` on when left out. A capture cuts packets shorter than they were. */
  readonly length?: number;
  readonly ancillary?: ClassicAncillary;
}

/** How a load past the end is told from a value. */
const OUTSIDE = -1;
/** Of a fact about the device, where there is none: the run ends with A as it was. */
const NO_DEVICE = -2;
const NOTHING: ClassicAncillary = {};

export class ClassicProgram {
  readonly insns: readonly ClassicInstruction[];
  readonly #memory = new Uint32Array(MEM_WORDS);

  /** @throws BpfError EINVAL with the reason, where Linux would refuse the program */
  constructor(insns: readonly ClassicInstruction[]) {
    assertClassic(insns);
    this.insns = insns;
  }

  /** @returns unsigned 32 bits: how many bytes of the packet are let through; 0 drops it */
  run(packet: ClassicPacket): number {
    const { insns } = this;
    const memory = this.#memory;
    let a = 0;
    let x = 0;
    for (let at = 0; ; at++) {
      const insn = insns[at];
      const { code, k } = insn;
      switch (code & 7) {
        case CLASS.LD: {
          const value = (code & 0xe0) === MODE.MEM ? memory[k] : loadA(packet, code, k, a, x);
          if (value < 0) return value === NO_DEVICE ? a : 0;
          a = value;
          break;
        }
        case CLASS.LDX: {
          const value = (code & 0xe0) === MODE.MEM ? memory[k] : loadX(packet, code, k);
          if (value === OUTSIDE) return 0;
          x = value;
          break;
        }
        case CLASS.ST:
          memory[k] = a;
          break;
        case CLASS.STX:
          memory[k] = x;
          break;
        case CLASS.ALU: {
          const operand = code & SRC.X ? x : k;
          if (operand === 0 && ((code & 0xf0) === ALU.DIV || (code & 0xf0) === ALU.MOD)) return 0;
          a = compute(code & 0xf0, a, operand);
          break;
        }
        case CLASS.JMP:
          if ((code & 0xf0) === JMP.JA) at += k;
          else at += holds(code & 0xf0, a, code & SRC.X ? x : k) ? insn.jt : insn.jf;
          break;
        case CLASSIC_CLASS.RET:
          return (code & 0x18) === 0x10 ? a : k;
        default:
          if (code & 0x80) a = x;
          else x = a;
      }
    }
  }
}

/** What an arithmetic instruction makes of A; the operand of a division is not 0. @param op bits 4-7 of its code */
export function compute(op: number, a: number, operand: number): number {
  switch (op) {
    case ALU.ADD:
      return (a + operand) >>> 0;
    case ALU.SUB:
      return (a - operand) >>> 0;
    case ALU.MUL:
      return Math.imul(a, operand) >>> 0;
    case ALU.DIV:
      return Math.floor(a / operand);
    case ALU.MOD:
      return a % operand;
    case ALU.AND:
      return (a & operand) >>> 0;
    case ALU.OR:
      return (a | operand) >>> 0;
    case ALU.XOR:
      return (a ^ operand) >>> 0;
    case ALU.LSH:
      return (a << operand) >>> 0;
    case ALU.RSH:
      return a >>> operand;
    default:
      return -a >>> 0;
  }
}

/** Whether a comparison holds. @param op bits 4-7 of its code */
export function holds(op: number, a: number, operand: number): boolean {
  switch (op) {
    case JMP.JEQ:
      return a === operand;
    case JMP.JGT:
      return a > operand;
    case JMP.JGE:
      return a >= operand;
    default:
      return (a & operand) !== 0;
  }
}

const lengthOf = (packet: ClassicPacket): number => packet.length ?? packet.bytes.length - (packet.start ?? 0);

function loadA(packet: ClassicPacket, code: number, k: number, a: number, x: number): number {
  switch (code & 0xe0) {
    case MODE.ABS:
      return isAncillary(k) ? loadAncillary(packet, (k | 0) - AD_OFF, a, x) : loadPacket(packet, code, k | 0);
    case MODE.IND:
      return loadPacket(packet, code, (x + k) | 0);
    case CLASSIC_MODE.LEN:
      return lengthOf(packet);
    default:
      return k;
  }
}

function loadX(packet: ClassicPacket, code: number, k: number): number {
  if ((code & 0xe0) === MODE.IMM) return k;
  if ((code & 0xe0) === CLASSIC_MODE.LEN) return lengthOf(packet);
  const byte = loadPacket(packet, SIZE.B, k | 0);
  return byte === OUTSIDE ? OUTSIDE : (byte & 0xf) << 2;
}

/** @param offset signed: from the data, or below 0 from one of the headers */
function loadPacket(packet: ClassicPacket, code: number, offset: number): number {
  const { bytes, start = 0 } = packet;
  let at: number;
  if (offset >= 0) at = start + offset;
  else if (offset >= NET_OFF) at = (packet.network ?? start) + offset - NET_OFF;
  else if (offset >= LL_OFF && packet.link !== undefined) at = packet.link + offset - LL_OFF;
  else return OUTSIDE;
  const size = code & 0x18;
  if (at + (size === SIZE.W ? 4 : size === SIZE.H ? 2 : 1) > bytes.length) return OUTSIDE;
  if (size === SIZE.B) return bytes[at];
  const half = (bytes[at] << 8) | bytes[at + 1];
  return size === SIZE.H ? half : ((half << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function loadAncillary(packet: ClassicPacket, what: number, a: number, x: number): number {
  const facts = packet.ancillary ?? NOTHING;
  const data = (): Uint8Array => packet.bytes.subarray(packet.start ?? 0);
  switch (what) {
    case AD.PROTOCOL:
      return facts.protocol ?? 0;
    case AD.PKTTYPE:
      return facts.pktType ?? 0;
    case AD.IFINDEX:
      return facts.ifindex ?? NO_DEVICE;
    case AD.HATYPE:
      return facts.ifindex === undefined ? NO_DEVICE : (facts.hatype ?? 0);
    case AD.NLATTR:
      return findAttribute(data(), a, x);
    case AD.NLATTR_NEST:
      return findNestedAttribute(data(), a, x);
    case AD.MARK:
      return facts.mark ?? 0;
    case AD.QUEUE:
      return facts.queue ?? 0;
    case AD.RXHASH:
      return facts.rxhash ?? 0;
    case AD.CPU:
      return facts.cpu ?? 0;
    case AD.ALU_XOR_X:
      return (a ^ x) >>> 0;
    case AD.VLAN_TAG:
      return facts.vlanTci ?? 0;
    case AD.VLAN_TAG_PRESENT:
      return facts.vlanPresent ?? 0;
    case AD.PAY_OFFSET:
      return facts.payOffset ?? 0;
    case AD.RANDOM:
      return (facts.random?.() ?? 0) >>> 0;
    default:
      return facts.vlanTpid ?? 0;
  }
}
