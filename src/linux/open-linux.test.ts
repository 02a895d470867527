import { closeSync, openSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SOCKET_PLACE } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import { encode } from '../isa/index.ts';
import { loadLibc } from '../ffi/index.ts';
import { ATTR_SIZE, encodeAttr } from '../sys/index.ts';
import type { BpfCmd } from '../sys/index.ts';
import { LAYOUTS } from '../sys/attr-layout.ts';
import { BPF_CMD, CAP, MAP_FLAG, MAP_TYPE, PROG_TYPE } from '../uapi/index.ts';
import { findBtfId, LinuxUnavailableError, openLinux } from './index.ts';
import type { LinuxSys } from './index.ts';

let sys: LinuxSys | undefined;
try {
  sys = await openLinux();
} catch (error) {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  console.warn(`skipped: ${error.message}`);
}

const RETURN_LEN = encode([
  { opcode: 0x61, dst: 0, src: 1, off: 0, imm: 0 }, // r0 = skb->len
  { opcode: 0x95, dst: 0, src: 0, off: 0, imm: 0 },
]);
const UNINITIALISED = encode([
  { opcode: 0xbf, dst: 0, src: 2, off: 0, imm: 0 },
  { opcode: 0x95, dst: 0, src: 0, off: 0, imm: 0 },
]);
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

