/**
 * Maps of an object: the BTF-defined ones of `.maps`, the structs of numbers in `maps`, and the data sections, each of
 * which is the one value of an array.
 */
import { KIND } from '../btf/index.ts';
import type { Btf, BtfDatasec, BtfMember, BtfVar } from '../btf/index.ts';
import { SHF, SHT, STT } from '../elf/index.ts';
import type { ElfSection } from '../elf/index.ts';
import { BPF_OBJ_NAME_LEN, MAP_FLAG, MAP_TYPE } from '../uapi/index.ts';
import { KCONFIG } from './kconfig.ts';
import type { ConfigSection } from './kconfig.ts';
import type { ObjectFile } from './object.ts';
import { MapSpec, VariableSpec } from './spec.ts';
import type { CollectionSpec } from './spec.ts';

/** What a relocation into a section of maps or data refers to. */
export interface MapSection {
  readonly kind: 'maps' | 'data';
  /** Key in `spec.maps` by the offset of the declaration; of data sections the one key, at 0. */
  readonly keys: ReadonlyMap<number, string>;
}

/** Put every map of the object into `spec`. @returns what each section index holds. */
export function readMaps(object: ObjectFile, spec: CollectionSpec): Map<number, MapSection> {
  const out = new Map<number, MapSection>();
  for (const section of object.elf.sections) {
    if (section.name === '.maps') out.set(section.index, readBtfMaps(object, section, spec));
    else if (section.name === 'maps') out.set(section.index, readLegacyMaps(object, section, spec));
    else if (isData(section)) out.set(section.index, readData(object, section, spec));
  }
  if (object.config !== undefined) addMap(object, spec, KCONFIG, configMap(spec.file, object.config), KCONFIG);
  return out;
}

const isNamed = (name: string, base: string): boolean => name === base || name.startsWith(`${base}.`);

function isData({ name, type, flags }: ElfSection): boolean {
  if (!(flags & SHF.ALLOC)) return false;
  if (type === SHT.NOBITS) return isNamed(name, '.bss');
  return type === SHT.PROGBITS && (isNamed(name, '.data') || isNamed(name, '.rodata'));
}

function addMap(object: ObjectFile, spec: CollectionSpec, key: string, map: MapSpec, section: string): void {
  if (spec.maps[key] !== undefined) object.fail(`two maps are called ${key}`, section);
  spec.maps[key] = map;
}

// ---- .maps -------------------------------------------------------------------------------------------------------

function readBtfMaps(object: ObjectFile, section: ElfSection, spec: CollectionSpec): MapSection {
  const keys = new Map<number, string>();
  const datasec = object.datasec(section.name);
  const { btf } = object;
  if (btf === undefined || datasec === undefined)
    object.fail('maps are described by BTF, and there is none: compile with -g', section.name);
  for (const { type, offset } of datasec.vars) {
    const variable = btf.type(type) as BtfVar;
    if (keys.has(offset)) object.fail(`map ${variable.name} shares its place with another`, section.name, offset);
    addMap(object, spec, variable.name, readBtfMap(object, btf, variable.name, variable.type, offset), section.name);
    keys.set(offset, variable.name);
  }
  readSlots(object, btf, section, datasec, spec);
  return { kind: 'maps', keys };
}

/** `isInner`: the declaration of what the slots of another map hold. */
function readBtfMap(
  object: ObjectFile,
  btf: Btf,
  name: string,
  type: number,
  offset: number,
  isInner = false,
): MapSpec {
  const definition = btf.resolve(type);
  if (definition.kind !== KIND.STRUCT) object.fail(`map ${name} is not declared as a struct`, '.maps', offset);
  const map = new MapSpec(name);
  const seen = new Set<string>();
  for (const member of definition.members) {
    if (seen.has(member.name)) object.fail(`map ${name}: ${member.name} is given twice`, '.maps', offset);
    seen.add(member.name);
    new MapField(object, btf, map, member, offset, isInner).apply();
  }
  checkSizes(object, btf, map, offset);
  return map;
}

/** Bytes of an address in `values`. */
const SLOT_SIZE = 8;

/** What the slots of maps of maps and of program arrays hold at the start: addresses of maps and of programs. */
function readSlots(
  object: ObjectFile,
  btf: Btf,
  section: ElfSection,
  { vars }: BtfDatasec,
  spec: CollectionSpec,
): void {
  // Both in order of offset.
  let at = 0;
  for (const { offset, symbol } of object.elf.relocations(section)) {
    while (at < vars.length && vars[at].offset + vars[at].size <= offset) at++;
    const variable = vars[at]?.offset <= offset ? (btf.type(vars[at].type) as BtfVar) : undefined;
    const definition = variable && btf.resolve(variable.type);
    const values = definition?.kind === KIND.STRUCT && definition.members.find(({ name }) => name === 'values');
    const slot = values ? (offset - vars[at].offset - values.bitOffset / 8) / SLOT_SIZE : -1;
    if (!variable || !Number.isInteger(slot) || slot < 0)
      object.fail(`an address outside of a map’s values`, section.name, offset);
    const map = spec.maps[variable.name];
    const isMap = symbol.section === section.index && symbol.name !== '' && spec.maps[symbol.name] !== undefined;
    if (map.inner !== undefined ? !isMap : symbol.type !== STT.FUNC)
      object.fail(
        `map ${map.name}: slot ${slot} holds ${symbol.name || 'something'}, which is no ${map.inner ? 'map' : 'program'}`,
        section.name,
        offset,
      );
    map.slots.set(slot, symbol.name);
  }
}

