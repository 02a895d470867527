/** The seam between programs' users and whoever runs them, and the arguments that cross it. */
export * from './attr.ts';
export * from './bpf-sys.ts';
export { ATTR_SIZE, type ObjectKind } from './attr-layout.ts';
export * from './codec.ts';
