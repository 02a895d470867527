/**
 * Variables of `.kconfig`: settings of the kernel that a program is loaded into, declared `extern int CONFIG_HZ __kconfig`. They
 * become a map that no program can write, as libbpf makes it; their values are looked up when that map is made.
 *
 * Refuses: variables whose type is no number, `bool`, `char`, `enum libbpf_tristate` or array of `char` (FormatError); at
 * loading values that do not fit the type (BpfError EINVAL), and settings that are not there unless the variable is `__weak`
 * (ESRCH), which then is 0. Source: docs.kernel.org/bpf/libbpf/libbpf_overview.html, tried against bpftool.
 */
import { KIND } from '../btf/index.ts';
import type { Btf, BtfDatasec } from '../btf/index.ts';
import { STB } from '../elf/index.ts';
import type { ElfFile } from '../elf/index.ts';
import { BpfError, ERRNO, FormatError } from '../errors/index.ts';

export const KCONFIG = '.kconfig';

/** Encodings of BTF integers. */
const [SIGNED, BOOL] = [1, 4];
/** @kernel enum libbpf_tristate, by the letter of the setting */
const LETTERS: Readonly<Record<string, number>> = { n: 0, y: 1, m: 2 };

type ConfigKind = 'number' | 'bool' | 'char' | 'tristate' | 'string';

export interface ConfigVariable {
  readonly name: string;
  /** BTF id of the variable. */
  readonly type: number;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
  readonly kind: ConfigKind;
  readonly signed: boolean;
  readonly weak: boolean;
}

export interface ConfigSection {
  /** BTF id of the section. */
  readonly id: number;
  readonly size: number;
  /** In order of offset. */
  readonly variables: readonly ConfigVariable[];
}

/** Where a setting's value is looked up: text as in the configuration file (`y`, `250`, `"lz4"`), undefined if there is none. */
export type ConfigLookup = (name: string) => string | undefined;

/** The section with a place for each variable: compilers leave that to the loader. */
export function placeConfig(elf: ElfFile, btf: Btf): ConfigSection | undefined {
  const section = btf.find(KCONFIG, KIND.DATASEC) as BtfDatasec | undefined;
  if (section === undefined || elf.section(KCONFIG) !== undefined) return undefined;
  const weak = new Set(elf.symbols.filter(({ bind }) => bind === STB.WEAK).map(({ name }) => name));
  const found = section.vars.map(({ type }) => describe(elf, btf, type, weak));
  // Largest alignment first: nothing is wasted between them.
  found.sort((a, b) => b.align - a.align || b.size - a.size || (a.name < b.name ? -1 : 1));
  let end = 0;
  const variables = found.map(({ align, ...variable }) => {
    const offset = Math.ceil(end / align) * align;
    end = offset + variable.size;
    return { ...variable, offset };
  });
  return { id: section.id, size: end, variables };
}

function describe(elf: ElfFile, btf: Btf, id: number, weak: ReadonlySet<string>): ConfigVariable & { align: number } {
  const variable = btf.type(id);
  const fail = (problem: string): never => {
    throw new FormatError(`extern ${variable.name} ${problem}`, { file: elf.file, section: KCONFIG });
  };
  if (variable.kind !== KIND.VAR) return fail('is no variable');
  const type = btf.resolve(variable.type);
  const size = btf.size(variable.type) ?? 0;
  if (size === 0 || size > 4096) return fail(`has ${size} bytes`);
  const base = { name: variable.name, type: id, offset: 0, size, signed: false, weak: weak.has(variable.name) };
  if (type.kind === KIND.INT) {
    const kind = type.encoding & BOOL ? 'bool' : size === 1 ? 'char' : 'number';
    return { ...base, kind, signed: (type.encoding & SIGNED) !== 0, align: Math.min(size, 8) };
  }
  if (type.kind === KIND.ENUM && type.name === 'libbpf_tristate') return { ...base, kind: 'tristate', align: size };
  const isText = type.kind === KIND.ARRAY && btf.size(type.type) === 1;
  return isText ? { ...base, kind: 'string', align: 1 } : fail('is of a type that no setting has');
}

/** The bytes of the section. @throws BpfError */
export function configContents({ size, variables }: ConfigSection, lookup: ConfigLookup): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const variable of variables) {
    const text = lookup(variable.name);
    if (text !== undefined) write(bytes.subarray(variable.offset, variable.offset + variable.size), variable, text);
    else if (!variable.weak) throw new BpfError(ERRNO.ESRCH, 'load', `the kernel has no setting ${variable.name}`);
  }
  return bytes;
}

function write(to: Uint8Array, { name, kind, signed, size }: ConfigVariable, text: string): void {
  const misfit = (): never => {
    throw new BpfError(ERRNO.EINVAL, 'load', `setting ${name} is ${text}, which its variable cannot hold`);
  };
  if (text.startsWith('"')) {
    if (kind !== 'string' || !text.endsWith('"')) return misfit();
    to.set(new TextEncoder().encode(text.slice(1, -1)).subarray(0, size - 1));
    return;
  }
  const letter = LETTERS[text];
  if (letter !== undefined) {
    if (kind === 'number' || kind === 'string' || (kind === 'bool' && text === 'm')) return misfit();
    to[0] = kind === 'char' ? text.charCodeAt(0) : letter;
    return;
  }
  if (kind === 'bool' || kind === 'tristate' || kind === 'string' || !/^-?(0x[\da-f]+|\d+)$/i.test(text))
    return misfit();
  const negative = text.startsWith('-');
  const value = negative ? -BigInt(text.slice(1)) : BigInt(text);
  const bits = 8 * size;
  if (value !== (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value))) return misfit();
  for (let i = 0; i < size; i++) to[i] = Number((value >> BigInt(8 * i)) & 0xffn);
}
