/** What the core needs of Node.js: files and streams, and the events of a live process. */
export { kernelBtfSource, NO_KERNEL_BTF } from './kernel-btf.ts';
export * from './events/index.ts';
export { readPackets } from './pcap.ts';
