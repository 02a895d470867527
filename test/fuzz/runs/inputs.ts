/** Packets and contexts that programs are run on: frames of the usual protocols, and bytes that are none. */
import type { ExchangeRun } from '../../../src/loader/index.ts';
import { PROG_TYPE } from '../../../src/uapi/index.ts';
import type { Random } from '../../../src/util/index.ts';

const MACS = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/** 20 bytes of IPv4, without options; the checksum is any. */
function ipv4(random: Random, protocol: number, length: number): number[] {
  const total = 20 + length;
  const head = [0x45, random.below(256), total >> 8, total & 255, 0, 1, 0x40, 0, 64, protocol];
  return [...head, ...random.bytes(2), 10, 0, 0, 1, 10, 0, 0, random.below(4)];
}

function ipv6(random: Random, protocol: number, length: number): number[] {
  return [0x60, random.below(16), 0, 0, length >> 8, length & 255, protocol, 64, ...random.bytes(32)];
}

/** A frame of 14 to about 250 bytes. */
export function randomFrame(random: Random): Uint8Array {
  const kind = random.below(10);
  if (kind < 3) return random.bytes(14 + random.below(120));
  const payload = random.bytes(random.pick([0, 8, 20, 40, 64, random.below(150)]));
  const protocol = random.pick([6, 17, 1, 58, 99]);
  const tag = kind === 3 ? [random.pick([0x81, 0x88]), 0, random.below(256), random.below(256)] : [];
  if (kind === 3 && tag[0] === 0x88) tag[1] = 0xa8;
  const is6 = kind > 7;
  const network = is6 ? ipv6(random, protocol, payload.length) : ipv4(random, protocol, payload.length);
  return Uint8Array.from([...MACS, ...tag, ...(is6 ? [0x86, 0xdd] : [8, 0]), ...network, ...payload]);
}

/** Fields of `__sk_buff` that a test run takes: offset, bytes. Source: measured; see src/hooks/skb.ts. */
const SKB_FIELDS = [
  [8, 4], // mark
  [32, 4], // priority
  [48, 20], // cb
  [152, 8], // tstamp
] as const;
const SKB_SIZE = 192;

function skbContext(random: Random): Uint8Array {
  const ctx = new Uint8Array(SKB_SIZE);
  for (const [off, size] of SKB_FIELDS) if (random.below(2)) ctx.set(random.bytes(size), off);
  // One that is refused.
  if (random.oneIn(40)) ctx[random.below(SKB_SIZE)] = 1;
  return ctx;
}

/** `xdp_md` with `meta` bytes of metadata in front of the packet. */
function xdpContext(random: Random, length: number, meta: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(meta, length, 0, random.oneIn(10) ? 1 : 0, 0, 0).buffer);
}

/** One run of a program of this type. */
export function randomRun(random: Random, progType: number): ExchangeRun {
  const plain = { repeat: random.oneIn(8) ? 3 : 1, flags: 0, cpu: 0, data: new Uint8Array(0) };
  if (progType === PROG_TYPE.RAW_TRACEPOINT) return { ...plain, repeat: 1, ctx: random.bytes(8 * 12) };
  if (progType === PROG_TYPE.SYSCALL) return { ...plain, repeat: 1, ctx: random.bytes(256) };
  const data = randomFrame(random);
  if (!random.below(2)) return { ...plain, data };
  if (progType !== PROG_TYPE.XDP) return { ...plain, data, ctx: skbContext(random) };
  const meta = random.below(3) ? 0 : 4 * random.below(4);
  return { ...plain, data, ctx: xdpContext(random, data.length, meta) };
}
