/**
 * Captured packets as a packet socket on a Linux device of their kind shows them. By link type of the capture:
 *
 * | capture            | device        | what is shown |
 * |---|---|---|
 * | ETHERNET           | ETHER         | the frame; an outermost VLAN tag is taken out of it and kept beside, as Linux does on receipt |
 * | NULL, LOOP         | LOOPBACK      | an Ethernet header of zeros with the packet's ether type, as on `lo`, instead of the 4 bytes |
 * | RAW, IPV4, IPV6    | NONE          | the packet, which starts with its network header |
 * | LINUX_SLL, _SLL2   | as they say   | what follows the header, as a socket of SOCK_DGRAM does: the link layer was not captured |
 * | PPP, IEEE802_11    | PPP, IEEE80211| the bytes, of no protocol |
 * | all others         | NONE          | the bytes, of no protocol |
 *
 * Sources: the link types of tcpdump.org; for Ethernet what Linux 6.18 shows of frames that are sent through a veth pair.
 */
import { LINKTYPE } from '../../pcap/index.ts';
import type { Packet } from '../../pcap/index.ts';
import { ARPHRD, ETH_HLEN, ETH_P, PACKET_TYPE } from './link-layer.ts';
import type { PacketView, VlanTag } from './packet-view.ts';

const VLAN_HLEN = 4;
/** The address family before packets of a BSD loopback device. */
const BSD_HLEN = 4;
/** Where an Ethernet frame has its type. */
const ETHER_TYPE = 12;
const SLL_HLEN = 16;
const SLL2_HLEN = 20;
/** From here on the two bytes of a frame are a type; below they are a length. @kernel ETH_P_802_3_MIN */
const FIRST_ETHER_TYPE = 0x0600;

/** Ether types of the address families that BSD systems write before packets of a loopback device. */
const BSD_FAMILIES: Readonly<Record<number, number | undefined>> = {
  2: ETH_P.IP,
  24: ETH_P.IPV6,
  28: ETH_P.IPV6,
  30: ETH_P.IPV6,
};

const be16 = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];
const be32 = (bytes: Uint8Array, at: number): number => be16(bytes, at) * 0x10000 + be16(bytes, at + 2);
const isTag = (type: number): boolean => type === ETH_P.VLAN || type === ETH_P.QINQ;

type Show = (view: PacketView, packet: Packet, ifindex: number) => void;

const SHOW: Readonly<Record<number, Show | undefined>> = {
  [LINKTYPE.ETHERNET]: showEthernet,
  [LINKTYPE.NULL]: showLoopback,
  [LINKTYPE.LOOP]: showLoopback,
  [LINKTYPE.RAW]: showNetwork,
  [LINKTYPE.IPV4]: showNetwork,
  [LINKTYPE.IPV6]: showNetwork,
  [LINKTYPE.LINUX_SLL]: (view, packet, ifindex) => {
    const { data } = packet;
    if (data.length < SLL_HLEN) return showUnknown(view, packet, ifindex);
    showCooked(view, data, SLL_HLEN, be16(data, 14), [be16(data, 0), ifindex, be16(data, 2)]);
  },
  [LINKTYPE.LINUX_SLL2]: (view, packet, ifindex) => {
    const { data } = packet;
    if (data.length < SLL2_HLEN) return showUnknown(view, packet, ifindex);
    showCooked(view, data, SLL2_HLEN, be16(data, 0), [data[10], be32(data, 4), be16(data, 8)]);
  },
};

/** Device types of packets whose protocol is not looked for. */
const DEVICES: Readonly<Record<number, number | undefined>> = {
  [LINKTYPE.ETHERNET]: ARPHRD.ETHER,
  [LINKTYPE.PPP]: ARPHRD.PPP,
  [LINKTYPE.IEEE802_11]: ARPHRD.IEEE80211,
};

/** Show a captured packet in a view. */
export function showCaptured(view: PacketView, packet: Packet): void {
  const { data, linkType } = packet;
  setBytes(view, data, 0);
  view.length = Math.max(packet.originalLength, data.length);
  view.seconds = packet.seconds;
  view.nanoseconds = packet.nanoseconds;
  view.linkType = linkType;
  (SHOW[linkType] ?? showUnknown)(view, packet, packet.interface + 1);
}

function setBytes(view: PacketView, bytes: Uint8Array, start: number): void {
  view.bytes = bytes;
  view.start = view.link = view.network = start;
  view.end = bytes.length;
}

