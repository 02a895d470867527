/** What becomes of pointers into a packet that may have moved. */
import type { Env } from '../env.ts';
import { isPacket, REG } from '../state/reg.ts';
import { invalidate } from './refs.ts';

/** The packet may have moved: what pointed into it points there no more. @kernel clear_all_pkt_pointers */
export function forgetPacketPointers(env: Env): void {
  invalidate(env, (reg) => isPacket(reg.type) || reg.type === REG.PACKET_END);
}
