/**
 * Programs whose context is a `__sk_buff`: socket_filter, sched_cls, sched_act, cgroup_skb, lwt_*. PROG_TEST_RUN takes an
 * Ethernet frame. sched_cls and sched_act see all of it, the others what follows the Ethernet header. Measured on Linux 6.18, where the
 * device is `lo` (index 1).
 *
 * Refuses: flags other than CHECKSUM_COMPLETE, `cpu`, `batchSize` (-EINVAL); frames shorter than 14 or longer than 3,712
 * bytes, IPv4 and IPv6 frames without their whole fixed header (-EINVAL); a context that names another device
 * (-ENODEV), or sets fields that cannot be given (-EINVAL); a packet whose checksum changed (-EBADMSG).
 */
import { SK_BUFF, offsetsOf } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import type { ProgTestRunAttr } from '../sys/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { MAX_PACKET } from '../helpers/index.ts';
import { clearResults, contextIn, results, runRepeated } from './run.ts';
import { fillSocket } from './test-socket.ts';

/** Bytes of an Ethernet header. @kernel ETH_HLEN */
const ETH_HLEN = 14;
/** A page less headroom (64) and `struct skb_shared_info` (320). */
const MAX_FRAME = 4096 - 64 - 320;
/** `lo`: the only device. */
const LOOPBACK_IFINDEX = 1;
const MAX_WIRE_LEN = 65536;
const MAX_GSO_SEGS = 65535;
/** @kernel BPF_F_TEST_SKB_CHECKSUM_COMPLETE */
const CHECKSUM_COMPLETE = 4;

/** Ether types in the byte order that `protocol` shows, and the frame's least length. */
const SHORTEST_FRAME: Readonly<Record<number, number>> = { 0x0008: ETH_HLEN + 20, 0xdd86: ETH_HLEN + 40 };
/** Below this the two bytes are a length, and the frame is IEEE 802.3. @kernel ETH_P_802_3_MIN */
const FIRST_ETHER_TYPE = 0x0600;
/** `protocol` of such frames: with an 802.2 header, and Novell's without. @kernel ETH_P_802_2, ETH_P_802_3 */
const [ETH_P_802_2, ETH_P_802_3] = [0x0400, 0x0100];

/** @kernel PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST */
const PKT_TYPE = { HOST: 0, MULTICAST: 2, OTHERHOST: 3 } as const;

const AT = offsetsOf(SK_BUFF, [
  'len',
  'pkt_type',
  'protocol',
  'ifindex',
  'data',
  'data_end',
  'data_meta',
  'wire_len',
  'gso_segs',
  'gso_size',
  'sk',
  'hash',
  'vlan_present',
  'vlan_proto',
  'vlan_tci',
]);

/** Fields that `ctxIn` may set. The program sees them. */
const GIVEN = 'mark priority ingress_ifindex ifindex cb tstamp wire_len gso_segs gso_size hwtstamp'.split(' ');
/** Fields that `ctxOut` shows as the program left them; all others are as they were given. */
const SHOWN = 'mark priority ifindex cb tstamp wire_len gso_segs'.split(' ');

/** 1 at each byte that must be zero in `ctxIn`. */
const forbidden = new Uint8Array(SK_BUFF.size).fill(1);
for (const { name, offset, size } of SK_BUFF.fields) if (GIVEN.includes(name)) forbidden.fill(0, offset, offset + size);
const shown = SK_BUFF.fields.filter(({ name }) => SHOWN.includes(name));

/** Run a program on a frame. @returns 0 or -errno. */
export function testRunSkb(cpu: Cpu, image: ProgramImage, attr: ProgTestRunAttr): number {
  const { dataIn } = attr;
  const socketFilter = image.progType === PROG_TYPE.SOCKET_FILTER;
  const seesFrame = image.progType === PROG_TYPE.SCHED_CLS || image.progType === PROG_TYPE.SCHED_ACT;
  const wholeFrame = attr.view === 'packet-socket';
  if (wholeFrame && !socketFilter) return -ERRNO.EINVAL;
  if (((attr.flags ?? 0) & ~CHECKSUM_COMPLETE) !== 0 || attr.cpu || attr.batchSize) return -ERRNO.EINVAL;
  if (dataIn === undefined || dataIn.length > (wholeFrame ? MAX_PACKET : MAX_FRAME)) return -ERRNO.EINVAL;
  if (dataIn.length < ETH_HLEN && !wholeFrame) return -ERRNO.EINVAL;
  const given = contextIn(attr, SK_BUFF.size);
  if (typeof given === 'number') return given;

  const hidden = seesFrame || wholeFrame ? 0 : ETH_HLEN;
  const protocol = etherProtocol(dataIn);
  if (!wholeFrame && dataIn.length < (SHORTEST_FRAME[protocol] ?? 0)) return -ERRNO.EINVAL;
  const errno = given === undefined ? 0 : checkGiven(given, dataIn.length - hidden);
  if (errno) return errno;

  placePacket(cpu, dataIn, hidden, protocol);
  fillContext(cpu);
  fillSocket(cpu, dataIn, protocol);
  if (given !== undefined) applyGiven(cpu, given, dataIn.length - hidden);

  runOnPacket(cpu, image, attr);
  const { bytes } = cpu.host.space;
  const { packet } = cpu;
  const checked = ((attr.flags ?? 0) & CHECKSUM_COMPLETE) !== 0;
  if (checked && checksum(bytes.subarray(packet.start, packet.end)) !== checksum(dataIn)) {
    clearResults(attr);
    return -ERRNO.EBADMSG;
  }
  if (given !== undefined) {
    for (const { offset, size } of shown) {
      given.set(bytes.subarray(cpu.ctx.base + offset, cpu.ctx.base + offset + size), offset);
    }
  }
  bytes.fill(0, packet.start, packet.start + hidden); // the header that only some see
  return results(cpu, attr, given);
}

