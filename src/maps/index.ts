/** Map types: one file each behind one interface. */
export * from './bpf-map.ts';
