import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRNO } from '../errors/index.ts';
import type { BpfAttrs, BpfCmd } from './attr.ts';
import { ATTR_SIZE, LAYOUTS } from './attr-layout.ts';
import {
  bpfBinary,
  clearInfoPointers,
  decodeAttr,
  encodeAttr,
  pinInfoBuffers,
  readResults,
  writeResults,
} from './codec.ts';
import type { AttrMemory, Pin } from './codec.ts';
import type { BpfSys } from './bpf-sys.ts';

/** A caller's memory with made-up addresses. */
class FakeMemory implements AttrMemory {
  readonly blocks: { start: number; bytes: Uint8Array }[] = [];
  #next = 0x7f00_0000_1000;
  readonly pin: Pin = (bytes) => {
    const start = this.#next;
    this.#next += bytes.length + 4096;
    this.blocks.push({ start, bytes });
    return start;
  };
  bytes(address: number, length: number): Uint8Array | undefined {
    const block = this.blocks.find((b) => address >= b.start && address + length <= b.start + b.bytes.length);
    return block?.bytes.subarray(address - block.start, address - block.start + length);
  }
  mapSizes(fd: number): { key: number; value: number } | undefined {
    return fd === 5 ? { key: 4, value: 8 } : undefined;
  }
  objectKind(): 'btf' {
    return 'btf';
  }
}

const commands = Object.keys(LAYOUTS).map(Number) as BpfCmd[];
const MAP_LOADS = Uint8Array.of(0x18, 0x51, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); // ld_imm64 of fd_array[1]

/** An attribute with every input field of the command set. */
function attrs(cmd: BpfCmd): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  const bytes = (n: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: n, maxLength: n });
  for (const row of LAYOUTS[cmd].rows) {
    if (row.kind === 'ignored' || row.at >= LAYOUTS[cmd].end) continue;
    if (row.kind === 'u32' && !row.out) fields[row.field] = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    if (row.kind === 'u64') fields[row.field] = fc.maxSafeNat();
    if (row.kind === 'name') fields[row.field] = fc.stringMatching(/^[a-zA-Z0-9_.]{0,15}$/);
    if (row.kind !== 'pointer') continue;
    if (row.size === 'key') fields[row.field] = bytes(4);
    if (row.size === 'value') fields[row.field] = bytes(8);
    if (row.size === 'text') fields[row.field] = fc.constantFrom('GPL', 'Dual BSD/GPL', '');
    if (row.size === 'fds') fields[row.field] = fc.tuple(fc.nat(), fc.nat());
    if (row.size === 'counted') fields[row.field] = fc.uint8Array({ minLength: 32, maxLength: 96 });
  }
  return fc.record(fields).map((attr) => {
    if ('mapFd' in attr && cmd !== 22) attr['mapFd'] = 5;
    if (cmd === 5) Object.assign(attr, { insns: MAP_LOADS, funcInfoRecSize: 8, lineInfoRecSize: 16 });
    for (const info of ['funcInfo', 'lineInfo'])
      if (attr[info]) attr[info] = (attr[info] as Uint8Array).subarray(0, 32);
    return attr;
  });
}

