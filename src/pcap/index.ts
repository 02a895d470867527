/** Capture files: read pcap and pcapng, write pcap. */
export { LINKTYPE, linkTypeName, Packet } from './packet.ts';
export { CaptureParser } from './parser.ts';
export { PacketReader, packetsOf } from './reader.ts';
export { encodePcap, encodePcapHeader, encodePcapRecord } from './write.ts';
export type { PacketRecord, PcapOptions } from './write.ts';