function runOnPacket(cpu: Cpu, image: ProgramImage, attr: ProgTestRunAttr): void {
  cpu.env.packet = cpu.packet;
  cpu.skbContext.clear();
  try {
    runRepeated(cpu, image, attr, cpu.skbContext);
  } finally {
    cpu.env.packet = undefined;
  }
}

/** `protocol` as a program loads it: the two bytes of the frame, first byte lowest. */
function etherProtocol(frame: Uint8Array): number {
  if (frame.length < ETH_HLEN) return 0;
  if (((frame[12] << 8) | frame[13]) >= FIRST_ETHER_TYPE) return frame[12] | (frame[13] << 8);
  const novell = frame.length >= ETH_HLEN + 2 && frame[14] === 0xff && frame[15] === 0xff;
  return novell ? ETH_P_802_3 : ETH_P_802_2;
}

/** Whom the frame is for, seen from a device whose address is all zeros. */
function packetType(frame: Uint8Array): number {
  if (frame[0] & 1) return PKT_TYPE.MULTICAST;
  for (let i = 0; i < 6 && i < frame.length; i++) if (frame[i] !== 0) return PKT_TYPE.OTHERHOST;
  return PKT_TYPE.HOST;
}

function placePacket(cpu: Cpu, frame: Uint8Array, hidden: number, protocol: number): void {
  const { packet } = cpu;
  packet.place(frame, hidden);
  packet.network = packet.start + ETH_HLEN;
  packet.protocol = protocol;
  packet.type = packetType(frame);
  packet.changed = () => writePacket(cpu);
}

/** The context of a frame that came without one. */
function fillContext(cpu: Cpu): void {
  const { ctx } = cpu;
  const { bytes, view } = cpu.host.space;
  const { base } = ctx;
  ctx.size = SK_BUFF.size;
  ctx.writable = true;
  bytes.fill(0, base, base + SK_BUFF.size);
  view.setUint32(base + AT.ifindex, LOOPBACK_IFINDEX, true);
  view.setUint32(base + AT.sk, cpu.sock.base, true);
  writePacket(cpu);
}

/** Where the packet lies now. */
function writePacket({ ctx, packet, host }: Cpu): void {
  const { view } = host.space;
  const { vlan } = packet;
  view.setUint32(ctx.base + AT.len, packet.length, true);
  view.setUint32(ctx.base + AT.pkt_type, packet.type, true);
  view.setUint32(ctx.base + AT.protocol, packet.protocol, true);
  view.setUint32(ctx.base + AT.vlan_present, vlan ? 1 : 0, true);
  view.setUint32(ctx.base + AT.vlan_tci, vlan?.tci ?? 0, true);
  view.setUint32(ctx.base + AT.vlan_proto, vlan?.proto ?? 0, true);
  view.setUint32(ctx.base + AT.hash, packet.hash, true);
  view.setUint32(ctx.base + AT.data, packet.data, true);
  view.setUint32(ctx.base + AT.data_end, packet.end, true);
  view.setUint32(ctx.base + AT.data_meta, packet.data, true);
}

function checkGiven(given: Uint8Array, length: number): number {
  const view = new DataView(given.buffer);
  const ifindex = view.getUint32(AT.ifindex, true);
  if (ifindex !== 0 && ifindex !== LOOPBACK_IFINDEX) return -ERRNO.ENODEV;
  if (given.some((byte, i) => byte !== 0 && forbidden[i] !== 0)) return -ERRNO.EINVAL;
  const wireLen = view.getUint32(AT.wire_len, true);
  if (wireLen !== 0 && (wireLen < length || wireLen > MAX_WIRE_LEN)) return -ERRNO.EINVAL;
  return view.getUint32(AT.gso_segs, true) > MAX_GSO_SEGS ? -ERRNO.EINVAL : 0;
}

function applyGiven(cpu: Cpu, given: Uint8Array, length: number): void {
  const { bytes, view } = cpu.host.space;
  const { base } = cpu.ctx;
  for (const { name, offset, size } of SK_BUFF.fields) {
    if (GIVEN.includes(name)) bytes.set(given.subarray(offset, offset + size), base + offset);
  }
  view.setUint16(base + AT.gso_size + 2, 0, true); // 16 bits behind 32
  if (view.getUint32(base + AT.ifindex, true) === 0) view.setUint32(base + AT.ifindex, LOOPBACK_IFINDEX, true);
  if (view.getUint32(base + AT.wire_len, true) === 0) view.setUint32(base + AT.wire_len, length, true);
}

/** Ones' complement sum of what follows the Ethernet header, as a receiving device gives it. */
function checksum(frame: Uint8Array): number {
  let sum = 0;
  for (let i = ETH_HLEN; i < frame.length; i += 2) sum += (frame[i] << 8) | (frame[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}
