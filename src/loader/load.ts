/**
 * From a CollectionSpec to live objects, in libbpf's order: BTF, maps with their first contents, programs. Speaks only to
 * the seam. What fails closes everything made so far.
 */
import type { KernelBtf } from '../btf/index.ts';
import { encodeFuncInfo, encodeLineInfo, FUNC_INFO_SIZE, LINE_INFO_SIZE } from '../btf/index.ts';
import { isNeverLoaded } from '../contracts/index.ts';
import { BpfError, ERRNO, UnsupportedError, VerifierError } from '../errors/index.ts';
import { encode } from '../isa/index.ts';
import type { BpfSys, MapCreateAttr, ProgLoadAttr } from '../sys/index.ts';
import { BPF_CMD, BPF_OBJ_NAME_LEN, MAP_TYPE, MAP_TYPE_NAMES, PSEUDO } from '../uapi/index.ts';
import { attachPoint } from './attach.ts';
import { Collection } from './collection.ts';
import { relocateCore } from './core.ts';
import { configContents } from './kconfig.ts';
import { LiveMap } from './live-map.ts';
import { Program } from './program.ts';
import { record } from './record.ts';
import type { CollectionSpec, MapSpec, ProgramSpec } from './spec.ts';
import { summariseLog } from './verifier-log.ts';

export interface LoadOptions {
  /** Level of the verifier's log, kept as `program.log`; default 0, none. A refused program has one of level 1 anyway. */
  logLevel?: number;
  /** Settings of the kernel for variables of `.kconfig`, as text (`y`, `250`, `"lz4"`); the others are the backend's. */
  kconfig?: Readonly<Record<string, string>>;
  /**
   * Names of the programs to load, whether autoloaded or not; only the maps they use are made. Default: all that are
   * autoloaded, and all maps.
   */
  programs?: readonly string[];
}

/** Map types whose keys and values the kernel does not let BTF describe. */
const WITHOUT_BTF: ReadonlySet<number> = new Set([
  MAP_TYPE.PERF_EVENT_ARRAY,
  MAP_TYPE.CGROUP_ARRAY,
  MAP_TYPE.STACK_TRACE,
  MAP_TYPE.ARRAY_OF_MAPS,
  MAP_TYPE.HASH_OF_MAPS,
  MAP_TYPE.DEVMAP,
  MAP_TYPE.DEVMAP_HASH,
  MAP_TYPE.CPUMAP,
  MAP_TYPE.XSKMAP,
  MAP_TYPE.SOCKMAP,
  MAP_TYPE.SOCKHASH,
  MAP_TYPE.QUEUE,
  MAP_TYPE.STACK,
  MAP_TYPE.ARENA,
  MAP_TYPE.PROG_ARRAY,
]);

/** First log buffer, and the largest the kernel takes, in bytes. */
const LOG_SIZE = 1 << 16;
const MAX_LOG_SIZE = (1 << 30) - 1;
/** -EAGAIN means that a pending signal interrupted verification. */
const MAX_TRIES = 5;

export function loadCollection(spec: CollectionSpec, sys: BpfSys, options: LoadOptions): Collection {
  const programs = choosePrograms(spec, options.programs);
  const maps = chooseMaps(spec, options.programs && programs);
  checkSupported(spec, programs, sys.kernelBtf);
  const loader = new Loader(spec, sys, options);
  try {
    for (const [key, map] of maps) loader.createMap(key, map);
    for (const [key, map] of maps) loader.putMaps(key, map);
    for (const program of programs) loader.loadProgram(program);
    for (const [key, map] of maps) loader.putPrograms(key, map);
    return loader.collection();
  } catch (error) {
    loader.closeAll();
    throw error;
  }
}

function choosePrograms(spec: CollectionSpec, names: readonly string[] | undefined): ProgramSpec[] {
  if (names === undefined) return Object.values(spec.programs).filter((program) => program.autoload);
  return names.map((name) => {
    const program = spec.programs[name];
    if (program === undefined)
      throw new RangeError(`no program ${name}; there are: ${Object.keys(spec.programs).join(', ') || 'none'}`);
    return program;
  });
}

