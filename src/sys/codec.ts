/**
 * Typed attributes ⇄ the binary `union bpf_attr` of Linux 6.18, driven by the rows of attr-layout.ts.
 *
 * Guarantees: `encodeAttr` writes every field of the typed object or answers -EINVAL for a number that does not fit;
 * `decodeAttr` accepts what Linux accepts and answers what Linux answers to anything else: -E2BIG for a `size` above a
 * page or non-zero bytes after the union, -EINVAL for non-zero bytes after the command's last field (or in a field that
 * the typed attributes do not carry) and for an unknown command, -EFAULT for memory that is not there.
 */
import { ERRNO } from '../errors/index.ts';
import { CALL, decode, LD_IMM64 } from '../isa/index.ts';
import { BPF_OBJ_NAME_LEN, CALL_PSEUDO, PSEUDO } from '../uapi/index.ts';
import { readU64, writeU64 } from '../util/index.ts';
import type { BpfAttrs, BpfCmd, ObjInfoAttr } from './attr.ts';
import { ATTR_MAX_SIZE, ATTR_SIZE, LAYOUTS } from './attr-layout.ts';
import { INFO_POINTERS } from './info-pointers.ts';
import type { ObjectKind } from './info-pointers.ts';
import type { Layout, PointerRow } from './attr-layout.ts';
import type { BpfSys } from './bpf-sys.ts';

/** The address under which the other side finds these bytes while the command runs. Never called with no bytes. */
export type Pin = (bytes: Uint8Array) => number;

/** The caller's memory, and what must be known of the objects to say how much of it an argument covers. */
export interface AttrMemory {
  /** A view (not a copy) of `length` bytes, or undefined where they are not all there. */
  bytes(address: number, length: number): Uint8Array | undefined;
  /** Bytes of a key and of a value as user space passes them, or undefined where `fd` is not a map. */
  mapSizes(fd: number): { readonly key: number; readonly value: number } | undefined;
  /** What `fd` refers to, or undefined. */
  objectKind(fd: number): ObjectKind | undefined;
}

type Field = number | string | Uint8Array | readonly number[] | undefined;
type Fields = Record<string, Field>;

const MAX_FDS = 1 << 16;
const MAX_LICENSE = 128;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const isU32 = (value: number): boolean => Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32;

/** @returns the name of a command (`BPF_PROG_LOAD`), or its number for one without a layout. */
export function commandName(cmd: number): string {
  return layoutOf(cmd)?.name ?? `bpf command ${cmd}`;
}

function layoutOf(cmd: number): Layout | undefined {
  return (LAYOUTS as Readonly<Record<number, Layout | undefined>>)[cmd];
}

/**
 * Write `attr` into `out` (at least ATTR_SIZE bytes; all of them are set).
 * @returns 0, or -EINVAL for an unknown command, a number that does not fit its field, or a name that is too long.
 */
export function encodeAttr<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C], out: Uint8Array, pin: Pin): number {
  const layout = layoutOf(cmd);
  if (!layout) return -ERRNO.EINVAL;
  const fields = attr as unknown as Fields;
  const view = new DataView(out.buffer, out.byteOffset, ATTR_SIZE);
  out.fill(0, 0, ATTR_SIZE);
  for (const row of layout.rows) {
    if (row.kind === 'ignored' || (row.kind !== 'pointer' && row.out)) continue;
    const value = fields[row.field];
    if (value === undefined) continue;
    if (row.kind === 'pointer') {
      const error = encodePointer(row, value, fields, view, pin);
      if (error) return error;
    } else if (row.kind === 'name') {
      const bytes = encoder.encode(String(value));
      if (bytes.length >= BPF_OBJ_NAME_LEN) return -ERRNO.EINVAL;
      out.set(bytes, row.at);
    } else if (row.kind === 'u32') {
      if (!isU32(value as number)) return -ERRNO.EINVAL;
      view.setUint32(row.at, value as number, true);
    } else {
      if (!Number.isSafeInteger(value)) return -ERRNO.EINVAL;
      writeU64(view, row.at, value as number);
    }
  }
  return 0;
}

function encodePointer(row: PointerRow, value: Field, fields: Fields, view: DataView, pin: Pin): number {
  const bytes = row.size === 'text' ? cString(value as string) : row.size === 'fds' ? int32s(value as number[]) : value;
  if (!(bytes instanceof Uint8Array)) return -ERRNO.EINVAL;
  if (row.count >= 0) {
    const unit = typeof row.unit === 'number' ? row.unit : (fields[row.unit] as number | undefined) || 1;
    if (bytes.length % unit) return -ERRNO.EINVAL;
    view.setUint32(row.count, bytes.length / unit, true);
  }
  if (bytes.length) writeU64(view, row.at, pin(bytes));
  return 0;
}

