/**
 * `skep/browser`: verify, load and run in a web page, as one ES module (`npm run build:browser`). Needs no SharedArrayBuffer and
 * touches no page: bytes come in, values go out. Left out is what only command lines need (the batch format of program objects, the
 * dialect of conformance files), and filters of sockets, which pages have none of.
 *
 *     const spec = loadCollectionSpec(new Uint8Array(await (await fetch('count.bpf.o')).arrayBuffer()));
 *     const collection = spec.load(createKernel());
 *     for await (const { data } of new PacketReader((await fetch('traffic.pcap')).body)) …
 */
export { assemble, formatInsn, formatProgram } from '../asm/index.ts';
export type { Assembled, FormatOptions, MapRef } from '../asm/index.ts';
export * from '../errors/index.ts';
export * from '../events/index.ts';
export { createKernel } from '../kernel/index.ts';
export type { Kernel, KernelOptions } from '../kernel/index.ts';
export {
  CollectionSpec,
  Collection,
  LiveMap,
  MapSpec,
  Program,
  ProgramSpec,
  VariableSpec,
  loadCollectionSpec,
} from '../loader/index.ts';
export type { LinkedFunction, LoadOptions, MapReference, RunOptions, RunResult, SourceLine } from '../loader/index.ts';
export * from '../pcap/index.ts';
