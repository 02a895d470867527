/** Programs, attributes and sockets for the tests of the interface of 2014. */
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import { openLwn2014, type Lwn2014, type Lwn2014Options } from '../../src/lwn2014/index.ts';
import { openPacketSocket, type PacketSocket } from '../../src/node/index.ts';
import { encodePcap, LINKTYPE } from '../../src/pcap/index.ts';

/** @param maps ids by the names in `map[name]` */
export function insns(source: string, maps: Readonly<Record<string, number>> = {}): Uint8Array {
  const { insns: slots, mapRefs } = assemble(source);
  const named = slots.map((insn, at) => {
    const ref = mapRefs.find((one) => one.insn === at);
    return ref ? { ...insn, imm: maps[ref.name] } : insn;
  });
  return encode(named);
}

/** The article's example: counts each packet under its IP protocol, in the elements that there are, and drops it. */
export const COUNT = `
  r6 = r1
  r0 = *(u8 *)skb[23]
  *(u32 *)(r10 -4) = r0
  r2 = r10
  r2 += -4
  r1 = 1
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  r1 = 1
  lock *(u64 *)(r0 +0) += r1
out:
  r0 = 0
  exit
`;

/** Counts under key 0 of map 1, and touches no context. */
export const COUNT_ALL = `
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = 1
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  r1 = 1
  lock *(u64 *)(r0 +0) += r1
out:
  r0 = 0
  exit
`;

export const RETURN_0 = 'r0 = 0\nexit';

/** A system, and the lines that its kernel printed. */
export function open(options: Lwn2014Options = {}): { system: Lwn2014; printed: string[] } {
  const printed: string[] = [];
  return { system: openLwn2014({ printk: (line) => void printed.push(line), ...options }), printed };
}

/** Load a program from its text. */
export function load(
  system: Lwn2014,
  id: number,
  type: number,
  source: string,
  maps?: Readonly<Record<string, number>>,
): number {
  const bytes = insns(source, maps);
  return system.bpf_prog_load(id, type, bytes, bytes.length, 'GPL');
}

export const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** The counter under a key of 4 bytes, or -errno. */
export function counted(system: Lwn2014, map: number, key: number): number {
  const value = new BigUint64Array(1);
  return system.bpf_lookup_elem(map, u32(key), value) || Number(value[0]);
}

/** An Ethernet frame of IPv4 with a protocol. */
export function frame(protocol: number): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.set([0x08, 0x00, 0x45], 12);
  bytes[23] = protocol;
  return bytes;
}

/** A packet socket that gets these frames. */
export function socketWith(frames: readonly Uint8Array[]): Promise<PacketSocket> {
  const packets = frames.map((data) => ({ data, seconds: 0, nanoseconds: 0 }));
  const file = encodePcap(packets, { linkType: LINKTYPE.ETHERNET });
  const capture = (async function* () {
    yield await Promise.resolve(file);
  })();
  return openPacketSocket({ capture, name: 'frames' });
}