function chooseMaps(spec: CollectionSpec, users: readonly ProgramSpec[] | undefined): [string, MapSpec][] {
  const used = users && new Set(users.flatMap((program) => program.references.map((reference) => reference.map)));
  // Maps nest one deep.
  for (const key of [...(used ?? [])]) {
    const map = spec.maps[key];
    if (map?.inner) for (const name of map.slots.values()) used?.add(name);
  }
  return Object.entries(spec.maps).filter(([key]) => used === undefined || used.has(key));
}

function checkSupported(spec: CollectionSpec, programs: readonly ProgramSpec[], types: KernelBtf | undefined): void {
  for (const program of programs) {
    const { name, section } = program;
    if (program.unsupported.length > 0) throw new UnsupportedError(`program ${name}: ${program.unsupported[0]}`);
    if (program.type === 0)
      throw new UnsupportedError(
        `section '${section}' of program ${name}: it names no program type; set the spec’s type`,
      );
    attachPoint(program, types);
    relocateCore([...program.insns], program.coreRelos, spec.btf, types, name);
  }
}

/** What was made so far, and how each next thing is made. */
class Loader {
  readonly #spec: CollectionSpec;
  readonly #sys: BpfSys;
  readonly #options: LoadOptions;
  readonly #logLevel: number;
  /** -1: the object has none, or the kernel did not take it. */
  readonly #btfFd: number;
  readonly #maps = record<LiveMap>();
  readonly #programs = record<Program>();

  constructor(spec: CollectionSpec, sys: BpfSys, options: LoadOptions) {
    this.#spec = spec;
    this.#sys = sys;
    this.#options = options;
    this.#logLevel = options.logLevel ?? 0;
    // A kernel that knows less BTF than the compiler still runs the programs.
    this.#btfFd = spec.btf === undefined ? -1 : sys.bpf(BPF_CMD.BTF_LOAD, { btf: spec.btf.bytes });
  }

  collection(): Collection {
    return new Collection(this.#sys, this.#programs, this.#maps, this.#btfFd);
  }

  closeAll(): void {
    this.collection().close();
  }

  createMap(key: string, spec: MapSpec): void {
    const attr = this.#mapAttr(spec);
    if (spec.inner) attr.innerMapFd = this.#create(`${key}, those in it`, this.#mapAttr(spec.inner));
    let fd: number;
    try {
      fd = this.#create(key, attr);
    } finally {
      if (attr.innerMapFd !== undefined) this.#sys.close(attr.innerMapFd);
    }
    this.#maps[key] = new LiveMap(this.#sys, fd, { ...spec, maxEntries: attr.maxEntries }, this.#spec.btf);
    this.#fill(key, spec, fd);
  }

  #create(what: string, attr: MapCreateAttr): number {
    let fd = this.#sys.bpf(BPF_CMD.MAP_CREATE, attr);
    if (fd < 0 && attr.btfFd !== undefined) {
      // As libbpf: types that the kernel does not like do not keep the map from being made.
      fd = this.#sys.bpf(BPF_CMD.MAP_CREATE, { ...attr, btfFd: undefined, btfKeyTypeId: 0, btfValueTypeId: 0 });
    }
    if (fd < 0) throw new BpfError(fd, 'BPF_MAP_CREATE', `map ${what}: ${mapShape(attr)}`);
    return fd;
  }

  /** What the slots of a map of maps hold at the start. */
  putMaps(key: string, spec: MapSpec): void {
    if (!spec.inner) return;
    for (const [slot, name] of spec.slots) {
      const map = this.#maps[name];
      if (map === undefined) throw new RangeError(`map ${key} holds map ${name}, which is not in the spec`);
      this.#put(key, slot, map.fd);
    }
  }

