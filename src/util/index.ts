/** Small things that know nothing of BPF. */
export * from './string-table.ts';
export { decodeHex } from './hex.ts';
export { Random } from './random.ts';
export { sha256 } from './sha256.ts';
export { plainBytes } from './plain-bytes.ts';
export { byteTextBytes, utf8ByteText } from './byte-text.ts';
export { readU64, writeU64 } from './words.ts';
