/** Writing pcap files (version 2.4, little-endian). */

export interface PcapOptions {
  readonly linkType: number;
  /** Nanoseconds instead of microseconds. */
  readonly nanoseconds?: boolean;
  /** Most bytes that were captured of a packet; default 262,144. */
  readonly snapLength?: number;
}

/** What is written of a packet; `Packet` fits. */
export interface PacketRecord {
  readonly data: Uint8Array;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Default: the length of `data`. */
  readonly originalLength?: number;
}

/** The 24 bytes that a file starts with. */
export function encodePcapHeader(options: PcapOptions): Uint8Array {
  const header = new Uint8Array(24);
  const view = new DataView(header.buffer);
  view.setUint32(0, options.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, options.snapLength ?? 262_144, true);
  view.setUint32(20, options.linkType, true);
  return header;
}

/** A record; `options` as given for the header. */
export function encodePcapRecord(packet: PacketRecord, options: PcapOptions): Uint8Array {
  const captured = Math.min(packet.data.length, options.snapLength ?? 262_144);
  const record = new Uint8Array(16 + captured);
  const view = new DataView(record.buffer);
  view.setUint32(0, packet.seconds, true);
  view.setUint32(4, options.nanoseconds ? packet.nanoseconds : Math.floor(packet.nanoseconds / 1000), true);
  view.setUint32(8, captured, true);
  view.setUint32(12, packet.originalLength ?? packet.data.length, true);
  record.set(packet.data.subarray(0, captured), 16);
  return record;
}

/** A whole file. */
export function encodePcap(packets: Iterable<PacketRecord>, options: PcapOptions): Uint8Array {
  const parts = [encodePcapHeader(options)];
  for (const packet of packets) parts.push(encodePcapRecord(packet, options));
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let pos = 0;
  for (const part of parts) {
    file.set(part, pos);
    pos += part.length;
  }
  return file;
}
