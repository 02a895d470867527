/** What the core needs of Node.js: files and streams, and the events of a live process, and packet sockets. */
export { kernelBtfSource, NO_KERNEL_BTF } from './kernel-btf.ts';
export * from './events/index.ts';
export { readPackets } from './pcap.ts';
export { LivePacketsUnavailableError, openPacketSocket, PacketSocket } from './sockets/packet-socket.ts';
export type {
  CaptureOptions,
  DrainOptions,
  LiveOptions,
  PacketSocketOptions,
  PacketSocketStats,
} from './sockets/packet-socket.ts';
export { PACKET_TYPE } from './sockets/link-layer.ts';
export type { ReceivedPacket, VlanTag } from './sockets/packet-view.ts';
export { attachSocketFilter, userSocket } from './sockets/attach.ts';
export type { FilterTarget, SocketFilterLink, SocketFilterOptions } from './sockets/attach.ts';
export { USER_SOCKET } from './sockets/user-socket.ts';
export type { FilteredSocket, SocketFilterStats } from './sockets/user-socket.ts';
