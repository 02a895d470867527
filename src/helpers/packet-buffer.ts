/**
 * The packet of the program that runs: a piece of the memory with room before and behind it, so that helpers can grow, cut
 * and move it. Whoever made the context is told after each change and writes the new addresses into it; the verifier
 * has seen to it that a program forgets the old ones. What compiled programs look at too lies in the memory (HELPER_STATE).
 *
 * ```
 * base        start     data                      end          limit
 *  | headroom  | meta or |  what the program sees  | tailroom    |
 *              | header  |
 * ```
 */
import { HELPER_STATE } from '../memory/index.ts';
import type { AddressSpace, Region } from '../memory/index.ts';
import type { Packet } from '../vm/index.ts';
import { SkbHead } from './skb-head.ts';

/** Longest packet, in bytes. */
export const MAX_PACKET = 65535;
/** Room before and behind it. */
const ROOM = 0x10000;
/** Bytes before it that an XDP program can take without filling them: zeros at first. @kernel XDP_PACKET_HEADROOM */
const HEADROOM = 256;

const NOTHING = new Uint8Array(0);

export class PacketBuffer implements Packet {
  mac = 0;
  network = 0;
  /** The flow's hash; 0 where there is none, or a program has made it 0. */
  hash = 0;
  hasHash = false;
  /** Ether type, its first byte lowest. */
  protocol = 0;
  /** @kernel sk_buff.pkt_type */
  type = 0;
  /** A VLAN tag that is kept beside the packet: its ether type, its first byte lowest, and its number. */
  vlan: { readonly proto: number; readonly tci: number } | undefined;
  /** Whether a header was put around it: Linux does that once. @kernel sk_buff.encapsulation */
  encapsulated = false;
  /** Linux's buffer, for packets of a `__sk_buff`. */
  readonly head = new SkbHead();
  /** Tell the context that the packet has changed. */
  changed: () => void = () => {};
  readonly space: AddressSpace;
  /** Address of its HELPER_STATE. */
  readonly state: number;
  readonly #region: Region;
  #rest: Uint8Array = NOTHING;

  /** @returns undefined where there is no memory for it. */
  static create(space: AddressSpace): PacketBuffer | undefined {
    const region = space.allocate(2 * ROOM + MAX_PACKET + 1, {
      kind: 'packet',
      name: 'packet',
      contains: (offset, size) => {
        const at = region === undefined ? 0 : region.base + offset;
        return at >= buffer.start && at + size <= buffer.end;
      },
    });
    const state = PacketBuffer.createState(space);
    if (region === undefined || state === undefined) return undefined;
    const buffer = new PacketBuffer(space, region, state);
    return buffer;
  }

  /** Memory for a HELPER_STATE, which programs may not touch. @returns its address; undefined where there is none */
  static createState(space: AddressSpace): number | undefined {
    const options = { kind: 'mem', name: 'state of helpers', writable: false, contains: () => false } as const;
    return space.allocate(HELPER_STATE.SIZE, options)?.base;
  }

  /** @param state address of the HELPER_STATE, which outlives it */
  constructor(space: AddressSpace, region: Region, state: number) {
    this.space = space;
    this.#region = region;
    this.state = state;
  }

  get data(): number {
    return this.space.view.getUint32(this.state + HELPER_STATE.DATA, true);
  }

  set data(address: number) {
    this.space.view.setUint32(this.state + HELPER_STATE.DATA, address, true);
  }

  get length(): number {
    return this.space.view.getUint32(this.state + HELPER_STATE.LENGTH, true);
  }

  set length(bytes: number) {
    this.space.view.setUint32(this.state + HELPER_STATE.LENGTH, bytes, true);
  }

  /** First byte that is handed out after the run: of the metadata, or of a header that the program does not see. */
  get start(): number {
    return this.space.view.getUint32(this.state + HELPER_STATE.START, true);
  }

  set start(address: number) {
    this.space.view.setUint32(this.state + HELPER_STATE.START, address, true);
  }

  /** What `data` was at first. */
  get origin(): number {
    return this.space.view.getUint32(this.state + HELPER_STATE.ORIGIN, true);
  }

  set origin(address: number) {
    this.space.view.setUint32(this.state + HELPER_STATE.ORIGIN, address, true);
  }

  /** Bytes of the packet behind `end` that are not in memory (further pieces of a large XDP frame). */
  get rest(): Uint8Array {
    return this.#rest;
  }

  set rest(bytes: Uint8Array) {
    this.#rest = bytes;
    this.space.view.setUint32(this.state + HELPER_STATE.REST, bytes.length, true);
  }

  /** Where compiled programs find the context that `changed` writes. */
  set context(address: number) {
    this.space.view.setUint32(this.state + HELPER_STATE.CONTEXT, address, true);
  }

  /** Take bytes that are in the region already for the packet. */
  cover(address: number, length: number): void {
    this.start = this.data = this.mac = this.network = this.origin = address;
    this.length = length;
  }

  /** Address behind the last byte. */
  get end(): number {
    return this.data + this.length;
  }

  /** Bytes from the first that is handed out to the last. */
  get size(): number {
    return this.end - this.start;
  }

  /**
   * Put a packet into the middle of the buffer.
   * @param rest further bytes that the program does not see
   * @param hidden bytes at its front that the program does not see as data
   */
  place(bytes: Uint8Array, hidden: number, rest?: Uint8Array): void {
    this.start = this.#region.base + ROOM;
    this.data = this.start + hidden;
    this.length = bytes.length - hidden;
    this.mac = this.network = this.start;
    this.origin = this.data;
    this.rest = rest?.slice() ?? NOTHING;
    this.hash = this.protocol = this.type = 0;
    this.hasHash = false;
    this.vlan = undefined;
    this.encapsulated = false;
    this.head.start(bytes.length, hidden);
    this.space.bytes.fill(0, this.start - HEADROOM, this.start);
    this.space.bytes.set(bytes, this.start);
  }

  /** @param hash 32 bits; absent: the flow has none */
  setHash(hash?: number): void {
    this.hash = hash ?? 0;
    this.hasHash = hash !== undefined;
  }

  /** Bytes `at` to `at + size` of what the program sees; undefined where they are not all there. */
  address(at: number, size: number): number | undefined {
    return at + size > this.length ? undefined : this.data + at;
  }

  /**
   * Open `count` zero bytes at byte `at` of what is handed out, in the packet of a `__sk_buff`: what lies before moves to the front.
   * @returns whether there is room
   */
  insert(at: number, count: number): boolean {
    if (this.start - count < this.#region.base || this.size + count > MAX_PACKET || !this.head.push(count))
      return false;
    const { bytes } = this.space;
    const from = this.start;
    this.start -= count;
    bytes.copyWithin(this.start, from, from + at);
    bytes.fill(0, this.start + at, this.start + at + count);
    this.data -= count;
    this.length += count;
    this.mac -= count;
    return true;
  }

  /** Take `count` bytes at byte `at` of what is handed out away: what lies before moves to the back. */
  remove(at: number, count: number): void {
    this.head.pull(count);
    this.space.bytes.copyWithin(this.start + count, this.start, this.start + at);
    this.start += count;
    this.data += count;
    this.length -= count;
    this.mac += count;
  }

  /** Cut or zero-extend at the end. @returns whether there is room */
  setLength(length: number): boolean {
    if (this.data + length > this.#region.base + this.#region.size || length > MAX_PACKET) return false;
    if (length > this.length) this.space.bytes.fill(0, this.end, this.data + length);
    this.length = length;
    return true;
  }
}
