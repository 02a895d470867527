/** BPF Type Format: types, function and line records, decoding and encoding of values. */
export * from './btf.ts';
export * from './types.ts';
