/** The verifier alone behind the seam, for tests of verdicts only: maps have no elements, programs do not run. */
import type { MapDesc } from '../src/contracts/index.ts';
import { ERRNO } from '../src/errors/index.ts';
import { decode } from '../src/isa/index.ts';
import type { BpfSys, MapCreateAttr, MapElemAttr, ProgLoadAttr } from '../src/sys/index.ts';
import { BPF_CMD } from '../src/uapi/index.ts';
import { verify } from '../src/verifier/index.ts';

class VerifierOnly implements BpfSys {
  readonly backend = 'userspace';
  readonly possibleCpus = 1;
  readonly #caps: bigint;
  readonly #maps = new Map<number, { desc: MapDesc & { frozen: boolean }; values: Uint8Array }>();
  #next = 3;

  constructor(caps: bigint) {
    this.#caps = caps;
  }

  bpf: BpfSys['bpf'] = (cmd, attr) => {
    if (cmd === BPF_CMD.MAP_CREATE) return this.#createMap(attr as MapCreateAttr);
    if (cmd === BPF_CMD.PROG_LOAD) return this.#load(attr as ProgLoadAttr);
    const { mapFd, key, value } = attr as MapElemAttr;
    const map = this.#maps.get(mapFd);
    if (cmd === BPF_CMD.MAP_FREEZE && map) map.desc.frozen = true;
    else if (cmd !== BPF_CMD.MAP_UPDATE_ELEM || !map) return -ERRNO.ENOTSUPP;
    else if (map.values.length && key && value)
      map.values.set(value, new DataView(key.buffer, key.byteOffset).getUint32(0, true) * map.desc.valueSize);
    return 0;
  };

  #createMap(attr: MapCreateAttr): number {
    const isArray = attr.mapType === 2;
    const values = new Uint8Array(isArray ? attr.valueSize * attr.maxEntries : 0);
    const desc = {
      type: attr.mapType,
      keySize: attr.keySize,
      valueSize: attr.valueSize,
      maxEntries: attr.maxEntries,
      flags: attr.mapFlags ?? 0,
      name: attr.mapName ?? '',
      frozen: false,
      readFrozen: (offset: number, size: number) =>
        isArray && offset + size <= values.length ? values.subarray(offset, offset + size) : undefined,
    };
    this.#maps.set(this.#next, { desc, values });
    return this.#next++;
  }

  #load(attr: ProgLoadAttr): number {
    const result = verify({
      insns: decode(attr.insns),
      progType: attr.progType,
      expectedAttachType: attr.expectedAttachType ?? 0,
      progFlags: attr.progFlags ?? 0,
      license: attr.license,
      caps: this.#caps,
      mapOf: (fd) => this.#maps.get(fd)?.desc,
      fdArray: attr.fdArray,
      logLevel: attr.logLevel ?? 0,
    });
    const log =
      !result.ok && result.unsupported ? `${result.log}unsupported by skep: ${result.unsupported}\n` : result.log;
    const bytes = new TextEncoder().encode(`${log}\0`);
    attr.logTrueSize = bytes.length;
    if (attr.logBuf && bytes.length <= attr.logBuf.length) attr.logBuf.set(bytes);
    return result.ok ? this.#next++ : -result.errno;
  }

  close(): void {}
  mmap(): never {
    throw new Error('not here');
  }
  poll(): Promise<void> {
    return Promise.resolve();
  }
  setsockopt(): number {
    return -ERRNO.ENOTSUPP;
  }
}

export function verifierOnly(caps = (1n << 64n) - 1n): BpfSys {
  return new VerifierOnly(caps);
}
