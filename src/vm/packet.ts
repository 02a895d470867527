/**
 * `LD_ABS` and `LD_IND`: big-endian loads from the packet of the context, the older way to read one. Offsets count from
 * the first byte that the program sees; negative ones name a header (measured on Linux 6.18; the numbers are those of
 * <linux/filter.h>). A load outside the packet ends the function that it is in with r0 = 0: no trap.
 */
import type { AddressSpace } from '../memory/index.ts';

/** The packet of the current context. All addresses are in the memory. */
export interface Packet {
  /** First byte that the program sees. */
  data: number;
  /** Bytes from `data` on. */
  length: number;
  /** Address of the link-layer header. */
  mac: number;
  /** Address of the network header. */
  network: number;
}

/** @kernel SKF_NET_OFF, SKF_LL_OFF: offsets from here up count from the network and the link-layer header. */
const SKF_NET_OFF = -0x100000;
const SKF_LL_OFF = -0x200000;

/** Address of `size` bytes at an offset, or 0: they are not all in the packet. */
export function packetAddress(packet: Packet, offset: number, size: number): number {
  const end = packet.data + packet.length;
  let address = packet.data + offset;
  if (offset < 0) {
    if (offset >= SKF_NET_OFF) address = packet.network + (offset - SKF_NET_OFF);
    else if (offset >= SKF_LL_OFF) address = packet.mac + (offset - SKF_LL_OFF);
    else return 0;
  }
  return address + size <= end ? address : 0;
}

/** Load `size` bytes at a packet offset into r0. @returns false where the function ends. */
export function loadFromPacket(
  space: AddressSpace,
  packet: Packet | undefined,
  offset: number,
  size: number,
  r: Int32Array,
): boolean {
  const address = packet === undefined ? 0 : packetAddress(packet, offset, size);
  r[0] = r[1] = 0;
  if (address === 0) return false;
  const { view } = space;
  r[0] = size === 4 ? view.getInt32(address) : size === 2 ? view.getUint16(address) : view.getUint8(address);
  return true;
}
