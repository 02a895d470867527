/** Headers that are made: what changes from packet to packet is what a new packet would have. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../util/index.ts';
import { FlowPacket, IPPROTO, PACKET_TYPE } from './ip-headers.ts';
import type { Endpoint, Flow } from './ip-headers.ts';

const random = new Random(8);
const endpoint = (size: number): Endpoint => ({ address: random.bytes(size), port: random.below(0x10000) });

function flow(size: number, protocol: number): Flow {
  const socket = { family: 2, type: 2, protocol, state: 7 };
  const [source, destination] = [endpoint(size), endpoint(size)];
  return { protocol, source, destination, ifindex: 1, type: PACKET_TYPE.HOST, socket };
}

/** Of 16 bits, ones' complement: 0xffff where a header's checksum is right. */
function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i] << 8) | bytes[i + 1];
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

describe.each([
  ['UDP over IPv4', 4, IPPROTO.UDP, 42],
  ['UDP over IPv6', 16, IPPROTO.UDP, 62],
  ['TCP over IPv4', 4, IPPROTO.TCP, 54],
  ['TCP over IPv6', 16, IPPROTO.TCP, 74],
])('%s', (_, size, protocol, length) => {
  it('follows sender and length', () => {
    const first = flow(size, protocol);
    const packet = new FlowPacket(first);
    expect(packet.headers.length).toBe(length);
    for (let n = 0; n < 500; n++) {
      const source = endpoint(size);
      const bytes = new Uint8Array(random.below(60_000));
      const { revision } = packet;
      packet.setSource(source.address, source.port);
      packet.setSourcePort(source.port ^ 1);
      packet.setBytes(bytes);
      const fresh = new FlowPacket({ ...first, source: { ...source, port: source.port ^ 1 } });
      fresh.setBytes(bytes);
      expect(packet.headers).toEqual(fresh.headers);
      expect(packet.revision).not.toBe(revision);
      if (size === 4) expect(sum(packet.headers.subarray(14, 34))).toBe(0xffff);
    }
  });

  it('says how long it is', () => {
    const packet = new FlowPacket(flow(size, protocol));
    packet.setBytes(new Uint8Array(1000));
    const view = new DataView(packet.headers.buffer);
    expect(view.getUint16(14 + (size === 4 ? 2 : 4))).toBe(length - 14 - (size === 4 ? 0 : 40) + 1000);
    if (protocol === IPPROTO.UDP) expect(view.getUint16(length - 4)).toBe(1008);
  });
});
