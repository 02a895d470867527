/** What a capture format tells the parser: how long the next record is, and what is in it. */
import type { Packet } from './packet.ts';

/** Called once per packet, in the order of the file. */
export type PacketSink = (packet: Packet) => void;

/** Throw a FormatError about the record being read; `delta` is the byte's offset from the start of that record. */
export type Fail = (problem: string, delta?: number) => never;

export interface RecordFormat {
  /** Name of the format and of what the next record is, for messages. */
  readonly name: string;
  /** Bytes of the next record that `measure` needs to see. */
  readonly headLength: number;
  /** Length in bytes of the record at `pos`, head included. Refuses absurd lengths. */
  measure(view: DataView, pos: number): number;
  /** Whether `read` wants the measured record; otherwise it is skipped, however long it is, without being stored. */
  wants(view: DataView, pos: number): boolean;
  /** Read the complete record at `pos`. Packets keep views of `bytes`. */
  read(bytes: Uint8Array, view: DataView, pos: number, length: number, sink: PacketSink): void;
}

/** Most bytes of a packet that a capture may hold (libpcap's and Wireshark's limit for ordinary links). */
export const MAX_CAPTURED = 262_144;