describe('attributes', () => {
  for (const cmd of commands)
    it(`${LAYOUTS[cmd].name} survives the round trip`, () => {
      fc.assert(
        fc.property(attrs(cmd), (attr) => {
          const memory = new FakeMemory();
          const binary = new Uint8Array(ATTR_SIZE);
          expect(encodeAttr(cmd, attr as unknown as BpfAttrs[typeof cmd], binary, memory.pin)).toBe(0);
          expect(decodeAttr(cmd, binary, memory)).toEqual(attr);
        }),
        { numRuns: 50 },
      );
    });

  it('lie where <linux/bpf.h> puts them', () => {
    const binary = new Uint8Array(ATTR_SIZE);
    const view = new DataView(binary.buffer);
    const attr = { progType: 6, insns: MAP_LOADS, license: 'GPL', progName: 'drop', logBuf: new Uint8Array(256) };
    encodeAttr(5, attr, binary, (bytes) => (bytes.length === 4 ? 0x1_0000_0000_0 : bytes.length));
    expect(view.getUint32(0, true)).toBe(6);
    expect(view.getUint32(4, true)).toBe(2);
    expect(view.getBigUint64(8, true)).toBe(16n);
    expect(view.getBigUint64(16, true)).toBe(0x1_0000_0000_0n);
    expect(view.getUint32(28, true)).toBe(256);
    expect(view.getBigUint64(32, true)).toBe(256n);
    expect(new TextDecoder().decode(binary.subarray(48, 53))).toBe('drop\0');
  });

  it('refuses what does not fit', () => {
    const binary = new Uint8Array(ATTR_SIZE);
    const pin = (): number => 4096;
    const map = { mapType: 1, keySize: 4, valueSize: 4, maxEntries: 1 };
    const encode = (more: object): number => encodeAttr(0, { ...map, ...more }, binary, pin);
    expect(encode({})).toBe(0);
    expect(encode({ keySize: 2 ** 32 })).toBe(-ERRNO.EINVAL);
    expect(encode({ maxEntries: 1.5 })).toBe(-ERRNO.EINVAL);
    expect(encode({ mapName: 'sixteen_letters_' })).toBe(-ERRNO.EINVAL);
    expect(encode({ mapExtra: 2 ** 60 })).toBe(-ERRNO.EINVAL);
    expect(encodeAttr(5, { progType: 1, insns: new Uint8Array(9), license: 'GPL' }, binary, pin)).toBe(-ERRNO.EINVAL);
    expect(encodeAttr(99 as BpfCmd, map as BpfAttrs[BpfCmd], binary, pin)).toBe(-ERRNO.EINVAL);
  });

  it('has the size rules of Linux', () => {
    const memory = new FakeMemory();
    for (const cmd of commands) {
      const { end } = LAYOUTS[cmd];
      const poke = (at: number, size = 256): unknown => {
        const binary = new Uint8Array(size);
        if (at >= 0) binary[at] = 1;
        return decodeAttr(cmd, binary, memory);
      };
      expect(poke(ATTR_SIZE), `${LAYOUTS[cmd].name} after the union`).toBe(-ERRNO.E2BIG);
      expect(poke(255)).toBe(-ERRNO.E2BIG);
      expect(poke(-1, 4097)).toBe(-ERRNO.E2BIG);
      if (end < ATTR_SIZE) expect(poke(end), `${LAYOUTS[cmd].name} after its last field`).toBe(-ERRNO.EINVAL);
    }
    expect(decodeAttr(99 as BpfCmd, new Uint8Array(8), memory)).toBe(-ERRNO.EINVAL);
    // A short attribute reads as if zeros followed.
    expect(decodeAttr(22, Uint8Array.of(7), memory)).toEqual({ mapFd: 7 });
  });

  it('answers EFAULT for memory that is not there', () => {
    const memory = new FakeMemory();
    const binary = new Uint8Array(ATTR_SIZE);
    const insns = new Uint8Array(16);
    encodeAttr(5, { progType: 1, insns, license: 'GPL' }, binary, () => 4096);
    expect(decodeAttr(5, binary, memory)).toBe(-ERRNO.EFAULT);
    encodeAttr(1, { mapFd: 5, key: new Uint8Array(4), value: new Uint8Array(8) }, binary, () => 4096);
    expect(decodeAttr(1, binary, memory)).toBe(-ERRNO.EFAULT);
    encodeAttr(1, { mapFd: 6, key: new Uint8Array(4), value: new Uint8Array(8) }, binary, memory.pin);
    expect(decodeAttr(1, binary, memory)).toBe(-ERRNO.EBADF);
  });

  it('carries results both ways', () => {
    const binary = new Uint8Array(ATTR_SIZE);
    writeResults(10, { progFd: 3, retval: 0xffffffff, dataSizeOut: 60, duration: 12 }, binary);
    const attr = { progFd: 3 };
    readResults(10, attr, binary);
    expect(attr).toEqual({ progFd: 3, retval: 0xffffffff, dataSizeOut: 60, duration: 12, ctxSizeOut: 0 });
  });
});

describe('info structs', () => {
  it('point to the buffers, and to nothing else', () => {
    const info = new Uint8Array(232).fill(0xff);
    const mapIds = new Uint8Array(12);
    pinInfoBuffers('prog', { bpfFd: 3, info, buffers: { mapIds } }, () => 0x1234);
    const view = new DataView(info.buffer);
    expect(view.getBigUint64(56, true)).toBe(0x1234n);
    expect(view.getUint32(52, true)).toBe(3);
    expect(view.getBigUint64(32, true)).toBe(0n);
    clearInfoPointers('prog', info);
    expect(view.getBigUint64(56, true)).toBe(0n);
    expect(view.getUint32(52, true)).toBe(3);
  });

  it('find their buffers again in a binary call', () => {
    const memory = new FakeMemory();
    const info = new Uint8Array(32);
    const btf = new Uint8Array(24);
    pinInfoBuffers('btf', { bpfFd: 3, info, buffers: { btf } }, memory.pin);
    const binary = new Uint8Array(ATTR_SIZE);
    encodeAttr(15, { bpfFd: 3, info }, binary, memory.pin);
    const seen: unknown[] = [];
    const sys = {
      bpf(cmd: number, attr: BpfAttrs[15]) {
        seen.push(cmd, attr.info.length, Object.keys(attr.buffers ?? {}), attr.buffers?.['btf'].length);
        attr.infoLen = 16;
        return 0;
      },
    } as unknown as BpfSys;
    expect(bpfBinary(sys, 15, binary, memory)).toBe(0);
    expect(seen).toEqual([15, 32, ['btf'], 24]);
    expect(new DataView(binary.buffer).getUint32(4, true)).toBe(16);
  });
});
