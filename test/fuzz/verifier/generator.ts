/**
 * The structured generator of programs: fragments of meaning (a bounded loop, a map look-up with its null check, a packet
 * access with its bounds check) are strung together and nested. Most programs are such that Linux accepts them; a
 * program's `care` says how often a fragment leaves out or confuses something it needs.
 *
 * Between fragments every register holds a number, the context (r6) or nothing; a fragment that keeps a pointer while
 * others run inside it makes its register busy.
 */
import { ctxAccess } from '../../../src/contracts/index.ts';
import { ALU, JMP, encode } from '../../../src/isa/index.ts';
import { parseProgramObject } from '../../../src/loader/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import { ATTACH_TYPE, PROG_FLAG, PROG_TYPE, PROG_TYPE_NAMES } from '../../../src/uapi/index.ts';
import { Random } from '../../../src/util/index.ts';
import { ATTACHED } from './attached.ts';
import { recordsOf, toSlots } from './code.ts';
import { FunctionBtf } from '../../function-btf.ts';
import type { Linkage } from '../../function-btf.ts';
import { valueBtf } from '../../value-btf.ts';
import { Emitter } from './emitter.ts';
import type { Label } from './emitter.ts';
import { FRAGMENTS } from './fragments.ts';
import { useDynptr } from './fragments/dynptrs.ts';
import { MEM_PARAM_SIZE, addLines } from './functions.ts';

/** What a fragment is about: counted among the accepted programs. */
export type Topic =
  | 'loop'
  | 'spill'
  | 'call'
  | 'map'
  | 'packet'
  | 'helper'
  | 'atomic'
  | 'context'
  | 'legacy load'
  | 'linked'
  | 'branch'
  | 'reference'
  | 'lock'
  | 'dynptr'
  | 'callback'
  | 'global function'
  | 'map in map'
  | 'kernel object';

export interface Fragment {
  readonly name: string;
  readonly weight: number;
  readonly topic?: Topic;
  /** Whether it can stand here. */
  fits?(g: Generator): boolean;
  write(g: Generator): void;
}

/** A map as the exchange format has it. */
export interface MapJson {
  type: string;
  key_size: number;
  value_size: number;
  max_entries: number;
  map_flags?: number;
  name?: string;
  freeze?: boolean;
  init?: [string, string][];
  /** Index of an earlier map: the shape of those in a map of maps. */
  inner?: number;
  /** What the value has, as value-btf.ts reads it; without it the map has no BTF. */
  fields?: string;
}

/** A load of the context that passes. */
export interface CtxField {
  readonly off: number;
  readonly size: number;
  /** The kind of pointer it gives; undefined for a number. */
  readonly pointer: string | undefined;
}

/** What the program type offers. */
export interface Surroundings {
  readonly progType: number;
  readonly attachType: number;
  readonly numbers: readonly CtxField[];
  readonly pointers: readonly CtxField[];
  readonly writable: readonly CtxField[];
  /** What programs of some types are attached to, by its name in the kernel's BTF. */
  readonly target?: string;
}

