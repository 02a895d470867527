/** BPF Type Format: types, function and line records, decoding and encoding of values. */
export * from './types.ts';
export * from './btf.ts';
export * from './ext.ts';
export * from './builder.ts';
export * from './value.ts';
export * from './format.ts';
export * from './print.ts';
export * from './kernel-btf.ts';
export * from './core.ts';
