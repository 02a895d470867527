/**
 * Blueprints: what an object asks for, before any kernel has seen it. Plain and editable; nothing in them depends on the
 * machine they were read on, so the same bytes always give the same text and JSON.
 */
import { decodeValue, encodeValue, typeName } from '../btf/index.ts';
import type { Btf, BtfVar, CoreRelocation, FuncInfo, LineInfo, Value } from '../btf/index.ts';
import type { Instruction } from '../isa/index.ts';
import type { BpfSys } from '../sys/index.ts';
import { ATTACH_TYPE_NAMES, MAP_TYPE_NAMES, PROG_TYPE_NAMES } from '../uapi/index.ts';
import type { Collection } from './collection.ts';
import { loadCollection } from './load.ts';
import type { LoadOptions } from './load.ts';
import { record } from './record.ts';
import type { ConfigSection } from './kconfig.ts';

/** A map to be made. Every field may be changed before `load`. */
export class MapSpec {
  /** Name given to the kernel, which keeps 15 bytes of it. */
  name: string;
  /** See MAP_TYPE. */
  type = 0;
  /** Bytes. */
  keySize = 0;
  /** Bytes. */
  valueSize = 0;
  maxEntries = 0;
  /** MAP_FLAG bits. */
  flags = 0;
  /** What it means depends on the type. @kernel map_extra */
  extra = 0;
  numaNode = 0;
  /** BTF ids; 0 where they are not known. */
  keyType = 0;
  valueType = 0;
  /** What the declaration asks for; noted, not done. */
  pinning: 'none' | 'by-name' = 'none';
  /** Value of key 0 at the start; absent: zeros. Of data sections. */
  contents: Uint8Array | undefined;
  /** Of `.kconfig`: what its contents are made of when it is loaded. */
  config: ConfigSection | undefined;
  /** Of a map of maps: what those in it are like. */
  inner: MapSpec | undefined;
  /** What slots hold at the start: keys of `spec.maps` for a map of maps, names of programs for a program array. */
  readonly slots = new Map<number, string>();
  /** Whether it is frozen once it has its contents: no more changes from user space. */
  freeze = false;

  constructor(name: string) {
    this.name = name;
  }
}

/** A place in a program that holds a map: `ld_imm64` at `insn`. */
export interface MapReference {
  /** Slot index. */
  readonly insn: number;
  /** Key in `spec.maps`. */
  readonly map: string;
  /** Absent: the map itself. Else the address of this byte of its first value. */
  readonly valueOffset: number | undefined;
}

/** A function of a linked program: the program's own, then those it calls. */
export interface LinkedFunction {
  readonly name: string;
  /** First slot. */
  readonly start: number;
  /** Slots. */
  readonly count: number;
}

export interface SourceLine {
  /** First slot it stands for. */
  readonly insn: number;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** A program to be loaded, its functions linked in and its maps still named. Every field may be changed before `load`. */
export class ProgramSpec {
  name: string;
  /** Section it was in, as written: `tracepoint/syscalls/sys_enter_openat`, `?xdp`. */
  readonly section: string;
  /** See PROG_TYPE; 0 where the section's name does not say: set it before `load`. */
  type = 0;
  /** See ATTACH_TYPE. */
  expectedAttachType = 0;
  /** What it is for: a function, `category/tracepoint`, a hook; empty where the section says nothing. */
  attachTo = '';
  /** Whether the kernel needs `attachBtfId` for this kind of program. */
  attachesToBtf = false;
  /** BTF id of what it attaches to; 0: what `attachTo` or `structOps` names. */
  attachBtfId = 0;
  /** The member of a struct of functions that it is. */
  structOps: { readonly struct: string; readonly member: string } | undefined;
  /** Whether `load` takes it when no programs are named. */
  autoload = true;
  license = '';
  kernVersion = 0;
  /** PROG_FLAG bits. */
  flags = 0;
  insns: Instruction[] = [];
  references: MapReference[] = [];
  functions: LinkedFunction[] = [];
  /** Offsets in slots. Empty without BTF. */
  funcInfo: FuncInfo[] = [];
  lineInfo: LineInfo[] = [];
  /** What the types of the kernel that it is loaded into decide, in order of the object. */
  coreRelos: CoreRelocation[] = [];
  /** Constructs in it that cannot be loaded yet. */
  unsupported: string[] = [];
  readonly #btf: Btf | undefined;

