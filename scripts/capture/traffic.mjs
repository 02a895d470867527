// Conversations of a small office network: each function returns the packets of one conversation as
// `{time, protocol, frame}`, time in microseconds from its start, `protocol` the number it is counted under.
import * as f from './frames.mjs';

/** What is not IP is counted under this number. */
export const OTHER = 256;

export const GATEWAY = { mac: '02:00:5e:00:00:01', v4: '192.0.2.1', v6: '2001:db8:0:1::1' };
export const host = (n) => ({
  mac: `02:00:5e:00:01:${n.toString(16).padStart(2, '0')}`,
  v4: `192.0.2.${n}`,
  v6: `2001:db8:0:1::${n.toString(16)}`,
});
export const server = (n) => ({ mac: GATEWAY.mac, v4: `198.51.100.${n}`, v6: `2001:db8:ffff::${n.toString(16)}` });

/** A frame as the host's card sees it: what arrives is at least 60 bytes long, what leaves is not padded yet. */
const seen = (frame, arriving) => (arriving && frame.length < 60 ? f.bytes(frame, f.zeros(60 - frame.length)) : frame);

/** Two ends of a conversation over IPv4 or IPv6, with or without VLAN tags. */
export class Path {
  constructor(random, local, remote, { v6 = false, tags = [] } = {}) {
    Object.assign(this, { random, local, remote, v6, tags, time: 0, packets: [] });
  }

  address(end) {
    return this.v6 ? end.v6 : end.v4;
  }

  /** One IP packet; `outward` from local to remote. `ip` are further fields of the IP header. */
  send(outward, protocol, payload, ip = {}) {
    const [from, to] = outward ? [this.local, this.remote] : [this.remote, this.local];
    const header = { from: this.address(from), to: this.address(to), protocol, ...ip };
    const packet = this.v6
      ? f.ipv6({ label: 0x12345, hops: outward ? 64 : 57, ...header }, payload)
      : f.ipv4({ id: this.random.below(65536), ttl: outward ? 64 : 57, ...header }, payload);
    this.frame(outward, this.v6 ? 0x86dd : 0x0800, packet, protocol);
  }

  frame(outward, type, payload, protocol) {
    const [from, to] = outward ? [this.local, this.remote] : [this.remote, this.local];
    const frame = f.ethernet({ from: from.mac, to: to.mac, type, tags: this.tags }, payload);
    this.packets.push({ time: this.time, protocol, frame: seen(frame, !outward) });
  }

  /** Let some microseconds pass: around `mean`, never less than a quarter of it. */
  wait(mean) {
    this.time += Math.floor(mean / 4 + this.random.below(mean * 1.5));
  }

  ends(outward) {
    const [from, to] = outward ? [this.local, this.remote] : [this.remote, this.local];
    return { from: this.address(from), to: this.address(to) };
  }
}

const text = (string) => Buffer.from(string, 'latin1');

/** Payload that stands for encrypted data: a random block again and again. */
function cipher(random, length) {
  const block = Buffer.from(Array.from({ length: 32 }, () => random.below(256)));
  return Buffer.alloc(length, block);
}

