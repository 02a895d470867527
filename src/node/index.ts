/** What the core needs of Node.js: files and streams. */
export { readPackets } from './pcap.ts';
