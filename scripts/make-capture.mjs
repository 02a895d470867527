// Writes examples/count-by-protocol/traffic.pcap: two minutes of an invented office network, the same bytes each time,
// and traffic.expected.json: packets and bytes by IP protocol number, counted while the packets were made.
// Addresses are those reserved for documentation. Usage: node scripts/make-capture.mjs [FOLDER]
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as traffic from './capture/traffic.mjs';
import { bytes, u16, u32 } from './capture/frames.mjs';

/** mulberry32 */
class Random {
  constructor(seed) {
    this.state = seed;
  }
  u32() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (x ^ (x >>> 14)) >>> 0;
  }
  below(limit) {
    return Math.floor((this.u32() / 2 ** 32) * limit);
  }
}

const MICROSECONDS = 120_000_000;
/** 2 July 2014, the day of the article. */
const START = Date.UTC(2014, 6, 2, 12) / 1000;

const random = new Random(20140702);
const packets = [];

/** Let a conversation take place `times` times, at random moments, between a random host and `remote`. */
function happen(times, conversation, { remote = () => traffic.server(10 + random.below(40)), ...options } = {}) {
  for (let i = 0; i < times; i++) {
    const path = new traffic.Path(random, traffic.host(10 + random.below(12)), remote(), options);
    conversation(path);
    const start = random.below(MICROSECONDS - Math.min(path.time, MICROSECONDS - 1));
    packets.push(...path.packets.map((packet) => ({ ...packet, time: packet.time + start })));
  }
}

const v6 = true;
const office = { tags: [100] };
const toGateway = { remote: () => traffic.GATEWAY };
const http = Buffer.from('GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n\r\n');
const size = () => 200 + random.below(random.below(4) === 0 ? 24_000 : 5_000);

happen(52, (path) => traffic.tcpSession(path, { dport: 443, size: size() }));
happen(24, (path) => traffic.tcpSession(path, { dport: 443, size: size() }), { v6 });
happen(11, (path) => traffic.tcpSession(path, { dport: 80, size: size(), request: http }), office);
happen(3, (path) => traffic.tcpSession(path, { dport: 80, size: size(), request: http }), { v6, ...office });
happen(2, (path) => traffic.tcpSession(path, { dport: 443, size: 3_000 }), { tags: [200, 100] });
happen(5, (path) => traffic.tcpRefused(path, 8080));
happen(3, traffic.tcpBehindOptions, { v6 });
happen(84, (path) => traffic.dns(path, 'www.example.com', false), toGateway);
happen(46, (path) => traffic.dns(path, 'api.example.net', true), { v6, ...toGateway });
happen(12, (path) => traffic.dns(path, 'files.example.org', false), { ...office, ...toGateway });
happen(6, (path) => traffic.quic(path, 30));
happen(5, (path) => traffic.quic(path, 24), { v6 });
happen(8, traffic.ntp);
happen(6, traffic.fragmentedUdp);
happen(4, traffic.fragmentedUdp, { v6 });
happen(10, (path) => traffic.ping(path, 6));
happen(2, (path) => traffic.ping(path, 4), { tags: [200, 100] });
happen(6, (path) => traffic.ping(path, 5), { v6 });
happen(5, traffic.unreachable);
happen(3, traffic.unreachable, { v6 });
happen(36, traffic.neighbour, toGateway);
happen(6, traffic.neighbour, { ...office, ...toGateway });
happen(24, traffic.neighbour, { v6, ...toGateway });
happen(10, traffic.membership, { remote: () => ({ mac: '01:00:5e:00:00:16', v4: '224.0.0.22' }) });
happen(8, traffic.membership, { v6, remote: () => ({ mac: '33:33:00:00:00:16', v6: 'ff02::16' }) });
happen(2, (path) => traffic.tunnel(path, 6));
happen(2, (path) => traffic.sctpAssociation(path, 8));
happen(1, (path) => traffic.sctpAssociation(path, 5), { v6 });
happen(20, traffic.switches);

packets.sort((a, b) => a.time - b.time);

function record({ time, frame }) {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(START + Math.floor(time / 1e6), 0);
  head.writeUInt32LE(time % 1e6, 4);
  head.writeUInt32LE(frame.length, 8);
  head.writeUInt32LE(frame.length, 12);
  return bytes(head, frame);
}

function expected() {
  const counts = {};
  for (const { protocol, frame } of packets) {
    counts[protocol] ??= { packets: 0, bytes: 0 };
    counts[protocol].packets++;
    counts[protocol].bytes += frame.length;
  }
  return counts;
}

const swap = (field) => Buffer.from(field).reverse();
const header = bytes(
  swap(u32(0xa1b2c3d4)),
  swap(u16(2)),
  swap(u16(4)),
  u32(0),
  u32(0),
  swap(u32(262144)),
  swap(u32(1)),
);
const folder = process.argv[2] ?? fileURLToPath(new URL('../examples/count-by-protocol/', import.meta.url));
writeFileSync(join(folder, 'traffic.pcap'), bytes(header, ...packets.map(record)));
writeFileSync(join(folder, 'traffic.expected.json'), JSON.stringify(expected(), null, 2) + '\n');
console.log(`${packets.length} packets`);
