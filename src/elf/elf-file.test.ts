import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../errors/index.ts';
import { ElfFile, R_BPF, SHN, SHT, STB, STT } from './index.ts';

const object = (name: string) => new Uint8Array(readFileSync(new URL(`../../test/objects/${name}`, import.meta.url)));
const good = object('globals.o');
const view = new DataView(good.buffer);
const sectionTable = Number(view.getBigUint64(40, true));

/** A copy with one number changed. */
function changed(at: number, size: 1 | 2 | 4 | 8, value: number | bigint): Uint8Array {
  const bytes = good.slice();
  const copy = new DataView(bytes.buffer);
  if (size === 1) copy.setUint8(at, Number(value));
  else if (size === 2) copy.setUint16(at, Number(value), true);
  else if (size === 4) copy.setUint32(at, Number(value), true);
  else copy.setBigUint64(at, BigInt(value), true);
  return bytes;
}

/** Offset of a field of a section's header. */
function header(name: string, field: number): number {
  const section = ElfFile.parse(good).section(name);
  if (section === undefined) throw new Error(`no section ${name}`);
  return sectionTable + section.index * 64 + field;
}

function problem(bytes: Uint8Array): FormatError {
  try {
    const elf = ElfFile.parse(bytes, 'x.o');
    for (const section of elf.sections) elf.relocations(section);
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('a good object', () => {
  const elf = ElfFile.parse(good, 'globals.o');

  it('has sections with their bytes', () => {
    expect(elf.section('.rodata')).toMatchObject({ type: SHT.PROGBITS, size: 10 });
    const license = elf.section('license');
    expect(license && new TextDecoder().decode(elf.data(license))).toBe('Dual MIT/GPL\0');
    const bss = elf.section('.bss');
    expect(bss).toMatchObject({ type: SHT.NOBITS, size: 56 });
    expect(bss && elf.data(bss)).toHaveLength(0);
  });

  it('has symbols', () => {
    const symbol = elf.symbols.find((s) => s.name === 'use_globals');
    expect(symbol).toMatchObject({ type: STT.FUNC, bind: STB.GLOBAL, value: 0, size: 480 });
    expect(elf.sections[symbol?.section ?? 0].name).toBe('socket');
    expect(elf.symbols[0]).toMatchObject({ name: '', section: SHN.UNDEF });
  });

  it('has relocations in order of offset', () => {
    const code = elf.section('socket');
    const relocations = code ? elf.relocations(code) : [];
    expect(relocations).toHaveLength(11);
    expect(relocations[0]).toMatchObject({ offset: 0, type: R_BPF.LD64, symbol: { name: 'seen' } });
    expect(relocations.map((r) => r.offset)).toEqual(relocations.map((r) => r.offset).sort((a, b) => a - b));
  });

  it('may start anywhere in its buffer', () => {
    const padded = new Uint8Array(good.length + 3);
    padded.set(good, 3);
    expect(ElfFile.parse(padded.subarray(3)).symbols).toEqual(elf.symbols);
  });
});

describe('what is no BPF object', () => {
  it.each([
    ['empty', new Uint8Array(), 'not an ELF file'],
    ['text', new TextEncoder().encode('int main() {}'), 'not an ELF file'],
    ['cut in the header', good.subarray(0, 63), 'cut in the file header: 63 of 64 bytes'],
    ['32-bit', changed(4, 1, 1), '32-bit ELF'],
    ['of an unknown class', changed(4, 1, 9), 'unknown ELF class'],
    ['big-endian', changed(5, 1, 2), 'big-endian object'],
    ['of no byte order', changed(5, 1, 0), 'unknown byte order'],
    ['of another machine', changed(18, 2, 62), 'machine 62 is not BPF (247)'],
    ['an executable', changed(16, 2, 2), 'ELF type 2 is not a relocatable object'],
  ])('%s', (_, bytes, message) => {
    expect(problem(bytes).message).toContain(message);
    expect(problem(bytes).file).toBe('x.o');
  });
});

describe('hostile numbers', () => {
  it.each([
    ['no section headers', changed(40, 8, 0), 'no section headers'],
    ['section headers beyond the file', changed(40, 8, good.length), 'lie outside the file'],
    ['section headers at 2^64 - 1', changed(40, 8, 2n ** 64n - 1n), 'lie outside the file'],
    ['65,535 sections', changed(60, 2, 0xffff), '65535 section headers do not fit'],
    ['section headers of another size', changed(58, 2, 40), 'section headers of 40 bytes'],
    ['a name table that is not there', changed(62, 2, 200), 'section name table 200 of'],
    ['a section of 4 GiB', changed(header('socket', 32), 8, 2n ** 32n), 'section 3 lies outside the file'],
    ['a section of 2^64 - 1 bytes', changed(header('socket', 32), 8, 2n ** 64n - 1n), 'section 3 lies outside'],
    ['a section name outside', changed(header('socket', 0), 4, 0xffffff), 'bad name offset 0xffffff of section 3'],
    ['sections that share bytes', changed(header('.rodata', 24), 8, 0x50), 'shares bytes with section'],
    ['symbols of another size', changed(header('.symtab', 56), 8, 16), 'symbols are not 24 bytes each'],
    ['symbols without names', changed(header('.symtab', 40), 4, 3), 'no string table'],
    ['relocations of another size', changed(header('.relsocket', 56), 8, 24), 'relocations are not 16 bytes each'],
    ['relocations with addends', changed(header('.relsocket', 4), 4, SHT.RELA), 'RELA'],
  ])('%s', (_, bytes, message) => {
    expect(problem(bytes).message).toContain(message);
    expect(problem(bytes).offset).toBeGreaterThanOrEqual(0);
  });

  it('2^63 sections by the extended count', () => {
    const bytes = changed(60, 2, 0);
    new DataView(bytes.buffer).setBigUint64(sectionTable + 32, 2n ** 63n, true);
    expect(problem(bytes).message).toContain('section headers do not fit');
  });

  it('a relocation to no symbol, or outside its section', () => {
    const relocations = ElfFile.parse(good).section('.relsocket')?.offset ?? 0;
    expect(problem(changed(relocations + 12, 4, 999))).toMatchObject({
      section: '.relsocket',
      offset: 0,
      problem: 'relocation to a symbol that does not exist',
    });
    expect(problem(changed(relocations, 8, 2n ** 40n)).problem).toBe('relocation outside section socket');
  });

  it('a symbol in no section', () => {
    const symbols = ElfFile.parse(good).section('.symtab')?.offset ?? 0;
    expect(problem(changed(symbols + 24 + 6, 2, 500))).toMatchObject({ section: '.symtab', offset: 24 });
  });

  it('every cut is an error', () => {
    for (let length = 0; length < good.length; length += 37)
      expect(problem(good.subarray(0, length))).toBeInstanceOf(FormatError);
  });
});
