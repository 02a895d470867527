/**
 * Program objects: the exchange format that describes one program with its maps and BTF, one JSON object a line.
 * `parseProgramObject` accepts what the fields below say and refuses everything else by the field's name; unknown fields
 * are ignored, so that tools may add their own.
 */
import { FormatError } from '../errors/index.ts';
import { SLOT } from '../isa/index.ts';
import { MAP_TYPE_NAMES, PROG_TYPE_NAMES } from '../uapi/index.ts';
import { fromBase64, fromHex } from './exchange-hex.ts';

export interface ExchangeMap {
  /** @kernel enum bpf_map_type */
  readonly type: number;
  /** The type as the object wrote it, for messages. */
  readonly typeName: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly mapFlags: number;
  readonly mapExtra: number;
  readonly name: string;
  /** Index of an earlier map. */
  readonly inner?: number;
  /** Index into `btfs`. */
  readonly btf?: number;
  readonly btfKeyTypeId: number;
  readonly btfValueTypeId: number;
  readonly btfVmlinuxValueTypeId: number;
  readonly init: readonly (readonly [key: Uint8Array, value: Uint8Array])[];
  readonly freeze: boolean;
}

export interface ExchangeRun {
  readonly data: Uint8Array;
  readonly ctx?: Uint8Array;
  readonly repeat: number;
  readonly flags: number;
  readonly cpu: number;
}

export interface ProgramObject {
  readonly name: string | null;
  /** Where the object comes from; handed back in the answer. */
  readonly file?: unknown;
  readonly progType: number;
  readonly expectedAttachType: number;
  readonly license: string;
  readonly progFlags: number;
  readonly progName: string;
  readonly insns: Uint8Array;
  readonly maps: readonly ExchangeMap[];
  /** The slot's immediate becomes the map's descriptor. */
  readonly mapRefs: readonly (readonly [slot: number, map: number])[];
  /** The program array's slot holds a program that returns the number. */
  readonly progRefs: readonly (readonly [map: number, index: number, returns: number])[];
  /** Raw BTF, or the name of a file (without `@`). */
  readonly btfs: readonly (Uint8Array | string)[];
  readonly progBtf?: number;
  readonly funcInfo: Uint8Array;
  readonly funcInfoRecSize: number;
  readonly lineInfo: Uint8Array;
  readonly lineInfoRecSize: number;
  readonly attachBtf?: string;
  readonly attachBtfId: number;
  readonly kfuncs: readonly (readonly [slot: number, name: string])[];
  readonly ksyms: readonly (readonly [slot: number, name: string])[];
  readonly fdArray: readonly (readonly ['map' | 'btf', number])[];
  /** Capability bits held; undefined: all. */
  readonly caps?: bigint;
  readonly runs: readonly ExchangeRun[];
}

/** Names of capabilities by bit, without `CAP_`. Source: capabilities(7), <linux/capability.h>. */
const CAPABILITIES =
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service \
net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin \
sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override \
mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'.split(' ');

const U32_MAX = 2 ** 32 - 1;
const NONE = new Uint8Array(0);

/** Reads the fields of one JSON object; every refusal names the path of the field. */
class Fields {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(json: unknown, path = '') {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) refuse(path, 'must be an object');
    this.#json = json as Record<string, unknown>;
    this.#path = path;
  }

  /** A field's value; null counts as absent. */
  get(field: string): unknown {
    return this.#json[field] ?? undefined;
  }

  path(field: string): string {
    return this.#path ? `${this.#path}.${field}` : field;
  }

  number(field: string, fallback: number, max = U32_MAX, min = 0): number {
    const value = this.get(field) ?? fallback;
    return checkNumber(value, this.path(field), max, min);
  }

  optional(field: string, max: number): number | undefined {
    return this.get(field) === undefined ? undefined : this.number(field, 0, max);
  }

  text(field: string, fallback: string): string {
    const value = this.get(field) ?? fallback;
    return typeof value === 'string' ? value : refuse(this.path(field), 'must be a string');
  }

  bytes(field: string, fallback: Uint8Array, unit = 1): Uint8Array {
    const value = this.get(field);
    if (value === undefined) return fallback;
    return checkBytes(value, this.path(field), unit);
  }

  list<T>(field: string, read: (item: unknown, path: string) => T): T[] {
    const value = this.get(field) ?? [];
    if (!Array.isArray(value)) return refuse(this.path(field), 'must be an array');
    return value.map((item, i) => read(item, `${this.path(field)}[${i}]`));
  }

  /** An enumeration given by number or by name. */
  enumeration(field: string, names: readonly string[], fallback?: number): number {
    const value = this.get(field) ?? fallback;
    if (typeof value !== 'string') return checkNumber(value, this.path(field), U32_MAX, 0);
    const number = names.indexOf(value.toLowerCase());
    return number >= 0 ? number : refuse(this.path(field), `no ${JSON.stringify(value)} is known`);
  }
}