/** A whole TCP connection: handshake, a request, an answer of `size` bytes acknowledged every second segment, FINs. */
export function tcpSession(path, { dport, size, request }) {
  const sport = 32768 + path.random.below(28000);
  const seq = { true: path.random.u32(), false: path.random.u32() };
  const clock = { true: path.random.u32() >>> 8, false: path.random.u32() >>> 8 };
  const timestamps = (out) => f.bytes(1, 1, 8, 10, f.u32(clock[out]++), f.u32(clock[!out]));
  const segment = (out, flags, payload = f.zeros(0), options = timestamps(out)) => {
    const ports = out ? { sport, dport } : { sport: dport, dport: sport };
    const ack = flags & f.TCP.ACK ? seq[!out] : 0;
    path.send(out, 6, f.tcp({ ...path.ends(out), ...ports, seq: seq[out], ack, flags, options }, payload));
    seq[out] = (seq[out] + payload.length + (flags & (f.TCP.SYN | f.TCP.FIN) ? 1 : 0)) >>> 0;
  };
  const mss = path.v6 ? 1428 : 1448;
  const hello = (out) => f.bytes(2, 4, f.u16(mss + 12), 4, 2, 8, 10, f.u32(clock[out]++), f.u32(0), 1, 3, 3, 7);
  segment(true, f.TCP.SYN, f.zeros(0), hello(true));
  path.wait(18_000);
  segment(false, f.TCP.SYN | f.TCP.ACK, f.zeros(0), hello(false));
  path.wait(60);
  segment(true, f.TCP.ACK);
  path.wait(300);
  segment(true, f.TCP.PSH | f.TCP.ACK, request ?? cipher(path.random, 517));
  path.wait(20_000);
  for (let sent = 0, n = 1; sent < size; n++) {
    const length = Math.min(mss, size - sent);
    sent += length;
    const last = sent === size;
    segment(false, last ? f.TCP.PSH | f.TCP.ACK : f.TCP.ACK, cipher(path.random, length));
    path.wait(120);
    if (n % 2 === 0 || last) segment(true, f.TCP.ACK);
    path.wait(60);
  }
  segment(true, f.TCP.FIN | f.TCP.ACK);
  path.wait(18_000);
  segment(false, f.TCP.FIN | f.TCP.ACK);
  path.wait(50);
  segment(true, f.TCP.ACK);
}

/** A connection that is refused. */
export function tcpRefused(path, dport) {
  const ports = { sport: 32768 + path.random.below(28000), dport };
  const seq = path.random.u32();
  path.send(true, 6, f.tcp({ ...path.ends(true), ...ports, seq, ack: 0, flags: f.TCP.SYN }, f.zeros(0)));
  path.wait(18_000);
  const back = { sport: dport, dport: ports.sport, seq: 0, ack: (seq + 1) >>> 0, flags: f.TCP.RST | f.TCP.ACK };
  path.send(false, 6, f.tcp({ ...path.ends(false), ...back, window: 0 }, f.zeros(0)));
}

const udp = (path, out, sport, dport, payload, ip) => {
  const ports = out ? { sport, dport } : { sport: dport, dport: sport };
  path.send(out, 17, f.udp({ ...path.ends(out), ...ports }, payload), ip);
};

const dnsName = (name) => f.bytes(...name.split('.').flatMap((label) => [label.length, text(label)]), 0);

/** A question and its answer. */
export function dns(path, name, answerV6) {
  const sport = 32768 + path.random.below(28000);
  const id = f.u16(path.random.below(65536));
  const question = f.bytes(dnsName(name), f.u16(answerV6 ? 28 : 1), f.u16(1));
  const counts = (answers) => f.bytes(f.u16(1), f.u16(answers), f.u16(0), f.u16(0));
  udp(path, true, sport, 53, f.bytes(id, f.u16(0x0100), counts(0), question));
  path.wait(9_000);
  const data = answerV6 ? f.ipv6Address('2001:db8:ffff::50') : f.ipv4Address('198.51.100.80');
  const answer = f.bytes(f.u16(0xc00c), f.u16(answerV6 ? 28 : 1), f.u16(1), f.u32(300), f.u16(data.length), data);
  udp(path, false, sport, 53, f.bytes(id, f.u16(0x8180), counts(1), question, answer));
}

/** A QUIC-like flow: long headers padded to 1,200 bytes, then short headers of many sizes. */
export function quic(path, count) {
  const sport = 32768 + path.random.below(28000);
  const initial = () =>
    f.bytes(0xc3, f.u32(1), 8, cipher(path.random, 8), 0, 0, f.u16(0x4000 | 1182), cipher(path.random, 1182));
  udp(path, true, sport, 443, initial());
  path.wait(18_000);
  udp(path, false, sport, 443, initial());
  for (let i = 0; i < count; i++) {
    path.wait(2_000);
    const out = path.random.below(3) === 0;
    udp(path, out, sport, 443, f.bytes(0x41, cipher(path.random, out ? 30 + path.random.below(60) : 1170)));
  }
}

export function ntp(path) {
  const message = (mode, stratum) => f.bytes(0x20 | mode, stratum, 6, 0xec, cipher(path.random, 44));
  udp(path, true, 123, 123, message(3, 0));
  path.wait(15_000);
  udp(path, false, 123, 123, message(4, 2));
}