function cString(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

function int32s(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setInt32(i * 4, value, true));
  return bytes;
}

/** Copy what the kernel wrote into the binary attribute (`retval`, `nextId`, …) back to the typed one. */
export function readResults<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C], from: Uint8Array): void {
  const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
  for (const row of LAYOUTS[cmd].rows)
    if (row.kind === 'u32' && (row.out || row.inOut))
      (attr as unknown as Fields)[row.field] = view.getUint32(row.at, true);
}

/** Copy what the subsystem wrote into the typed attribute to the caller's binary one, as far as that one reaches. */
export function writeResults<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C], to: Uint8Array): void {
  const view = new DataView(to.buffer, to.byteOffset, to.byteLength);
  for (const row of LAYOUTS[cmd].rows) {
    if (row.kind !== 'u32' || !(row.out || row.inOut) || row.at + 4 > to.length) continue;
    const value = (attr as unknown as Fields)[row.field];
    if (typeof value === 'number') view.setUint32(row.at, value, true);
  }
}

/**
 * Read the binary attribute of `bytes.length` bytes.
 * @returns the typed attribute, whose buffers are views of the caller's memory, or -errno.
 */
export function decodeAttr<C extends BpfCmd>(cmd: C, bytes: Uint8Array, memory: AttrMemory): BpfAttrs[C] | number {
  if (bytes.length > ATTR_MAX_SIZE) return -ERRNO.E2BIG;
  if (bytes.subarray(ATTR_SIZE).some(Boolean)) return -ERRNO.E2BIG;
  const layout = layoutOf(cmd);
  if (!layout) return -ERRNO.EINVAL;
  const known = new Uint8Array(ATTR_SIZE);
  known.set(bytes.subarray(0, ATTR_SIZE));
  const carried = carriedBytes(layout);
  if (known.some((byte, at) => byte && !carried[at])) return -ERRNO.EINVAL;
  const view = new DataView(known.buffer);
  const fields: Fields = {};
  for (const row of layout.rows) {
    if (row.kind === 'ignored' || row.at >= layout.end || (row.kind !== 'pointer' && row.out)) continue;
    if (row.kind === 'u32') fields[row.field] = view.getUint32(row.at, true);
    else if (row.kind === 'name') {
      const name = known.subarray(row.at, row.at + BPF_OBJ_NAME_LEN);
      const end = name.indexOf(0);
      if (end < 0) return -ERRNO.EINVAL;
      fields[row.field] = decoder.decode(name.subarray(0, end));
    } else if (row.kind === 'u64') {
      const value = readU64(view, row.at);
      if (!Number.isSafeInteger(value)) return -ERRNO.EINVAL;
      fields[row.field] = value;
    }
  }
  // Pointers come last: how far they reach is said by other fields.
  for (const row of layout.rows) {
    if (row.kind !== 'pointer') continue;
    const value = decodePointer(row, fields, view, memory);
    if (typeof value === 'number') return value;
    if (value !== undefined) fields[row.field] = value;
  }
  return fields as unknown as BpfAttrs[C];
}

/** Which bytes of the union belong to a field of the command. */
function carriedBytes(layout: Layout): Uint8Array {
  const carried = new Uint8Array(ATTR_SIZE);
  for (const row of layout.rows) {
    const bytes = {
      u32: 4,
      u64: 8,
      pointer: 8,
      name: BPF_OBJ_NAME_LEN,
      ignored: row.kind === 'ignored' ? row.bytes : 0,
    };
    carried.fill(1, row.at, row.at + bytes[row.kind]);
    if (row.kind === 'pointer' && row.count >= 0) carried.fill(1, row.count, row.count + 4);
  }
  return carried.fill(0, layout.end);
}

function decodePointer(
  row: PointerRow,
  fields: Fields,
  view: DataView,
  memory: AttrMemory,
): Exclude<Field, string> | string {
  const address = readU64(view, row.at);
  if (row.size === 'text') return address ? readText(address, memory) : -ERRNO.EFAULT;
  if (row.size === 'fds') return address ? readFds(address, fields['insns'] as Uint8Array, memory) : undefined;
  if (row.size === 'counted') {
    const unit = typeof row.unit === 'number' ? row.unit : (fields[row.unit] as number);
    const length = view.getUint32(row.count, true) * unit;
    if (!address) return row.field === 'insns' || row.field === 'btf' ? -ERRNO.EFAULT : undefined;
    return memory.bytes(address, length) ?? -ERRNO.EFAULT;
  }
  if (!address) return undefined;
  const sizes = memory.mapSizes(fields['mapFd'] as number);
  if (!sizes) return -ERRNO.EBADF;
  return memory.bytes(address, pointedTo(row.size, sizes, fields['count'] as number)) ?? -ERRNO.EFAULT;
}