function refuse(path: string, problem: string): never {
  throw new FormatError(path ? `field ${path}: ${problem}` : problem);
}

function checkNumber(value: unknown, path: string, max: number, min: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  return refuse(path, `must be a whole number from ${min} to ${max}`);
}

function checkBytes(value: unknown, path: string, unit = 1): Uint8Array {
  const bytes = typeof value === 'string' ? fromHex(value) : undefined;
  if (!bytes) return refuse(path, 'must be bytes in hexadecimal');
  if (bytes.length % unit) return refuse(path, `${bytes.length} bytes are not a multiple of ${unit}`);
  return bytes;
}

function checkTuple(value: unknown, path: string, length: number): unknown[] {
  if (!Array.isArray(value) || value.length !== length) return refuse(path, `must be an array of ${length}`);
  return value as unknown[];
}

/** @throws FormatError that names the field. */
export function parseProgramObject(json: unknown): ProgramObject {
  const fields = new Fields(json);
  const insns = fields.get('insns') === undefined ? refuse('insns', 'is missing') : fields.bytes('insns', NONE, SLOT);
  const slots = insns.length / SLOT;
  const btfs = fields.list('btfs', readBtf);
  const maps: ExchangeMap[] = [];
  fields.list('maps', (item, path) => maps.push(readMap(new Fields(item, path), maps.length, btfs.length)));

  const index = (value: unknown, path: string, length: number, what: string): number => {
    const number = checkNumber(value, path, U32_MAX, 0);
    return number < length ? number : refuse(path, `there is no ${what} ${number}`);
  };
  const named = (item: unknown, path: string): [number, string] => {
    const [slot, name] = checkTuple(item, path, 2);
    if (typeof name !== 'string') return refuse(`${path}[1]`, 'must be a name');
    return [index(slot, `${path}[0]`, slots, 'instruction'), name];
  };
  const name = fields.get('name');
  return {
    name: name === undefined ? null : typeof name === 'string' ? name : JSON.stringify(name),
    file: fields.get('file'),
    progType: fields.enumeration('prog_type', PROG_TYPE_NAMES, 1),
    expectedAttachType: fields.number('expected_attach_type', 0),
    license: fields.text('license', 'GPL'),
    progFlags: fields.number('prog_flags', 0),
    progName: fields.text('prog_name', ''),
    insns,
    maps,
    mapRefs: fields.list('map_refs', (item, path) => {
      const [slot, map] = checkTuple(item, path, 2);
      return [index(slot, `${path}[0]`, slots, 'instruction'), index(map, `${path}[1]`, maps.length, 'map')] as const;
    }),
    progRefs: fields.list('prog_refs', (item, path) => {
      const [map, slot, returns] = checkTuple(item, path, 3);
      return [
        index(map, `${path}[0]`, maps.length, 'map'),
        checkNumber(slot, `${path}[1]`, U32_MAX, 0),
        checkNumber(returns, `${path}[2]`, 2 ** 31 - 1, -(2 ** 31)),
      ] as const;
    }),
    btfs,
    progBtf: optionalIndex(fields, 'prog_btf', btfs.length, 'BTF'),
    funcInfo: fields.bytes('func_info', NONE),
    funcInfoRecSize: fields.number('func_rec', 8, 4096, 1),
    lineInfo: fields.bytes('line_info', NONE),
    lineInfoRecSize: fields.number('line_rec', 16, 4096, 1),
    attachBtf: fields.text('attach_btf', '') || undefined,
    attachBtfId: fields.number('attach_btf_id', 0),
    kfuncs: fields.list('kfuncs', named),
    ksyms: fields.list('ksyms', named),
    fdArray: fields.list('fd_array', (item, path) => {
      const [kind, at] = checkTuple(item, path, 2);
      if (kind !== 'map' && kind !== 'btf') return refuse(`${path}[0]`, 'must be "map" or "btf"');
      return [kind, index(at, `${path}[1]`, kind === 'map' ? maps.length : btfs.length, kind)] as const;
    }),
    caps: fields.get('caps') === undefined ? undefined : capsOf(fields.list('caps', readCap)),
    runs: fields.list('runs', (item, path) => readRun(new Fields(item, path))),
  };
}