const COMMON_TYPES = [PROG_TYPE.SOCKET_FILTER, PROG_TYPE.XDP, PROG_TYPE.SCHED_CLS, PROG_TYPE.TRACEPOINT];
/** Types and the attach type they are loaded with. */
const OTHER_TYPES: readonly (readonly [type: number, attach: number])[] = [
  [PROG_TYPE.KPROBE, 0],
  [PROG_TYPE.SCHED_ACT, 0],
  [PROG_TYPE.PERF_EVENT, 0],
  [PROG_TYPE.CGROUP_SKB, 0],
  [PROG_TYPE.CGROUP_SKB, 1],
  [PROG_TYPE.RAW_TRACEPOINT, 0],
  [PROG_TYPE.LWT_IN, 0],
  [PROG_TYPE.LWT_OUT, 0],
  [PROG_TYPE.LWT_XMIT, 0],
  [PROG_TYPE.LWT_SEG6LOCAL, 0],
  [PROG_TYPE.CGROUP_SOCK, ATTACH_TYPE.CGROUP_INET_SOCK_CREATE],
  [PROG_TYPE.CGROUP_SOCK, ATTACH_TYPE.CGROUP_INET4_POST_BIND],
  [PROG_TYPE.SOCK_OPS, ATTACH_TYPE.CGROUP_SOCK_OPS],
  [PROG_TYPE.SK_SKB, ATTACH_TYPE.SK_SKB_STREAM_VERDICT],
  [PROG_TYPE.CGROUP_DEVICE, ATTACH_TYPE.CGROUP_DEVICE],
  [PROG_TYPE.SK_MSG, ATTACH_TYPE.SK_MSG_VERDICT],
  [PROG_TYPE.RAW_TRACEPOINT_WRITABLE, 0],
  [PROG_TYPE.CGROUP_SOCK_ADDR, ATTACH_TYPE.CGROUP_INET4_CONNECT],
  [PROG_TYPE.CGROUP_SOCK_ADDR, ATTACH_TYPE.CGROUP_INET6_BIND],
  [PROG_TYPE.CGROUP_SOCK_ADDR, ATTACH_TYPE.CGROUP_UDP6_RECVMSG],
  [PROG_TYPE.SK_REUSEPORT, ATTACH_TYPE.SK_REUSEPORT_SELECT],
  [PROG_TYPE.FLOW_DISSECTOR, ATTACH_TYPE.FLOW_DISSECTOR],
  [PROG_TYPE.CGROUP_SYSCTL, ATTACH_TYPE.CGROUP_SYSCTL],
  [PROG_TYPE.CGROUP_SOCKOPT, ATTACH_TYPE.CGROUP_GETSOCKOPT],
  [PROG_TYPE.CGROUP_SOCKOPT, ATTACH_TYPE.CGROUP_SETSOCKOPT],
  [PROG_TYPE.SK_LOOKUP, ATTACH_TYPE.SK_LOOKUP],
];

/** What programs of some places must return. */
const RESULTS: ReadonlyMap<number, ReadonlyMap<number, readonly number[]>> = new Map<number, Map<number, number[]>>([
  [PROG_TYPE.CGROUP_SOCK_ADDR, new Map([[ATTACH_TYPE.CGROUP_UDP6_RECVMSG, [1]]])],
  [PROG_TYPE.TRACING, new Map([[ATTACH_TYPE.TRACE_ITER, [0, 1]]])],
]);

const known = new Map<string, Surroundings>();

function surroundings(progType: number, attachType: number): Surroundings {
  const key = `${progType}/${attachType}`;
  const found = known.get(key);
  if (found) return found;
  const access = ctxAccess(progType, attachType);
  const readable: CtxField[] = [];
  const writable: CtxField[] = [];
  for (let off = 0; off < 256; off++) {
    for (const size of [1, 2, 4, 8]) {
      const field = { off, size, pointer: access?.pointerAt(off) };
      if (access?.canRead(off, size)) readable.push(field);
      if (access?.canWrite(off, size)) writable.push(field);
    }
  }
  const made = {
    progType,
    attachType,
    numbers: readable.filter(({ pointer }) => !pointer),
    pointers: readable.filter(({ pointer }) => pointer),
    writable,
  };
  known.set(key, made);
  return made;
}

// prettier-ignore
const IMMEDIATES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 511, 512, 1000, 4095, 4096, 65535,
  65536, 0x7fffffff, -1, -2, -8, -16, -255, -4096, -0x80000000, -65536];

/** Registers that fragments use for numbers; r6 is the context, r10 the frame. */
const NUMBERS = 0b1110111101;
const CALLER_SAVED = 0b111111;
const MAX_ITEMS = 160;

/** A function that is called, written behind the main program. */
export interface OwnFunction {
  readonly label: Label;
  readonly kind: 'static' | 'global' | 'callback';
  readonly args: readonly ('number' | 'ctx' | 'frame' | 'mem' | 'memory' | 'untrusted' | 'dynptr')[];
  /** Functions are called only from lower levels. */
  readonly level: number;
  /** Writes the body, with the result in r0 and the exit; absent: any fragments. */
  write?(g: Generator): void;
}

/** What a campaign wants of the programs, where it is not what the verifier's wants. */
export interface GeneratorOptions {
  /** All fragments; those of `FRAGMENTS`. */
  readonly fragments?: readonly Fragment[];
  /** Program types and attach types; those of all kinds. */
  readonly types?: readonly (readonly [type: number, attach: number])[];
  /** Helpers, by number, that may be called; all. */
  readonly helpers?: ReadonlySet<number>;
  /** As `Generator.care`: the mistakes; chosen by chance. */
  readonly care?: number;
  /** Writes what comes behind the main program's last fragment. */
  epilogue?(g: Generator): void;
}

