/**
 * A check of a kernel's level-2 log of a program of `scalar-programs.ts` against the scalar store: every register state
 * that the log prints must be what the store computes, every jump must be decided alike, and every contradiction that the
 * kernel reports must be the store's.
 */
import { ScalarStore } from '../../src/domain/index.ts';
import { ALU, CLASS, JMP, LD_IMM64, MODE, SRC, type Instruction } from '../../src/isa/index.ts';

interface Fields {
  tnumValue: bigint;
  tnumMask: bigint;
  smin: bigint;
  smax: bigint;
  umin: bigint;
  umax: bigint;
  smin32: bigint;
  smax32: bigint;
  umin32: bigint;
  umax32: bigint;
}

const UNKNOWN: Fields = {
  tnumValue: 0n,
  tnumMask: (1n << 64n) - 1n,
  smin: -(1n << 63n),
  smax: (1n << 63n) - 1n,
  umin: 0n,
  umax: (1n << 64n) - 1n,
  smin32: -(1n << 31n),
  smax32: (1n << 31n) - 1n,
  umin32: 0n,
  umax32: (1n << 32n) - 1n,
};

const number = (text: string): bigint => (text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text));

/** A printed number: `7`, `scalar()`, `scalar(id=1,smin=umin=3,var_off=(0x0; 0xff))`; undefined for anything else. */
function parseScalar(text: string): bigint | Fields | undefined {
  if (/^-?(0x)?[0-9a-f]+$/.test(text)) return number(text);
  const inside = /^P?scalar\((.*)\)$/.exec(text)?.[1];
  if (inside === undefined) return undefined;
  const fields: Fields = { ...UNKNOWN };
  const offset = /var_off=\((0x[0-9a-f]+); (0x[0-9a-f]+)\)/.exec(inside);
  if (offset) {
    fields.tnumValue = number(offset[1]);
    fields.tnumMask = number(offset[2]);
  }
  for (const group of inside.replace(/,?var_off=\(.*\)/, '').split(',')) {
    const names = group.split('=');
    const value = names.pop()!;
    for (const name of names) {
      if (!(name in fields)) continue;
      const bits = name.endsWith('32') ? 32 : 64;
      fields[name as keyof Fields] = name.startsWith('s') ? BigInt.asIntN(bits, number(value)) : number(value);
    }
  }
  return fields;
}

