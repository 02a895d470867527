/**
 * Headers of packets that Node delivers without them, as a socket of Linux would show them: Ethernet with addresses of zeros,
 * IPv4 or IPv6, UDP or TCP. What is known is there: addresses, ports, lengths, IPv4's checksum. What is not is what Linux most
 * often sends (no options, 64 hops, 1 to a group, "don't fragment", identification 0) or zero (traffic class, flow label, checksums of
 * UDP and TCP, TCP's numbers). Layouts: RFC 791, 8200, 768, 9293.
 */
import type { ClassicAncillary } from '../../cbpf/index.ts';
import type { SocketFacts, SocketPacket } from '../../sys/index.ts';
import { LOOPBACK_INDEX, isMulticast } from './addresses.ts';
import { ARPHRD, ETH_HLEN, ETH_P } from './link-layer.ts';

export { PACKET_TYPE } from './link-layer.ts';

export const IPPROTO = { TCP: 6, UDP: 17 } as const;
/** Bytes of the header that the program sees as the beginning of the data. */
export const UDP_HLEN = 8;
export const TCP_HLEN = 20;
/** Hops of packets to one host, and to a group. */
const TTL = { HOST: 64, GROUP: 1 } as const;
const DONT_FRAGMENT = 0x40;
const TCP_SYN = 2;
const TCP_ACK = 16;
/** By version of IP. */
const ETHER_TYPE = { 4: ETH_P.IP, 6: ETH_P.IPV6 } as const;

/** One side of a flow. */
export interface Endpoint {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
}

export interface Flow {
  readonly protocol: number;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** Index of the device; undefined: not known. */
  readonly ifindex: number | undefined;
  /** See PACKET_TYPE. */
  readonly type: number;
  readonly socket: SocketFacts;
}

/** A packet of a flow: headers stay, `bytes` and what depends on their length change from packet to packet. */
export class FlowPacket implements SocketPacket {
  readonly headers: Uint8Array;
  revision = 0;
  bytes: Uint8Array = new Uint8Array(0);
  readonly link = 0;
  readonly network = ETH_HLEN;
  /** Where the data begins that programs see. */
  readonly start: number;
  readonly ancillary: ClassicAncillary;
  readonly socket: SocketFacts;
  readonly #version: 4 | 6;
  /** Where the header of UDP or TCP begins. */
  readonly #transport: number;
  readonly #udp: boolean;
  /** Of IPv4's header without its length. */
  #sum = 0;
  #length = -1;

  /** @param startsBehind the data begins behind the header of TCP, and not with it */
  constructor(flow: Flow, startsBehind = false) {
    const { source, destination, protocol } = flow;
    this.#udp = protocol === IPPROTO.UDP;
    // Addresses of two kinds are those of a socket of IPv6 that shows one of IPv4.
    this.#version = source.address.length === 4 ? 4 : 6;
    const network = this.#version === 4 ? 20 : 40;
    this.#transport = ETH_HLEN + network;
    const end = this.#transport + (this.#udp ? UDP_HLEN : TCP_HLEN);
    this.start = startsBehind ? end : this.#transport;
    this.headers = new Uint8Array(end);
    this.socket = flow.socket;
    this.ancillary = ancillaryOf(flow, ETHER_TYPE[this.#version], startsBehind ? 0 : end - this.#transport);
    this.#put16(12, ETHER_TYPE[this.#version]);
    this.#writeNetwork(flow);
    this.#put16(this.#transport, source.port);
    this.#put16(this.#transport + 2, destination.port);
    if (!this.#udp) this.#writeTcp(startsBehind ? TCP_ACK : TCP_SYN);
    this.setBytes(this.bytes);
  }

  /** Bytes of an address: 4 or 16. */
  get addressSize(): number {
    return this.#version === 4 ? 4 : 16;
  }

  /** The next packet's payload. */
  setBytes(bytes: Uint8Array): void {
    this.bytes = bytes;
    if (bytes.length !== this.#length) this.#setLength(bytes.length);
  }

  /** The next packet is from another port of the same host. */
  setSourcePort(port: number): void {
    this.#put16(this.#transport, port);
    this.revision++;
  }

  /** The next packet is from another host. @param address begins with as many bytes as before */
  setSource(address: Uint8Array, port: number): void {
    const { headers, addressSize } = this;
    const at = ETH_HLEN + (addressSize === 4 ? 12 : 8);
    for (let i = 0; i < addressSize; i++) {
      // In a sum of 16 bits every other byte is the upper one.
      this.#sum += (address[i] - headers[at + i]) << (i & 1 ? 0 : 8);
      headers[at + i] = address[i];
    }
    this.#put16(this.#transport, port);
    this.#length = -1;
  }

  #setLength(length: number): void {
    this.#length = length;
    this.revision++;
    const behind = this.headers.length - this.#transport + length;
    if (this.#udp) this.#put16(this.#transport + 4, behind);
    if (this.#version === 6) return this.#put16(ETH_HLEN + 4, behind);
    const total = 20 + behind;
    this.#put16(ETH_HLEN + 2, total);
    let sum = this.#sum + (total & 0xffff);
    sum = (sum & 0xffff) + (sum >>> 16);
    this.#put16(ETH_HLEN + 10, ~(sum + (sum >>> 16)));
  }

  #writeNetwork({ source, destination, protocol }: Flow): void {
    const { headers } = this;
    const at = ETH_HLEN;
    const ttl = isMulticast(destination.address) ? TTL.GROUP : TTL.HOST;
    if (this.#version === 6) {
      headers[at] = 0x60;
      headers[at + 6] = protocol;
      headers[at + 7] = ttl;
      headers.set(source.address, at + 8);
      headers.set(destination.address.length === 16 ? destination.address : [], at + 24);
      return;
    }
    headers[at] = 0x45;
    headers[at + 6] = DONT_FRAGMENT;
    headers[at + 8] = ttl;
    headers[at + 9] = protocol;
    headers.set(source.address, at + 12);
    headers.set(destination.address.length === 4 ? destination.address : [], at + 16);
    for (let i = 0; i < 20; i += 2) this.#sum += (headers[at + i] << 8) | headers[at + i + 1];
  }

  #writeTcp(flags: number): void {
    const at = this.#transport;
    this.headers[at + 12] = (TCP_HLEN / 4) << 4;
    this.headers[at + 13] = flags;
    this.#put16(at + 14, 0xffff);
  }

  #put16(at: number, value: number): void {
    this.headers[at] = (value >> 8) & 0xff;
    this.headers[at + 1] = value & 0xff;
  }
}

const random = (): number => Math.floor(Math.random() * 2 ** 32);

function ancillaryOf({ ifindex, type }: Flow, protocol: number, payOffset: number): ClassicAncillary {
  const hatype = ifindex === LOOPBACK_INDEX ? ARPHRD.LOOPBACK : ARPHRD.ETHER;
  return { protocol, pktType: type, ifindex, hatype, payOffset, random };
}
