/**
 * Runs program objects: sets up their BTF and maps, loads the program, runs it, and answers as JSON in the shape
 * of the exchange format. Speaks only to `BpfSys`: the same object on user space and on Linux.
 *
 * An answer's `verdict` is `accept`, `reject` (`errno` and `reason` say why), `setup-failed` (no verdict: a malformed
 * object, or a map or BTF that could not be made) or `unsupported` (the construct is named: never a guess).
 */
import { ERRNO, errnoName, UnsupportedError } from '../errors/index.ts';
import { encode, SLOT } from '../isa/index.ts';
import type { BpfSys, ProgLoadAttr } from '../sys/index.ts';
import { BPF_CMD, BPF_OBJ_NAME_LEN } from '../uapi/index.ts';
import { toHex } from './exchange-hex.ts';
import { reasonOf, statsOf } from './exchange-log.ts';
import type { LogStats } from './exchange-log.ts';
import { dumpMap, fillMap } from './exchange-map.ts';
import type { ExchangeMap, ExchangeRun, ProgramObject } from './exchange-object.ts';

/** Who loads and runs the objects. */
export interface ExchangeBackend {
  /**
   * Call `body` with a subsystem whose caller holds the capabilities of `caps` (bits; undefined: all). Nothing of an
   * earlier call can be seen in it.
   */
  with<T>(caps: bigint | undefined, body: (sys: BpfSys) => T): T;
  /**
   * Id of the first type of that name and one of these kinds in the kernel's BTF, or undefined. A backend without it, or
   * that throws UnsupportedError, answers `unsupported` to objects that name kernel functions or types.
   */
  btfId?(name: string, kinds: readonly number[]): number | undefined;
}

export interface ExchangeOptions {
  /** Level bits of the log; BASIC and STATS. */
  readonly logLevel?: number;
  /** Put the log into the answer. */
  readonly fullLog?: boolean;
  /** Run accepted programs. */
  readonly run?: boolean;
  /** Capability bits that no object may hold. */
  readonly withoutCaps?: bigint;
  /** Raw BTF of an object's `@name`. @throws an error whose message says what is wrong. */
  readBtf?(name: string): Uint8Array;
}

export interface ExchangeRunAnswer {
  errno: number;
  retval: number;
  /** Hexadecimal; empty where the run failed. */
  data_out: string;
  ctx_out: string;
  /** Keys and values in hexadecimal, per map of the object; empty for maps whose values are not plain bytes. */
  maps_out: (readonly [key: string, value: string])[][];
  /** Set when a map has more elements than are shown. */
  maps_out_truncated?: true;
  nsec: number;
}

export interface ExchangeAnswer extends LogStats {
  name: string | null;
  file?: unknown;
  verdict: 'accept' | 'reject' | 'setup-failed' | 'unsupported';
  errno?: number;
  reason: string[];
  /** What went wrong without changing the verdict. */
  warnings?: string[];
  log_truncated?: true;
  log?: string;
  runs?: ExchangeRunAnswer[];
}

/** The object could not be set up: there is no verdict. */
class SetupError extends Error {
  readonly unsupported: boolean;
  constructor(message: string, unsupported = false) {
    super(message);
    this.unsupported = unsupported;
  }
}

/** Of no cost until it is written to. A log that is longer loses its beginning. */
const LOG_SIZE = 64 << 20;
const UNSUPPORTED = 'unsupported by skep: ';

/** Kinds of BTF types, in the order in which a name is looked up. */
const KINDS = { kfunc: [12], ksym: [14, 12], attach: [12, 8, 4] } as const;

const decoder = new TextDecoder();

const messageOf = (error: unknown): string =>
  error instanceof UnsupportedError ? error.construct : error instanceof Error ? error.message : String(error);

/** Answers one object after the other; holds the log buffer for all of them. */
export class ExchangeRunner {
  readonly #backend: ExchangeBackend;
  readonly #options: ExchangeOptions;
  readonly #logBuf = new Uint8Array(LOG_SIZE);

