/**
 * ELF64 little-endian relocatable objects for EM_BPF: sections, symbols, relocations, strings.
 *
 * Every read is checked against the file; sizes in the file never decide how much memory is taken. Rejected, each with
 * file, section and offset: not ELF, 32-bit, big-endian, not relocatable, another machine; headers, sections, names or
 * symbols that lie outside; sections that share bytes (which would let a small file claim a large amount of work);
 * relocations with addends, which BPF does not have.
 */
import { FormatError } from '../errors/index.ts';
import { plainBytes, StringTable } from '../util/index.ts';
import { EHDR_SIZE, EM_BPF, ET_REL, REL_SIZE, SHDR_SIZE, SHN, SHT, SYM_SIZE } from './constants.ts';

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** See SHT. */
  readonly type: number;
  /** SHF bits; the high half of the 64 is dropped. */
  readonly flags: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes; of NOBITS sections the size in memory. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entrySize: number;
}

export interface ElfSymbol {
  readonly index: number;
  /** Empty for section symbols. */
  readonly name: string;
  /** See STT. */
  readonly type: number;
  /** See STB. */
  readonly bind: number;
  /** See STV. */
  readonly visibility: number;
  /** Index of the section it is in; see SHN for what is not one. */
  readonly section: number;
  /** Offset in its section. */
  readonly value: number;
  readonly size: number;
}

export interface ElfRelocation {
  /** Bytes from the start of the section that is patched. */
  readonly offset: number;
  /** See R_BPF. */
  readonly type: number;
  readonly symbol: ElfSymbol;
}

/** Larger than any file this can read, and exact as a number. */
const TOO_LARGE = 2 ** 53;

export class ElfFile {
  /** Name for messages. */
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
  readonly #view: DataView;
  /** Looked up often, and there may be tens of thousands. */
  readonly #byName = new Map<string, ElfSection>();
  readonly #relocating = new Map<number, ElfSection[]>();
  readonly #symbolsIn = new Map<number, ElfSymbol[]>();

  /** @throws FormatError */
  static parse(bytes: Uint8Array, file = ''): ElfFile {
    return new ElfFile(bytes, file);
  }

  private constructor(bytes: Uint8Array, file: string) {
    this.file = file;
    // A Buffer's slice() is a view, not a copy: keep to plain arrays from here on.
    this.bytes = plainBytes(bytes);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#checkHeader();
    this.sections = this.#readSections();
    this.#checkOverlap();
    this.symbols = this.#readSymbols();
    for (const section of this.sections) {
      if (!this.#byName.has(section.name)) this.#byName.set(section.name, section);
      if (section.type === SHT.REL || section.type === SHT.RELA) group(this.#relocating, section.info).push(section);
    }
    for (const symbol of this.symbols) group(this.#symbolsIn, symbol.section).push(symbol);
  }

  /** The section of that name; undefined if there is none. Of several, the first. */
  section(name: string): ElfSection | undefined {
    return this.#byName.get(name);
  }

  /** A section's bytes, as a view; empty for NOBITS. */
  data(section: ElfSection): Uint8Array {
    if (section.type === SHT.NOBITS) return this.bytes.subarray(0, 0);
    return this.bytes.subarray(section.offset, section.offset + section.size);
  }

  /** Symbols in a section, in the order of the table. */
  symbolsIn(section: ElfSection): readonly ElfSymbol[] {
    return this.#symbolsIn.get(section.index) ?? [];
  }

  /** Relocations that patch `section`, by offset. @throws FormatError */
  relocations(section: ElfSection): ElfRelocation[] {
    const out: ElfRelocation[] = [];
    for (const rel of this.#relocating.get(section.index) ?? []) {
      if (rel.type === SHT.RELA) this.#fail('relocations with addends (RELA) are not BPF’s', rel.name);
      this.#readRelocations(rel, section, out);
    }
    return out.sort((a, b) => a.offset - b.offset);
  }

  #fail(problem: string, section = '', offset = 0): never {
    throw new FormatError(problem, { file: this.file, section, offset });
  }

  #u64(at: number): number {
    const high = this.#view.getUint32(at + 4, true);
    return high >= 0x200000 ? TOO_LARGE : high * 2 ** 32 + this.#view.getUint32(at, true);
  }

  #checkHeader(): void {
    const { bytes } = this;
    if (bytes.length < 4 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46)
      this.#fail('not an ELF file: it does not start with 7f 45 4c 46', '', 0);
    if (bytes.length < EHDR_SIZE) this.#fail(`cut in the file header: ${bytes.length} of ${EHDR_SIZE} bytes`, '', 0);
    if (bytes[4] !== 2) this.#fail(bytes[4] === 1 ? '32-bit ELF; BPF objects are 64-bit' : 'unknown ELF class', '', 4);
    if (bytes[5] !== 1) this.#fail(bytes[5] === 2 ? 'big-endian object; build for bpfel' : 'unknown byte order', '', 5);
    const type = this.#view.getUint16(16, true);
    const machine = this.#view.getUint16(18, true);
    if (machine !== EM_BPF && machine !== 0) this.#fail(`machine ${machine} is not BPF (${EM_BPF})`, '', 18);
    if (type !== ET_REL) this.#fail(`ELF type ${type} is not a relocatable object (${ET_REL})`, '', 16);
  }

