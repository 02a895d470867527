/** What can be told of a program's runs by looking at its instructions, so that less has to be done for each run. */
import { LL_OFF, NET_OFF } from '../cbpf/index.ts';
import { CALL, CLASS, EXIT, MODE, accessSize } from '../isa/index.ts';
import type { ProgramImage } from './api.ts';

/** Helpers that do nothing with the packet: bpf_map_{lookup,update,delete}_elem, clocks, random, CPU, task, jiffies. */
export const WITHOUT_PACKET: ReadonlySet<number> = new Set([1, 2, 3, 5, 6, 7, 8, 14, 15, 16, 42, 118, 125, 208]);

/** Word of r10 in the operand file. */
const FRAME_POINTER = 20;

/** Instructions that a run takes at most. @returns Infinity where it may come to an instruction twice */
export function longestRun({ executable }: ProgramImage): number {
  const { op, off, length, functions } = executable;
  if (functions.size > 1) return Infinity;
  for (let slot = 0; slot < length; slot++) {
    const kind = op[slot] & 7;
    const jumps = (kind === CLASS.JMP || kind === CLASS.JMP32) && op[slot] !== CALL && op[slot] !== EXIT;
    if (jumps && off[slot] <= slot) return Infinity;
  }
  return length;
}

/** How far a program of a socket may look into a packet: bytes from the beginning of each part on; Infinity: all of them. */
export interface PacketReach {
  readonly data: number;
  readonly network: number;
  readonly link: number;
}

const EVERYTHING: PacketReach = { data: Infinity, network: Infinity, link: Infinity };

export function packetReach({ executable }: ProgramImage): PacketReach {
  const { op, imm, length } = executable;
  const reach = { data: 0, network: 0, link: 0 };
  for (let slot = 0; slot < length; slot++) {
    const code = op[slot];
    const mode = (code & 7) === CLASS.LD ? code & 0xe0 : -1;
    if (mode === MODE.IND || (code === CALL && !WITHOUT_PACKET.has(imm[slot]))) return EVERYTHING;
    if (mode !== MODE.ABS) continue;
    const at = imm[slot];
    const end = at + accessSize(code);
    if (at >= 0) reach.data = Math.max(reach.data, end);
    else if (at >= NET_OFF) reach.network = Math.max(reach.network, end - NET_OFF);
    else reach.link = Math.max(reach.link, end - LL_OFF);
  }
  return reach;
}

/** Whether a program may change its context: whether it stores anywhere but in its frame by r10. */
export function mayWriteContext({ executable }: ProgramImage): boolean {
  const { op, dst, length } = executable;
  for (let slot = 0; slot < length; slot++) {
    const kind = op[slot] & 7;
    if ((kind === CLASS.ST || kind === CLASS.STX) && dst[slot] !== FRAME_POINTER) return true;
  }
  return false;
}
