/**
 * An object file opened for reading: its ELF, its BTF with the sizes and places that only the ELF knows, its sections
 * sorted by what they hold. Everything else in this folder reads from here.
 */
import { Btf, BtfExt, KIND, LINKAGE, withFixups } from '../btf/index.ts';
import type { BtfDatasec, Placement } from '../btf/index.ts';
import { ElfFile, SHF, SHT, STB, STT, STV } from '../elf/index.ts';
import type { ElfSection, ElfSymbol } from '../elf/index.ts';
import { FormatError } from '../errors/index.ts';
import { placeConfig } from './kconfig.ts';
import type { ConfigSection } from './kconfig.ts';

export class ObjectFile {
  readonly elf: ElfFile;
  readonly btf: Btf | undefined;
  readonly ext: BtfExt | undefined;
  /** Settings of the kernel that it asks for. */
  readonly config: ConfigSection | undefined;

  /** @throws FormatError */
  constructor(bytes: Uint8Array, file: string) {
    this.elf = ElfFile.parse(bytes, file);
    const btf = this.elf.section('.BTF');
    if (btf === undefined) return;
    const compiled = Btf.parse(this.elf.data(btf), { file, section: '.BTF' });
    this.config = placeConfig(this.elf, compiled);
    this.btf = placeVariables(this.elf, compiled, this.config);
    const ext = this.elf.section('.BTF.ext');
    if (ext !== undefined) this.ext = BtfExt.parse(this.elf.data(ext), this.btf, { file, section: '.BTF.ext' });
  }

  fail(problem: string, section = '', offset = 0): never {
    throw new FormatError(problem, { file: this.elf.file, section, offset });
  }

  /** Sections that hold instructions, `.text` included. */
  codeSections(): ElfSection[] {
    return this.elf.sections.filter((s) => s.type === SHT.PROGBITS && s.flags & SHF.EXECINSTR && s.size > 0);
  }

  /** Variables (not functions or section symbols) in a section, by offset. */
  variablesIn(section: ElfSection): ElfSymbol[] {
    const isVariable = (s: ElfSymbol) => (s.type === STT.OBJECT || s.type === STT.NOTYPE) && s.name !== '';
    return this.elf
      .symbolsIn(section)
      .filter(isVariable)
      .sort((a, b) => a.value - b.value);
  }

  /** The DATASEC that describes a section. */
  datasec(section: string): BtfDatasec | undefined {
    return this.btf?.find(section, KIND.DATASEC) as BtfDatasec | undefined;
  }

  /** NUL-terminated text that fills a section; empty without the section. */
  text(name: string): string {
    const section = this.elf.section(name);
    if (section === undefined) return '';
    const bytes = this.elf.data(section);
    const end = bytes.indexOf(0);
    if (end < 0) this.fail('text without an end', name, 0);
    return new TextDecoder().decode(bytes.subarray(0, end));
  }
}

/**
 * A compiler leaves sizes of sections and places of global variables to the linker: fill them in, as BTF_LOAD wants
 * them. Functions that are hidden outside their object become static: the verifier then follows them into each call.
 */
function placeVariables(elf: ElfFile, btf: Btf, config: ConfigSection | undefined): Btf {
  const sections = new Map<number, { size: number; vars: readonly Placement[] }>();
  const staticFunctions: number[] = [];
  const hidden = new Set<string>();
  const places = new Map<string, ElfSymbol>();
  for (const symbol of elf.symbols) {
    const isFunction = symbol.type === STT.FUNC;
    if (isFunction && (symbol.visibility === STV.HIDDEN || symbol.visibility === STV.INTERNAL)) hidden.add(symbol.name);
    if (!isFunction && symbol.bind !== STB.LOCAL) places.set(symbol.name, symbol);
  }
  for (const type of btf) {
    if (type.kind === KIND.FUNC && type.linkage === LINKAGE.GLOBAL && hidden.has(type.name))
      staticFunctions.push(type.id);
    const section = type.kind === KIND.DATASEC ? elf.section(type.name) : undefined;
    if (section !== undefined) sections.set(type.id, placeSection(btf, type as BtfDatasec, section, places));
  }
  if (config !== undefined) sections.set(config.id, { size: config.size, vars: config.variables });
  const placedVariables = config?.variables.map(({ type }) => type);
  return sections.size || staticFunctions.length
    ? withFixups(btf, { sections, staticFunctions, placedVariables })
    : btf;
}

function placeSection(
  btf: Btf,
  type: BtfDatasec,
  section: ElfSection,
  places: ReadonlyMap<string, ElfSymbol>,
): { size: number; vars: Placement[] } {
  const vars = type.vars.map((entry) => {
    const variable = btf.type(entry.type);
    const symbol = places.get(variable.name);
    // Static variables already have their place, and their symbols may be named differently.
    const global = variable.kind === KIND.VAR && variable.linkage === LINKAGE.GLOBAL;
    return global && symbol?.section === section.index ? { ...entry, offset: symbol.value } : entry;
  });
  const outside = vars.find((v) => v.offset + v.size > section.size);
  if (outside !== undefined)
    throw new FormatError(`variable ${btf.type(outside.type).name} lies outside the section`, {
      file: btf.where.file,
      section: section.name,
      offset: outside.offset,
    });
  return { size: section.size, vars: vars.sort((a, b) => a.offset - b.offset) };
}