describe.skipIf(!sys)('the real kernel', () => {
  const kernel = sys as LinuxSys;
  const load = (insns: Uint8Array): number =>
    kernel.bpf(BPF_CMD.PROG_LOAD, { progType: PROG_TYPE.SOCKET_FILTER, insns, license: 'GPL' });

  it('keeps elements of a map, and guards short buffers', () => {
    const map = { mapType: MAP_TYPE.HASH, keySize: 4, valueSize: 8, maxEntries: 2, mapName: 'skep_test' };
    const mapFd = kernel.bpf(BPF_CMD.MAP_CREATE, map);
    expect(mapFd).toBeGreaterThan(2);
    const value = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    expect(kernel.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd, key: u32(7), value })).toBe(0);
    const read = new Uint8Array(8);
    expect(kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: u32(7), value: read })).toBe(0);
    expect(read).toEqual(value);
    expect(kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: u32(8), value: read })).toBe(-ERRNO.ENOENT);
    expect(kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: u32(7), value: new Uint8Array(7) })).toBe(-ERRNO.EFAULT);
    const nextKey = new Uint8Array(4);
    expect(kernel.bpf(BPF_CMD.MAP_GET_NEXT_KEY, { mapFd, nextKey })).toBe(0);
    expect(nextKey).toEqual(u32(7));
    const info = new Uint8Array(104);
    const attr = { bpfFd: mapFd, info, infoLen: 0 };
    expect(kernel.bpf(BPF_CMD.OBJ_GET_INFO_BY_FD, attr)).toBe(0);
    expect(attr.infoLen).toBe(104);
    expect([...new Uint32Array(info.buffer, 8, 3)]).toEqual([4, 8, 2]);
    kernel.close(mapFd);
    expect(kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: u32(7), value: read })).toBe(-ERRNO.EBADF);
  });

  it('has a slot for each possible CPU in per-CPU values', () => {
    const mapFd = kernel.bpf(BPF_CMD.MAP_CREATE, {
      mapType: MAP_TYPE.PERCPU_ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
    });
    const size = 8 * kernel.possibleCpus;
    expect(kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: u32(0), value: new Uint8Array(size) })).toBe(0);
    const short = new Uint8Array(size - 1);
    expect(kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: u32(0), value: short })).toBe(-ERRNO.EFAULT);
    kernel.close(mapFd);
  });

  it('verifies, and writes its log', () => {
    const logBuf = new Uint8Array(4096);
    const attr = {
      progType: PROG_TYPE.SOCKET_FILTER,
      insns: UNINITIALISED,
      license: 'GPL',
      logLevel: 1,
      logBuf,
      logTrueSize: 0,
    };
    expect(kernel.bpf(BPF_CMD.PROG_LOAD, attr)).toBe(-ERRNO.EACCES);
    expect(new TextDecoder().decode(logBuf.subarray(0, attr.logTrueSize - 1))).toContain('R2 !read_ok');
  });

  it('shows a socket filter the payload, or with packet-socket the frame', () => {
    const progFd = load(RETURN_LEN);
    const frame = Uint8Array.from({ length: 60 }, (_, i) => i);
    const plain = { progFd, dataIn: frame, dataOut: new Uint8Array(100), retval: 0, dataSizeOut: 0 };
    expect(kernel.bpf(BPF_CMD.PROG_TEST_RUN, plain)).toBe(0);
    expect([plain.retval, plain.dataSizeOut]).toEqual([46, 60]);
    const whole = { ...plain, dataOut: new Uint8Array(100), view: 'packet-socket' as const };
    expect(kernel.bpf(BPF_CMD.PROG_TEST_RUN, whole)).toBe(0);
    expect([whole.retval, whole.dataSizeOut]).toEqual([60, 60]);
    expect(whole.dataOut.subarray(0, 60)).toEqual(frame);
    const huge = { progFd, dataIn: new Uint8Array(60000), view: 'packet-socket' as const };
    expect(kernel.bpf(BPF_CMD.PROG_TEST_RUN, huge)).toBe(-ERRNO.EINVAL);
    kernel.close(progFd);
  });

  it('drops capabilities around a call, and gives them back', () => {
    const map = { mapType: MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: 1 };
    const lru = { ...map, mapType: MAP_TYPE.LRU_HASH };
    expect(kernel.withCaps(0n, () => kernel.bpf(BPF_CMD.MAP_CREATE, lru))).toBe(-ERRNO.EPERM);
    const withBpf = kernel.withCaps(1n << BigInt(CAP.BPF), () => kernel.bpf(BPF_CMD.MAP_CREATE, lru));
    expect(withBpf).toBeGreaterThan(2);
    kernel.close(withBpf);
    expect(() =>
      kernel.withCaps(0n, () => {
        throw new Error('body');
      }),
    ).toThrow('body');
    const after = kernel.bpf(BPF_CMD.MAP_CREATE, lru);
    expect(after).toBeGreaterThan(2);
    kernel.close(after);
  });

  it('maps an array, and takes the view away with the mapping', () => {
    const map = { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize: 8, maxEntries: 1, mapFlags: MAP_FLAG.MMAPABLE };
    const mapFd = kernel.bpf(BPF_CMD.MAP_CREATE, map);
    const view = kernel.mmap(mapFd, 4096, 0);
    view.bytes[3] = 9;
    const value = new Uint8Array(8);
    kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: u32(0), value });
    expect(value[3]).toBe(9);
    view.unmap();
    expect(view.bytes[3]).toBe(0);
    view.bytes[3] = 8;
    kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: u32(0), value });
    expect(value[3]).toBe(9);
    expect(() => kernel.mmap(mapFd, 1 << 20, 0)).toThrow(/mmap/);
    kernel.close(mapFd);
  });

  it('waits on a ring buffer until it is told to stop', async () => {
    const mapFd = kernel.bpf(BPF_CMD.MAP_CREATE, {
      mapType: MAP_TYPE.RINGBUF,
      keySize: 0,
      valueSize: 0,
      maxEntries: 4096,
    });
    const stop = new AbortController();
    const waiting = kernel.poll(mapFd, stop.signal);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    kernel.close(mapFd);
  });

  it('refuses a filter on what is not a socket', () => {
    const SO_ATTACH_BPF = 50;
    const fd = openSync('/dev/null', 'r');
    expect(kernel.setsockopt(fd, SO_ATTACH_BPF, 0)).toBe(-88); // ENOTSOCK
    closeSync(fd);
    const ofUserSpace = { place: { ...SOCKET_PLACE, name: 'a socket' }, filter: undefined, locked: false };
    expect(kernel.setsockopt(ofUserSpace, SO_ATTACH_BPF, 0)).toBe(-ERRNO.EBADF);
  });

  it('counts the bytes of each command as the layout table does', async () => {
    const libc = await loadLibc();
    for (const cmd of Object.keys(LAYOUTS).map(Number) as BpfCmd[]) {
      const { end, name } = LAYOUTS[cmd];
      const poke = (at: number): number | undefined => {
        const attr = new Uint8Array(256);
        attr[at] = 1;
        return libc?.bpf(cmd, attr);
      };
      expect(poke(ATTR_SIZE), `${name} after the union`).toBe(-ERRNO.E2BIG);
      if (end < ATTR_SIZE) expect(poke(end), `${name} after its last field`).toBe(-ERRNO.EINVAL);
    }
    expect(
      encodeAttr(0, { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 1 }, new Uint8Array(ATTR_SIZE), () => 0),
    ).toBe(0);
  });

  it('finds types of the kernel by name', () => {
    const BTF_KIND_STRUCT = 4;
    expect(readFileSync('/sys/kernel/btf/vmlinux').length).toBeGreaterThan(1e6);
    expect(findBtfId('task_struct', [BTF_KIND_STRUCT])).toBeGreaterThan(0);
    expect(findBtfId('no_such_struct', [BTF_KIND_STRUCT])).toBeUndefined();
  });
});

describe('where there is no kernel to talk to', () => {
  it('says so in one sentence', async () => {
    const platform = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor;
    Object.defineProperty(process, 'platform', { ...platform, value: 'darwin' });
    try {
      await expect(openLinux()).rejects.toThrow('The linux backend needs a Linux kernel; this is darwin.');
    } finally {
      Object.defineProperty(process, 'platform', platform);
    }
  });
});
