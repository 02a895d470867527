/** Random and hand-written eBPF programs for UDP sockets: all that they look at is the same in user space and in the kernel. */
import { ALU, CALL, CLASS, EXIT, JMP, MODE, SIZE, SRC } from '../../src/isa/index.ts';
import type { Instruction } from '../../src/isa/index.ts';
import { LL_OFF, NET_OFF } from '../../src/cbpf/index.ts';
import type { Random } from '../../src/util/index.ts';
import { insn } from './random-programs.ts';

const CTX = 6;
/** Registers that compute. */
const VALUES = [7, 8] as const;
const RESULT = 9;
const SK = 168;
/** Fields of `__sk_buff`, all of 4 bytes: len, pkt_type, mark, queue_mapping, protocol, vlan_*, priority, ifindex, tc_index, cb. */
const FIELDS = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 64];
/** Of `struct bpf_sock`, with their sizes: bound_dev_if, family, src_ip4, src_port, dst_port, dst_ip4, state, rx_queue_mapping. */
const SOCKET_FIELDS = [
  [0, SIZE.W],
  [4, SIZE.W],
  [24, SIZE.W],
  [44, SIZE.W],
  [48, SIZE.H],
  [52, SIZE.W],
  [72, SIZE.W],
  [76, SIZE.W],
] as const;
const OPERATIONS = [ALU.ADD, ALU.SUB, ALU.MUL, ALU.DIV, ALU.MOD, ALU.OR, ALU.AND, ALU.XOR, ALU.LSH, ALU.RSH, ALU.ARSH];
const CONDITIONS = [JMP.JEQ, JMP.JNE, JMP.JGT, JMP.JGE, JMP.JLT, JMP.JSGT, JMP.JSLE, JMP.JSET];
const BYTES = { [SIZE.B]: 1, [SIZE.H]: 2, [SIZE.W]: 4 } as Readonly<Record<number, number>>;

/** Of IPv4's header: identification and checksum, which no two packets share. */
const VARYING: ReadonlySet<number> = new Set([4, 5, 10, 11]);

/** An offset whose bytes are the same in user space: in the data, the network header, the link-layer header; or in none. */
function offset(random: Random, size: number): number {
  switch (random.below(6)) {
    case 0: {
      const at = random.below(28);
      const varies = Array.from({ length: size }, (_, i) => at + i).some((byte) => VARYING.has(byte));
      return NET_OFF + (varies ? 12 : at);
    }
    case 1:
      return LL_OFF + random.below(14 - size);
    case 2:
      return random.below(3000);
    default:
      return random.below(24);
  }
}

const move = (dst: number, src: number): Instruction => insn(CLASS.ALU64 | ALU.MOV | SRC.X, dst, src);

/** One thing that leaves a number in a register. */
function step(random: Random): Instruction[] {
  const dst = random.pick(VALUES);
  const src = random.pick(VALUES);
  switch (random.below(6)) {
    case 0: {
      const size = random.pick([SIZE.B, SIZE.H, SIZE.W]);
      return [insn(CLASS.LD | MODE.ABS | size, 0, 0, 0, offset(random, BYTES[size])), move(dst, 0)];
    }
    case 1: {
      const index = [move(0, src), insn(CLASS.ALU | ALU.AND | SRC.K, 0, 0, 0, 63), move(2, 0)];
      return [
        ...index,
        insn(CLASS.LD | MODE.IND | random.pick([SIZE.B, SIZE.H]), 0, 2, 0, random.below(16)),
        move(dst, 0),
      ];
    }
    case 2:
      return [insn(CLASS.LDX | MODE.MEM | SIZE.W, dst, CTX, random.pick(FIELDS))];
    case 3: {
      const [at, size] = random.pick(SOCKET_FIELDS);
      return [
        insn(CLASS.LDX | MODE.MEM | SIZE.DW, 1, CTX, SK),
        insn(CLASS.JMP | JMP.JEQ | SRC.K, 1, 0, 1, 0),
        insn(CLASS.LDX | MODE.MEM | size, dst, 1, at),
      ];
    }
    case 4:
      return [insn(CLASS.STX | MODE.MEM | SIZE.W, CTX, src, 48 + 4 * random.below(5))];
    default: {
      const op = random.pick(OPERATIONS);
      const shift = op === ALU.LSH || op === ALU.RSH || op === ALU.ARSH;
      if (random.oneIn(2) && !shift) return [insn(CLASS.ALU | op | SRC.X, dst, src)];
      return [insn(CLASS.ALU | op | SRC.K, dst, 0, 0, shift ? random.below(32) : random.u32() | 1)];
    }
  }
}

/** What a step left becomes a part of the result. */
function mix(random: Random): Instruction[] {
  const [sum, value] = [RESULT, random.pick(VALUES)];
  return [insn(CLASS.ALU | ALU.MUL | SRC.K, sum, 0, 0, 33), insn(CLASS.ALU | ALU.XOR | SRC.X, sum, value)];
}

/** A program of some steps, some of which are jumped over; it returns a number that is often within a packet's length. */
export function udpProgram(random: Random): Instruction[] {
  const out = [
    move(CTX, 1),
    ...[...VALUES, RESULT].map((reg) => insn(CLASS.ALU64 | ALU.MOV | SRC.K, reg, 0, 0, random.below(64))),
  ];
  const steps = 2 + random.below(12);
  for (let n = 0; n < steps; n++) {
    const body = step(random);
    if (random.oneIn(3)) {
      const condition = random.pick(CONDITIONS);
      const by = random.oneIn(2) ? random.below(256) : random.u32() | 0;
      out.push(insn(CLASS.JMP32 | condition | SRC.K, random.pick(VALUES), 0, body.length, by));
    }
    out.push(...body, ...mix(random));
  }
  out.push(move(0, RESULT));
  if (!random.oneIn(4)) out.push(insn(CLASS.ALU | ALU.AND | SRC.K, 0, 0, 0, random.pick([15, 63, 255, 2047])));
  return [...out, insn(EXIT)];
}

/** Counts packets and bytes by the last byte of the payload, in an array of 256 values of 16 bytes; keeps all even ones, halved. */
export const counting = (mapFd: number): Instruction[] => [
  move(CTX, 1),
  insn(CLASS.LDX | MODE.MEM | SIZE.W, 7, CTX, 0),
  move(2, 7),
  insn(CLASS.LD | MODE.IND | SIZE.B, 0, 2, 0, -1),
  move(8, 0),
  insn(CLASS.STX | MODE.MEM | SIZE.W, 10, 0, -4),
  move(2, 10),
  insn(CLASS.ALU64 | ALU.ADD | SRC.K, 2, 0, 0, -4),
  insn(0x18, 1, 1, 0, mapFd),
  insn(0),
  insn(CALL, 0, 0, 0, 1),
  insn(CLASS.JMP | JMP.JEQ | SRC.K, 0, 0, 3, 0),
  insn(CLASS.ALU64 | ALU.MOV | SRC.K, 1, 0, 0, 1),
  insn(CLASS.STX | MODE.ATOMIC | SIZE.DW, 0, 1, 0),
  insn(CLASS.STX | MODE.ATOMIC | SIZE.DW, 0, 7, 8),
  move(0, 7),
  insn(CLASS.ALU64 | ALU.RSH | SRC.K, 0, 0, 0, 1),
  insn(CLASS.JMP | JMP.JSET | SRC.K, 8, 0, 1, 1),
  insn(EXIT),
  insn(CLASS.ALU64 | ALU.MOV | SRC.K, 0, 0, 0, 0),
  insn(EXIT),
];
