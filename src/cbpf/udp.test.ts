/**
 * What a program sees on a UDP socket of the loopback device: data from the UDP header on, the network and link-layer
 * headers at negative offsets, and facts about the packet. Each value is read out of the kernel byte by byte, as the length
 * to which it cuts a datagram.
 */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { openClassicSocket } from '../../test/support/classic-socket.ts';
import { AD, AD_OFF, ClassicProgram, LL_OFF, NET_OFF } from './index.ts';
import type { ClassicInstruction, ClassicPacket } from './index.ts';

const judge = await openClassicSocket();
if (!judge) console.warn('the comparison on a UDP socket is skipped: there is no Linux or no koffi');
afterAll(() => judge?.close());

const insn = (code: number, k: number): ClassicInstruction => ({ code, jt: 0, jf: 0, k: k >>> 0 });
const UDP_HEADER = 8;
const LENGTH = 400;

/** Lets through one byte more than byte `n` of A, and the header, which is not delivered. */
const byteOfA = (load: ClassicInstruction, n: number): ClassicInstruction[] => [
  load,
  insn(0x74, 8 * n),
  insn(0x54, 0xff),
  insn(0x04, UDP_HEADER + 1),
  insn(0x16, 0),
];

/** The same, but datagrams that are one byte longer pass whole: they show that those before them were dropped. */
const withMarker = (program: readonly ClassicInstruction[]): ClassicInstruction[] => [
  insn(0x80, 0),
  { ...insn(0x15, UDP_HEADER + LENGTH + 1), jt: program.length + 1 },
  insn(0x00, 0),
  ...program,
  insn(0x06, -1),
];

/** Node gives a socket's descriptor nowhere else. */
function descriptorOf(socket: Socket): number {
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  return (socket as unknown as Record<symbol, { handle: { fd: number } }>)[state as symbol].handle.fd;
}

class Loopback {
  readonly #receiver: Socket;
  readonly #sender = createSocket('udp4');
  readonly #fd: number;
  readonly #lengths: number[] = [];

  constructor(receiver: Socket) {
    this.#receiver = receiver;
    this.#fd = descriptorOf(receiver);
    receiver.on('message', ({ length }) => this.#lengths.push(length));
  }

  /** A as the load leaves it; -1 where the packet is dropped. */
  async value(load: ClassicInstruction): Promise<number> {
    let value = 0;
    for (let n = 3; n >= 0; n--) {
      const length = await this.#cut(byteOfA(load, n));
      if (length < 0) return -1;
      value = value * 256 + length - 1;
    }
    return value;
  }

  async #cut(program: readonly ClassicInstruction[]): Promise<number> {
    expect(judge?.attach(withMarker(program), this.#fd)).toBe(0);
    this.#lengths.length = 0;
    await this.#send(LENGTH);
    await this.#send(LENGTH + 1);
    while (this.#lengths.at(-1) !== LENGTH + 1) await once(this.#receiver, 'message');
    return this.#lengths.length === 2 ? this.#lengths[0] : -1;
  }

  #send(length: number): Promise<void> {
    const { port } = this.#receiver.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      this.#sender.send(new Uint8Array(length).fill(7), port, '127.0.0.1', (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  close(): void {
    this.#receiver.close();
    this.#sender.close();
  }
}

it.skipIf(!judge)('is what the interpreter reads of the same packet', async () => {
  const receiver = createSocket('udp4');
  receiver.bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  const loopback = new Loopback(receiver);
  try {
    // Ethernet header of zeros with type IPv4, IPv4 header from the kernel, UDP header, data.
    const bytes = new Uint8Array(14 + 20 + UDP_HEADER + LENGTH).fill(7);
    bytes.fill(0, 0, 34);
    bytes[12] = 8;
    const fixed = [0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19];
    for (const at of fixed) bytes[14 + at] = await loopback.value(insn(0x30, NET_OFF + at));
    expect([...bytes.subarray(14 + 12, 34), bytes[14], bytes[14 + 9]]).toEqual([127, 0, 0, 1, 127, 0, 0, 1, 0x45, 17]);
    for (let at = 0; at < UDP_HEADER; at++) bytes[34 + at] = await loopback.value(insn(0x30, at));
    const packet: ClassicPacket = {
      bytes,
      start: 34,
      network: 14,
      link: 0,
      ancillary: { protocol: 0x800, ifindex: 1, hatype: 772, payOffset: UDP_HEADER },
    };
    const facts = [
      AD.PROTOCOL,
      AD.PKTTYPE,
      AD.IFINDEX,
      AD.MARK,
      AD.QUEUE,
      AD.HATYPE,
      AD.ALU_XOR_X,
      AD.VLAN_TAG,
      AD.VLAN_TAG_PRESENT,
      AD.VLAN_TPID,
      AD.PAY_OFFSET,
    ];
    const end = UDP_HEADER + LENGTH;
    const loads = [
      ...facts.map((fact) => insn(0x20, AD_OFF + fact)),
      insn(0x80, 0),
      ...[0, 2, 4, end - 4, end - 3, end].map((at) => insn(0x20, at)),
      ...[6, 12, 16, 20 + end - 4, 20 + end - 3].map((at) => insn(0x20, NET_OFF + at)),
      ...[12, 14 + 20 + end - 2, 14 + 20 + end - 1].map((at) => insn(0x28, LL_OFF + at)),
      insn(0x30, LL_OFF - 1),
    ];
    for (const load of loads) {
      const returned = new ClassicProgram(byteOfA(load, 0)).run(packet);
      const ours = returned === 0 ? -1 : new ClassicProgram([load, insn(0x16, 0)]).run(packet);
      expect(await loopback.value(load), `code 0x${load.code.toString(16)}, k ${load.k | 0}`).toBe(ours);
    }
  } finally {
    loopback.close();
  }
});