export class Generator {
  readonly r: Random;
  readonly options: GeneratorOptions;
  readonly e = new Emitter();
  readonly around: Surroundings;
  readonly maps: MapJson[] = [];
  readonly topics = new Set<Topic>();
  /** Names of the fragments that were written. */
  readonly names = new Set<string>();
  /** Numbers, as a bit mask of registers. */
  live = 0;
  /** Registers that inner fragments leave alone, as a bit mask. */
  busy = 0;
  /** Whether r6 is the context. */
  hasCtx = true;
  depth = 0;
  /** Product of the iterations of the loops around. */
  iterations = 1;
  /** Bodies that are written behind the main program. */
  readonly functions: OwnFunction[] = [];
  readonly btf: FunctionBtf;
  /** Whether something needs BTF of the functions. */
  needsBtf = false;
  /** Result of the function that is written: undefined for any. */
  #results: readonly number[] | undefined;
  /** How deep the function being written may be called. */
  level = 0;
  /** One mistake in so many chances; 0 = none. */
  readonly care: number;
  #out: Label | undefined;

  constructor(random: Random, options: GeneratorOptions = {}) {
    this.r = random;
    this.options = options;
    const { types } = options;
    const [type, attach] = types?.length
      ? random.pick(types)
      : this.chance(85)
        ? [random.pick(COMMON_TYPES), 0]
        : random.pick(OTHER_TYPES);
    this.around = !types && this.chance(8) ? random.pick(ATTACHED) : surroundings(type, attach);
    this.btf = new FunctionBtf(PROG_TYPE_NAMES[this.around.progType]);
    this.#results = RESULTS.get(this.around.progType)?.get(this.around.attachType);
    this.care = options.care ?? random.pick([0, 0, 0, 0, 60, 40, 25, 10]);
  }

  chance(percent: number): boolean {
    return this.r.below(100) < percent;
  }

  /** Whether to make a mistake here. */
  oops(): boolean {
    return this.care > 0 && this.r.oneIn(this.care);
  }

  imm(): number {
    const kind = this.r.below(10);
    if (kind < 6) return this.r.pick(IMMEDIATES);
    if (kind < 8) return this.r.below(2000) - 1000;
    return ((1 << this.r.below(32)) + this.r.below(3) - 1) * (this.chance(50) ? 1 : -1);
  }

