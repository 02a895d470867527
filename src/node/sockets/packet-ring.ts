/**
 * Live packets of Linux's devices: an AF_PACKET socket with a ring of blocks (TPACKET_V3) in memory that the kernel fills
 * and this process reads. Nothing is copied and no system call is made for a packet; between blocks the event loop waits.
 * Layouts and numbers: uapi linux/if_packet.h, Documentation/networking/packet_mmap.rst, packet(7).
 */
import { BpfError, ERRNO } from '../../errors/index.ts';
import type { Libc, Mapping } from '../../ffi/index.ts';
import { LINKTYPE } from '../../pcap/index.ts';
import { ARPHRD, ETH_P, PACKET_TYPE } from './link-layer.ts';
import { PacketView } from './packet-view.ts';
import type { PacketSource, VlanTag } from './packet-view.ts';

const AF_PACKET = 17;
/** SOCK_RAW, SOCK_NONBLOCK, SOCK_CLOEXEC */
const RAW = 3 | 0x800 | 0x80000;
const SOL = { SOCKET: 1, PACKET: 263 };
const SO_ERROR = 4;
/** @kernel PACKET_* */
const OPTION = { ADD_MEMBERSHIP: 1, RX_RING: 5, STATISTICS: 6, VERSION: 10, IGNORE_OUTGOING: 23 };
const TPACKET_V3 = 2;
const PACKET_MR_PROMISC = 1;
const STATUS_USER = 1;
/** Bits of a packet's status. */
const STATUS = { VLAN_VALID: 0x10, VLAN_TPID_VALID: 0x40 };

/** 32-bit words of @kernel tpacket_block_desc */
const BLOCK = { STATUS: 2, PACKETS: 3, FIRST: 4 };
/** 32-bit words of @kernel tpacket3_hdr, which a @kernel sockaddr_ll follows. */
const HEADER = { NEXT: 0, SECONDS: 1, NANOSECONDS: 2, SNAPLEN: 3, LENGTH: 4, STATUS: 5, PLACES: 6, TCI: 8, TPID: 9 };
const ADDRESS = { PROTOCOL: 12, IFINDEX: 13, TYPES: 14 };
/** @kernel sizeof(struct sockaddr_ll), sizeof(struct tpacket_stats_v3) */
const SIZE = { ADDRESS: 20, STATISTICS: 12 };

/** Longest packet that the kernel may show, with its header: less of longer ones is captured. */
const BLOCK_SIZE = 1 << 18;
const MIN_RING = 1 << 18;
const MAX_RING = 1 << 30;
const DEFAULT_RING = 1 << 25;
/** Milliseconds after which the kernel hands over a block that is not full. */
const BLOCK_TIMEOUT = 10;
/** Unused with blocks of packets of any size, and checked all the same. */
const FRAME_SIZE = 2048;

export type Direction = 'in' | 'out' | 'both';

export interface RingOptions {
  /** Name of a device; undefined: all of them. */
  readonly iface?: string;
  /** Bytes of the ring, 256 KiB to 1 GiB; 32 MiB. Rounded up to blocks of 256 KiB. */
  readonly ringSize?: number;
  /** Ask the device for packets to other hosts too. */
  readonly promiscuous?: boolean;
  /** Which packets: those that come in, those that go out; both. */
  readonly direction?: Direction;
  /**
   * A loopback device shows each packet as it goes out and as it comes in. False, as elsewhere: with `both` it is taken once, as
   * it comes in.
   */
  readonly loopbackTwice?: boolean;
}

/** What packets start with that do not start with their network header, by device type. */
const LINK_TYPES: Readonly<Record<number, number | undefined>> = {
  [ARPHRD.ETHER]: LINKTYPE.ETHERNET,
  [ARPHRD.LOOPBACK]: LINKTYPE.ETHERNET,
  [ARPHRD.IEEE80211]: LINKTYPE.IEEE802_11,
};

const swap16 = (half: number): number => ((half & 0xff) << 8) | ((half >> 8) & 0xff);

