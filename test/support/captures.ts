/** Captures built byte by byte, in every variant of the formats, independently of the project's own writer. */

export type Endian = 'little' | 'big';

/** Joins numbers of given widths and raw bytes. */
function pack(endian: Endian, ...parts: ([bits: 8 | 16 | 32, value: number] | Uint8Array)[]): Uint8Array {
  const out: number[] = [];
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      out.push(...part);
      continue;
    }
    const [bits, value] = part;
    const bytes = Array.from({ length: bits / 8 }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
    out.push(...(endian === 'big' ? bytes.reverse() : bytes));
  }
  return Uint8Array.from(out);
}

export function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export const PCAP_MAGIC = { micro: 0xa1b2c3d4, nano: 0xa1b23c4d, kuznetzov: 0xa1b2cd34 };

export function pcapHeader(endian: Endian, magic: number, linkType = 1): Uint8Array {
  return pack(endian, [32, magic], [16, 2], [16, 4], [32, 0], [32, 0], [32, 65535], [32, linkType]);
}

export function pcapRecord(
  endian: Endian,
  time: [seconds: number, fraction: number],
  data: Uint8Array,
  { original = data.length, extraHeader = 0, captured = data.length } = {},
): Uint8Array {
  const head = pack(endian, [32, time[0]], [32, time[1]], [32, captured], [32, original]);
  return join(head, new Uint8Array(extraHeader), data);
}

const pad = (data: Uint8Array): Uint8Array => new Uint8Array(Math.ceil(data.length / 4) * 4 - data.length);

export function block(endian: Endian, type: number, body: Uint8Array): Uint8Array {
  const length = body.length + pad(body).length + 12;
  return pack(endian, [32, type], [32, length], body, pad(body), [32, length]);
}

export function sectionHeader(endian: Endian): Uint8Array {
  const unknownLength = pack(endian, [32, 0xffffffff], [32, 0xffffffff]);
  return block(endian, 0x0a0d0d0a, pack(endian, [32, 0x1a2b3c4d], [16, 1], [16, 0], unknownLength));
}

export function option(endian: Endian, code: number, value: Uint8Array): Uint8Array {
  return pack(endian, [16, code], [16, value.length], value, pad(value));
}

export function interfaceBlock(
  endian: Endian,
  { linkType = 1, snapLength = 0, options }: { linkType?: number; snapLength?: number; options?: Uint8Array } = {},
): Uint8Array {
  return block(endian, 1, pack(endian, [16, linkType], [16, 0], [32, snapLength], options ?? new Uint8Array(0)));
}

/** An enhanced packet block; `ticks` is the 64-bit time stamp. */
export function enhancedPacket(
  endian: Endian,
  index: number,
  ticks: bigint,
  data: Uint8Array,
  { original = data.length, captured = data.length } = {},
): Uint8Array {
  const time: [32, number][] = [
    [32, Number(ticks >> 32n)],
    [32, Number(ticks & 0xffffffffn)],
  ];
  return block(endian, 6, pack(endian, [32, index], ...time, [32, captured], [32, original], data));
}

/** A packet block of the older kind. */
export function oldPacket(endian: Endian, index: number, ticks: bigint, data: Uint8Array): Uint8Array {
  const time: [32, number][] = [
    [32, Number(ticks >> 32n)],
    [32, Number(ticks & 0xffffffffn)],
  ];
  return block(endian, 2, pack(endian, [16, index], [16, 0], ...time, [32, data.length], [32, data.length], data));
}

export function simplePacket(endian: Endian, data: Uint8Array, original = data.length): Uint8Array {
  return block(endian, 3, pack(endian, [32, original], data));
}

/** Eight-byte option values. */
export function u64(endian: Endian, value: bigint): Uint8Array {
  const bytes = Array.from({ length: 8 }, (_, i) => Number((BigInt.asUintN(64, value) >> BigInt(8 * i)) & 0xffn));
  return Uint8Array.from(endian === 'big' ? bytes.reverse() : bytes);
}
