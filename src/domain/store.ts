/**
 * The scalar store: what the verifier knows of each number, as opaque integer handles. Equal knowledge has equal handles,
 * so that states compare by `===`; results of operations are remembered by (operation, a, b). One store per program.
 */
import { tnumIsAligned as isAligned, tnumIntersect } from './reference/tnum.ts';
import { alu, forks, neg } from './reference/alu.ts';
import { branchTaken, refine, type Verdict } from './reference/branch.ts';
import * as ref from './reference/scalar.ts';
import type { Scalar } from './reference/scalar.ts';

const key = (s: Scalar): string =>
  `${s.tnum.value},${s.tnum.mask},${s.smin},${s.smax},${s.umin},${s.umax},${s.smin32},${s.smax32},${s.umin32},${s.umax32}`;

/** Rounds a BigInt to a double that is not greater (`down`) or not less than it. */
function outward(v: bigint, down: boolean): number {
  const n = Number(v);
  if (Number.isSafeInteger(n)) return n;
  const back = BigInt(n);
  if (down ? back <= v : back >= v) return n;
  const ulp = Math.max(1, Math.abs(n) * 2 ** -52);
  return down ? n - ulp : n + ulp;
}

export class ScalarStore {
  readonly UNKNOWN = 0;
  readonly ZERO = 1;
  /** The refined sides of the last `refine`. */
  outA = 0;
  outB = 0;
  #scalars: Scalar[] = [];
  #handles = new Map<string, number>();

  constructor() {
    this.reset();
  }

  /** Forget everything; handles from before are void. */
  reset(): void {
    this.#scalars = [];
    this.#handles = new Map();
    this.intern(ref.unknown());
    this.intern(ref.constant(0n));
  }

  /** The handle of what is known. */
  intern(s: Scalar): number {
    const k = key(s);
    let h = this.#handles.get(k);
    if (h === undefined) {
      h = this.#scalars.push(s) - 1;
      this.#handles.set(k, h);
    }
    return h;
  }

  /** What a handle stands for. */
  scalar(h: number): Scalar {
    return this.#scalars[h];
  }

  /** Exactly this number, signed or unsigned. */
  constant(value: bigint): number {
    return this.intern(ref.constant(value));
  }
  /** Exactly the number of these halves; each any 32-bit integer, signed or unsigned. */
  constant32(lo: number, hi: number): number {
    return this.constant((BigInt(hi | 0) << 32n) | BigInt(lo >>> 0));
  }
  /** Exactly this safe integer, sign-extended. */
  constantNumber(n: number): number {
    return this.constant(BigInt(n));
  }