  constructor(name: string, section: string, btf: Btf | undefined) {
    this.name = name;
    this.section = section;
    this.#btf = btf;
  }

  /** Where each instruction came from in the source, by slot; empty without line information. */
  get lines(): SourceLine[] {
    const btf = this.#btf;
    if (btf === undefined) return [];
    return this.lineInfo.map(({ offset, file, text, lineColumn }) => ({
      insn: offset,
      file: btf.string(file),
      line: lineColumn >>> 10,
      column: lineColumn & 0x3ff,
      text: btf.string(text).trim(),
    }));
  }
}

/** A global variable of the object, in the first value of its section's map. */
export class VariableSpec {
  readonly name: string;
  /** Key in `spec.maps`. */
  readonly map: string;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
  readonly #spec: MapSpec;
  readonly #btf: Btf;
  readonly #type: number;

  constructor(btf: Btf, type: BtfVar, size: number, map: string, offset: number, spec: MapSpec) {
    this.name = type.name;
    this.map = map;
    this.offset = offset;
    this.size = size;
    this.#spec = spec;
    this.#btf = btf;
    this.#type = type.id;
  }

  /** Its value at the start. @throws FormatError where its type cannot be decoded */
  get(): Value {
    const all = this.#spec.contents;
    return decodeValue(
      this.#btf,
      this.#type,
      all === undefined ? new Uint8Array(this.size) : all.subarray(this.offset),
    );
  }