/** One datagram too long for the link, in two fragments. */
export function fragmentedUdp(path) {
  const id = path.random.below(65536);
  const whole = f.udp({ ...path.ends(false), sport: 2049, dport: 903 }, cipher(path.random, 2200));
  const cut = 1440;
  if (path.v6) {
    path.send(false, 17, whole.subarray(0, cut), { extensions: [f.fragmentHeader(0, true, id)] });
    path.wait(100);
    path.send(false, 17, whole.subarray(cut), { extensions: [f.fragmentHeader(cut, false, id)] });
  } else {
    path.send(false, 17, whole.subarray(0, cut), { id, fragment: 0, more: true });
    path.wait(100);
    path.send(false, 17, whole.subarray(cut), { id, fragment: cut });
  }
}

/** Echo requests a second apart, with their replies. */
export function ping(path, count) {
  const id = path.random.below(65536);
  for (let sequence = 1; sequence <= count; sequence++) {
    const start = path.time;
    const rest = f.bytes(f.u16(id), f.u16(sequence));
    const data = f.bytes(cipher(path.random, 8), Buffer.from(Array.from({ length: 48 }, (_, i) => 0x10 + i)));
    const echo = (out) =>
      path.v6
        ? path.send(out, 58, f.icmpv6({ ...path.ends(out), type: out ? 128 : 129, rest }, data))
        : path.send(out, 1, f.icmp({ type: out ? 8 : 0, rest }, data));
    echo(true);
    path.wait(14_000);
    echo(false);
    path.time = start + 1_000_000;
  }
}

/** A datagram to a closed port, and the error that quotes it. */
export function unreachable(path) {
  const datagram = f.udp({ ...path.ends(true), sport: 40_000, dport: 33_434 }, f.zeros(32));
  path.send(true, 17, datagram, path.v6 ? {} : { id: 7 });
  path.wait(10_000);
  const header = { ...path.ends(true), protocol: 17 };
  if (path.v6) {
    const quoted = f.ipv6({ ...header, label: 0x12345 }, datagram);
    path.send(false, 58, f.icmpv6({ ...path.ends(false), type: 1, code: 4, rest: f.u32(0) }, quoted));
  } else path.send(false, 1, f.icmp({ type: 3, code: 3, rest: f.u32(0) }, f.ipv4({ ...header, id: 7 }, datagram)));
}

/** Who has the address? Over IPv4 by ARP, over IPv6 by neighbour solicitation. */
export function neighbour(path) {
  const { local, remote } = path;
  if (path.v6) {
    const option = (kind, mac) => f.bytes(kind, 1, Buffer.from(mac.replaceAll(':', ''), 'hex'));
    const ask = { ...path.ends(true), type: 135, rest: f.u32(0) };
    path.send(true, 58, f.icmpv6(ask, f.bytes(f.ipv6Address(remote.v6), option(1, local.mac))), { hops: 255 });
    path.wait(400);
    const tell = { ...path.ends(false), type: 136, rest: f.u32(0x60000000) };
    path.send(false, 58, f.icmpv6(tell, f.bytes(f.ipv6Address(remote.v6), option(2, remote.mac))), { hops: 255 });
    return;
  }
  const broadcast = { ...path, remote: { mac: 'ff:ff:ff:ff:ff:ff' } };
  const ask = { senderMac: local.mac, sender: local.v4, targetMac: '00:00:00:00:00:00', target: remote.v4 };
  Path.prototype.frame.call(broadcast, true, 0x0806, f.arp({ operation: 1, ...ask }), OTHER);
  path.wait(400);
  const tell = { senderMac: remote.mac, sender: remote.v4, targetMac: local.mac, target: local.v4 };
  path.frame(false, 0x0806, f.arp({ operation: 2, ...tell }), OTHER);
}