function checkSizes(object: ObjectFile, btf: Btf, map: MapSpec, offset: number): void {
  if (map.type === 0) object.fail(`map ${map.name} has no type`, '.maps', offset);
  for (const [what, type, size] of [
    ['key', map.keyType, map.keySize],
    ['value', map.valueType, map.valueSize],
  ] as const)
    if (type !== 0 && btf.size(type) !== size)
      object.fail(
        `map ${map.name}: ${what} is given as ${size} bytes and as a type of ${btf.size(type)}`,
        '.maps',
        offset,
      );
}

/** One member of a map's declaration: `int (*name)[number]` for numbers, `type *name` for types. */
class MapField {
  readonly #object: ObjectFile;
  readonly #btf: Btf;
  readonly #map: MapSpec;
  readonly #member: BtfMember;
  readonly #offset: number;
  readonly #isInner: boolean;

  constructor(object: ObjectFile, btf: Btf, map: MapSpec, member: BtfMember, offset: number, isInner: boolean) {
    this.#isInner = isInner;
    this.#object = object;
    this.#btf = btf;
    this.#map = map;
    this.#member = member;
    this.#offset = offset;
  }

  apply(): void {
    const map = this.#map;
    switch (this.#member.name) {
      case 'type':
        map.type = this.#number();
        break;
      case 'max_entries':
        map.maxEntries = this.#number();
        break;
      case 'map_flags':
        map.flags = this.#number();
        break;
      case 'map_extra':
        map.extra = this.#number();
        break;
      case 'numa_node':
        map.numaNode = this.#number();
        map.flags |= MAP_FLAG.NUMA_NODE;
        break;
      case 'key_size':
        map.keySize = this.#number();
        break;
      case 'value_size':
        map.valueSize = this.#number();
        break;
      case 'key':
        map.keyType = this.#type();
        map.keySize = this.#size(map.keyType);
        break;
      case 'value':
        map.valueType = this.#type();
        map.valueSize = this.#size(map.valueType);
        break;
      case 'pinning':
        map.pinning = this.#pinning();
        break;
      case 'values':
        this.#values();
        break;
      default:
        this.#fail('is not part of a map’s declaration');
    }
  }

  #fail(problem: string): never {
    this.#object.fail(
      `map ${this.#map.name}: ${this.#member.name || '(anonymous member)'} ${problem}`,
      '.maps',
      this.#offset,
    );
  }

  /** The length of the array pointed to, or the one enumerator's value. */
  #number(): number {
    const type = this.#btf.resolve(this.#member.type);
    if (type.kind === KIND.PTR) {
      const array = this.#btf.resolve(type.type);
      if (array.kind === KIND.ARRAY) return array.count;
    }
    if ((type.kind === KIND.ENUM || type.kind === KIND.ENUM64) && type.values.length === 1) {
      const value = Number(type.values[0].value);
      if (Number.isSafeInteger(value)) return value;
    }
    this.#fail('is not declared as a number');
  }

  #type(): number {
    const type = this.#btf.resolve(this.#member.type);
    if (type.kind !== KIND.PTR) this.#fail('is not declared as a type');
    return type.type;
  }

  #size(type: number): number {
    return this.#btf.size(type) ?? this.#fail('is a type without a size');
  }

  #pinning(): MapSpec['pinning'] {
    const value = this.#number();
    if (value > 1) this.#fail(`is ${value}; only 0 (none) and 1 (by name) are known`);
    return value === 1 ? 'by-name' : 'none';
  }

  /** `typeof(inner) *values[]`: what the slots of a map of maps, or of programs, hold. */
  #values(): void {
    const map = this.#map;
    const array = this.#btf.resolve(this.#member.type);
    const pointer = array.kind === KIND.ARRAY ? this.#btf.resolve(array.type) : array;
    if (pointer.kind !== KIND.PTR) this.#fail('is not declared as an array of pointers');
    map.keySize ||= 4;
    map.valueSize ||= 4;
    const of = this.#btf.resolve(pointer.type);
    if (of.kind !== KIND.STRUCT) {
      if (map.type !== MAP_TYPE.PROG_ARRAY) this.#fail('is neither of maps nor of programs');
    } else if (this.#isInner) this.#fail('are maps of maps: maps nest no deeper');
    else map.inner = readBtfMap(this.#object, this.#btf, `${map.name}.inner`, of.id, this.#offset, true);
  }
}

// ---- maps --------------------------------------------------------------------------------------------------------

