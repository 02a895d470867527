import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ElfFile } from '../elf/index.ts';
import { Random } from '../util/index.ts';
import { Btf, BtfBuilder, decodeValue, encodeValue, formatValue, KIND, ValueCodec, valueToJson } from './index.ts';
import type { NewType, Value } from './index.ts';

const elf = ElfFile.parse(new Uint8Array(readFileSync(new URL('../../test/objects/maps.o', import.meta.url))));
const section = elf.section('.BTF');
const btf = Btf.parse(section ? elf.data(section) : new Uint8Array());
const id = (name: string, kind?: number) => btf.find(name, kind)?.id ?? -1;
const everything = new ValueCodec(btf, id('everything'));
type Everything = Record<string, Value> & { flags: Record<string, Value> };
const bytesOf = (...bytes: number[]) => Uint8Array.from(bytes);

describe('scalars', () => {
  const u64 = id('__u64');
  const s64 = id('__s64');
  it.each<[string, Uint8Array, Value]>([
    ['__u8', bytesOf(255), 255],
    ['__s8', bytesOf(255), -1],
    ['__u16', bytesOf(1, 2), 0x201],
    ['__s16', bytesOf(0, 0x80), -32768],
    ['__u32', bytesOf(255, 255, 255, 255), 4294967295],
    ['__s32', bytesOf(255, 255, 255, 255), -1],
    ['color', bytesOf(5, 0, 0, 0), 'GREEN'],
    ['color', bytesOf(255, 255, 255, 255), 'BLUE'],
    ['color', bytesOf(7, 0, 0, 0), 7],
    ['big', bytesOf(0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe), 'LARGE'],
  ])('%s %s', (name, bytes, value) => {
    expect(decodeValue(btf, id(name), bytes)).toBe(value);
    expect(encodeValue(btf, id(name), value)).toEqual(bytes);
  });

  it('64-bit integers are numbers where they are exact', () => {
    const unsigned: [bigint, Value][] = [
      [0n, 0],
      [2n ** 53n - 1n, Number.MAX_SAFE_INTEGER],
      [2n ** 53n, 2n ** 53n],
      [2n ** 64n - 1n, 2n ** 64n - 1n],
    ];
    for (const [value, seen] of unsigned) expect(decodeValue(btf, u64, encodeValue(btf, u64, value))).toBe(seen);
    const signed: [bigint, Value][] = [
      [-1n, -1],
      [-(2n ** 53n) + 1n, Number.MIN_SAFE_INTEGER],
      [-(2n ** 53n), -(2n ** 53n)],
      [-(2n ** 63n), -(2n ** 63n)],
      [2n ** 63n - 1n, 2n ** 63n - 1n],
    ];
    for (const [value, seen] of signed) expect(decodeValue(btf, s64, encodeValue(btf, s64, value))).toBe(seen);
  });

  it('what does not fit is refused', () => {
    expect(() => encodeValue(btf, id('__u8'), 256)).toThrow('256 does not fit in unsigned char (8 bits)');
    expect(() => encodeValue(btf, id('__u8'), -1)).toThrow(RangeError);
    expect(() => encodeValue(btf, id('__s8'), 128)).toThrow('(8 bits, signed)');
    expect(() => encodeValue(btf, u64, 2n ** 64n)).toThrow(RangeError);
    expect(() => encodeValue(btf, u64, 1.5)).toThrow(TypeError);
    expect(() => encodeValue(btf, u64, 'many')).toThrow('wants an integer, not "many"');
    expect(() => encodeValue(btf, id('color'), 'PURPLE')).toThrow('enum color wants an integer, not "PURPLE"');
  });

  it('too few bytes are refused, and types without values', () => {
    expect(() => decodeValue(btf, u64, new Uint8Array(7))).toThrow('7 bytes for a value of 8');
    expect(() => decodeValue(btf, 0, new Uint8Array(7))).toThrow('BTF type 0 has no values');
    expect(() => new ValueCodec(btf, id('use_maps'))).toThrow('has no values');
  });
});