/** `R1=…` of a printed state. */
function parseRegisters(text: string): Map<number, string> {
  const out = new Map<number, string>();
  for (const m of text.matchAll(/R(\d+)(?:_\w+)?=((?:[^\s(]|\((?:[^()]|\([^()]*\))*\))+)/g))
    out.set(Number(m[1]), m[2]);
  return out;
}

/** The store's numbers in the order and manner in which the log prints them, for comparing and for showing. */
function describe(store: ScalarStore, h: number): string {
  if (store.isConst(h)) return String(BigInt.asIntN(64, store.constValue(h)));
  return show({
    tnumValue: store.tnumValue(h),
    tnumMask: store.tnumMask(h),
    smin: store.smin(h),
    smax: store.smax(h),
    umin: store.umin(h),
    umax: store.umax(h),
    smin32: BigInt(store.smin32(h)),
    smax32: BigInt(store.smax32(h)),
    umin32: BigInt(store.umin32(h)),
    umax32: BigInt(store.umax32(h)),
  });
}

function show(f: bigint | Fields | undefined): string {
  if (f === undefined) return 'not a number';
  if (typeof f === 'bigint') return String(BigInt.asIntN(64, f));
  return `u64=[${f.umin}, ${f.umax}] s64=[${f.smin}, ${f.smax}] u32=[${f.umin32}, ${f.umax32}] s32=[${f.smin32}, ${f.smax32}] bits=(0x${f.tnumValue.toString(16)}; 0x${f.tnumMask.toString(16)})`;
}

export interface Difference {
  readonly pc: number;
  readonly line: string;
  readonly problem: string;
  /** The store's registers before. */
  readonly before: string;
}

/** One text of all differences, or undefined. */
export function explain(differences: readonly Difference[]): string | undefined {
  if (differences.length === 0) return undefined;
  return differences.map(({ line, problem, before }) => `${line}\n  ${problem}\n  before:\n    ${before}`).join('\n');
}

const signed = (insn: Instruction): boolean => (insn.opcode & 0xe0) === MODE.MEMSX;
const BYTES = [4, 2, 1, 8];

/** Walks a program as the log does. */
class Model {
  readonly store = new ScalarStore();
  regs: (number | undefined)[] = [];
  slot = 0;
  /** Messages that the log must show next. */
  complaints: string[] = [];
  readonly pending: { target: number; regs: (number | undefined)[] }[] = [];
  readonly insns: readonly Instruction[];
  constructor(insns: readonly Instruction[]) {
    this.insns = insns;
  }
  source(insn: Instruction): number {
    return insn.opcode & SRC.X ? this.regs[insn.src]! : this.store.constantNumber(insn.imm);
  }
  /** Executes one; answers the next slot, or -1 at an exit. */
  step(pc: number): number {
    const insn = this.insns[pc];
    const { store, regs } = this;
    const cls = insn.opcode & 7;
    const bytes = BYTES[(insn.opcode >> 3) & 3];
    if (insn.opcode === LD_IMM64) {
      regs[insn.dst] = store.constant32(insn.imm, this.insns[pc + 1].imm);
      return pc + 2;
    }
    if (cls === CLASS.LDX) {
      if (insn.off === -16) regs[insn.dst] = this.checked('ldx', store.truncate(this.slot, bytes));
      else regs[insn.dst] = signed(insn) ? store.fromSizeSigned(bytes) : store.fromSize(bytes);
    } else if (cls === CLASS.STX) this.slot = regs[insn.src]!;
    else if (cls === CLASS.ALU || cls === CLASS.ALU64)
      regs[insn.dst] = this.checked('alu', this.arithmetic(pc, insn, cls === CLASS.ALU64));
    else if ((insn.opcode & 0xf0) === JMP.EXIT) return -1;
    else return this.jump(pc, insn, cls === CLASS.JMP32);
    return pc + 1;
  }
  arithmetic(pc: number, insn: Instruction, wide: boolean): number {
    const { store, regs } = this;
    const op = insn.opcode & 0xf0;
    const a = regs[insn.dst]!;
    if (op === ALU.MOV) {
      const b = this.source(insn);
      if (insn.off) return store.movsx(insn.off, wide, b);
      return wide ? b : store.zext32(b);
    }
    if (op === ALU.NEG) return wide ? store.neg64(a) : store.neg32(a);
    if (op === ALU.END)
      return wide ? store.bswap(insn.imm, a) : insn.opcode & 8 ? store.toBe(insn.imm, a) : store.toLe(insn.imm, a);
    const b = this.source(insn);
    if (store.forks(op, a, b)) {
      const other = regs.slice();
      other[insn.dst] = store.outB;
      this.pending.push({ target: pc, regs: other });
      return this.binary(op, insn.off, wide, store.outA, b);
    }
    return this.binary(op, insn.off, wide, a, b);
  }
  binary(op: number, off: number, wide: boolean, a: number, b: number): number {
    const { store } = this;
    return wide ? store.alu64(op, off, a, b) : store.alu32(op, off, a, b);
  }
  jump(pc: number, insn: Instruction, is32: boolean): number {
    const { store, regs } = this;
    const op = insn.opcode & 0xf0;
    const a = regs[insn.dst]!;
    const b = this.source(insn);
    const target = pc + 1 + insn.off;
    const taken = store.branchTaken(op, is32, a, b);
    if (taken >= 0) return taken ? target : pc + 1;
    const same = (insn.opcode & SRC.X) !== 0 && insn.src === insn.dst;
    const other = regs.slice();
    const assign = (into: (number | undefined)[], which: string): void => {
      const outB = store.outB;
      into[insn.dst] = this.checked(`${which}_reg1`, store.outA);
      const second = this.checked(`${which}_reg2`, same ? into[insn.dst]! : outB);
      if (insn.opcode & SRC.X) into[insn.src] = second;
    };
    this.refine(same, op, is32, a, b, true);
    assign(other, 'true');
    this.pending.push({ target, regs: other });
    this.refine(same, op, is32, a, b, false);
    assign(regs, 'false');
    return pc + 1;
  }
  refine(same: boolean, op: number, is32: boolean, a: number, b: number, taken: boolean): void {
    if (same) this.store.refineSame(op, is32, a, taken);
    else this.store.refine(op, is32, a, b, taken);
  }
  /** The kernel's answer to a contradiction: it says so and forgets the ranges. */
  checked(where: string, h: number): number {
    const { store } = this;
    const problem = store.violation(h);
    if (problem === '') return h;
    const hex = (v: bigint | number): string => `0x${BigInt.asUintN(64, BigInt(v)).toString(16)}`;
    const hex32 = (v: number): string => `0x${(v >>> 0).toString(16)}`;
    this.complaints.push(
      `verifier bug: REG INVARIANTS VIOLATION (${where}): ${problem} u64=[${hex(store.umin(h))}, ${hex(store.umax(h))}]` +
        ` s64=[${hex(store.smin(h))}, ${hex(store.smax(h))}] u32=[${hex32(store.umin32(h))}, ${hex32(store.umax32(h))}]` +
        ` s32=[${hex32(store.smin32(h))}, ${hex32(store.smax32(h))}] var_off=(${hex(store.tnumValue(h))}, ${hex(store.tnumMask(h))})`,
    );
    return store.unbounded(h);
  }
}

/** Every difference between the log and the store; after one, the log's registers are taken over where it shows them. */
export function compareLog(insns: readonly Instruction[], log: string): Difference[] {
  const m = new Model(insns);
  const out: Difference[] = [];
  let expected = 0;
  let compared = 0;
  let started = false;
  for (const line of log.split('\n')) {
    if (line.startsWith('verifier bug')) {
      const ours = m.complaints.shift();
      if (ours !== line) return [...out, { pc: expected, line, problem: `the store says ${ours}`, before: '' }];
      continue;
    }
    started ||= line.startsWith('0: R1=ctx');
    const from = /^from (\d+) to (\d+): (.*)$/.exec(line);
    const insn = /^(\d+): \([0-9a-f]{2}\) (?:[^;]*)(?:; (.*))?$/.exec(line);
    const state = /^(\d+): (R.*|safe)$/.exec(line);
    if (!started || (!from && !insn && !state)) continue;
    const pc = Number(insn ? insn[1] : state ? state[1] : from![2]);
    const text = (insn ? insn[2] : state ? state[2] : from![3]) ?? '';
    const before = m.regs.map((h, i) => `R${i} ${h === undefined ? '-' : describe(m.store, h)}`).join('\n    ');
    if (from) {
      const next = m.pending.pop();
      if (next?.target !== pc) return [...out, { pc, line, problem: `expected a path to ${next?.target}`, before }];
      m.regs = next.regs;
      expected = pc;
    } else if (insn) {
      if (pc !== expected) return [...out, { pc, line, problem: `expected to be at ${expected}`, before }];
      if (m.complaints.length) return [...out, { pc, line, problem: `expected ${m.complaints[0]}`, before }];
      expected = m.step(pc);
    }
    if (text === 'safe') continue;
    for (const [reg, printed] of parseRegisters(text)) {
      const h = m.regs[reg];
      const theirs = parseScalar(printed);
      if (theirs === undefined || h === undefined) continue;
      compared++;
      const ours = describe(m.store, h);
      if (ours !== show(theirs)) {
        out.push({ pc, line, problem: `R${reg}\n  kernel ${show(theirs)}\n  store  ${ours}`, before });
        if (typeof theirs === 'bigint') m.regs[reg] = m.store.constant(theirs);
        else m.regs[reg] = m.store.intern({ ...theirs, tnum: { value: theirs.tnumValue, mask: theirs.tnumMask } });
      }
    }
  }
  if (compared < 3) out.push({ pc: 0, line: '', problem: `only ${compared} states in the log`, before: '' });
  if (m.pending.length) out.push({ pc: 0, line: '', problem: 'the kernel left a path out', before: '' });
  return out;
}
