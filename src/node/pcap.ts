/** `skep/pcap`: captures from files, standard input and streams. */
import { createReadStream } from 'node:fs';
import { PacketReader } from '../pcap/index.ts';

export * from '../pcap/index.ts';

/**
 * The packets of a capture (pcap or pcapng).
 * @param source path, `-` for standard input, or a stream of pieces
 * @param name what messages call it; default: the path
 * @throws FormatError after the packets before the bad place; Node's own error when the file cannot be read
 */
export function readPackets(source: string | AsyncIterable<Uint8Array>, name?: string): PacketReader {
  if (typeof source !== 'string') return new PacketReader(source, name);
  if (source === '-') return new PacketReader(process.stdin, name ?? 'standard input');
  return new PacketReader(createReadStream(source, { highWaterMark: 1 << 18 }), name ?? source);
}