  /** Give it another value at the start: how constants of `.rodata` are configured. @throws RangeError, TypeError */
  set(value: unknown): void {
    const all = (this.#spec.contents ??= new Uint8Array(this.#spec.valueSize));
    if (this.offset + this.size > all.length) throw new RangeError(`variable ${this.name} lies outside its map`);
    all.set(encodeValue(this.#btf, this.#type, value), this.offset);
  }
}

/** All that one object asks for. */
export class CollectionSpec {
  /** Name of the file it was read from; part of the names of its data maps. */
  readonly file: string;
  /** By the name of the variable, or of the data section (`.rodata`, `.bss`, …). */
  readonly maps: Record<string, MapSpec> = record();
  /** By the name of the function. */
  readonly programs: Record<string, ProgramSpec> = record();
  /** Global variables by name, where BTF describes them. */
  readonly variables: Record<string, VariableSpec> = record();
  readonly btf: Btf | undefined;
  /** What was seen and not used, one sentence each. */
  readonly warnings: string[] = [];

  constructor(file: string, btf: Btf | undefined) {
    this.file = file;
    this.btf = btf;
  }

  /**
   * Make the maps and load the programs. On failure everything made so far is closed.
   * @throws VerifierError for a refused program, BpfError for any other failed command, UnsupportedError for what the
   * object needs and skep does not do yet, RangeError for a program that is not in the spec.
   */
  load(sys: BpfSys, options: LoadOptions = {}): Collection {
    return loadCollection(this, sys, options);
  }

  toJSON(): object {
    return {
      file: this.file,
      maps: mapRecord(this.maps, (map) => mapToJson(map, this.btf)),
      programs: mapRecord(this.programs, (program) => programToJson(program)),
      variables: mapRecord(this.variables, ({ map, offset, size }) => ({ map, offset, size })),
      btfTypes: this.btf === undefined ? 0 : this.btf.length - 1,
      warnings: this.warnings,
    };
  }

  toString(): string {
    const maps = Object.entries(this.maps).map(([key, map]) => `map ${key}: ${mapText(map, this.btf)}`);
    const programs = Object.values(this.programs).map((program) => `program ${program.name}: ${programText(program)}`);
    const variables = Object.values(this.variables).map(
      (v) => `variable ${v.name}: ${v.size} bytes at ${v.map}+${v.offset}`,
    );
    const warnings = this.warnings.map((warning) => `warning: ${warning}`);
    return [...maps, ...variables, ...programs, ...warnings].join('\n');
  }
}

function mapRecord<T, U>(from: Record<string, T>, f: (value: T) => U): Record<string, U> {
  const out = record<U>();
  for (const [key, value] of Object.entries(from)) out[key] = f(value);
  return out;
}

const nameOf = (names: readonly string[], number: number): string => names[number] ?? String(number);

function mapToJson(map: MapSpec, btf: Btf | undefined): object {
  const { name, keySize, valueSize, maxEntries, flags, extra, numaNode, pinning, freeze, contents, inner } = map;
  return {
    name,
    type: nameOf(MAP_TYPE_NAMES, map.type),
    keySize,
    valueSize,
    maxEntries,
    flags,
    extra,
    numaNode,
    key: btfName(btf, map.keyType),
    value: btfName(btf, map.valueType),
    pinning,
    freeze,
    contents: contents === undefined ? undefined : hex(contents),
    inner: inner && mapToJson(inner, btf),
    slots: map.slots.size > 0 ? Object.fromEntries(map.slots) : undefined,
  };
}

function btfName(btf: Btf | undefined, type: number): string | undefined {
  return btf === undefined || type === 0 ? undefined : typeName(btf, type);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function mapText(map: MapSpec, btf: Btf | undefined): string {
  const size = (bytes: number, type: number) => `${bytes} bytes${type ? ` (${btfName(btf, type)})` : ''}`;
  const parts = [
    nameOf(MAP_TYPE_NAMES, map.type),
    `key ${size(map.keySize, map.keyType)}`,
    `value ${size(map.valueSize, map.valueType)}`,
    `at most ${map.maxEntries}`,
  ];
  if (map.flags) parts.push(`flags 0x${map.flags.toString(16)}`);
  if (map.extra) parts.push(`extra ${map.extra}`);
  if (map.freeze) parts.push('frozen');
  if (map.pinning !== 'none') parts.push(`pinning ${map.pinning}`);
  if (map.inner) parts.push(`of maps (${mapText(map.inner, btf)})`);
  if (map.slots.size) parts.push(`with ${[...map.slots].map(([slot, name]) => `${slot}: ${name}`).join(', ')}`);
  return parts.join(', ');
}

function programToJson(program: ProgramSpec): object {
  const { name, section, attachTo, autoload, license, kernVersion, flags, functions, references, unsupported } =
    program;
  return {
    name,
    section,
    type: nameOf(PROG_TYPE_NAMES, program.type),
    expectedAttachType: program.expectedAttachType && nameOf(ATTACH_TYPE_NAMES, program.expectedAttachType),
    attachTo,
    autoload,
    license,
    kernVersion,
    flags,
    insns: program.insns.length,
    functions,
    references,
    funcInfo: program.funcInfo.length,
    lineInfo: program.lineInfo.length,
    unsupported,
  };
}

function programText(program: ProgramSpec): string {
  const { section, functions, references } = program;
  const parts = [`${nameOf(PROG_TYPE_NAMES, program.type)} in ${section}`, `${program.insns.length} instructions`];
  if (functions.length > 1)
    parts.push(
      `calls ${functions
        .slice(1)
        .map((f) => f.name)
        .join(', ')}`,
    );
  const maps = [...new Set(references.map((r) => r.map))];
  if (maps.length) parts.push(`maps ${maps.join(', ')}`);
  if (!program.autoload) parts.push('not autoloaded');
  for (const construct of program.unsupported) parts.push(`not supported yet: ${construct}`);
  return parts.join(', ');
}
