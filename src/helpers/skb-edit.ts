/**
 * Helpers that change the packet of a `__sk_buff`: its bytes, its length, its headers. Measured with Linux's test run, where
 * the packet is one piece and belongs to nobody else. After each the context shows where the packet lies now.
 */
import { ERRNO } from '../errors/index.ts';
import { STORE_FLAG } from './core-numbers.ts';
import { onPacket } from './env.ts';
import type { HelperEnv } from './env.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import { memory, returnInt, returnUint, uint32, uint64 } from './registers.ts';

const ETH_HLEN = 14;
const VLAN_HLEN = 4;
const MAX_OFFSET = 0x7fffffff;
/** Longest packet after a change: four pages less `struct skb_shared_info`. @kernel SKB_MAX_ALLOC */
const MAX_LENGTH = 4 * 4096 - 320;
const IPV4_HLEN = 20;
/** Ether types as they lie in the packet, low byte first. */
const ETH_P = { IP: 0x0008, IPV6: 0xdd86, VLAN: 0x0081, QINQ: 0xa888 } as const;
/** @kernel PACKET_OTHERHOST: the last type that may be set */
const MAX_PKT_TYPE = 3;

/** Every program that may call these has a packet. */
function skb(env: HelperEnv): PacketBuffer {
  return env.packet as PacketBuffer;
}

function answer(packet: PacketBuffer, r: Int32Array, result: number): void {
  packet.changed();
  returnInt(r, result);
}

/** What must stay of a packet that is cut: all before the network header, or before what Linux takes for the transport header. */
function leastLength({ network, data, head: { transport = 0 } }: PacketBuffer): number {
  return transport > 0 ? transport : Math.max(network - data, 0);
}

/** Insert or remove `count` bytes behind the link-layer header. */
function resizeAfterMac(packet: PacketBuffer, count: number): boolean {
  const at = packet.network - packet.start;
  if (count < 0) packet.remove(at, -count);
  else if (!packet.insert(at, count)) return false;
  packet.network -= count;
  return true;
}

function changeProto(env: HelperEnv, r: Int32Array): number {
  const packet = skb(env);
  const to = uint32(r, 2) & 0xffff;
  const from = packet.protocol;
  if (uint64(r, 3) !== 0) return -ERRNO.EINVAL;
  const grows = from === ETH_P.IP && to === ETH_P.IPV6;
  if (!grows && !(from === ETH_P.IPV6 && to === ETH_P.IP)) return -ERRNO.ENOTSUPP;
  if (!resizeAfterMac(packet, grows ? IPV4_HLEN : -IPV4_HLEN)) return -ERRNO.ENOMEM;
  packet.protocol = to;
  packet.setHash();
  return 0;
}

/** A tag is kept beside the packet; a second one pushes the first into it. */
function vlanPush(env: HelperEnv, r: Int32Array): number {
  const packet = skb(env);
  const given = uint32(r, 2) & 0xffff;
  const proto = given === ETH_P.VLAN || given === ETH_P.QINQ ? given : ETH_P.VLAN;
  const { vlan } = packet;
  if (vlan !== undefined) {
    const at = packet.mac + ETH_HLEN - 2 - packet.start;
    if (!packet.insert(at, VLAN_HLEN)) return -ERRNO.ENOMEM;
    const { view } = env.space;
    view.setUint16(packet.start + at, vlan.proto, true);
    view.setUint16(packet.start + at + 2, vlan.tci, false);
    packet.protocol = vlan.proto;
    packet.network -= VLAN_HLEN;
  }
  packet.vlan = { proto, tci: uint32(r, 3) & 0xffff };
  return 0;
}

/** A tag that is said to be in the packet, and is cut off, is not there to be taken. */
function vlanPop(env: HelperEnv): number {
  const packet = skb(env);
  if (packet.vlan !== undefined) packet.vlan = undefined;
  else if (!isVlan(packet.protocol)) return 0;
  else if (takeTag(env, packet) === undefined) return -ERRNO.ENOMEM;
  if (!isVlan(packet.protocol)) return 0;
  packet.vlan = takeTag(env, packet);
  return packet.vlan === undefined ? -ERRNO.ENOMEM : 0;
}

/** Of an ether type as it lies in the packet. */
export const isVlan = (protocol: number): boolean => protocol === ETH_P.VLAN || protocol === ETH_P.QINQ;

