/** What the core needs of Node.js: files and streams. */
export { kernelBtfSource, NO_KERNEL_BTF } from './kernel-btf.ts';
export { readPackets } from './pcap.ts';