function optionalIndex(fields: Fields, field: string, length: number, what: string): number | undefined {
  const value = fields.optional(field, U32_MAX);
  if (value !== undefined && value >= length) refuse(fields.path(field), `there is no ${what} ${value}`);
  return value;
}

function readBtf(item: unknown, path: string): Uint8Array | string {
  if (typeof item !== 'string') return refuse(path, 'must be base64 or @name');
  if (item.startsWith('@')) return item.slice(1);
  return fromBase64(item) ?? refuse(path, 'must be base64 or @name');
}

function readMap(fields: Fields, earlier: number, btfs: number): ExchangeMap {
  const keySize = fields.number('key_size', 0);
  return {
    type: fields.enumeration('type', MAP_TYPE_NAMES),
    typeName: String(fields.get('type')),
    keySize,
    valueSize: fields.number('value_size', 0),
    maxEntries: fields.number('max_entries', 0),
    mapFlags: fields.number('map_flags', 0),
    mapExtra: fields.number('map_extra', 0, Number.MAX_SAFE_INTEGER),
    name: fields.text('name', ''),
    inner: optionalIndex(fields, 'inner', earlier, 'earlier map'),
    btf: optionalIndex(fields, 'btf', btfs, 'BTF'),
    btfKeyTypeId: fields.number('btf_key_type_id', 0),
    btfValueTypeId: fields.number('btf_value_type_id', 0),
    btfVmlinuxValueTypeId: fields.number('btf_vmlinux_value_type_id', 0),
    init: fields.list('init', (item, path) => {
      const [key, value] = checkTuple(item, path, 2);
      const bytes = checkBytes(key, `${path}[0]`);
      if (bytes.length !== keySize) refuse(`${path}[0]`, `a key of ${bytes.length} bytes, the map's have ${keySize}`);
      return [bytes, checkBytes(value, `${path}[1]`)] as const;
    }),
    freeze: !!fields.get('freeze'),
  };
}

/** What a run without `data` gets: 64 zero bytes. */
const DEFAULT_DATA = new Uint8Array(64);

function readRun(fields: Fields): ExchangeRun {
  return {
    data: fields.bytes('data', DEFAULT_DATA),
    ctx: fields.get('ctx') === undefined ? undefined : fields.bytes('ctx', NONE),
    repeat: fields.number('repeat', 1, 2 ** 31 - 1),
    flags: fields.number('flags', 0),
    cpu: fields.number('cpu', 0),
  };
}

function readCap(item: unknown, path: string): bigint {
  if (typeof item === 'number') return 1n << BigInt(checkNumber(item, path, 63, 0));
  return capabilityBit(String(item)) ?? refuse(path, `no capability ${JSON.stringify(item)}`);
}

/** The bit of a capability by its name, with or without `CAP_`, in any case; undefined where there is none. */
export function capabilityBit(name: string): bigint | undefined {
  const bit = CAPABILITIES.indexOf(name.toLowerCase().replace(/^cap_/, ''));
  return bit >= 0 ? 1n << BigInt(bit) : undefined;
}

function capsOf(bits: readonly bigint[]): bigint {
  return bits.reduce((all, bit) => all | bit, 0n);
}
