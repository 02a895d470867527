// Writes the packets of the programs here that want another one than bench/packet.bin: NAME.bin beside NAME.c.
// Usage: node bench/micro/packets.mjs
import { writeFileSync } from 'node:fs';

const half = (...words) => words.flatMap((word) => [word >> 8, word & 255]);
const text = (string) => [...Buffer.from(string)];
const MACS = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const ADDRESSES = [10, 1, 2, 3, 192, 168, 7, 9];

const ethernet = (type, ...payload) => [...MACS, ...half(type), ...payload.flat()];
const ipv4 = (protocol, ...payload) => [0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, ...ADDRESSES, ...payload.flat()];
const udp = (source, destination, ...payload) => [...half(source, destination, 0, 0), ...payload.flat()];
const tcp = (options, ...payload) => {
  const header = half(40000, 443, 0, 1, 0, 2, (5 + options.length / 4) << 12, 64240, 0, 0);
  return [...header, ...options, ...payload.flat()];
};

const labels = ['Telemetry', 'eu-west-1', 'api', 'Example', 'com'].flatMap((label) => [label.length, ...text(label)]);
const question = [...half(0x1234, 0x0100, 1, 0, 0, 0), ...labels, 0, ...half(28, 1)];
const tcpOptions = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7];

const extension = (type, ...data) => [...half(type, data.length), ...data];
const hello = [
  ...[22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3, ...Array(32).fill(0x5a), 16, ...Array(16).fill(0xa5)],
  ...[...half(32), ...Array(32).fill(0x13), 1, 0, ...half(120)],
  ...extension(23),
  ...extension(65281, 0),
  ...extension(10, ...half(4, 29, 23)),
  ...extension(11, 1, 0),
  ...extension(35),
  ...extension(0, ...half(20), 0, ...half(17), ...text('media.example.org')),
];

const hops = [43, 0, 1, 4, 0, 0, 0, 0];
const routing = [60, 1, ...Array(14).fill(0)];
const destination = [44, 0, 1, 4, 0, 0, 0, 0];
const fragment = [6, 0, 0, 0, 0, 0, 0, 9];
const ipv6 = [0x60, 0, 0, 0, 0, 60, 0, 64, ...Array(32).fill(0x20), ...hops, ...routing, ...destination, ...fragment];

const PACKETS = {
  dns: ethernet(0x0800, ipv4(17, udp(40000, 53, question))),
  echo: ethernet(0x0800, ipv4(1, [8, 0, 0x4d, 0x55, 0, 1, 0, 1], Array(56).fill(0x61))),
  gre: ethernet(0x0800, ipv4(47, half(0x3000, 0x0800, 0, 77, 0, 1), ipv4(17, udp(53, 40000)))),
  ipv6ext: ethernet(0x86dd, ipv6, tcp([])),
  tcpopts: ethernet(0x0800, ipv4(6, tcp(tcpOptions), Array(40).fill(0))),
  tls: ethernet(0x0800, ipv4(6, tcp([], hello))),
  vlan: [...MACS, ...half(0x88a8, 100, 0x8100, 200), ...half(0x0800), ...ipv4(17, udp(1, 2))],
  vxlan: ethernet(
    0x0800,
    ipv4(17, udp(50000, 4789, [8, 0, 0, 0, 0, 0, 42, 0], ethernet(0x0800, ipv4(17, udp(53, 40000))))),
  ),
};

for (const [name, packet] of Object.entries(PACKETS))
  writeFileSync(new URL(`${name}.bin`, import.meta.url), Uint8Array.from(packet));
