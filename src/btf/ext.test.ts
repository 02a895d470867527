import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ElfFile } from '../elf/index.ts';
import { FormatError } from '../errors/index.ts';
import { Btf, BtfExt, coreReloText, encodeFuncInfo, encodeLineInfo } from './index.ts';

function read(name: string): { btf: Btf; ext: BtfExt; bytes: Uint8Array } {
  const elf = ElfFile.parse(new Uint8Array(readFileSync(new URL(`../../test/objects/${name}`, import.meta.url))));
  const [types, records] = ['.BTF', '.BTF.ext'].map((section) => elf.section(section));
  if (!types || !records) throw new Error(`${name} has no BTF`);
  const btf = Btf.parse(elf.data(types));
  return { btf, ext: BtfExt.parse(elf.data(records), btf), bytes: elf.data(records) };
}

const { btf, ext, bytes } = read('subprogs.o');

it('lists functions by section', () => {
  const names = (section: string) => ext.funcInfo.get(section)?.map((f) => [f.offset, btf.type(f.type).name]);
  expect([...ext.funcInfo.keys()].sort()).toEqual(['.text', '?socket', 'socket', 'tc']);
  expect(names('socket')?.map(([, name]) => name)).toEqual(['first', 'second']);
  expect(names('tc')).toEqual([[0, 'walker']]);
});

it('lists lines with their text', () => {
  const line = ext.lineInfo.get('tc')?.[0];
  expect(line && btf.string(line.file)).toMatch(/subprogs\.c$/);
  expect(line && btf.string(line.text)).toContain('int walker(struct __sk_buff *skb)');
  expect(line && line.lineColumn >>> 10).toBeGreaterThan(50);
});

it('lists CO-RE relocations', () => {
  const other = read('unsupported.o');
  const relocations = other.ext.coreRelos.get('?socket') ?? [];
  expect(relocations.map((r) => coreReloText(other.btf, { ...r, access: other.btf.string(r.access) }))).toEqual([
    'byte_off of struct task_struct, 0:0',
  ]);
});

it('writes records as PROG_LOAD takes them', () => {
  expect(encodeFuncInfo([{ offset: 1, type: 2 }])).toEqual(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0));
  expect(encodeLineInfo([{ offset: 1, file: 2, text: 3, lineColumn: 0x80000001 }])).toEqual(
    Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0x80),
  );
});

describe('bad sections', () => {
  const changed = (at: number, value: number) => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  };
  const header = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  it.each([
    ['cut', bytes.slice(0, 20), 'cut in the header'],
    ['no magic', changed(0, 0), 'bad magic'],
    ['a header of 4 GiB', changed(4, 0xffffffff), 'header of 4294967295 bytes'],
    ['a table outside', changed(12, 0xfffffff0), 'table lies outside'],
    ['records of 4 bytes', changed(header, 4), 'records of 4 bytes'],
    ['records of 2 GiB', changed(header, 0x80000000), 'records of 2147483648 bytes'],
    ['four billion records', changed(header + 8, 0xffffffff), '4294967295 records for section'],
    ['no records', changed(header + 8, 0), '0 records for section'],
    ['half an instruction', changed(header + 12, 4), 'record for byte 4, which begins no instruction'],
    ['a type that is no function', changed(header + 16, 1), 'func_info names type 1, not a FUNC'],
    ['a section name outside', changed(header + 4, 0xffffff), 'no string at offset 0xffffff'],
  ])('%s', (_, data, message) => {
    const parse = () => BtfExt.parse(data, btf, { file: 'x.o', section: '.BTF.ext' });
    expect(parse).toThrow(FormatError);
    expect(parse).toThrow(message);
  });
});