/** A report of group membership: IGMPv3, or MLDv2 behind a hop-by-hop header. */
export function membership(path) {
  if (path.v6) {
    const group = f.ipv6Address('ff02::fb');
    const report = { ...path.ends(true), type: 143, rest: f.bytes(f.u16(0), f.u16(1)) };
    const record = f.bytes(4, 0, f.u16(0), group);
    path.send(true, 58, f.icmpv6(report, record), { hops: 1, extensions: [f.routerAlert] });
  } else {
    path.send(true, 2, f.igmpReport('224.0.0.251'), { ttl: 1, options: f.bytes(0x94, 4, f.u16(0)) });
  }
}

/** A ping inside a GRE tunnel. */
export function tunnel(path, count) {
  for (let sequence = 1; sequence <= count; sequence++) {
    const inner = (out) => {
      const [from, to] = out ? ['10.1.0.2', '10.2.0.2'] : ['10.2.0.2', '10.1.0.2'];
      const echo = f.icmp({ type: out ? 8 : 0, rest: f.bytes(f.u16(77), f.u16(sequence)) }, f.zeros(56));
      return f.gre(0x0800, f.ipv4({ from, to, protocol: 1, id: sequence }, echo));
    };
    path.send(true, 47, inner(true));
    path.wait(20_000);
    path.send(false, 47, inner(false));
    path.wait(1_000_000);
  }
}

/** SCTP: INIT and its acknowledgement, then DATA and SACK. */
export function sctpAssociation(path, count) {
  const tags = { true: path.random.u32(), false: path.random.u32() };
  const send = (out, tag, chunk) => {
    const ports = out ? { sport: 36_001, dport: 9899 } : { sport: 9899, dport: 36_001 };
    path.send(out, 132, f.sctp({ ...ports, tag }, chunk));
    path.wait(9_000);
  };
  const init = (out, type) =>
    f.bytes(type, 0, f.u16(20), f.u32(tags[out]), f.u32(106_496), f.u16(10), f.u16(10), f.u32(1));
  send(true, 0, init(true, 1));
  const cookie = f.bytes(f.u16(7), f.u16(36), cipher(path.random, 32));
  const answer = init(false, 2);
  answer.writeUInt16BE(answer.length + cookie.length, 2);
  send(false, tags[true], f.bytes(answer, cookie));
  for (let n = 1; n <= count; n++) {
    const payload = cipher(path.random, 64);
    const length = f.u16(16 + payload.length);
    send(true, tags[false], f.bytes(0, 3, length, f.u32(n), f.u16(0), f.u16(n), f.u32(0), payload));
    send(false, tags[true], f.bytes(3, 0, f.u16(16), f.u32(n), f.u32(106_496), f.u16(0), f.u16(0)));
  }
}

/** TCP behind destination options: a keep-alive exchange. */
export function tcpBehindOptions(path) {
  const extensions = [f.destinationOptions];
  const common = { seq: 1000, ack: 2000, flags: f.TCP.ACK };
  const segment = (out, ports) => f.tcp({ ...path.ends(out), ...ports, ...common }, f.zeros(0));
  path.send(true, 6, segment(true, { sport: 50_000, dport: 22 }), { extensions });
  path.wait(10_000);
  path.send(false, 6, segment(false, { sport: 22, dport: 50_000 }), { extensions });
}

/** What switches say: a spanning-tree hello (an 802.3 frame with a length) and an LLDP announcement. */
export function switches(path) {
  const bpdu = f.bytes(0x42, 0x42, 3, f.zeros(4), 0, f.zeros(26), f.u16(2 << 8), f.u16(15 << 8));
  const remote = { mac: '02:00:5e:00:00:fe' };
  const listen = { ...path, remote, local: { mac: '01:80:c2:00:00:00' } };
  Path.prototype.frame.call(listen, false, bpdu.length, bpdu, OTHER);
  const tlv = (type, value) => f.bytes(f.u16((type << 9) | value.length), value);
  const id = f.bytes(4, Buffer.from(remote.mac.replaceAll(':', ''), 'hex'));
  const lldp = f.bytes(tlv(1, id), tlv(2, f.bytes(5, text('port1'))), tlv(3, f.u16(120)), tlv(0, f.zeros(0)));
  listen.local = { mac: '01:80:c2:00:00:0e' };
  Path.prototype.frame.call(listen, false, 0x88cc, lldp, OTHER);
}
