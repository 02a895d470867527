/** Classic BPF: checked, interpreted, translated to eBPF, and its texts. */
export * from './constants.ts';
export * from './instruction.ts';
export * from './check.ts';
export { ClassicProgram, compute as computeClassic, holds as holdsClassic } from './interpreter.ts';
export type { ClassicAncillary, ClassicPacket } from './interpreter.ts';
export { translateClassic } from './translate.ts';
export { formatClassic, formatClassicInsn, CLASSIC_FORMATS } from './format.ts';
export type { ClassicFormat } from './format.ts';
export { parseClassic, losesInListing } from './parse.ts';
