/**
 * A packet as a packet socket shows it: to filters, one view that moves from packet to packet; to JavaScript, a
 * `ReceivedPacket` for each that was let through.
 */
import type { ClassicAncillary } from '../../cbpf/index.ts';
import type { SocketPacket } from '../../sys/index.ts';

/** A VLAN tag that is kept beside the packet. */
export interface VlanTag {
  /** Priority (3 bits), drop eligible (1), number (12). */
  readonly tci: number;
  /** Ether type of the tag: 0x8100, or 0x88a8 of an outer one. */
  readonly tpid: number;
}

/** A packet that the filter let through. */
export interface ReceivedPacket {
  /** From the link-layer header on, cut to what the filter and the snap length leave. */
  readonly data: Uint8Array;
  /** Seconds since 1970 (UTC), whole. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
  /** Bytes of the packet before it was cut. */
  readonly originalLength: number;
  /** What `data` starts with, see LINKTYPE of skep/pcap; -1 where the device has none there. */
  readonly linkType: number;
  /** Index of the device, 1 or more; of a capture: the interface's place in its section, from 1 on. */
  readonly ifindex: number;
  /** @kernel ARPHRD_* */
  readonly hatype: number;
  /** See PACKET_TYPE. */
  readonly type: number;
  /** Ether type, in host order. */
  readonly protocol: number;
  readonly vlan: VlanTag | undefined;
}

/** What filters may ask of a packet beside its bytes. Many packets share one. */
class Facts implements ClassicAncillary {
  readonly protocol: number;
  readonly pktType: number;
  readonly ifindex: number;
  readonly hatype: number;
  readonly vlan: VlanTag | undefined;

  constructor(protocol: number, pktType: number, ifindex: number, hatype: number, vlan: VlanTag | undefined) {
    this.protocol = protocol;
    this.pktType = pktType;
    this.ifindex = ifindex;
    this.hatype = hatype;
    this.vlan = vlan;
  }

  get vlanPresent(): number {
    return this.vlan === undefined ? 0 : 1;
  }

  get vlanTci(): number {
    return this.vlan?.tci ?? 0;
  }

  get vlanTpid(): number {
    return this.vlan?.tpid ?? 0;
  }

  random(): number {
    return (Math.random() * 2 ** 32) >>> 0;
  }
}

/** Facts that are kept for packets like the ones before. */
const MAX_KNOWN = 64;
const NO_BYTES = new Uint8Array(0);
const NO_FACTS = new Facts(0, 0, 0, 0, undefined);

/** What a source sets for each packet. It is valid until the source moves on. */
export class PacketView implements SocketPacket {
  /** Where the packet lies, from `start` up to, but not including, `end`. */
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;
  /** Index in `bytes`; undefined: there is no link-layer header. */
  link: number | undefined = 0;
  network = 0;
  /** Bytes of the packet before it was cut. */
  length = 0;
  seconds = 0;
  nanoseconds = 0;
  linkType = -1;
  ancillary = NO_FACTS;
  readonly #known = new Map<number, Facts>();

  setFacts(protocol: number, pktType: number, ifindex: number, hatype: number, vlan?: VlanTag): void {
    if (isOf(this.ancillary, protocol, pktType, ifindex, hatype, vlan)) return;
    const key = protocol * 8 + pktType;
    let facts = this.#known.get(key);
    if (facts === undefined || !isOf(facts, protocol, pktType, ifindex, hatype, vlan)) {
      facts = new Facts(protocol, pktType, ifindex, hatype, vlan);
      if (this.#known.size === MAX_KNOWN) this.#known.clear();
      this.#known.set(key, facts);
    }
    this.ancillary = facts;
  }

  /**
   * The packet for JavaScript.
   * @param kept bytes of it
   * @param copied whether they stay as they are when the source goes on
   */
  packet(kept: number, copied: boolean): ReceivedPacket {
    const { bytes, start } = this;
    const data = copied ? bytes.slice(start, start + kept) : bytes.subarray(start, start + kept);
    const { protocol, pktType: type, ifindex, hatype, vlan } = this.ancillary;
    const { seconds, nanoseconds, length: originalLength, linkType } = this;
    return { data, seconds, nanoseconds, originalLength, linkType, ifindex, hatype, type, protocol, vlan };
  }
}

function isOf(
  facts: Facts,
  protocol: number,
  pktType: number,
  ifindex: number,
  hatype: number,
  vlan: VlanTag | undefined,
): boolean {
  if (facts.protocol !== protocol || facts.pktType !== pktType) return false;
  if (facts.ifindex !== ifindex || facts.hatype !== hatype) return false;
  return facts.vlan === vlan || (facts.vlan?.tci === vlan?.tci && facts.vlan?.tpid === vlan?.tpid);
}

/** Where the packets of a socket come from. */
export interface PacketSource {
  /** The descriptor of a socket of the system. */
  readonly fd: number | undefined;
  /** The packet that `next()` moved to. */
  readonly view: PacketView;
  /** Whether bytes of packets stay as they are when the source goes on. */
  readonly lasting: boolean;
  /** Move to the next packet at hand. @returns false: there is none */
  next(): boolean;
  /**
   * Let go of the packets that `next()` has shown, and wait until there are others.
   * @returns false: there will be none
   * @throws FormatError, BpfError: what ended the packets early; the signal's reason
   */
  ready(signal: AbortSignal): Promise<boolean>;
  /** Packets that the kernel had no room for so far. */
  dropped(): number;
  close(): void;
}
