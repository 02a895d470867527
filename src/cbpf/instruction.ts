/** One instruction of classic BPF and its 8 bytes. Decoding accepts any bytes; what is valid is decided by the check. */
import { FormatError } from '../errors/index.ts';

/** @kernel struct sock_filter */
export interface ClassicInstruction {
  /** 16 bits. */
  readonly code: number;
  /** Instructions to skip when a comparison holds, 0-255. */
  readonly jt: number;
  /** Instructions to skip when it does not, 0-255. */
  readonly jf: number;
  /** Unsigned 32 bits. */
  readonly k: number;
}

const BYTES = 8;

/** Decode the little-endian array that SO_ATTACH_FILTER takes. @throws FormatError where the length is no multiple of 8 */
export function decodeClassic(bytes: Uint8Array): ClassicInstruction[] {
  if (bytes.length % BYTES) throw new FormatError(`${bytes.length} bytes are no multiple of ${BYTES}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / BYTES }, (_, i) => ({
    code: view.getUint16(i * BYTES, true),
    jt: view.getUint8(i * BYTES + 2),
    jf: view.getUint8(i * BYTES + 3),
    k: view.getUint32(i * BYTES + 4, true),
  }));
}

/** Encode little-endian. Fields are cut to their width. */
export function encodeClassic(insns: readonly ClassicInstruction[]): Uint8Array {
  const bytes = new Uint8Array(insns.length * BYTES);
  const view = new DataView(bytes.buffer);
  insns.forEach(({ code, jt, jf, k }, i) => {
    view.setUint16(i * BYTES, code, true);
    view.setUint8(i * BYTES + 2, jt);
    view.setUint8(i * BYTES + 3, jf);
    view.setUint32(i * BYTES + 4, k, true);
  });
  return bytes;
}