  constructor(backend: ExchangeBackend, options: ExchangeOptions = {}) {
    this.#backend = backend;
    this.#options = options;
  }

  /** Never throws: what goes wrong is in the answer. */
  answer(object: ProgramObject): ExchangeAnswer {
    const { withoutCaps } = this.#options;
    const caps = withoutCaps === undefined ? object.caps : (object.caps ?? (1n << 64n) - 1n) & ~withoutCaps;
    const head = { name: object.name, ...(object.file !== undefined && { file: object.file }) };
    try {
      return { ...head, ...this.#backend.with(caps, (sys) => this.#load(object, sys)) };
    } catch (error) {
      const message = messageOf(error);
      if (error instanceof UnsupportedError || (error instanceof SetupError && error.unsupported))
        return { ...head, verdict: 'unsupported', errno: ERRNO.ENOTSUPP, reason: [UNSUPPORTED + message] };
      return { ...head, verdict: 'setup-failed', reason: [message] };
    }
  }

  #load(object: ProgramObject, sys: BpfSys): Omit<ExchangeAnswer, 'name'> {
    const setup = new Setup(object, sys, this.#backend, this.#options);
    try {
      const attr = setup.prepare();
      const fd = this.#progLoad(sys, attr);
      if (fd >= 0) setup.own(fd);
      const answer = this.#verdict(sys, attr, fd);
      if (setup.warnings.length) answer.warnings = setup.warnings;
      if (fd >= 0 && this.#options.run) answer.runs = object.runs.map((run) => setup.run(fd, run));
      return answer;
    } finally {
      setup.close();
    }
  }

  #progLoad(sys: BpfSys, attr: ProgLoadAttr): number {
    attr.logLevel = this.#options.logLevel ?? 5;
    if (attr.logLevel) {
      this.#logBuf[0] = 0;
      attr.logBuf = this.#logBuf;
      attr.logTrueSize = 0;
    }
    return sys.bpf(BPF_CMD.PROG_LOAD, attr);
  }

  #verdict(sys: BpfSys, attr: ProgLoadAttr, fd: number): Omit<ExchangeAnswer, 'name'> {
    const log = attr.logLevel ? this.#logText(attr.logTrueSize ?? 0) : '';
    const answer: Omit<ExchangeAnswer, 'name'> = {
      errno: fd < 0 ? -fd : 0,
      verdict: fd < 0 ? 'reject' : 'accept',
      reason: fd < 0 ? reasonOf(log) : [],
      ...statsOf(log),
    };
    const unsupported = fd === -ERRNO.ENOTSUPP && sys.backend !== 'linux' && unsupportedLine(log);
    if (unsupported !== false) {
      answer.verdict = 'unsupported';
      answer.reason = unsupported ? [unsupported] : [];
    }
    if ((attr.logTrueSize ?? 0) > this.#logBuf.length) answer.log_truncated = true;
    if (this.#options.fullLog) answer.log = log;
    return answer;
  }

  #logText(trueSize: number): string {
    const written = Math.min(trueSize || this.#logBuf.length, this.#logBuf.length);
    const end = this.#logBuf.subarray(0, written).indexOf(0);
    return decoder.decode(this.#logBuf.subarray(0, end < 0 ? written : end));
  }
}

/** The line that names what skep does not know; '' where there is no log; false for a plain refusal with that errno. */
function unsupportedLine(log: string): string | false {
  if (!log) return '';
  const line = log.split('\n').findLast((text) => text.startsWith(UNSUPPORTED));
  return line ?? false;
}

/** One object's descriptors, from its BTF to its program. */
class Setup {
  readonly warnings: string[] = [];
  readonly #object: ProgramObject;
  readonly #sys: BpfSys;
  readonly #backend: ExchangeBackend;
  readonly #options: ExchangeOptions;
  readonly #fds: number[] = [];
  #maps: number[] = [];
  #btfs: number[] = [];

  constructor(object: ProgramObject, sys: BpfSys, backend: ExchangeBackend, options: ExchangeOptions) {
    this.#object = object;
    this.#sys = sys;
    this.#backend = backend;
    this.#options = options;
  }

  /** The descriptor is closed with the others. */
  own(fd: number): number {
    this.#fds.push(fd);
    return fd;
  }

  close(): void {
    while (this.#fds.length) this.#sys.close(this.#fds.pop() as number);
  }

  /** Makes everything the program refers to. @throws SetupError */
  prepare(): ProgLoadAttr {
    const object = this.#object;
    this.#btfs = object.btfs.map((btf) => this.#loadBtf(btf));
    for (const map of object.maps) this.#maps.push(this.#createMap(map, this.#maps.length));
    for (const [map, index, returns] of object.progRefs) this.#fillProgArray(map, index, returns);
    const insns = this.#resolveInsns();
    return {
      progType: object.progType,
      insns,
      license: object.license,
      progFlags: object.progFlags,
      progName: object.progName.slice(0, BPF_OBJ_NAME_LEN - 1),
      expectedAttachType: object.expectedAttachType,
      progBtfFd: object.progBtf === undefined ? 0 : this.#btfs[object.progBtf],
      ...(object.funcInfo.length && { funcInfo: object.funcInfo, funcInfoRecSize: object.funcInfoRecSize }),
      ...(object.lineInfo.length && { lineInfo: object.lineInfo, lineInfoRecSize: object.lineInfoRecSize }),
      attachBtfId: object.attachBtf ? this.#btfId('attach_btf', object.attachBtf, KINDS.attach) : object.attachBtfId,
      ...(object.fdArray.length && {
        fdArray: object.fdArray.map(([kind, i]) => (kind === 'map' ? this.#maps : this.#btfs)[i]),
      }),
    };
  }

  /** The program's slots with descriptors and BTF ids in their immediates. */
  #resolveInsns(): Uint8Array {
    const { insns, mapRefs, kfuncs, ksyms } = this.#object;
    if (!mapRefs.length && !kfuncs.length && !ksyms.length) return insns;
    const resolved = insns.slice();
    const view = new DataView(resolved.buffer);
    for (const [slot, map] of mapRefs) view.setInt32(slot * SLOT + 4, this.#maps[map], true);
    for (const [slot, name] of kfuncs) view.setInt32(slot * SLOT + 4, this.#btfId('kfunc', name, KINDS.kfunc), true);
    for (const [slot, name] of ksyms) view.setInt32(slot * SLOT + 4, this.#btfId('ksym', name, KINDS.ksym), true);
    return resolved;
  }

  #btfId(what: string, name: string, kinds: readonly number[]): number {
    if (!this.#backend.btfId) throw new SetupError(`${what} ${name}`, true);
    const id = this.#backend.btfId(name, kinds);
    if (id === undefined) throw new SetupError(`no ${name} in vmlinux BTF`);
    return id;
  }

  /** A descriptor, or the right error: what user space does not know yet is not a failure of the object. */
  #made(result: number, command: string, unknown: string): number {
    if (result >= 0) return this.own(result);
    if (result === -ERRNO.ENOTSUPP && this.#sys.backend !== 'linux') throw new SetupError(unknown, true);
    throw new SetupError(`${command}: ${errnoName(result)}`);
  }

  #loadBtf(btf: Uint8Array | string): number {
    const bytes = typeof btf === 'string' ? this.#readBtf(btf) : btf;
    return this.#made(this.#sys.bpf(BPF_CMD.BTF_LOAD, { btf: bytes }), 'btf_load', 'BTF');
  }

  #readBtf(name: string): Uint8Array {
    if (!this.#options.readBtf) throw new SetupError(`BTF @${name}: no folder for BTF is given`);
    return this.#options.readBtf(name);
  }

  #createMap(map: ExchangeMap, index: number): number {
    const result = this.#sys.bpf(BPF_CMD.MAP_CREATE, {
      mapType: map.type,
      keySize: map.keySize,
      valueSize: map.valueSize,
      maxEntries: map.maxEntries,
      mapFlags: map.mapFlags,
      mapExtra: map.mapExtra,
      mapName: map.name.slice(0, BPF_OBJ_NAME_LEN - 1),
      innerMapFd: map.inner === undefined ? 0 : this.#maps[map.inner],
      btfFd: map.btf === undefined ? 0 : this.#btfs[map.btf],
      btfKeyTypeId: map.btfKeyTypeId,
      btfValueTypeId: map.btfValueTypeId,
      btfVmlinuxValueTypeId: map.btfVmlinuxValueTypeId,
    });
    const fd = this.#made(result, `map_create type ${map.typeName}`, `map type ${map.typeName}`);
    for (const problem of fillMap(this.#sys, fd, map)) this.warnings.push(`maps[${index}]: ${problem}`);
    return fd;
  }

  /** A program of the same type that returns a number, in the array's slot. */
  #fillProgArray(map: number, index: number, returns: number): void {
    const insns = encode([
      { opcode: 0xb7, dst: 0, src: 0, off: 0, imm: returns },
      { opcode: 0x95, dst: 0, src: 0, off: 0, imm: 0 },
    ]);
    const { progType } = this.#object;
    const loaded = this.#sys.bpf(BPF_CMD.PROG_LOAD, { progType, insns, license: 'GPL' });
    if (loaded < 0 && loaded !== -ERRNO.ENOTSUPP) throw new SetupError(`ret_prog: errno ${-loaded}`);
    const fd = this.#made(loaded, 'ret_prog', `prog_refs of program type ${progType}`);
    const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
    const error = this.#sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd: this.#maps[map], key: u32(index), value: u32(fd) });
    if (error === -ERRNO.ENOTSUPP && this.#sys.backend !== 'linux')
      throw new SetupError(`elements of map type ${this.#object.maps[map].typeName}`, true);
    if (error) this.warnings.push(`prog_refs: maps[${map}][${index}]: ${errnoName(error)}`);
  }

  run(progFd: number, run: ExchangeRun): ExchangeRunAnswer {
    const { data, ctx } = run;
    const attr = {
      progFd,
      ...(data.length && { dataIn: data, dataOut: new Uint8Array(Math.max(4096, data.length + 1024)) }),
      ...(ctx && { ctxIn: ctx, ctxOut: new Uint8Array(ctx.length) }),
      repeat: run.repeat,
      flags: run.flags,
      cpu: run.cpu,
      retval: 0,
      duration: 0,
      dataSizeOut: 0,
      ctxSizeOut: 0,
    };
    const result = this.#sys.bpf(BPF_CMD.PROG_TEST_RUN, attr);
    const out = (bytes: Uint8Array | undefined, size: number): string =>
      result === 0 && bytes ? toHex(bytes.subarray(0, size)) : '';
    const answer: ExchangeRunAnswer = {
      errno: result < 0 ? -result : 0,
      retval: attr.retval,
      data_out: out(attr.dataOut, attr.dataSizeOut),
      ctx_out: out(attr.ctxOut, attr.ctxSizeOut),
      maps_out: [],
      nsec: attr.duration,
    };
    this.#object.maps.forEach((map, i) => {
      const { elements, truncated } = dumpMap(this.#sys, this.#maps[i], map);
      answer.maps_out.push(elements);
      if (truncated) answer.maps_out_truncated = true;
    });
    return answer;
  }
}

/** The answer to what is not a program object at all. */
export function malformed(line: number, problem: string): ExchangeAnswer {
  return { name: null, verdict: 'setup-failed', reason: [`line ${line}: ${problem}`] };
}
