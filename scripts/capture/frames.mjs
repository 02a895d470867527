// Frames layer by layer, with right lengths and checksums. Each function takes the layer's fields and its payload and
// returns bytes. Sources: RFC 791, 792, 768, 9293, 8200, 4443, 826, 2784, 9260, IEEE 802.1Q.

export const bytes = (...parts) => Buffer.concat(parts.map((part) => (typeof part === 'number' ? u8(part) : part)));
export const u8 = (value) => Buffer.from([value]);
export const u16 = (value) => Buffer.from([value >>> 8, value & 0xff]);
export const u32 = (value) => Buffer.from([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]);
export const zeros = (length) => Buffer.alloc(length);

/** `02:00:00:00:00:01` → 6 bytes. */
const mac = (text) => Buffer.from(text.replaceAll(':', ''), 'hex');
/** `192.0.2.1` → 4 bytes. */
export const ipv4Address = (text) => Buffer.from(text.split('.').map(Number));
/** `2001:db8::1` → 16 bytes. */
export function ipv6Address(text) {
  const [head, tail = ''] = text.split('::');
  const groups = (part) => part.split(':').filter(Boolean);
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array(missing).fill('0'), ...groups(tail)];
  return bytes(...all.map((group) => u16(parseInt(group, 16))));
}

/** The internet checksum (RFC 1071). */
function checksum(...parts) {
  const data = bytes(...parts);
  let sum = 0;
  for (let i = 0; i < data.length; i += 2) sum += (data[i] << 8) | (data[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** CRC-32C, bit by bit: SCTP's checksum. */
function crc32c(data) {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

export const isV6 = (address) => address.includes(':');
const addresses = (from, to) =>
  isV6(from) ? bytes(ipv6Address(from), ipv6Address(to)) : bytes(ipv4Address(from), ipv4Address(to));
const pseudoHeader = (from, to, protocol, length) =>
  isV6(from)
    ? bytes(addresses(from, to), u32(length), zeros(3), protocol)
    : bytes(addresses(from, to), 0, protocol, u16(length));

/** Put a checksum over the pseudo header and `segment` into the segment, whose field is at `at`. */
function withChecksum(segment, at, from, to, protocol) {
  const sum = checksum(pseudoHeader(from, to, protocol, segment.length), segment);
  segment.writeUInt16BE(sum === 0 && protocol === 17 ? 0xffff : sum, at);
  return segment;
}

/** An Ethernet frame; `tags` are VLAN ids, outermost first (the outer of two is a service tag). */
export function ethernet({ from, to, type, tags = [] }, payload) {
  const tagged = tags.map((id, i) => bytes(u16(tags.length === 2 && i === 0 ? 0x88a8 : 0x8100), u16(id)));
  return bytes(mac(to), mac(from), ...tagged, u16(type), payload);
}

/** `fragment` is the offset in bytes, with `more` for all but the last one. */
export function ipv4({ from, to, protocol, id, ttl = 64, options = zeros(0), fragment, more = false }, payload) {
  const words = 5 + options.length / 4;
  const flags = fragment === undefined ? 0x4000 : (more ? 0x2000 : 0) | (fragment / 8);
  const length = u16(words * 4 + payload.length);
  const header = bytes(
    0x40 | words,
    0,
    length,
    u16(id),
    u16(flags),
    ttl,
    protocol,
    u16(0),
    addresses(from, to),
    options,
  );
  header.writeUInt16BE(checksum(header), 10);
  return bytes(header, payload);
}

/** `extensions`: `{protocol, body}` each, the first byte of each body is filled in. */
export function ipv6({ from, to, protocol, hops = 64, label = 0, extensions = [] }, payload) {
  const chain = [...extensions.map((extension) => extension.protocol), protocol];
  const bodies = extensions.map(({ body }, i) => bytes(chain[i + 1], body));
  const rest = bytes(...bodies, payload);
  return bytes(u32((6 << 28) | label), u16(rest.length), chain[0], hops, addresses(from, to), rest);
}

/** Hop-by-hop options with a router alert, as multicast listener reports carry them. */
export const routerAlert = { protocol: 0, body: bytes(0, 5, 2, u16(0), 1, 0) };
export const destinationOptions = { protocol: 60, body: bytes(0, 1, 4, zeros(4)) };
export const fragmentHeader = (offset, more, id) => ({
  protocol: 44,
  body: bytes(0, u16(offset | (more ? 1 : 0)), u32(id)),
});

export function udp({ from, to, sport, dport }, payload) {
  return withChecksum(bytes(u16(sport), u16(dport), u16(8 + payload.length), u16(0), payload), 6, from, to, 17);
}

export const TCP = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 };

export function tcp({ from, to, sport, dport, seq, ack, flags, window = 502, options = zeros(0) }, payload) {
  const words = 5 + options.length / 4;
  const fixed = bytes(u16(sport), u16(dport), u32(seq), u32(ack), words << 4, flags, u16(window), u16(0), u16(0));
  return withChecksum(bytes(fixed, options, payload), 16, from, to, 6);
}

export function icmp({ type, code = 0, rest }, payload = zeros(0)) {
  const message = bytes(type, code, u16(0), rest, payload);
  message.writeUInt16BE(checksum(message), 2);
  return message;
}

export function icmpv6({ from, to, type, code = 0, rest }, payload = zeros(0)) {
  return withChecksum(bytes(type, code, u16(0), rest, payload), 2, from, to, 58);
}

export function arp({ operation, senderMac, sender, targetMac, target }) {
  const header = bytes(u16(1), u16(0x0800), 6, 4, u16(operation));
  return bytes(header, mac(senderMac), ipv4Address(sender), mac(targetMac), ipv4Address(target));
}

/** An IGMPv3 membership report for one group. */
export function igmpReport(group) {
  const message = bytes(0x22, 0, u16(0), u16(0), u16(1), 4, 0, u16(0), ipv4Address(group));
  message.writeUInt16BE(checksum(message), 2);
  return message;
}

export const gre = (type, payload) => bytes(u16(0), u16(type), payload);

export function sctp({ sport, dport, tag }, chunk) {
  const packet = bytes(u16(sport), u16(dport), u32(tag), u32(0), chunk);
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet;
}
