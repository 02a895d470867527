/** One captured packet, and the numbers that say what its first byte belongs to. */

/** Link types that are met often. Source: the LINKTYPE_ list of tcpdump.org. */
export const LINKTYPE = {
  NULL: 0,
  ETHERNET: 1,
  PPP: 9,
  RAW: 101,
  IEEE802_11: 105,
  LOOP: 108,
  LINUX_SLL: 113,
  IPV4: 228,
  IPV6: 229,
  LINUX_SLL2: 276,
} as const;

const names = new Map<number, string>(Object.entries(LINKTYPE).map(([name, number]) => [number, name]));

/** `ETHERNET` for 1; `LINKTYPE 147` for a number without a name here. */
export function linkTypeName(linkType: number): string {
  return names.get(linkType) ?? `LINKTYPE ${linkType}`;
}

export class Packet {
  /** The captured bytes: a view that stays valid, not to be written to. */
  readonly data: Uint8Array;
  /** Seconds since 1970 (UTC), whole; 0 where the capture has no time. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
  /** Length on the wire in bytes; more than `capturedLength` where the capture cut the packet. */
  readonly originalLength: number;
  /** What `data` starts with; see LINKTYPE. */
  readonly linkType: number;
  /** Index of the interface in its section of the capture; always 0 in a pcap file. */
  readonly interface: number;

  constructor(
    data: Uint8Array,
    seconds: number,
    nanoseconds: number,
    originalLength: number,
    linkType: number,
    interfaceIndex: number,
  ) {
    this.data = data;
    this.seconds = seconds;
    this.nanoseconds = nanoseconds;
    this.originalLength = originalLength;
    this.linkType = linkType;
    this.interface = interfaceIndex;
  }

  get capturedLength(): number {
    return this.data.length;
  }
}
