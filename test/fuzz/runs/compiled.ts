/**
 * Programs of object files as program objects: what the loader asks a subsystem for (types, maps with their first contents, one
 * program) is written down.
 */
import { KernelBtf } from '../../../src/btf/index.ts';
import { createKernel } from '../../../src/kernel/index.ts';
import { loadCollectionSpec } from '../../../src/loader/index.ts';
import type { CollectionSpec, ExchangeMap, ProgramObject } from '../../../src/loader/index.ts';
import { LD_IMM64, decode } from '../../../src/isa/index.ts';
import { kernelSetting } from '../../../src/linux/index.ts';
import { kernelBtfSource } from '../../../src/node/index.ts';
import type {
  BpfAttrs,
  BpfCmd,
  BpfSys,
  BtfLoadAttr,
  MapCreateAttr,
  MapElemAttr,
  ProgLoadAttr,
} from '../../../src/sys/index.ts';
import { BPF_CMD, MAP_TYPE_NAMES, PSEUDO } from '../../../src/uapi/index.ts';

const kernelBtf = new KernelBtf(kernelBtfSource());
const NONE = new Uint8Array(0);

/** Everything that was made, in order; descriptors are those of a userspace kernel that verifies only. */
class Recorder {
  readonly #kernel = createKernel({ verifyOnly: true, kernelBtf, kernelSetting });
  readonly #btfs: [fd: number, bytes: Uint8Array][] = [];
  readonly #maps: [fd: number, map: ExchangeMap][] = [];
  program: ProgramObject | undefined;

  readonly sys: BpfSys = {
    backend: this.#kernel.backend,
    possibleCpus: this.#kernel.possibleCpus,
    kernelBtf: this.#kernel.kernelBtf,
    kernelSetting,
    bpf: (cmd, attr) => this.#bpf(cmd, attr),
    close: () => {},
    mmap: (...args) => this.#kernel.mmap(...args),
    poll: (...args) => this.#kernel.poll(...args),
    openPerfEvent: (cpu) => this.#kernel.openPerfEvent(cpu),
    setsockopt: (...args) => this.#kernel.setsockopt(...args),
  };

  #bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
    const result = this.#kernel.bpf(cmd, attr);
    if (result < 0) return result;
    if (cmd === BPF_CMD.BTF_LOAD) this.#btfs.push([result, (attr as BtfLoadAttr).btf.slice()]);
    if (cmd === BPF_CMD.MAP_CREATE) this.#maps.push([result, this.#map(attr as MapCreateAttr)]);
    if (cmd === BPF_CMD.MAP_UPDATE_ELEM) this.#put(attr as MapElemAttr);
    if (cmd === BPF_CMD.MAP_FREEZE) this.#change((attr as MapElemAttr).mapFd, { freeze: true });
    if (cmd === BPF_CMD.PROG_LOAD) this.program = this.#programOf(attr as ProgLoadAttr);
    return result;
  }

  #index(list: readonly (readonly [fd: number, unknown])[], fd: number | undefined): number | undefined {
    const at = list.findIndex(([one]) => one === fd);
    return at < 0 ? undefined : at;
  }

  #map(attr: MapCreateAttr): ExchangeMap {
    return {
      type: attr.mapType,
      typeName: MAP_TYPE_NAMES[attr.mapType],
      keySize: attr.keySize,
      valueSize: attr.valueSize,
      maxEntries: attr.maxEntries,
      mapFlags: attr.mapFlags ?? 0,
      mapExtra: Number(attr.mapExtra ?? 0),
      name: attr.mapName ?? '',
      inner: this.#index(this.#maps, attr.innerMapFd),
      btf: this.#index(this.#btfs, attr.btfFd),
      btfKeyTypeId: attr.btfKeyTypeId ?? 0,
      btfValueTypeId: attr.btfValueTypeId ?? 0,
      btfVmlinuxValueTypeId: 0,
      init: [],
      freeze: false,
    };
  }

  #change(fd: number, change: Partial<ExchangeMap>): void {
    const at = this.#index(this.#maps, fd);
    if (at !== undefined) this.#maps[at] = [fd, { ...this.#maps[at][1], ...change }];
  }

  /** Maps that hold maps are filled by whoever watches the runs. */
  #put({ mapFd, key, value }: MapElemAttr): void {
    const at = this.#index(this.#maps, mapFd);
    if (at === undefined || this.#maps[at][1].inner !== undefined || !key || !value) return;
    this.#change(mapFd, { init: [...this.#maps[at][1].init, [key.slice(), value.slice()]] });
  }

  #programOf(attr: ProgLoadAttr): ProgramObject {
    const mapRefs: [number, number][] = [];
    decode(attr.insns).forEach(({ opcode, src, imm }, slot) => {
      const at = this.#index(this.#maps, imm);
      const isMap = opcode === LD_IMM64 && (src === PSEUDO.MAP_FD || src === PSEUDO.MAP_VALUE);
      if (isMap && at !== undefined) mapRefs.push([slot, at]);
    });
    return {
      name: attr.progName ?? null,
      progType: attr.progType,
      expectedAttachType: attr.expectedAttachType ?? 0,
      license: attr.license,
      progFlags: attr.progFlags ?? 0,
      progName: attr.progName ?? '',
      insns: attr.insns,
      maps: this.#maps.map(([, map]) => map),
      mapRefs,
      progRefs: [],
      btfs: this.#btfs.map(([, bytes]) => bytes),
      progBtf: this.#index(this.#btfs, attr.progBtfFd),
      funcInfo: attr.funcInfo ?? NONE,
      funcInfoRecSize: attr.funcInfoRecSize ?? 8,
      lineInfo: attr.lineInfo ?? NONE,
      lineInfoRecSize: attr.lineInfoRecSize ?? 16,
      attachBtfId: 0,
      kfuncs: [],
      ksyms: [],
      fdArray: [],
      runs: [],
    };
  }
}

export interface Compiled {
  readonly name: string;
  readonly object?: ProgramObject;
  /** Why it cannot be loaded. */
  readonly why?: string;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The programs of an object file; those that skep's verifier accepts have an object. */
export function programsOf(file: Uint8Array): Compiled[] {
  let spec: CollectionSpec;
  try {
    spec = loadCollectionSpec(file);
  } catch (error) {
    return [{ name: '', why: messageOf(error) }];
  }
  return Object.keys(spec.programs).map((name) => {
    const recorder = new Recorder();
    try {
      spec.load(recorder.sys, { programs: [name] });
      return { name, object: recorder.program };
    } catch (error) {
      return { name, why: messageOf(error) };
    }
  });
}