  /** What a program array holds at the start, as far as it was loaded. */
  putPrograms(key: string, spec: MapSpec): void {
    if (spec.inner) return;
    for (const [slot, name] of spec.slots) {
      const program = this.#programs[name];
      if (program !== undefined) this.#put(key, slot, program.fd);
    }
  }

  #put(key: string, slot: number, fd: number): void {
    const [index, value] = [slot, fd].map((word) => new Uint8Array(Uint32Array.of(word).buffer));
    const result = this.#sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd: this.#maps[key].fd, key: index, value });
    if (result < 0) throw new BpfError(result, 'BPF_MAP_UPDATE_ELEM', `slot ${slot} of map ${key}`);
  }

  #mapAttr(spec: MapSpec): MapCreateAttr {
    const attr: MapCreateAttr = {
      mapType: spec.type,
      keySize: spec.keySize,
      valueSize: spec.valueSize,
      maxEntries: maxEntriesOf(spec, this.#sys),
      mapFlags: spec.flags,
      mapName: spec.name.slice(0, BPF_OBJ_NAME_LEN - 1),
    };
    if (spec.numaNode) attr.numaNode = spec.numaNode;
    if (spec.extra) attr.mapExtra = spec.extra;
    if (this.#btfFd >= 0 && (spec.keyType || spec.valueType) && !WITHOUT_BTF.has(spec.type)) {
      attr.btfFd = this.#btfFd;
      attr.btfKeyTypeId = spec.keyType;
      attr.btfValueTypeId = spec.valueType;
    }
    return attr;
  }

  #fill(key: string, spec: MapSpec, fd: number): void {
    const { freeze, valueSize, config } = spec;
    const contents = config ? configContents(config, (name) => this.#setting(name)) : spec.contents;
    if (contents !== undefined) {
      if (contents.length !== valueSize)
        throw new RangeError(`map ${key}: contents of ${contents.length} bytes for a value of ${valueSize}`);
      const update = this.#sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd: fd, key: new Uint8Array(4), value: contents });
      if (update < 0) throw new BpfError(update, 'BPF_MAP_UPDATE_ELEM', `first contents of map ${key}`);
    }
    const frozen = freeze ? this.#sys.bpf(BPF_CMD.MAP_FREEZE, { mapFd: fd }) : 0;
    if (frozen < 0) throw new BpfError(frozen, 'BPF_MAP_FREEZE', `map ${key}`);
  }

  /** A setting of the kernel, as text. */
  #setting(name: string): string | undefined {
    const { kconfig = {} } = this.#options;
    return Object.hasOwn(kconfig, name) ? kconfig[name] : this.#sys.kernelSetting?.(name);
  }

  loadProgram(spec: ProgramSpec): void {
    const attr = this.#progAttr(spec);
    if (this.#logLevel > 0) attr.logLevel = this.#logLevel;
    let fd = loadWithLog(this.#sys, attr);
    if (fd < 0 && this.#logLevel === 0) {
      attr.logLevel = 1;
      fd = loadWithLog(this.#sys, attr);
    }
    const log = logText(attr);
    if (fd < 0) throw loadError(spec, fd, log, this.#sys.backend);
    this.#programs[spec.name] = new Program(this.#sys, fd, spec, log);
  }

  #progAttr(spec: ProgramSpec): ProgLoadAttr {
    const attr: ProgLoadAttr = {
      progType: spec.type,
      insns: encode(this.#resolved(spec)),
      license: spec.license,
      kernVersion: spec.kernVersion,
      progFlags: spec.flags,
      progName: spec.name.slice(0, BPF_OBJ_NAME_LEN - 1),
    };
    const { attachBtfId, expectedAttachType } = attachPoint(spec, this.#sys.kernelBtf);
    attr.expectedAttachType = expectedAttachType;
    if (attachBtfId) attr.attachBtfId = attachBtfId;
    if (this.#btfFd >= 0 && spec.funcInfo.length > 0) {
      attr.progBtfFd = this.#btfFd;
      attr.funcInfoRecSize = FUNC_INFO_SIZE;
      attr.funcInfo = encodeFuncInfo(spec.funcInfo);
      attr.lineInfoRecSize = LINE_INFO_SIZE;
      attr.lineInfo = encodeLineInfo(spec.lineInfo);
    }
    return attr;
  }

  /** The instructions with descriptors in the place of maps. */
  #resolved(spec: ProgramSpec): ProgramSpec['insns'] {
    const insns = [...spec.insns];
    relocateCore(insns, spec.coreRelos, this.#spec.btf, this.#sys.kernelBtf, spec.name);
    for (const { insn, map, valueOffset } of spec.references) {
      const live = this.#maps[map];
      if (live === undefined) throw new RangeError(`program ${spec.name} uses map ${map}, which is not in the spec`);
      const src = valueOffset === undefined ? PSEUDO.MAP_FD : PSEUDO.MAP_VALUE;
      insns[insn] = { ...insns[insn], src, imm: live.fd };
      if (valueOffset !== undefined) insns[insn + 1] = { ...insns[insn + 1], imm: valueOffset };
    }
    return insns;
  }
}

const PAGE = 4096;

/** Sizes that libbpf fills in: one slot a CPU for perf events, whole pages in powers of two for ring buffers. */
function maxEntriesOf({ type, maxEntries }: MapSpec, sys: BpfSys): number {
  if (type === MAP_TYPE.PERF_EVENT_ARRAY && maxEntries === 0) return sys.possibleCpus;
  if ((type === MAP_TYPE.RINGBUF || type === MAP_TYPE.USER_RINGBUF) && maxEntries > 0 && maxEntries <= 2 ** 31)
    return Math.max(PAGE, 2 ** Math.ceil(Math.log2(maxEntries)));
  return maxEntries;
}

function mapShape({ mapType, keySize, valueSize, maxEntries, mapFlags }: MapCreateAttr): string {
  return `type ${MAP_TYPE_NAMES[mapType] ?? mapType}, key ${keySize} bytes, value ${valueSize} bytes, at most ${maxEntries}, flags 0x${(mapFlags ?? 0).toString(16)}`;
}

/** PROG_LOAD with a log buffer that grows until the log fits. */
function loadWithLog(sys: BpfSys, attr: ProgLoadAttr): number {
  for (let tries = 0, size = LOG_SIZE; ;) {
    if (attr.logLevel) attr.logBuf = new Uint8Array(size);
    attr.logTrueSize = 0;
    const fd = sys.bpf(BPF_CMD.PROG_LOAD, attr);
    if (fd === -ERRNO.EAGAIN && ++tries < MAX_TRIES) continue;
    if (fd !== -ERRNO.ENOSPC || !attr.logLevel || size >= MAX_LOG_SIZE) return fd;
    size = Math.min(MAX_LOG_SIZE, Math.max(size * 2, attr.logTrueSize));
  }
}

function logText({ logBuf, logLevel }: ProgLoadAttr): string {
  if (!logLevel || logBuf === undefined) return '';
  const end = logBuf.indexOf(0);
  return new TextDecoder().decode(logBuf.subarray(0, end < 0 ? logBuf.length : end));
}

function loadError(spec: ProgramSpec, errno: number, log: string, backend: string): BpfError {
  const { summary, insn, stats } = summariseLog(log);
  if (log === '' && errno !== -ERRNO.ENOTSUPP) {
    const never = backend === 'userspace' && isNeverLoaded(spec.type, spec.expectedAttachType);
    const why = never ? ': the kernel of this profile loads no fentry, fexit, fmod_ret, lsm and freplace programs' : '';
    return new BpfError(errno, 'BPF_PROG_LOAD', `program ${spec.name}${why}`);
  }
  return new VerifierError(errno, summary === '' ? 'refused without a log' : summary, log, insn, stats, spec.name);
}