export class PacketRing implements PacketSource {
  readonly fd: number;
  readonly view = new PacketView();
  readonly lasting = false;
  readonly #libc: Libc;
  readonly #iface: string | undefined;
  readonly #ring: Mapping;
  readonly #words: Int32Array;
  readonly #blocks: number;
  readonly #direction: Direction;
  /** The block being read; whether this process has it; packets still to come in it, and where the next one begins. */
  #block = 0;
  #held = false;
  #left = 0;
  #at = 0;
  #dropped = 0;
  #closed = false;
  /** Whether the copies that go out are left out on loopback devices. */
  readonly #once: boolean;

  /**
   * Open the socket; packets come from `start()` on.
   * @throws BpfError EPERM: no CAP_NET_RAW; ENODEV: no such device; ENOMEM: no room for the ring; RangeError: its size
   */
  constructor(libc: Libc, options: RingOptions) {
    const { iface, ringSize = DEFAULT_RING, direction = 'both' } = options;
    if (!(ringSize >= MIN_RING && ringSize <= MAX_RING))
      throw new RangeError(`a ring of ${ringSize} bytes: it has ${MIN_RING} to ${MAX_RING}`);
    if (!['in', 'out', 'both'].includes(direction))
      throw new RangeError(`direction is in, out or both, not ${direction}`);
    if (options.promiscuous && iface === undefined) throw new TypeError('promiscuous is a setting of one device');
    this.#libc = libc;
    this.#iface = iface;
    this.#direction = direction;
    this.#once = direction === 'both' && !options.loopbackTwice;
    this.#blocks = Math.ceil(ringSize / BLOCK_SIZE);
    const fd = libc.socket(AF_PACKET, RAW, 0);
    if (fd === -ERRNO.EPERM) throw new BpfError(fd, 'packet socket', 'packet sockets need root, or CAP_NET_RAW');
    if (fd < 0) throw new BpfError(fd, 'packet socket');
    this.fd = fd;
    try {
      this.#set(OPTION.VERSION, [TPACKET_V3]);
      if (direction === 'in') this.#set(OPTION.IGNORE_OUTGOING, [1]);
      if (options.promiscuous) this.#set(OPTION.ADD_MEMBERSHIP, [this.#index(), PACKET_MR_PROMISC, 0, 0]);
      const frames = (this.#blocks * BLOCK_SIZE) / FRAME_SIZE;
      this.#set(OPTION.RX_RING, [BLOCK_SIZE, this.#blocks, FRAME_SIZE, frames, BLOCK_TIMEOUT, 0, 0]);
      const ring = libc.mmap(fd, this.#blocks * BLOCK_SIZE, 0, true);
      if (typeof ring === 'number') throw new BpfError(ring, 'packet socket', 'the ring cannot be mapped');
      this.#ring = ring;
    } catch (error) {
      libc.close(fd);
      throw error;
    }
    this.view.bytes = this.#ring.bytes;
    this.#words = new Int32Array(this.#ring.bytes.buffer);
  }

  /** Packets from now on. @throws BpfError ENODEV */
  start(): void {
    const address = new Uint8Array(SIZE.ADDRESS);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setInt32(4, this.#index(), true);
    if (this.#once && this.#iface !== undefined) {
      // Bound to the device and to no protocol yet: nothing comes, and the device says of what type it is.
      this.#bind(address);
      this.#libc.getsockname(this.fd, address);
      if (view.getUint16(8, true) === ARPHRD.LOOPBACK) this.#set(OPTION.IGNORE_OUTGOING, [1]);
    }
    view.setUint16(2, ETH_P.ALL);
    this.#bind(address);
  }

  #bind(address: Uint8Array): void {
    const error = this.#libc.bind(this.fd, address);
    if (error) throw this.#failed(error);
  }

  /** 0: all devices. */
  #index(): number {
    if (this.#iface === undefined) return 0;
    // To C the name would end there.
    const index = this.#iface.includes('\0') ? -ERRNO.ENODEV : this.#libc.interfaceIndex(this.#iface);
    if (index < 0) throw this.#failed(index);
    return index;
  }

  #failed(errno: number): BpfError {
    const gone = Math.abs(errno) === ERRNO.ENODEV;
    return new BpfError(errno, 'packet socket', gone ? `there is no device ${JSON.stringify(this.#iface)}` : undefined);
  }

  #set(option: number, words: readonly number[]): void {
    const error = this.#libc.setsockopt(this.fd, SOL.PACKET, option, new Uint8Array(Uint32Array.from(words).buffer));
    if (error) throw this.#failed(error);
  }