  #readSections(): ElfSection[] {
    const table = this.#u64(40);
    const entrySize = this.#view.getUint16(58, true);
    let count = this.#view.getUint16(60, true);
    let nameTable = this.#view.getUint16(62, true);
    if (table === 0) this.#fail('no section headers', '', 40);
    if (entrySize !== SHDR_SIZE) this.#fail(`section headers of ${entrySize} bytes, not ${SHDR_SIZE}`, '', 58);
    if (table + SHDR_SIZE > this.bytes.length) this.#fail('section headers lie outside the file', '', 40);
    // With 65,280 sections and more, header 0 holds the true numbers.
    if (count === 0) count = this.#u64(table + 32);
    if (nameTable === SHN.XINDEX) nameTable = this.#view.getUint32(table + 40, true);
    if (count > (this.bytes.length - table) / SHDR_SIZE)
      this.#fail(`${count} section headers do not fit in the file`, '', 60);
    if (nameTable >= count) this.#fail(`section name table ${nameTable} of ${count} sections`, '', 62);
    const raw = Array.from({ length: count }, (_, i) => this.#readSection(table + i * SHDR_SIZE, i));
    const names = new StringTable(this.data(raw[nameTable].section));
    return raw.map(({ section, nameOffset }) => {
      const name = section.index === 0 ? '' : names.get(nameOffset);
      if (name === undefined)
        this.#fail(
          `bad name offset 0x${nameOffset.toString(16)} of section ${section.index}`,
          '',
          table + section.index * SHDR_SIZE,
        );
      return { ...section, name };
    });
  }

  #readSection(at: number, index: number): { section: ElfSection; nameOffset: number } {
    const view = this.#view;
    const section: ElfSection = {
      index,
      name: '',
      type: view.getUint32(at + 4, true),
      flags: view.getUint32(at + 8, true),
      offset: this.#u64(at + 24),
      size: this.#u64(at + 32),
      link: view.getUint32(at + 40, true),
      info: view.getUint32(at + 44, true),
      entrySize: this.#u64(at + 56),
    };
    const inFile = section.type !== SHT.NULL && section.type !== SHT.NOBITS;
    if (inFile && section.offset + section.size > this.bytes.length)
      this.#fail(
        `section ${index} lies outside the file: ${section.size} bytes at 0x${section.offset.toString(16)}`,
        '',
        at,
      );
    return { section, nameOffset: view.getUint32(at, true) };
  }

  #checkOverlap(): void {
    const inFile = this.sections.filter((s) => s.type !== SHT.NULL && s.type !== SHT.NOBITS && s.size > 0);
    inFile.sort((a, b) => a.offset - b.offset);
    for (let i = 1; i < inFile.length; i++) {
      const before = inFile[i - 1];
      if (before.offset + before.size > inFile[i].offset)
        this.#fail(`shares bytes with section ${before.name || before.index}`, inFile[i].name, 0);
    }
  }

  #readSymbols(): ElfSymbol[] {
    const tables = this.sections.filter((s) => s.type === SHT.SYMTAB);
    if (tables.length > 1) this.#fail('more than one symbol table', tables[1].name);
    if (tables.length === 0) return [];
    const table = tables[0];
    if (table.entrySize !== SYM_SIZE || table.size % SYM_SIZE)
      this.#fail(`symbols are not ${SYM_SIZE} bytes each`, table.name, 0);
    const strings = this.sections[table.link];
    if (strings?.type !== SHT.STRTAB) this.#fail(`no string table: section ${table.link}`, table.name);
    const names = new StringTable(this.data(strings));
    return Array.from({ length: table.size / SYM_SIZE }, (_, i) => this.#readSymbol(table, names, i));
  }

  #readSymbol(table: ElfSection, names: StringTable, index: number): ElfSymbol {
    const at = table.offset + index * SYM_SIZE;
    const view = this.#view;
    const info = view.getUint8(at + 4);
    const section = view.getUint16(at + 6, true);
    const nameOffset = view.getUint32(at, true);
    const name = nameOffset === 0 ? '' : names.get(nameOffset);
    if (name === undefined)
      this.#fail(`bad name offset 0x${nameOffset.toString(16)} of symbol ${index}`, table.name, index * SYM_SIZE);
    if (section === SHN.XINDEX || (section < SHN.LORESERVE && section >= this.sections.length))
      this.#fail(
        `symbol ${name || index} is in section ${section} of ${this.sections.length}`,
        table.name,
        index * SYM_SIZE,
      );
    return {
      index,
      name,
      type: info & 15,
      bind: info >> 4,
      visibility: view.getUint8(at + 5) & 3,
      section,
      value: this.#u64(at + 8),
      size: this.#u64(at + 16),
    };
  }

  #readRelocations(rel: ElfSection, target: ElfSection, out: ElfRelocation[]): void {
    if (rel.entrySize !== REL_SIZE || rel.size % REL_SIZE)
      this.#fail(`relocations are not ${REL_SIZE} bytes each`, rel.name, 0);
    if (this.sections[rel.link]?.type !== SHT.SYMTAB) this.#fail(`no symbol table: section ${rel.link}`, rel.name);
    for (let at = 0; at < rel.size; at += REL_SIZE) {
      const offset = this.#u64(rel.offset + at);
      const symbol = this.symbols[this.#view.getUint32(rel.offset + at + 12, true)];
      if (symbol === undefined) this.#fail('relocation to a symbol that does not exist', rel.name, at);
      if (offset + 4 > target.size) this.#fail(`relocation outside section ${target.name}`, rel.name, at);
      out.push({ offset, type: this.#view.getUint32(rel.offset + at + 8, true), symbol });
    }
  }
}

function group<T>(groups: Map<number, T[]>, key: number): T[] {
  let list = groups.get(key);
  if (list === undefined) groups.set(key, (list = []));
  return list;
}
