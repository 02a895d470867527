/** The seam between programs' users and whoever runs them, and the arguments that cross it. */
export * from './attr.ts';
export * from './bpf-sys.ts';
export { ATTR_SIZE } from './attr-layout.ts';
export { INFO_POINTERS, type InfoPointer, type ObjectKind } from './info-pointers.ts';
export * from './codec.ts';
export * from './socket.ts';
