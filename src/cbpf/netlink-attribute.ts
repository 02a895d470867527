/**
 * Search for netlink attributes in a packet, as the ancillary loads `nla` and `nlan` do: each attribute is a length of 16
 * bits (its own 4 bytes of header included), a type of 16 bits whose two upper bits are flags, and its payload, padded to
 * 4 bytes; in host order. The first one that does not fit ends the search. Source: uapi linux/netlink.h.
 */
const HEADER = 4;
const TYPE_MASK = 0x3fff;

/**
 * @param from where the attributes begin
 * @returns offset of the first attribute of that type, 0 when there is none
 */
export function findAttribute(data: Uint8Array, from: number, type: number): number {
  return from > data.length - HEADER ? 0 : search(data, from, data.length, type);
}

/** The same among the attributes inside the attribute at `at`. */
export function findNestedAttribute(data: Uint8Array, at: number, type: number): number {
  if (at > data.length - HEADER) return 0;
  const length = u16(data, at);
  return length > data.length - at ? 0 : search(data, at + HEADER, at + length, type);
}

function search(data: Uint8Array, from: number, end: number, type: number): number {
  for (let at = from; end - at >= HEADER;) {
    const length = u16(data, at);
    if (length < HEADER || length > end - at) return 0;
    if ((u16(data, at + 2) & TYPE_MASK) === type) return at;
    at += (length + 3) & ~3;
  }
  return 0;
}

const u16 = (data: Uint8Array, at: number): number => data[at] | (data[at + 1] << 8);
