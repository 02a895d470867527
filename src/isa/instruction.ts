/**
 * One raw 8-byte slot of a program. `ld_imm64` takes two slots; indices, jump offsets and logs count slots. Decoding
 * accepts any bytes: what a slot means, and whether it is valid, is decided by the opcode table and the verifier.
 */

/** @kernel struct bpf_insn */
export interface Instruction {
  /** 0-255. */
  readonly opcode: number;
  /** 0-15; 0-10 are registers. */
  readonly dst: number;
  /** 0-15; a register or a pseudo source. */
  readonly src: number;
  /** Signed 16 bits. */
  readonly off: number;
  /** Signed 32 bits. */
  readonly imm: number;
}

/** Bytes of a slot. */
export const SLOT = 8;

/** Decode little-endian slots. The length must be a multiple of 8. */
export function decode(bytes: Uint8Array): Instruction[] {
  if (bytes.length % SLOT) throw new RangeError(`program of ${bytes.length} bytes is not a multiple of ${SLOT}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out: Instruction[] = [];
  for (let at = 0; at < bytes.length; at += SLOT) {
    const regs = view.getUint8(at + 1);
    out.push({
      opcode: view.getUint8(at),
      dst: regs & 15,
      src: regs >> 4,
      off: view.getInt16(at + 2, true),
      imm: view.getInt32(at + 4, true),
    });
  }
  return out;
}

/** Encode to little-endian slots. Fields are cut to their width. */
export function encode(insns: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(insns.length * SLOT);
  const view = new DataView(bytes.buffer);
  insns.forEach((insn, i) => {
    view.setUint8(i * SLOT, insn.opcode);
    view.setUint8(i * SLOT + 1, (insn.dst & 15) | (insn.src << 4));
    view.setInt16(i * SLOT + 2, insn.off, true);
    view.setInt32(i * SLOT + 4, insn.imm, true);
  });
  return bytes;
}
