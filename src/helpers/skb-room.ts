/**
 * `bpf_skb_adjust_room` and what else asks about the room of a packet. Measured with Linux's test run.
 *
 * Refuses: unknown or contradictory flags, an unknown mode (-EINVAL), more than 4,095 bytes (-EFAULT), packets that are
 * neither IPv4 nor IPv6, growth beyond the longest packet, cuts that leave less than the network header (-ENOTSUPP), a
 * second header around the packet (-EALREADY), cuts of more than there is, growth beyond Linux's memory (-ENOMEM).
 */
import { ERRNO } from '../errors/index.ts';
import { onPacket } from './env.ts';
import type { HelperEnv } from './env.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import { isVlan } from './skb-edit.ts';
import { int32, returnInt, returnUint, uint32 } from './registers.ts';

/** Ether types as they lie in the packet, low byte first. */
const ETH_P = { IP: 0x0008, IPV6: 0xdd86 } as const;
const HEADER = { [ETH_P.IP]: 20, [ETH_P.IPV6]: 40 } as const;
/** Bytes of an Ethernet header, and of a VLAN tag in a packet. */
const [ETH_HLEN, VLAN_HLEN] = [14, 4] as const;
/** @kernel BPF_ADJ_ROOM_NET, BPF_ADJ_ROOM_MAC */
const MODE = { NET: 0, MAC: 1 } as const;
/** @kernel BPF_F_ADJ_ROOM_* */
const FLAG = {
  FIXED_GSO: 1,
  NO_CSUM_RESET: 32,
  ENCAP_IPV4: 2,
  ENCAP_IPV6: 4,
  GRE: 8,
  UDP: 16,
  L2_ETH: 64,
  DECAP_IPV4: 128,
  DECAP_IPV6: 256,
} as const;
const ENCAP_L3 = FLAG.ENCAP_IPV4 | FLAG.ENCAP_IPV6;
const DECAP_L3 = FLAG.DECAP_IPV4 | FLAG.DECAP_IPV6;
const LOW_FLAGS = 0x1ff;
const MAX_CHANGE = 0xfff;
/** @kernel SKB_MAX_ALLOC */
const MAX_LENGTH = 4 * 4096 - 320;

/** @param low word of the flags, @param high its other word: the length of an inner link-layer header in the top byte */
function adjustRoom(packet: PacketBuffer, change: number, mode: number, low: number, high: number): number {
  if (low > LOW_FLAGS || high & 0xffffff) return -ERRNO.EINVAL;
  const size = Math.abs(change);
  if (size > MAX_CHANGE) return -ERRNO.EFAULT;
  const header = packet.protocol === ETH_P.IP || packet.protocol === ETH_P.IPV6 ? HEADER[packet.protocol] : undefined;
  if (header === undefined) return -ERRNO.ENOTSUPP;
  if (mode !== MODE.NET && mode !== MODE.MAC) return -ERRNO.ENOTSUPP;
  const shrinks = change < 0;
  let least: number = header;
  if (low & DECAP_L3) {
    if (!shrinks || (low & DECAP_L3) === DECAP_L3) return -ERRNO.EINVAL;
    least = low & FLAG.DECAP_IPV4 ? HEADER[ETH_P.IP] : HEADER[ETH_P.IPV6];
  }
  const mac = packet.network - packet.data;
  const behind = packet.length - mac;
  if (shrinks && (size >= behind || behind - size < least)) return -ERRNO.ENOTSUPP;
  if (shrinks && low & ~(DECAP_L3 | FLAG.FIXED_GSO | FLAG.NO_CSUM_RESET)) return -ERRNO.EINVAL;
  if (!shrinks && packet.length + size > MAX_LENGTH) return -ERRNO.ENOTSUPP;
  const at = packet.network - packet.start + (mode === MODE.NET ? header : 0);
  return shrinks ? shrink(packet, at, size, low) : grow(packet, at, size, low, high >>> 24);
}