  isConst(h: number): boolean {
    return ref.isConst(this.#scalars[h]);
  }
  /** The constant, unsigned. */
  constValue(h: number): bigint {
    return this.#scalars[h].tnum.value;
  }
  /** The constant, signed; NaN where a double cannot hold it. */
  constNumber(h: number): number {
    const n = Number(BigInt.asIntN(64, this.#scalars[h].tnum.value));
    return Math.abs(n) <= 2 ** 53 ? n : NaN;
  }

  tnumValue(h: number): bigint {
    return this.#scalars[h].tnum.value;
  }
  tnumMask(h: number): bigint {
    return this.#scalars[h].tnum.mask;
  }
  smin(h: number): bigint {
    return this.#scalars[h].smin;
  }
  smax(h: number): bigint {
    return this.#scalars[h].smax;
  }
  umin(h: number): bigint {
    return this.#scalars[h].umin;
  }
  umax(h: number): bigint {
    return this.#scalars[h].umax;
  }
  smin32(h: number): number {
    return Number(this.#scalars[h].smin32);
  }
  smax32(h: number): number {
    return Number(this.#scalars[h].smax32);
  }
  umin32(h: number): number {
    return Number(this.#scalars[h].umin32);
  }
  umax32(h: number): number {
    return Number(this.#scalars[h].umax32);
  }
  /** Bounds as doubles: exact below 2^53, rounded outward above. */
  sminN(h: number): number {
    return outward(this.#scalars[h].smin, true);
  }
  smaxN(h: number): number {
    return outward(this.#scalars[h].smax, false);
  }
  uminN(h: number): number {
    return outward(this.#scalars[h].umin, true);
  }
  umaxN(h: number): number {
    return outward(this.#scalars[h].umax, false);
  }

  /** An unknown number of so many bytes, extended by zeros. */
  fromSize(bytes: number): number {
    return this.intern(ref.loaded(bytes * 8));
  }
  /** An unknown number of so many bytes, extended by its sign. */
  fromSizeSigned(bytes: number): number {
    return this.intern(ref.signExtend(ref.unknown(), bytes * 8, 64));
  }

  /** `a op= b`, 64 bits; `op` is one of `ALU`, `off` as in the instruction. */
  alu64(op: number, off: number, a: number, b: number): number {
    return this.intern(alu(op, false, off, this.#scalars[a], this.#scalars[b]));
  }
  /** `a op= b`, 32 bits, the result extended by zeros. */
  alu32(op: number, off: number, a: number, b: number): number {
    return this.intern(alu(op, true, off, this.#scalars[a], this.#scalars[b]));
  }
  /**
   * Whether `a op= b` (AND or OR of a constant into 0 or -1) is walked twice: first with `outA` for `a` (-1), and, from the
   * same instruction, with `outB` (0).
   */
  forks(op: number, a: number, b: number): boolean {
    const both = forks(op, this.#scalars[a], this.#scalars[b]);
    if (!both) return false;
    this.outA = this.intern(both[0]);
    this.outB = this.intern(both[1]);
    return true;
  }
  neg64(a: number): number {
    return this.intern(neg(false, this.#scalars[a]));
  }
  neg32(a: number): number {
    return this.intern(neg(true, this.#scalars[a]));
  }
  /** The low 8, 16 or 32 bits sign-extended into 64, or into 32 and zeros. */
  movsx(bits: number, is64: boolean, a: number): number {
    return this.intern(ref.signExtend(this.#scalars[a], bits, is64 ? 64 : 32));
  }
  /** The low `bits` (16, 32, 64) with their bytes reversed: `bswap`, and `be` on a little-endian machine. */
  bswap(bits: number, a: number): number {
    return this.intern(ref.bswap(this.#scalars[a], bits));
  }
  toBe(bits: number, a: number): number {
    return this.bswap(bits, a);
  }
  /** `le` on a little-endian machine: the low `bits`. */
  toLe(bits: number, a: number): number {
    return this.truncate(a, bits / 8);
  }
  /** What `wN = wM` leaves. */
  zext32(a: number): number {
    return this.intern(ref.zext(this.#scalars[a]));
  }
  /** The low `bytes`, extended by zeros: a narrower store or fill. */
  truncate(a: number, bytes: number): number {
    return this.intern(ref.truncate(this.#scalars[a], bytes * 8));
  }

  /** Whether `if a op b` always (1) or never (0) jumps, or -1; `op` is one of `JMP`. */
  branchTaken(op: number, is32: boolean, a: number, b: number): Verdict {
    return branchTaken(op, is32, this.#scalars[a], this.#scalars[b]);
  }
  /** Both sides after `if a op b` was, or was not, taken: in `outA` and `outB`. */
  refine(op: number, is32: boolean, a: number, b: number, taken: boolean): void {
    const [x, y] = refine(op, is32, this.#scalars[a], this.#scalars[b], taken);
    this.outA = this.intern(x);
    this.outB = this.intern(y);
  }

  /** Every bound and the tnum of `cur` lie in those of `old`. */
  within(old: number, cur: number): boolean {
    return old === cur || ref.within(this.#scalars[old], this.#scalars[cur]);
  }
  /** What is contradictory about a number, in the words of the kernel's message, or empty: see `unbounded`. */
  violation(h: number): string {
    return ref.violation(this.#scalars[h]);
  }
  /** Only the tnum kept: what the kernel makes of a contradictory number. */
  unbounded(h: number): number {
    return this.intern(ref.unbounded(this.#scalars[h]));
  }

  /** With the signed ranges, whole and low half, narrowed to at most `max`: what a helper's return teaches. */
  withSignedMax(h: number, max: number): number {
    return this.intern(ref.narrow(this.#scalars[h], { smax: BigInt(max), smax32: BigInt(max) }));
  }
  /** Narrowed to the given ranges. */
  withRange(h: number, bounds: Partial<Omit<Scalar, 'tnum'>>): number {
    return this.intern(ref.narrow(this.#scalars[h], bounds));
  }
  /** Narrowed to a tnum. */
  intersectTnum(h: number, value: bigint, mask: bigint): number {
    const s = this.#scalars[h];
    return this.intern(ref.sync({ ...s, tnum: tnumIntersect(s.tnum, { value, mask }) }));
  }
  /** Whether the number plus `extraOffset` is known to be a multiple of `size`, a power of two. */
  tnumIsAligned(h: number, extraOffset: number, size: number): boolean {
    const s = this.#scalars[h];
    return isAligned(ref.addOffset(s.tnum, BigInt(extraOffset)), BigInt(size));
  }
}
