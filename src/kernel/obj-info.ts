/**
 * OBJ_GET_INFO_BY_FD: the binary info struct of a program, a map or a BTF, cut to the caller's length. Arrays go to
 * `attr.buffers`, as much as fits; their counts in the struct say how much there is.
 *
 * Refuses: a bad descriptor (-EBADFD), more than a page, or anything but zeros behind the struct (-E2BIG), a count
 * without a buffer (-EFAULT), another record size than ours (-EINVAL), a map's hash where there is none (-EINVAL, -EPERM).
 */
import { ERRNO } from '../errors/index.ts';
import { CLASS, LD_IMM64, SLOT, decode, encode } from '../isa/index.ts';
import { INFO_POINTERS } from '../sys/index.ts';
import type { ObjInfoAttr, ObjectKind } from '../sys/index.ts';
import { BPF_BTF_INFO, BPF_MAP_INFO, BPF_PROG_INFO, CAP, MAP_TYPE, PSEUDO } from '../uapi/index.ts';
import type { StructLayout } from '../uapi/index.ts';
import { plainBytes, sha256, writeU64 } from '../util/index.ts';
import { capable } from './capabilities.ts';
import type { AnyObject, BtfObject, MapObject, ProgObject } from './objects.ts';
import type { Subsystem } from './subsystem.ts';

const LAYOUTS: Readonly<Record<ObjectKind, StructLayout>> = {
  prog: BPF_PROG_INFO,
  map: BPF_MAP_INFO,
  btf: BPF_BTF_INFO,
};

/** Most bytes of an info struct: a page. */
const MAX_INFO = 4096;
const FUNC_RECORD = 8;
const LINE_RECORD = 16;
const JITED_LINE_RECORD = 8;
const HASH_SIZE = 32;

export function objGetInfo(sub: Subsystem, attr: ObjInfoAttr): number {
  const object = sub.fds.get(attr.bpfFd | 0)?.object;
  if (object === undefined) return sub.fds.isForeign(attr.bpfFd) ? -ERRNO.EINVAL : -ERRNO.EBADFD;
  if (attr.info === undefined) return -ERRNO.EFAULT;
  if (object.kind === 'perf') return -ERRNO.EINVAL;
  const layout = LAYOUTS[object.kind];
  if (attr.info.length > MAX_INFO || attr.info.subarray(layout.size).some(Boolean)) return -ERRNO.E2BIG;
  const info = new InfoStruct(layout, attr);
  const refused = fill(sub, info, object) || info.copyArrays(object.kind);
  if (refused) return refused;
  attr.infoLen = Math.min(attr.info.length, layout.size);
  attr.info.set(info.bytes.subarray(0, attr.infoLen));
  return 0;
}

function fill(sub: Subsystem, info: InfoStruct, object: Exclude<AnyObject, { kind: 'perf' }>): number {
  if (object.kind === 'map') return fillMap(sub, info, object);
  if (object.kind === 'prog') return fillProg(sub, info, object);
  return fillBtf(info, object);
}

/** The struct being filled, and the arrays it points to. */
class InfoStruct {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #layout: StructLayout;
  readonly #given: DataView;
  readonly #buffers: Readonly<Record<string, Uint8Array>>;
  /** What the struct's pointers lead to, by `INFO_POINTERS` field. */
  readonly #arrays = new Map<string, Uint8Array>();

  constructor(layout: StructLayout, attr: ObjInfoAttr) {
    this.#layout = layout;
    this.#buffers = attr.buffers ?? {};
    this.bytes = new Uint8Array(layout.size);
    this.#view = new DataView(this.bytes.buffer);
    const given = new Uint8Array(layout.size);
    given.set(attr.info.subarray(0, layout.size));
    this.#given = new DataView(given.buffer);
  }