function showUnknown(view: PacketView, { linkType }: Packet, ifindex: number): void {
  view.setFacts(0, PACKET_TYPE.HOST, ifindex, DEVICES[linkType] ?? ARPHRD.NONE);
}

function showEthernet(view: PacketView, packet: Packet, ifindex: number): void {
  const { data } = packet;
  if (data.length < ETH_HLEN) return showUnknown(view, packet, ifindex);
  view.network = ETH_HLEN;
  const type = be16(data, ETHER_TYPE);
  if (!isTag(type) || data.length < ETH_HLEN + VLAN_HLEN)
    return view.setFacts(etherProtocol(data), receiver(data), ifindex, ARPHRD.ETHER);
  const untagged = data.slice(VLAN_HLEN);
  untagged.set(data.subarray(0, ETHER_TYPE));
  setBytes(view, untagged, 0);
  view.network = ETH_HLEN;
  view.length -= VLAN_HLEN;
  const tag = { tci: be16(data, ETH_HLEN), tpid: type };
  view.setFacts(etherProtocol(untagged), receiver(data), ifindex, ARPHRD.ETHER, tag);
}

/** Whom a frame is for; who captured it is not known, so every single address is taken for the device's. */
function receiver(frame: Uint8Array): number {
  if ((frame[0] & 1) === 0) return PACKET_TYPE.HOST;
  for (let i = 0; i < 6; i++) if (frame[i] !== 0xff) return PACKET_TYPE.MULTICAST;
  return PACKET_TYPE.BROADCAST;
}

/** The type of a frame; of one that has a length instead, which kind it is. */
function etherProtocol(frame: Uint8Array): number {
  const type = be16(frame, ETHER_TYPE);
  if (type >= FIRST_ETHER_TYPE) return type;
  const novell = frame[ETH_HLEN] === 0xff && frame[ETH_HLEN + 1] === 0xff;
  return novell ? ETH_P.ETHERNET_802_3 : ETH_P.ETHERNET_802_2;
}

function showLoopback(view: PacketView, packet: Packet, ifindex: number): void {
  const { data, linkType } = packet;
  if (data.length < BSD_HLEN) return showUnknown(view, packet, ifindex);
  let family = be32(data, 0);
  // In the byte order of the machine that captured it: a family is a small number.
  if (linkType === LINKTYPE.NULL && family > 0xffff) family = data[0] | (data[1] << 8);
  const protocol = BSD_FAMILIES[family] ?? 0;
  const frame = new Uint8Array(ETH_HLEN - BSD_HLEN + data.length);
  frame.set(data, ETH_HLEN - BSD_HLEN);
  frame.fill(0, 0, ETHER_TYPE);
  frame[ETHER_TYPE] = protocol >> 8;
  frame[ETHER_TYPE + 1] = protocol & 0xff;
  setBytes(view, frame, 0);
  view.network = ETH_HLEN;
  view.length += ETH_HLEN - BSD_HLEN;
  view.linkType = LINKTYPE.ETHERNET;
  view.setFacts(protocol, PACKET_TYPE.HOST, ifindex, ARPHRD.LOOPBACK);
}

function showNetwork(view: PacketView, { data }: Packet, ifindex: number): void {
  const version = data.length > 0 ? data[0] >> 4 : 0;
  const protocol = version === 4 ? ETH_P.IP : version === 6 ? ETH_P.IPV6 : 0;
  view.linkType = LINKTYPE.RAW;
  view.setFacts(protocol, PACKET_TYPE.HOST, ifindex, ARPHRD.NONE);
}

/** @param facts packet type, index and type of the device */
function showCooked(
  view: PacketView,
  data: Uint8Array,
  header: number,
  protocol: number,
  facts: readonly [number, number, number],
): void {
  let tag: VlanTag | undefined;
  if (isTag(protocol) && data.length >= header + VLAN_HLEN) {
    tag = { tci: be16(data, header), tpid: protocol };
    protocol = be16(data, header + 2);
    header += VLAN_HLEN;
  }
  setBytes(view, data, header);
  view.link = undefined;
  view.length -= header;
  view.linkType = protocol === ETH_P.IP || protocol === ETH_P.IPV6 ? LINKTYPE.RAW : -1;
  view.setFacts(protocol, ...facts, tag);
}