/** `struct bpf_map_def {type, key_size, value_size, max_entries, map_flags}`, with or without the last, and more zeros. */
const LEGACY_MIN = 16;
const LEGACY_FIELDS = 20;

function readLegacyMaps(object: ObjectFile, section: ElfSection, spec: CollectionSpec): MapSection {
  const keys = new Map<number, string>();
  const symbols = object.variablesIn(section);
  if (symbols.length === 0) return { kind: 'maps', keys };
  const size = section.size / symbols.length;
  if (!Number.isInteger(size) || size < LEGACY_MIN || size % 4)
    object.fail(`${symbols.length} definitions do not divide ${section.size} bytes evenly`, section.name, 0);
  const data = object.elf.data(section);
  for (const symbol of symbols) {
    if (symbol.value % size || symbol.value + size > data.length)
      object.fail(`map ${symbol.name} is not at a multiple of ${size} bytes`, section.name, symbol.value);
    if (keys.has(symbol.value)) object.fail(`two maps share a definition: ${symbol.name}`, section.name, symbol.value);
    const bytes = data.subarray(symbol.value, symbol.value + size);
    if (bytes.subarray(LEGACY_FIELDS).some((byte) => byte !== 0))
      object.fail(`map ${symbol.name} uses fields that are not known`, section.name, symbol.value + LEGACY_FIELDS);
    addMap(object, spec, symbol.name, legacyMap(symbol.name, bytes), section.name);
    keys.set(symbol.value, symbol.name);
  }
  return { kind: 'maps', keys };
}

function legacyMap(name: string, bytes: Uint8Array): MapSpec {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const map = new MapSpec(name);
  map.type = view.getUint32(0, true);
  map.keySize = view.getUint32(4, true);
  map.valueSize = view.getUint32(8, true);
  map.maxEntries = view.getUint32(12, true);
  if (bytes.length >= LEGACY_FIELDS) map.flags = view.getUint32(16, true);
  return map;
}

/** The settings of the kernel: read-only, and their values are not known before loading. */
function configMap(file: string, config: ConfigSection): MapSpec {
  const map = new MapSpec(dataMapName(file, KCONFIG));
  map.type = MAP_TYPE.ARRAY;
  map.keySize = 4;
  map.valueSize = config.size;
  map.maxEntries = 1;
  map.flags = MAP_FLAG.MMAPABLE | MAP_FLAG.RDONLY_PROG;
  map.freeze = true;
  map.valueType = config.id;
  map.config = config;
  return map;
}

// ---- data sections -----------------------------------------------------------------------------------------------

function readData(object: ObjectFile, section: ElfSection, spec: CollectionSpec): MapSection {
  const keys = new Map<number, string>();
  if (section.size === 0) return { kind: 'data', keys };
  if (section.size > 0xffffffff) object.fail(`${section.size} bytes do not fit in a map’s value`, section.name);
  const map = new MapSpec(dataMapName(spec.file, section.name));
  map.type = MAP_TYPE.ARRAY;
  map.keySize = 4;
  map.valueSize = section.size;
  map.maxEntries = 1;
  map.flags = MAP_FLAG.MMAPABLE;
  if (isNamed(section.name, '.rodata')) {
    map.flags |= MAP_FLAG.RDONLY_PROG;
    map.freeze = true;
  }
  // A copy: setting a variable must not change the file's bytes.
  if (section.type !== SHT.NOBITS) map.contents = object.elf.data(section).slice();
  map.valueType = object.datasec(section.name)?.id ?? 0;
  addMap(object, spec, section.name, map, section.name);
  keys.set(0, section.name);
  addVariables(object, section, map, spec);
  const pointers = object.elf.relocations(section);
  if (pointers.length > 0)
    spec.warnings.push(
      `${section.name} holds ${pointers.length} addresses, first of ${pointers[0].symbol.name || 'a section'}; they are left as they are`,
    );
  return { kind: 'data', keys };
}

/**
 * Name of a data section's map as libbpf forms it: up to 8 bytes of the file's name, then the section; a section with
 * more than one dot stands alone. Characters a name may not have become `_`.
 */
export function dataMapName(file: string, section: string): string {
  if (section.lastIndexOf('.') > 0) return section.slice(0, BPF_OBJ_NAME_LEN - 1);
  const base = file.slice(file.lastIndexOf('/') + 1).split('.')[0];
  const room = BPF_OBJ_NAME_LEN - 1 - Math.max(7, section.length);
  return (base.slice(0, Math.max(0, room)) + section).replace(/[^A-Za-z0-9_.]/g, '_');
}

function addVariables(object: ObjectFile, section: ElfSection, map: MapSpec, spec: CollectionSpec): void {
  const { btf } = object;
  for (const { type, offset, size } of object.datasec(section.name)?.vars ?? []) {
    const variable = btf?.type(type);
    if (btf === undefined || variable?.kind !== KIND.VAR || btf.size(type) !== size) continue;
    spec.variables[variable.name] = new VariableSpec(btf, variable, size, section.name, offset, map);
  }
}