function grow(packet: PacketBuffer, at: number, size: number, low: number, inner: number): number {
  const encap = low & ENCAP_L3;
  if (encap) {
    if (encap === ENCAP_L3) return -ERRNO.EINVAL;
    if ((low & (FLAG.GRE | FLAG.UDP)) === (FLAG.GRE | FLAG.UDP)) return -ERRNO.EINVAL;
    if (low & FLAG.L2_ETH && inner < 14) return -ERRNO.EINVAL;
    if (packet.encapsulated) return -ERRNO.EALREADY;
  }
  if (!packet.insert(at, size)) return -ERRNO.ENOMEM;
  packet.network -= size;
  if (encap) {
    const outer = low & FLAG.ENCAP_IPV6 ? ETH_P.IPV6 : ETH_P.IP;
    packet.protocol = outer;
    packet.encapsulated = true;
    if (low & (FLAG.GRE | FLAG.UDP)) packet.head.transport = packet.network + HEADER[outer] - packet.data;
  }
  packet.setHash();
  return 0;
}

function shrink(packet: PacketBuffer, at: number, size: number, low: number): number {
  if (at + size > packet.size) return -ERRNO.ENOMEM;
  packet.remove(at, size);
  packet.network += size;
  if (low & FLAG.DECAP_IPV4) packet.protocol = ETH_P.IP;
  if (low & FLAG.DECAP_IPV6) packet.protocol = ETH_P.IPV6;
  return 0;
}

/**
 * Ether type behind the VLAN tags in the packet; 0 where they do not end within it. Linux looks from the four bytes before the
 * network header on, which stays where it is when the packet grows at its front; where the program does not see the
 * link-layer header, from as far in the packet as that is long.
 */
function innerProtocol(view: DataView, packet: PacketBuffer): number {
  let { protocol } = packet;
  const { network, mac, data } = packet;
  const behindHeader = mac === data && network > mac;
  for (let at = behindHeader ? network - VLAN_HLEN : data + ETH_HLEN; isVlan(protocol); at += VLAN_HLEN) {
    if (at + VLAN_HLEN > packet.end) return 0;
    protocol = view.getUint16(at + 2, true);
  }
  return protocol;
}

/** Congestion Experienced, where the transport can hear it (RFC 3168). @returns 1: the mark is there */
function markCongestion({ view }: HelperEnv['space'], packet: PacketBuffer): number {
  const at = packet.network;
  const protocol = innerProtocol(view, packet);
  if (protocol === ETH_P.IP && packet.end >= at + HEADER[ETH_P.IP]) {
    const tos = view.getUint8(at + 1);
    const ecn = tos & 3;
    if (ecn === 0) return 0;
    if (ecn === 3) return 1;
    view.setUint8(at + 1, tos | 3);
    // RFC 1624: the word that holds the type of service has grown by what was added.
    const sum = view.getUint16(at + 10, false) - (3 - ecn);
    view.setUint16(at + 10, sum < 0 ? sum + 0xffff : sum, false);
    return 1;
  }
  if (protocol === ETH_P.IPV6 && packet.end >= at + HEADER[ETH_P.IPV6]) {
    const second = view.getUint8(at + 1);
    if ((second & 0x30) === 0) return 0;
    view.setUint8(at + 1, second | 0x30);
    return 1;
  }
  return 0;
}

export const skbRoomFamily = onPacket({
  /** `(ctx, change, mode, flags)` */
  skb_adjust_room(env, r) {
    const packet = env.packet as PacketBuffer;
    const result = adjustRoom(packet, int32(r, 2), uint32(r, 3), uint32(r, 4), r[9]);
    packet.changed();
    returnInt(r, result);
  },
  skb_ecn_set_ce(env, r) {
    returnUint(r, markCongestion(env.space, env.packet as PacketBuffer));
  },
});
