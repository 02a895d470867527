/**
 * The same memory as a plain Uint8Array. Platforms subclass it: `slice` of Node's Buffer shares memory where a
 * Uint8Array's copies.
 */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