  next(): boolean {
    while (this.#left > 0) {
      this.#left--;
      const at = this.#at;
      this.#at += this.#words[at + HEADER.NEXT] >>> 2;
      if (this.#show(at)) return true;
    }
    return false;
  }

  /** @returns whether the packet goes a way that is wanted */
  #show(at: number): boolean {
    const { view } = this;
    const words = this.#words;
    const types = words[at + ADDRESS.TYPES];
    const hatype = types & 0xffff;
    const pktType = (types >>> 16) & 0xff;
    const outgoing = pktType === PACKET_TYPE.OUTGOING;
    if (outgoing ? this.#direction === 'in' || (this.#once && hatype === ARPHRD.LOOPBACK) : this.#direction === 'out')
      return false;
    const places = words[at + HEADER.PLACES];
    view.start = view.link = at * 4 + (places & 0xffff);
    view.end = view.start + words[at + HEADER.SNAPLEN];
    view.network = at * 4 + (places >>> 16);
    view.length = words[at + HEADER.LENGTH];
    const protocol = swap16(words[at + ADDRESS.PROTOCOL] >>> 16);
    const tagged = (words[at + HEADER.STATUS] & STATUS.VLAN_VALID) !== 0;
    view.setFacts(protocol, pktType, words[at + ADDRESS.IFINDEX], hatype, tagged ? this.#tag(at) : undefined);
    view.seconds = words[at + HEADER.SECONDS] >>> 0;
    view.nanoseconds = words[at + HEADER.NANOSECONDS];
    view.linkType = LINK_TYPES[hatype] ?? (view.network === view.start ? LINKTYPE.RAW : -1);
    return true;
  }

  #tag(at: number): VlanTag {
    const words = this.#words;
    const tpid = (words[at + HEADER.STATUS] & STATUS.VLAN_TPID_VALID) === 0 ? 0 : words[at + HEADER.TPID] & 0xffff;
    return { tci: words[at + HEADER.TCI] & 0xffff, tpid };
  }

  async ready(signal: AbortSignal): Promise<boolean> {
    this.#release();
    if (this.#take()) {
      await new Promise(setImmediate); // others may have something to do
      return !this.#closed;
    }
    for (;;) {
      await this.#libc.poll(this.fd, signal);
      if (this.#closed) return false;
      if (this.#take()) return true;
      this.#checkDevice();
    }
  }

  /** Take the next block, if the kernel has filled it. */
  #take(): boolean {
    if (this.#closed) return false;
    const at = (this.#block * BLOCK_SIZE) / 4;
    if ((Atomics.load(this.#words, at + BLOCK.STATUS) & STATUS_USER) === 0) return false;
    this.#held = true;
    this.#left = this.#words[at + BLOCK.PACKETS];
    this.#at = at + this.#words[at + BLOCK.FIRST] / 4;
    return true;
  }

  /** Give the block back to the kernel. */
  #release(): void {
    this.#left = 0;
    if (!this.#held || this.#closed) return;
    this.#held = false;
    Atomics.store(this.#words, (this.#block * BLOCK_SIZE) / 4 + BLOCK.STATUS, 0);
    this.#block = (this.#block + 1) % this.#blocks;
  }

  /** Woken for nothing. A device that is down may come up again; one that is gone does not. */
  #checkDevice(): void {
    const error = new Uint8Array(4);
    this.#libc.getsockopt(this.fd, SOL.SOCKET, SO_ERROR, error);
    if (new DataView(error.buffer).getInt32(0, true) !== 0) this.#index();
  }

  dropped(): number {
    const counts = new Uint8Array(SIZE.STATISTICS);
    // Reading sets them back to 0.
    if (!this.#closed && this.#libc.getsockopt(this.fd, SOL.PACKET, OPTION.STATISTICS, counts) > 0)
      this.#dropped += new DataView(counts.buffer).getUint32(4, true);
    return this.#dropped;
  }

  close(): void {
    if (this.#closed) return;
    this.dropped();
    this.#closed = true;
    this.#left = 0;
    this.#ring.unmap();
    this.#libc.close(this.fd);
  }
}