  /** Set a field of the kernel's name; 8-byte fields take numbers up to 2^53 - 1. */
  set(field: string, value: number | Uint8Array): void {
    const [at, size] = this.#layout.fields[field];
    if (typeof value !== 'number') return this.bytes.set(value.subarray(0, size), at);
    if (size === 8) writeU64(this.#view, at, value);
    else this.#view.setUint32(at, value, true);
  }

  /** A 32-bit field as the caller gave it. */
  given(field: string): number {
    return this.#given.getUint32(this.#layout.fields[field][0], true);
  }

  buffer(name: string): Uint8Array | undefined {
    return this.#buffers[name];
  }

  array(name: string, contents: Uint8Array): void {
    this.#arrays.set(name, contents);
  }

  /** Fill the caller's buffers, and set each count to what there is. */
  copyArrays(kind: ObjectKind): number {
    for (const { field, count, unit } of INFO_POINTERS[kind]) {
      const contents = this.#arrays.get(field);
      if (contents === undefined) continue;
      this.#view.setUint32(count, contents.length / unit, true);
      const buffer = this.#buffers[field];
      if (buffer !== undefined) buffer.set(contents.subarray(0, buffer.length - (buffer.length % unit)));
      else if (contents.length > 0 && this.#given.getUint32(count, true) > 0) return -ERRNO.EFAULT;
    }
    return 0;
  }
}

function fillMap(sub: Subsystem, info: InfoStruct, object: MapObject): number {
  const { info: map } = object.map;
  info.set('type', map.type);
  info.set('id', object.id);
  info.set('key_size', map.keySize);
  info.set('value_size', map.valueSize);
  info.set('max_entries', map.maxEntries);
  info.set('map_flags', map.flags);
  info.set('name', new TextEncoder().encode(map.name));
  info.set('map_extra', map.extra);
  if (object.types !== undefined) {
    info.set('btf_id', object.types.btf.id);
    info.set('btf_key_type_id', object.types.keyTypeId);
    info.set('btf_value_type_id', object.types.valueTypeId);
  }
  return info.buffer('hash') === undefined ? 0 : fillHash(sub, info, object);
}

/** SHA-256 of a frozen array's values, padding included. */
function fillHash(sub: Subsystem, info: InfoStruct, object: MapObject): number {
  const { values } = object.map;
  if (object.type !== MAP_TYPE.ARRAY || values === undefined) return -ERRNO.EINVAL;
  if (info.buffer('hash')?.length !== HASH_SIZE) return -ERRNO.EINVAL;
  if (!object.frozen) return -ERRNO.EPERM;
  info.array('hash', sha256(sub.host.space.bytes.subarray(values.address, values.address + values.length)));
  return 0;
}

function fillProg(sub: Subsystem, info: InfoStruct, object: ProgObject): number {
  const { verified, name, tag, maps, btf, records, loadTime, uid } = object.parts;
  if (badRecordSize(info, 'func_info_rec_size', 'nr_func_info', FUNC_RECORD)) return -ERRNO.EINVAL;
  if (badRecordSize(info, 'line_info_rec_size', 'nr_line_info', LINE_RECORD)) return -ERRNO.EINVAL;
  if (badRecordSize(info, 'jited_line_info_rec_size', 'nr_jited_line_info', JITED_LINE_RECORD)) return -ERRNO.EINVAL;
  info.set('type', verified.progType);
  info.set('id', object.id);
  info.set('tag', tag);
  info.set('load_time', loadTime);
  info.set('created_by_uid', uid);
  info.set('name', new TextEncoder().encode(name));
  info.set('gpl_compatible', verified.gplCompatible ? 1 : 0);
  info.set('btf_id', btf?.id ?? 0);
  info.set('func_info_rec_size', FUNC_RECORD);
  info.set('line_info_rec_size', LINE_RECORD);
  info.set('jited_line_info_rec_size', JITED_LINE_RECORD);
  info.set('verified_insns', verified.stats.insns);
  info.array('mapIds', words(maps.map((map) => map.id)));
  if (!capable(sub.caps, CAP.BPF)) return 0;
  info.array('xlatedProgInsns', shownInsns(object));
  info.array('progTags', tag);
  if (records !== undefined) {
    info.array('funcInfo', records.funcInfo);
    info.array('lineInfo', records.lineInfo);
  }
  return 0;
}

function badRecordSize(info: InfoStruct, sizeField: string, countField: string, size: number): boolean {
  const given = info.given(sizeField);
  return given !== size && (given !== 0 || info.given(countField) !== 0);
}

/** The program with map ids in place of descriptors. */
function shownInsns(object: ProgObject): Uint8Array {
  const { verified, maps } = object.parts;
  const insns = verified.insns.map((insn, slot) => {
    const ref = insn.opcode === LD_IMM64 ? verified.mapRefs.get(slot) : undefined;
    if (ref === undefined) return insn;
    const src = ref.valueOffset === undefined ? PSEUDO.MAP_FD : PSEUDO.MAP_VALUE;
    return { ...insn, src, imm: maps[ref.map].id };
  });
  return encode(insns);
}

function fillBtf(info: InfoStruct, object: BtfObject): number {
  const { bytes } = object.btf;
  info.set('btf_size', bytes.length);
  info.set('id', object.id);
  info.array('btf', bytes);
  // BTF of user space has no name.
  const name = info.buffer('name');
  if (name === undefined ? info.given('name_len') > 0 : name.length === 0) return -ERRNO.EINVAL;
  if (name !== undefined) name[0] = 0;
  return 0;
}

function words(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 4);
  const view = new DataView(bytes.buffer);
  numbers.forEach((number, i) => view.setUint32(4 * i, number, true));
  return bytes;
}

/** The first 8 bytes of the SHA-256 of the program without its map descriptors. @kernel bpf_prog_calc_tag */
export function programTag(insns: Uint8Array): Uint8Array {
  const bytes = plainBytes(insns).slice();
  decode(insns).forEach((insn, slot, all) => {
    const wide = slot > 0 && isMapLoad(all[slot - 1]);
    if (isMapLoad(insn) || wide) bytes.fill(0, slot * SLOT + 4, slot * SLOT + SLOT);
  });
  return sha256(bytes).slice(0, 8);
}

function isMapLoad(insn: { opcode: number; src: number }): boolean {
  const pseudo = insn.src === PSEUDO.MAP_FD || insn.src === PSEUDO.MAP_VALUE;
  return (insn.opcode & 7) === CLASS.LD && insn.opcode === LD_IMM64 && pseudo;
}