/** Take the tag out of the packet's bytes. @returns undefined where they end before it does */
function takeTag(env: HelperEnv, packet: PacketBuffer): PacketBuffer['vlan'] {
  const { view } = env.space;
  if (packet.end - packet.mac < ETH_HLEN + VLAN_HLEN) return undefined;
  const at = packet.mac + ETH_HLEN;
  const tag = { proto: packet.protocol, tci: view.getUint16(at, false) };
  packet.protocol = view.getUint16(at + 2, true);
  packet.remove(packet.mac + ETH_HLEN - 2 - packet.start, VLAN_HLEN);
  packet.network = Math.max(packet.network, packet.mac + ETH_HLEN);
  return tag;
}

export const skbEditFamily = onPacket({
  skb_store_bytes(env, r, slot) {
    const packet = skb(env);
    const [offset, size, flags] = [uint32(r, 2), uint32(r, 4), uint64(r, 5)];
    const from = memory(env.space, r, 3, size, false, slot);
    if (flags > (STORE_FLAG.RECOMPUTE_CSUM | STORE_FLAG.INVALIDATE_HASH)) return returnInt(r, -ERRNO.EINVAL);
    const to = offset > MAX_OFFSET ? undefined : packet.address(offset, size);
    if (to === undefined) return returnInt(r, -ERRNO.EFAULT);
    env.space.bytes.copyWithin(to, from, from + size);
    if (flags & STORE_FLAG.INVALIDATE_HASH) packet.setHash();
    answer(packet, r, 0);
  },
  skb_pull_data(env, r) {
    const packet = skb(env);
    answer(packet, r, uint32(r, 2) > packet.length ? -ERRNO.ENOMEM : 0);
  },
  skb_change_tail(env, r) {
    const packet = skb(env);
    const length = uint32(r, 2);
    if (uint64(r, 3) !== 0 || length > MAX_LENGTH || length < leastLength(packet)) return returnInt(r, -ERRNO.EINVAL);
    if (packet.encapsulated) return returnInt(r, -ERRNO.ENOTSUPP);
    answer(packet, r, packet.head.reach(length) && packet.setLength(length) ? 0 : -ERRNO.ENOMEM);
  },
  skb_change_head(env, r) {
    const packet = skb(env);
    const count = uint32(r, 2);
    if (uint64(r, 3) !== 0 || count > MAX_LENGTH || packet.length + count > MAX_LENGTH) {
      return returnInt(r, -ERRNO.EINVAL);
    }
    const at = packet.data - packet.start;
    if (!packet.insert(at, count)) return returnInt(r, -ERRNO.ENOMEM);
    packet.mac = packet.data;
    answer(packet, r, 0);
  },
  skb_change_proto(env, r) {
    answer(skb(env), r, changeProto(env, r));
  },
  skb_change_type(env, r) {
    const packet = skb(env);
    const type = uint32(r, 2);
    if (type > MAX_PKT_TYPE || packet.type > MAX_PKT_TYPE) return returnInt(r, -ERRNO.EINVAL);
    packet.type = type;
    answer(packet, r, 0);
  },
  skb_vlan_push(env, r) {
    answer(skb(env), r, vlanPush(env, r));
  },
  skb_vlan_pop(env, r) {
    answer(skb(env), r, vlanPop(env));
  },
  set_hash(env, r) {
    skb(env).setHash(uint32(r, 2));
    answer(skb(env), r, 0);
  },
  set_hash_invalid(env, r) {
    skb(env).setHash();
    answer(skb(env), r, 0);
  },
  /** A flow without a hash gets one that is the same for all its packets of equal headers. */
  get_hash_recalc(env, r) {
    const packet = skb(env);
    if (!packet.hasHash) {
      packet.setHash(flowHash(env, packet));
      packet.changed();
    }
    returnUint(r, packet.hash);
  },
});

/** Of the bytes from the network header on that name a flow: addresses, protocol, ports. Never 0. */
function flowHash(env: HelperEnv, packet: PacketBuffer): number {
  const { bytes } = env.space;
  const isIpv6 = packet.protocol === ETH_P.IPV6;
  const [from, to] = isIpv6 ? [8, 44] : [12, 24];
  let hash = isIpv6 ? bytes[packet.network + 6] : bytes[packet.network + 9];
  for (let at = packet.network + from; at < packet.network + to && at < packet.end; at++) {
    hash = Math.imul(hash ^ bytes[at], 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0 || 1;
}
