/** Words that the behaviour tests share: errnos by name, bytes, and commands with their usual arguments. */
import { expect } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { ERRNO, errnoName } from '../../src/errors/index.ts';
import type { BpfSys, MapCreateAttr, ProgLoadAttr } from '../../src/sys/index.ts';
import { BPF_CMD, CAP, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { encode } from '../../src/isa/index.ts';

export { ERRNO };

export const NO_CAPS = 0n;
export const cap = (name: keyof typeof CAP): bigint => 1n << BigInt(CAP[name]);

/** `ok` for a descriptor or 0, the errno's name otherwise; a descriptor is closed. */
export function outcome(sys: BpfSys, result: number): string {
  if (result < 0) return errnoName(result);
  if (result > 2) sys.close(result);
  return 'ok';
}

/** `ok` for 0, the errno's name otherwise. */
export const answer = (result: number): string => (result < 0 ? errnoName(result) : 'ok');

export const u32 = (...words: number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const filled = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);

/** The four map types that hold plain values, by name. */
export const PLAIN_TYPES = {
  hash: MAP_TYPE.HASH,
  array: MAP_TYPE.ARRAY,
  percpu_hash: MAP_TYPE.PERCPU_HASH,
  percpu_array: MAP_TYPE.PERCPU_ARRAY,
} as const;

export const createMap = (sys: BpfSys, attr: Partial<MapCreateAttr> = {}): number =>
  sys.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize: 8, maxEntries: 4, ...attr });

export const lookup = (
  sys: BpfSys,
  mapFd: number,
  key: Uint8Array | undefined,
  value?: Uint8Array,
  flags = 0,
): string => answer(sys.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key, value, flags }));
export const update = (
  sys: BpfSys,
  mapFd: number,
  key: Uint8Array | undefined,
  value?: Uint8Array,
  flags = 0,
): string => answer(sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd, key, value, flags }));
export const remove = (sys: BpfSys, mapFd: number, key: Uint8Array | undefined): string =>
  answer(sys.bpf(BPF_CMD.MAP_DELETE_ELEM, { mapFd, key }));
export const take = (sys: BpfSys, mapFd: number, key: Uint8Array | undefined, value?: Uint8Array, flags = 0): string =>
  answer(sys.bpf(BPF_CMD.MAP_LOOKUP_AND_DELETE_ELEM, { mapFd, key, value, flags }));
export const freeze = (sys: BpfSys, mapFd: number): string => answer(sys.bpf(BPF_CMD.MAP_FREEZE, { mapFd }));

/** The next key, or the errno's name. */
export function nextKey(sys: BpfSys, mapFd: number, key?: Uint8Array, size = 4): string {
  const next = new Uint8Array(size);
  const result = sys.bpf(BPF_CMD.MAP_GET_NEXT_KEY, { mapFd, key, nextKey: next });
  return result < 0 ? errnoName(result) : hex(next);
}

const EXIT = { opcode: 0x95, dst: 0, src: 0, off: 0, imm: 0 };
const mov = (imm: number) => ({ opcode: 0xb7, dst: 0, src: 0, off: 0, imm });
/** `return value`. */
export const returns = (value: number): Uint8Array => encode([mov(value), EXIT]);
/** `r1 = map; return 0`, with one of the PSEUDO sources. */
export const loadsMap = (imm: number, src = 1, offset = 0): Uint8Array =>
  encode([
    { opcode: 0x18, dst: 1, src, off: 0, imm },
    { opcode: 0, dst: 0, src: 0, off: 0, imm: offset },
    mov(0),
    EXIT,
  ]);
/** `exit` with nothing in r0: refused with EACCES. */
export const REFUSED = encode([EXIT]);

export const load = (sys: BpfSys, attr: Partial<ProgLoadAttr> = {}): number =>
  sys.bpf(BPF_CMD.PROG_LOAD, { progType: PROG_TYPE.SOCKET_FILTER, insns: returns(0), license: 'GPL', ...attr });

/** Load a socket filter from the kernel's text, with the descriptor of `m` for every `map[m]`. */
export function program(sys: BpfSys, text: string, mapFd: number): number {
  const { insns, mapRefs } = assemble(text);
  const patched = insns.map((insn, slot) => {
    const ref = mapRefs.find((r) => r.insn === slot);
    return ref === undefined ? insn : { ...insn, src: ref.offset === undefined ? 1 : 2, imm: mapFd };
  });
  const fd = load(sys, { insns: encode(patched) });
  expect(fd).toBeGreaterThan(2);
  return fd;
}

/** Run once on a frame of zeros. */
export function run(sys: BpfSys, progFd: number): number {
  const attr = { progFd, dataIn: new Uint8Array(64), retval: -1 };
  expect(answer(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr))).toBe('ok');
  return attr.retval;
}

export interface BtfParts {
  types?: Uint8Array;
  strings?: string;
  magic?: number;
  version?: number;
  flags?: number;
  headerSize?: number;
  typesOffset?: number;
  typesLength?: number;
  stringsOffset?: number;
  stringsLength?: number;
  tail?: Uint8Array;
}

/** `[1] INT int, 4 bytes`. */
export const INT = u32(1, 1 << 24, 4, 32 | (1 << 24));

/** A BTF blob; by default one type, `int`. */
export function btfBlob(parts: BtfParts = {}): Uint8Array {
  const types = parts.types ?? INT;
  const strings = new TextEncoder().encode(parts.strings ?? '\0int\0');
  const header = new Uint8Array(24);
  const view = new DataView(header.buffer);
  view.setUint16(0, parts.magic ?? 0xeb9f, true);
  header[2] = parts.version ?? 1;
  header[3] = parts.flags ?? 0;
  const words = [
    parts.headerSize ?? 24,
    parts.typesOffset ?? 0,
    parts.typesLength ?? types.length,
    parts.stringsOffset ?? types.length,
    parts.stringsLength ?? strings.length,
  ];
  words.forEach((word, i) => view.setUint32(4 + 4 * i, word, true));
  return Uint8Array.from([...header, ...types, ...strings, ...(parts.tail ?? [])]);
}

export const loadBtf = (sys: BpfSys, btf: Uint8Array = btfBlob()): number => sys.bpf(BPF_CMD.BTF_LOAD, { btf });
