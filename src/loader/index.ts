/** From object files to loaded programs: read a CollectionSpec, change it, load it. */
export * from './collection.ts';
export * from './live-map.ts';
export type { LoadOptions } from './load.ts';
export * from './program.ts';
export * from './read.ts';
export * from './sections.ts';
export { CollectionSpec, MapSpec, ProgramSpec, VariableSpec } from './spec.ts';
export type { LinkedFunction, MapReference, SourceLine } from './spec.ts';
export * from './verifier-log.ts';
export * from './exchange-index.ts';