  #pickBit(mask: number): number {
    const regs = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((reg) => (mask >> reg) & 1);
    return regs.length ? this.r.pick(regs) : -1;
  }

  /** A register that holds a number. */
  number(): number {
    if (this.oops()) return this.r.below(11);
    const reg = this.#pickBit(this.live & ~this.busy);
    return reg >= 0 ? reg : this.fresh();
  }

  /** A number that a call does not take away. */
  savedNumber(): number {
    const reg = this.#pickBit(this.live & ~this.busy & ~CALLER_SAVED);
    if (reg >= 0) return reg;
    const free = this.#pickBit(NUMBERS & ~this.busy & ~CALLER_SAVED);
    if (free < 0) return this.number();
    this.loadNumber(free);
    return free;
  }

  /** A register to write a number to. */
  target(): number {
    if (this.oops()) return this.r.below(11);
    const reg = this.#pickBit(NUMBERS & ~this.busy);
    return reg >= 0 ? reg : 0;
  }

  /** A register for a pointer, not to be used by inner fragments; give it back with `release`. */
  scratch(saved = false): number {
    const free = NUMBERS & ~this.busy & ~1;
    const reg = this.#pickBit(saved && free & ~CALLER_SAVED ? free & ~CALLER_SAVED : free);
    this.hold(reg < 0 ? 5 : reg);
    return reg < 0 ? 5 : reg;
  }

  hold(reg: number): void {
    this.busy |= 1 << reg;
    this.live &= ~(1 << reg);
  }

  release(...regs: number[]): void {
    for (const reg of regs) this.busy &= ~(1 << reg);
  }

  isNumber(reg: number): void {
    this.live |= (1 << reg) & NUMBERS & ~this.busy;
  }

  isNothing(reg: number): void {
    this.live &= ~(1 << reg);
  }

  /** A register with a new number. */
  fresh(): number {
    const reg = this.target();
    this.loadNumber(reg);
    return reg;
  }

  loadNumber(reg: number): void {
    const { e, r } = this;
    const kind = r.below(100);
    const field = this.hasCtx && this.around.numbers.length > 0 && r.pick(this.around.numbers);
    if (kind < 30 || !field) {
      if (kind < 24) e.mov(reg, this.imm());
      else e.alu(ALU.MOV, reg, this.imm(), false);
    } else if (kind < 36) e.imm64(reg, (BigInt(r.u32()) << 32n) | BigInt(r.pick([r.u32(), 0, 0xffffffff])));
    else e.load(field.size, reg, 6, field.off);
    this.isNumber(reg);
  }

  /** Multiples of `unit` below the frame pointer, mostly near it. */
  slot(bytes = 8, unit = bytes): number {
    const far = this.chance(3) ? 512 : 72;
    const slots = Math.max(1, Math.floor((far - bytes) / unit));
    const off = -bytes - unit * this.r.below(slots);
    return this.oops() ? off + this.r.pick([1, -1, 3, bytes, 512, -512]) : off;
  }

  /** Index of a map that has the property; made with `make` where there is none yet or now and then. */
  map(fits: (map: MapJson) => boolean, make: () => MapJson): number {
    const found = this.maps.flatMap((map, i) => (fits(map) ? [i] : []));
    if (found.length && !this.chance(15)) return this.r.pick(found);
    if (this.maps.length >= 6 && found.length) return this.r.pick(found);
    return this.maps.push(make()) - 1;
  }

  /** What is left after a helper: r0 and the saved registers. */
  call(helper: number): void {
    this.e.call(helper);
    this.live &= ~CALLER_SAVED;
  }

  /** Where a check that fails may go: the program's end. */
  out(): Label {
    return (this.#out ??= this.e.label());
  }

  /** `body` may be skipped by jumps to `end`. */
  skippable(end: Label, body: () => void): void {
    const before = this.live;
    body();
    this.e.bind(end);
    this.live &= before;
  }

  /** Make the number in `reg` at most `max`; a branch that finds more goes to `out`. */
  bound(reg: number, max: number, out = this.out()): void {
    const { e, r } = this;
    if (this.oops()) return;
    const limit = this.oops() ? max + r.pick([1, -1, 8]) : max;
    const mask = 2 ** Math.floor(Math.log2(limit + 1)) - 1;
    switch (r.below(9)) {
      case 0:
      case 1:
      case 2:
        e.alu(ALU.AND, reg, mask, this.chance(70));
        break;
      case 3:
        e.branch(JMP.JGT, reg, limit, out);
        break;
      case 4:
        e.branch(JMP.JGE, reg, limit + 1, out);
        break;
      case 5:
        e.branch(JMP.JSGT, reg, limit, out);
        if (!this.oops()) e.branch(JMP.JSLT, reg, 0, out);
        break;
      case 6:
        e.aluX(ALU.MOV, reg, reg, false);
        e.branch(JMP.JGT, reg, limit, out, !this.chance(50));
        break;
      case 7: {
        const inside = e.label();
        e.branch(r.pick([JMP.JLE, JMP.JLT]), reg, limit, inside);
        e.jump(out);
        e.bind(inside);
        break;
      }
      default:
        if (this.chance(50)) e.alu(ALU.MOD, reg, limit + 1);
        else e.alu(ALU.RSH, reg, 64 - Math.floor(Math.log2(limit + 1)));
    }
  }

  /** Go to `isNull` if the pointer in `reg` is null, in one of the ways to ask. */
  nullCheck(reg: number, isNull: Label): void {
    const { e, r } = this;
    if (this.oops()) return;
    const kind = r.below(20);
    if (kind < 10) e.branch(JMP.JEQ, reg, 0, isNull);
    else if (kind < 14) {
      const found = e.label();
      e.branch(JMP.JNE, reg, 0, found);
      e.jump(isNull);
      e.bind(found);
    } else if (kind < 17) {
      // Through a copy: what it learns holds for the original.
      const twin = this.scratch();
      e.copy(twin, reg);
      e.branch(JMP.JEQ, this.chance(50) ? twin : reg, 0, isNull);
      this.release(twin);
    } else if (kind < 19) {
      const zero = this.scratch();
      e.mov(zero, 0);
      if (this.chance(50)) e.branchX(JMP.JEQ, zero, reg, isNull);
      else e.branchX(JMP.JEQ, reg, zero, isNull);
      this.release(zero);
    } else e.branch(r.pick([JMP.JEQ, JMP.JGT, JMP.JLE]), reg, r.pick([0, 1]), isNull, this.chance(50));
  }

  /** Write `count` fragments, fewer where the program has grown long. */
  block(count: number): void {
    this.depth++;
    for (let i = 0; i < count && this.e.items.length < MAX_ITEMS; i++) this.#fragment();
    this.depth--;
  }

  #fragment(): void {
    const fitting = (this.options.fragments ?? FRAGMENTS).filter((one) => !one.fits || one.fits(this));
    let at = this.r.below(fitting.reduce((sum, { weight }) => sum + weight, 0));
    const fragment = fitting.find(({ weight }) => (at -= weight) < 0) as Fragment;
    if (fragment.topic) this.topics.add(fragment.topic);
    this.names.add(fragment.name);
    fragment.write(this);
  }

  /** The whole program. */
  write(): void {
    const { e } = this;
    e.beginFunction(this.#describe('main', 'global', ['ctx']));
    e.copy(6, 1);
    for (const reg of [0, 2, 3, 4, 5, 7, 8, 9]) if (this.chance(60)) this.loadNumber(reg);
    this.block(2 + this.r.below(this.r.pick([3, 6, 10])));
    this.options.epilogue?.(this);
    this.#finish();
    this.#results = undefined;
    for (let i = 0; i < this.functions.length; i++) this.#writeFunction(this.functions[i]);
  }

  #describe(name: string, linkage: Linkage, params: readonly string[]): number {
    const id = this.btf.add(name, linkage, params);
    if (id === undefined) throw new Error(`no parameters ${params.join(', ')}`);
    return id;
  }

  #finish(): void {
    const { e } = this;
    const small = this.#results ?? [0, 1, this.around.progType === PROG_TYPE.CGROUP_SOCK_ADDR ? 1 : 2];
    if (!this.oops()) e.mov(0, this.chance(90) || this.#results ? this.r.pick(small) : this.imm());
    if (this.#out?.jumps.length) {
      e.exit();
      e.bind(this.#out);
      e.mov(0, this.#results?.[0] ?? 0);
    }
    e.exit();
    this.#out = undefined;
  }

  #writeFunction({ label, kind, args, level, write }: OwnFunction): void {
    const { e } = this;
    this.level = level;
    this.live = this.busy = this.depth = 0;
    this.iterations = 16;
    const mem = `mem:${MEM_PARAM_SIZE}`;
    const param = {
      number: 'u64',
      ctx: 'ctx',
      frame: mem,
      mem,
      memory: `${mem}/nonnull`,
      untrusted: 'ptr:u64/untrusted',
      dynptr: 'ptr:struct:bpf_dynptr',
    } as const;
    const params = args.map((one) => param[one]);
    const name = `f${this.functions.findIndex((one) => one.label === label) + 2}`;
    e.beginFunction(this.#describe(name, kind === 'global' && !this.oops() ? 'global' : 'static', params));
    e.bind(label);
    this.hasCtx = args[0] === 'ctx';
    if (write) return write(this);
    if (this.hasCtx) e.copy(6, 1);
    args.forEach((one, n) => one === 'number' && this.isNumber(n + 1));
    if (args[0] === 'dynptr') this.hold(1);
    args.forEach((one, n) => this.#useArgument(one, n + 1));
    if (args[0] === 'dynptr') this.#useDynptr();
    this.#results = kind === 'callback' && !this.oops() ? [0, 1] : undefined;
    this.block(1 + this.r.below(4));
    if (!this.#results && !this.oops()) e.mov(0, this.imm());
    this.#finish();
  }

  /** Memory that a function was given: of the caller's frame, or (for a global function) perhaps null. */
  #useArgument(kind: OwnFunction['args'][number], reg: number): void {
    const { e } = this;
    if (kind === 'frame') {
      this.hold(reg);
      if (!this.oops()) e.store(8, reg, this.chance(80) ? -8 : 0, this.fresh());
      if (this.chance(50)) e.load(8, this.fresh(), reg, -8);
      this.release(reg);
    } else if (kind === 'mem') {
      const end = e.label();
      this.hold(reg);
      if (!this.oops()) e.branch(JMP.JEQ, reg, 0, end);
      this.skippable(end, () => {
        const off = this.oops() ? this.r.pick([16, 9, -1]) : this.r.pick([0, 8]);
        if (this.chance(50)) e.load(8, this.fresh(), reg, off);
        else e.store(8, reg, off, this.fresh());
      });
      this.release(reg);
    } else if (kind === 'memory' || kind === 'untrusted') {
      this.hold(reg);
      const off = this.r.pick([0, 8, ...(this.oops() || kind === 'untrusted' ? [16, -1] : [])]);
      if (kind === 'untrusted' && this.chance(30)) e.aluX(ALU.ADD, reg, this.fresh());
      if (this.chance(80)) e.load(8, this.fresh(), reg, off);
      else if (kind === 'memory' || this.oops()) e.store(8, reg, off, this.fresh());
      this.release(reg);
    }
  }

  /** The dynptr that a callback was given. */
  #useDynptr(): void {
    const kept = this.scratch(true);
    this.e.copy(kept, 1);
    this.release(1);
    for (let uses = this.r.below(3); uses > 0; uses--) useDynptr(this, (arg) => this.e.copy(arg, kept));
    this.release(kept);
  }
}

export interface Generated {
  readonly object: ProgramObject;
  readonly topics: ReadonlySet<Topic>;
  /** Names of the fragments it is made of. */
  readonly names: ReadonlySet<string>;
}

const FLAGS: readonly (readonly [percent: number, flag: number])[] = [
  [15, PROG_FLAG.TEST_STATE_FREQ],
  [4, PROG_FLAG.STRICT_ALIGNMENT],
  [2, PROG_FLAG.TEST_REG_INVARIANTS],
  [2, PROG_FLAG.ANY_ALIGNMENT],
];

/** The program of a seed, with two runs for types that can be run. */
export function generate(seed: number, name = String(seed), options: GeneratorOptions = {}): Generated {
  const random = new Random(seed);
  const g = new Generator(random, options);
  g.write();
  const { items } = g.e;
  const withLines = random.below(100) < 8;
  if (withLines) addLines(g.btf, items, random);
  const { insns, mapRefs } = toSlots(items);
  const { progType, attachType, target } = g.around;
  const btfs: string[] = [];
  const maps = g.maps.map((map) => withBtf(map, btfs));
  const records = (g.needsBtf || withLines) && recordsOf(items);
  const prog_btf = records ? btfs.push(Buffer.from(g.btf.bytes()).toString('base64')) - 1 : undefined;
  const object = parseProgramObject({
    name,
    prog_type: PROG_TYPE_NAMES[progType],
    expected_attach_type: attachType,
    attach_btf: target,
    license: random.below(100) < 95 ? 'GPL' : random.pick(['MIT', 'Proprietary', 'Dual BSD/GPL', '']),
    prog_flags: FLAGS.reduce((bits, [percent, flag]) => (random.below(100) < percent ? bits | flag : bits), 0),
    insns: Buffer.from(encode(insns)).toString('hex'),
    maps,
    btfs,
    ...(records && {
      prog_btf,
      func_info: Buffer.from(records.funcInfo).toString('hex'),
      line_info: Buffer.from(records.lineInfo).toString('hex'),
    }),
    map_refs: mapRefs,
    runs: [0, 1].map(() => ({ data: Buffer.from(random.bytes(64 + random.below(64))).toString('hex') })),
  });
  return { object, topics: g.topics, names: g.names };
}

/** The map with the BTF of its value, which joins the object's. */
function withBtf({ fields, ...map }: MapJson, btfs: string[]): object {
  const built = fields === undefined ? undefined : valueBtf(fields, map.value_size);
  if (!built) return map;
  const { btf, key, value } = built;
  const index = btfs.push(Buffer.from(btf).toString('base64')) - 1;
  return { ...map, btf: index, btf_key_type_id: key, btf_value_type_id: value };
}