describe('a struct with a member of every kind', () => {
  const value = {
    u8: 200,
    s8: -100,
    u16: 60000,
    s16: -30000,
    u32: 4e9,
    s32: -2e9,
    u64: 2n ** 63n,
    s64: -5,
    yes: true,
    name: 'größe',
    mac: bytesOf(1, 2, 3, 4, 5, 6),
    color: 'BLUE',
    big: 'SMALL',
    flags: { low: 5, mid: 1234, high: -7 },
    points: [
      { x: 1, y: 2 },
      { x: 3, y: 4 },
    ],
    word: 0x01020304,
    octets: bytesOf(4, 3, 2, 1),
    either: { half: 0x201, quarter: 1 },
    next: 0xffff888000000000n,
    f: 0.5,
    d: -1.25,
    wide: 2n ** 100n,
  };

  it('goes to bytes and back', () => {
    const bytes = everything.encode(value);
    expect(bytes).toHaveLength(144);
    expect(everything.decode(bytes)).toEqual(value);
  });

  it('has the layout the compiler gives it', () => {
    const view = new DataView(everything.encode(value).buffer);
    expect([view.getUint8(0), view.getInt16(4, true), view.getUint32(8, true)]).toEqual([200, -30000, 4e9]);
    expect(view.getBigUint64(16, true)).toBe(2n ** 63n);
    expect(view.getUint8(32)).toBe(1);
  });

  it('leaves out what is absent, and names what is unknown', () => {
    const decoded = everything.decode(everything.encode({ u8: 1 })) as Everything;
    expect(decoded).toMatchObject({ u8: 1, s64: 0, name: '', flags: { low: 0, mid: 0, high: 0 } });
    expect(() => everything.encode({ nonsense: 1 })).toThrow('struct everything has no member nonsense');
    expect(() => everything.encode(5)).toThrow('struct everything wants an object, not 5');
    expect(() => everything.encode({ name: 'x'.repeat(17) })).toThrow('more than 16 bytes');
    expect(() => everything.encode({ points: [{}, {}, {}] })).toThrow('more than 2 elements');
    expect(() => everything.encode({ flags: { low: 8 } })).toThrow('8 does not fit in low (3 bits)');
  });

  it('encodes over what was in the buffer', () => {
    const bytes = new Uint8Array(everything.size).fill(0xff);
    everything.encode({}, bytes);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it('random bytes survive decoding and encoding, but for padding and text', () => {
    const seed = Number(process.env.SKEP_SEED ?? 1);
    const random = new Random(seed);
    for (let i = 0; i < 500; i++) {
      const bytes = random.bytes(everything.size);
      const first = everything.encode({ ...(everything.decode(bytes) as Everything), name: '', f: 0, d: 0 });
      const again = everything.encode(everything.decode(first));
      expect(again, `SKEP_SEED=${seed}, round ${i}`).toEqual(first);
    }
  });

  it('prints on a line and as JSON', () => {
    const decoded = everything.decode(everything.encode(value));
    expect(formatValue(decoded)).toMatch(
      /^{u8: 200, s8: -100, .*mac: 01 02 03 04 05 06, color: "BLUE".*high: -7}, points: \[{x: 1/,
    );
    expect(JSON.parse(JSON.stringify(valueToJson(decoded)))).toMatchObject({
      u64: '9223372036854775808',
      mac: [1, 2, 3, 4, 5, 6],
      next: '18446612682070032384',
    });
  });
});

describe('hostile types', () => {
  const parse = (...types: NewType[]) => {
    const builder = new BtfBuilder();
    for (const type of types) builder.add(type);
    return Btf.parse(builder.bytes());
  };
  const pair = (type: number, size: number, kind: typeof KIND.STRUCT | typeof KIND.UNION): NewType => ({
    kind,
    name: 'pair',
    size,
    members: ['a', 'b'].map((name) => ({ name, type, bitOffset: 0, bitSize: 0 })),
  });
  const byte: NewType = { kind: KIND.INT, name: 'u8', size: 1, encoding: 0, offset: 0, bits: 8 };

  it('a union of unions of … has too many parts', () => {
    const nested = parse(byte, ...Array.from({ length: 60 }, (_, i) => pair(i + 1, 1, KIND.UNION)));
    expect(() => new ValueCodec(nested, 61)).toThrow('too many parts');
  });

  it('an array of four billion empty structs is empty', () => {
    const empty: NewType = { kind: KIND.STRUCT, name: 'empty', size: 0, members: [] };
    const array: NewType = { kind: KIND.ARRAY, name: '', type: 1, indexType: 1, count: 0xffffffff };
    expect(decodeValue(parse(empty, array), 2, new Uint8Array())).toEqual([]);
  });

  it('a member may be called __proto__', () => {
    const odd = parse(byte, {
      kind: KIND.STRUCT,
      name: 's',
      size: 1,
      members: [{ name: '__proto__', type: 1, bitOffset: 0, bitSize: 0 }],
    });
    const value = decodeValue(odd, 2, bytesOf(9)) as object;
    expect(Object.entries(value)).toEqual([['__proto__', 9]]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('old-style bit fields: an int type that says which bits', () => {
    const three: NewType = { kind: KIND.INT, name: 'x', size: 4, encoding: 1, offset: 2, bits: 3 };
    const odd = parse(three, {
      kind: KIND.STRUCT,
      name: 's',
      size: 4,
      members: [{ name: 'x', type: 1, bitOffset: 3, bitSize: 0 }],
    });
    expect(decodeValue(odd, 2, bytesOf(0b1100_0000, 0, 0, 0))).toEqual({ x: -2 });
    expect(encodeValue(odd, 2, { x: -2 })).toEqual(bytesOf(0b1100_0000, 0, 0, 0));
  });
});