type Sized = 'key' | 'value' | 'keys' | 'values' | 'place';

/** Bytes behind a pointer of a command on a map's elements. */
function pointedTo(
  size: Sized,
  { key, value }: { readonly key: number; readonly value: number },
  count: number,
): number {
  const bytes = { key, value, keys: key * count, values: value * count, place: Math.max(4, key) };
  return bytes[size];
}

function readText(address: number, memory: AttrMemory): string | number {
  const bytes: number[] = [];
  for (let at = address; bytes.length < MAX_LICENSE; at++) {
    const byte = memory.bytes(at, 1)?.[0];
    if (byte === undefined) return -ERRNO.EFAULT;
    if (!byte) break;
    bytes.push(byte);
  }
  return decoder.decode(Uint8Array.from(bytes));
}

/** The array has no length of its own: the program's instructions say how far it is read. */
function readFds(address: number, program: Uint8Array, memory: AttrMemory): number[] | number {
  let count = 0;
  for (const insn of decode(program)) {
    const loads = insn.opcode === LD_IMM64 && (insn.src === PSEUDO.MAP_IDX || insn.src === PSEUDO.MAP_IDX_VALUE);
    if (loads) count = Math.max(count, insn.imm + 1);
    if (insn.opcode === CALL && insn.src === CALL_PSEUDO.KFUNC) count = Math.max(count, insn.off + 1);
  }
  if (count > MAX_FDS) return -ERRNO.EINVAL;
  const bytes = memory.bytes(address, count * 4);
  if (!bytes) return -ERRNO.EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) => view.getInt32(i * 4, true));
}

/**
 * Put the addresses of `attr.buffers` into the info struct, with the room there is. Every pointer of the struct is
 * overwritten, so that nothing but `buffers` can be written to.
 */
export function pinInfoBuffers(kind: ObjectKind, attr: ObjInfoAttr, pin: Pin): void {
  const view = new DataView(attr.info.buffer, attr.info.byteOffset, attr.info.byteLength);
  for (const row of INFO_POINTERS[kind]) {
    if (row.at + 8 > view.byteLength) continue;
    const buffer = attr.buffers?.[row.field];
    writeU64(view, row.at, buffer?.length ? pin(buffer) : 0);
    if (!buffer || row.count + 4 > view.byteLength) continue;
    view.setUint32(row.count, Math.floor(buffer.length / row.unit), true);
    if (row.recordSize >= 0 && row.recordSize + 4 <= view.byteLength) view.setUint32(row.recordSize, row.unit, true);
  }
}

/** Take the addresses out again: an info struct that leaves the seam shows none. */
export function clearInfoPointers(kind: ObjectKind, info: Uint8Array): void {
  for (const row of INFO_POINTERS[kind]) info.fill(0, row.at, row.at + 8);
}

/** The buffers behind the pointers of a caller's info struct. @returns -EFAULT where one is not there. */
function readInfoBuffers(kind: ObjectKind, info: Uint8Array, memory: AttrMemory): ObjInfoAttr['buffers'] | number {
  const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
  const buffers: Record<string, Uint8Array> = {};
  for (const row of INFO_POINTERS[kind]) {
    if (row.at + 8 > info.length || row.count + 4 > info.length) continue;
    const address = readU64(view, row.at);
    const bytes = address ? memory.bytes(address, view.getUint32(row.count, true) * row.unit) : undefined;
    if (address && !bytes) return -ERRNO.EFAULT;
    if (bytes) buffers[row.field] = bytes;
  }
  return buffers;
}

/**
 * `bpf(cmd, attr, size)` as a C program calls it: the binary form of any `BpfSys`.
 * @param bytes the attribute; results are written into it.
 * @returns a descriptor or 0, or -errno.
 */
export function bpfBinary(sys: BpfSys, cmd: number, bytes: Uint8Array, memory: AttrMemory): number {
  const attr = decodeAttr(cmd as BpfCmd, bytes, memory);
  if (typeof attr === 'number') return attr;
  if (cmd === 15) {
    const info = attr as ObjInfoAttr;
    const kind = memory.objectKind(info.bpfFd);
    if (!info.info) return -ERRNO.EFAULT;
    const buffers = kind && readInfoBuffers(kind, info.info, memory);
    if (typeof buffers === 'number') return buffers;
    info.buffers = buffers;
  }
  const result = sys.bpf(cmd as BpfCmd, attr);
  writeResults(cmd as BpfCmd, attr, bytes);
  return result;
}
