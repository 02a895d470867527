/**
 * The scalar store: what the verifier knows of each number, as opaque integer handles. Equal knowledge has equal handles,
 * so that states compare by `===`; results are remembered by (operation, a, b), so that a walk which comes by again only
 * looks them up. One store serves one program at a time; `renew` and `reset` make every handle void.
 */
import { ALU } from '../isa/index.ts';
import { alu, pointerOffset, setHalf, spreadSign } from './alu.ts';
import { branchTaken, refine, type Verdict } from './branch.ts';
import { fold, folded } from './constants.ts';
import * as moves from './moves.ts';
import type { Scalar } from './reference/scalar.ts';
import { sync } from './sync.ts';
import {
  anyRange,
  contradiction,
  isExact,
  lessS,
  lessU,
  load,
  lowerS,
  lowerU,
  MASK,
  narrowS32,
  narrowU32,
  raiseS,
  raiseU,
  set64,
  setConstant,
  setUnknown,
  signedOf,
  SMAX,
  SMAX32,
  SMIN,
  SMIN32,
  UMAX,
  UMAX32,
  UMIN,
  UMIN32,
  unsignedOf,
  VALUE,
  WORDS,
  type Words,
} from './words.ts';

/** Ranges to narrow a number to; what is left out stays. */
export type Ranges = Partial<Omit<Scalar, 'tnum'>>;

// Remembered results: direct-mapped, keyed by a tag (operation and generation), a and b; two results each.
const MEMO_SLOTS = 1 << 15;
const MEMO_WORDS = 8;
// Operation numbers within a tag; `alu` and jumps add their own code, below 256, and a bit for the width.
const OP_ALU = 0x200;
const OP_JUMP = 0x400;
const OP_NOT_TAKEN = 0x100;
const OP_32 = 1;
const OP_MOVE = 0x600;
const OP_NARROW = 0x680;
const OP_CONSTANT = 0x700;
const OP_POINTER = 0x740;
/** Tags of one generation. */
const TAGS = 0x800;
/** Generations until the memo is wiped and numbering starts over. */
const GENERATIONS = 0x7fffffff / TAGS;

/** What `#nature` says. */
const EXACT = 1;
const CROSSED = 2;

/** Most scalars that are kept from one program to the next. */
const KEPT = 1 << 13;
/** The hash table a reset keeps. */
const RESET_TABLE = 1 << 14;

export class ScalarStore {
  /** Nothing is known. */
  readonly UNKNOWN = 0;
  readonly ZERO = 1;
  /** Results of the last `refine` or `forks`. */
  outA = 0;
  outB = 0;

  /** All scalars, `WORDS` words each. */
  #words: Words = new Int32Array(256 * WORDS);
  /** Whether a scalar is one number by every measure (EXACT), or contradictory (CROSSED). */
  #nature = new Uint8Array(256);
  #hashes = new Int32Array(256);
  #count = 0;
  /** Open-addressing hash table of handles + 1; at most half full. */
  #table = new Int32Array(1024);
  readonly #memo = new Int32Array(MEMO_SLOTS * MEMO_WORDS);
  #generation = 0;
  readonly #a: Words = new Int32Array(WORDS);
  readonly #b: Words = new Int32Array(WORDS);

  constructor() {
    this.reset();
  }

  /** For another program: what a program knew of numbers holds for the next, until it is too much. Handles are void. */
  renew(): void {
    if (this.#count > KEPT) this.reset();
  }

  /** Forget everything; handles from before are void. */
  reset(): void {
    if (this.#table.length > RESET_TABLE) this.#table = new Int32Array(RESET_TABLE);
    else this.#clearTable();
    this.#count = 0;
    if (++this.#generation >= GENERATIONS) {
      this.#memo.fill(0);
      this.#generation = 1;
    }
    setUnknown(this.#a);
    this.#intern(this.#a);
    this.#number(0, 0);
  }

  /** A few scalars are looked for, many wiped away. */
  #clearTable(): void {
    const table = this.#table;
    if (this.#count * 16 > table.length) {
      table.fill(0);
      return;
    }
    const last = table.length - 1;
    for (let handle = 0; handle < this.#count; handle++) {
      let slot = this.#hashes[handle] & last;
      while (table[slot] !== handle + 1) slot = (slot + 1) & last;
      table[slot] = 0;
    }
  }

  // --- interning ------------------------------------------------------------------------------------------------------

  /** The handle of a draft. */
  #intern(r: Words): number {
    let hash = 0;
    for (let i = 0; i < WORDS; i++) hash = Math.imul(hash ^ r[i], 0x9e3779b1) ^ (hash >>> 13);
    hash ^= hash >>> 15;
    const table = this.#table;
    const last = table.length - 1;
    for (let slot = hash & last; ; slot = (slot + 1) & last) {
      const handle = table[slot] - 1;
      if (handle < 0) return this.#append(r, hash, slot);
      if (this.#equals(r, handle)) return handle;
    }
  }

  #equals(r: Words, handle: number): boolean {
    const words = this.#words;
    const at = handle * WORDS;
    for (let i = 0; i < WORDS; i++) if (words[at + i] !== r[i]) return false;
    return true;
  }

  #append(r: Words, hash: number, slot: number): number {
    const handle = this.#count++;
    if (handle === this.#nature.length) this.#grow();
    this.#words.set(r, handle * WORDS);
    this.#hashes[handle] = hash;
    this.#nature[handle] = isExact(r, 0) ? EXACT : contradiction(r) === '' ? 0 : CROSSED;
    this.#table[slot] = handle + 1;
    if (this.#count * 2 > this.#table.length) this.#rehash();
    return handle;
  }

  #grow(): void {
    const room = this.#nature.length * 2;
    const words = new Int32Array(room * WORDS);
    words.set(this.#words);
    this.#words = words;
    const nature = new Uint8Array(room);
    nature.set(this.#nature);
    this.#nature = nature;
    const hashes = new Int32Array(room);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2);
    const last = table.length - 1;
    for (let handle = 0; handle < this.#count; handle++) {
      let slot = this.#hashes[handle] & last;
      while (table[slot] !== 0) slot = (slot + 1) & last;
      table[slot] = handle + 1;
    }
    this.#table = table;
  }

  /** The handle of a constant; both halves signed. */
  #number(lo: number, hi: number): number {
    const tag = this.#tag(OP_CONSTANT);
    const slot = this.#slot(tag, lo, hi);
    if (this.#remembers(slot, tag, lo, hi)) return this.#memo[slot + 3];
    setConstant(this.#a, lo, hi);
    return this.#remember(slot, tag, lo, hi, this.#intern(this.#a), 0);
  }

  // --- remembering ------------------------------------------------------------------------------------------------------

  /** Where the memo keeps an operation's results: `#remembers` says whether they are there. */
  #slot(tag: number, a: number, b: number): number {
    const h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(tag, 0xc2b2ae35);
    return ((h ^ (h >>> 15)) & (MEMO_SLOTS - 1)) * MEMO_WORDS;
  }
  #remembers(slot: number, tag: number, a: number, b: number): boolean {
    const memo = this.#memo;
    return memo[slot] === tag && memo[slot + 1] === a && memo[slot + 2] === b;
  }
  #remember(slot: number, tag: number, a: number, b: number, first: number, second: number): number {
    const memo = this.#memo;
    memo[slot] = tag;
    memo[slot + 1] = a;
    memo[slot + 2] = b;
    memo[slot + 3] = first;
    memo[slot + 4] = second;
    return first;
  }
  #tag(op: number): number {
    return this.#generation * TAGS + op;
  }

  /** An operation on one number, changed in place in `#a`. */
  #unary(op: number, a: number, argument: number, change: (r: Words, argument: number) => void): number {
    const tag = this.#tag(op);
    const slot = this.#slot(tag, a, argument);
    if (this.#remembers(slot, tag, a, argument)) return this.#memo[slot + 3];
    load(this.#a, this.#words, a * WORDS);
    change(this.#a, argument);
    return this.#remember(slot, tag, a, argument, this.#intern(this.#a), 0);
  }

  // --- numbers ----------------------------------------------------------------------------------------------------------

  /** Exactly this number, signed or unsigned. */
  constant(value: bigint): number {
    return this.#number(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }
  /** Exactly the number of these halves; each any 32-bit integer, signed or unsigned. */
  constant32(lo: number, hi: number): number {
    return this.#number(lo | 0, hi | 0);
  }
  /** Exactly this safe integer, sign-extended. */
  constantNumber(n: number): number {
    return this.#number(n | 0, Math.floor(n / 0x100000000) | 0);
  }
  /** An unknown number of so many bytes, extended by zeros. */
  fromSize(bytes: number): number {
    return this.truncate(this.UNKNOWN, bytes);
  }
  /** An unknown number of so many bytes, extended by its sign. */
  fromSizeSigned(bytes: number): number {
    return bytes === 8 ? this.UNKNOWN : this.movsx(bytes * 8, true, this.UNKNOWN);
  }
  /** The handle of knowledge given as such. */
  intern(s: Scalar): number {
    const r = this.#a;
    const put = (at: number, v: bigint): void =>
      set64(r, at, Number(BigInt.asIntN(32, v)), Number(BigInt.asIntN(32, v >> 32n)));
    put(VALUE, s.tnum.value);
    put(MASK, s.tnum.mask);
    put(SMIN, s.smin);
    put(SMAX, s.smax);
    put(UMIN, s.umin);
    put(UMAX, s.umax);
    r[SMIN32] = Number(s.smin32);
    r[SMAX32] = Number(s.smax32);
    r[UMIN32] = Number(s.umin32);
    r[UMAX32] = Number(s.umax32);
    return this.#intern(r);
  }

  // --- what is known ----------------------------------------------------------------------------------------------------

  /** Whether the tnum is one number. */
  isConst(h: number): boolean {
    return this.#words[h * WORDS + MASK] === 0 && this.#words[h * WORDS + MASK + 1] === 0;
  }
  /** Whether the tnum's lower half is one number. */
  isConst32(h: number): boolean {
    return this.#words[h * WORDS + MASK] === 0;
  }
  /** The lower half of the known bits, signed: the number itself where `isConst32`. */
  low32(h: number): number {
    return this.#words[h * WORDS + VALUE];
  }
  /** Bits that the greatest unsigned value takes: 0 for zero, 64 at most. */
  width(h: number): number {
    const at = h * WORDS + UMAX;
    const hi = this.#words[at + 1];
    return hi !== 0 ? 64 - Math.clz32(hi) : 32 - Math.clz32(this.#words[at]);
  }
  /** The constant, unsigned. */
  constValue(h: number): bigint {
    return this.tnumValue(h);
  }
  /** The constant, signed; NaN beyond 2^53 either way. */
  constNumber(h: number): number {
    const at = h * WORDS + VALUE;
    const n = this.#words[at + 1] * 0x100000000 + (this.#words[at] >>> 0);
    return Math.abs(n) <= 2 ** 53 ? n : NaN;
  }
  tnumValue(h: number): bigint {
    return unsignedOf(this.#words, h * WORDS + VALUE);
  }
  tnumMask(h: number): bigint {
    return unsignedOf(this.#words, h * WORDS + MASK);
  }
  smin(h: number): bigint {
    return signedOf(this.#words, h * WORDS + SMIN);
  }
  smax(h: number): bigint {
    return signedOf(this.#words, h * WORDS + SMAX);
  }
  umin(h: number): bigint {
    return unsignedOf(this.#words, h * WORDS + UMIN);
  }
  umax(h: number): bigint {
    return unsignedOf(this.#words, h * WORDS + UMAX);
  }
  smin32(h: number): number {
    return this.#words[h * WORDS + SMIN32];
  }
  smax32(h: number): number {
    return this.#words[h * WORDS + SMAX32];
  }
  umin32(h: number): number {
    return this.#words[h * WORDS + UMIN32] >>> 0;
  }
  umax32(h: number): number {
    return this.#words[h * WORDS + UMAX32] >>> 0;
  }
  /** Ranges as doubles: exact up to 2^53, rounded outward above. */
  sminN(h: number): number {
    return this.#double(h * WORDS + SMIN, true, false);
  }
  smaxN(h: number): number {
    return this.#double(h * WORDS + SMAX, true, true);
  }
  uminN(h: number): number {
    return this.#double(h * WORDS + UMIN, false, false);
  }
  umaxN(h: number): number {
    return this.#double(h * WORDS + UMAX, false, true);
  }
  #double(at: number, signed: boolean, up: boolean): number {
    const hi = signed ? this.#words[at + 1] : this.#words[at + 1] >>> 0;
    const lo = this.#words[at] >>> 0;
    // Beyond 2^53 a double has no room for the last eleven bits: leave them out, then round.
    if (hi >= -0x200000 && hi < 0x200000) return hi * 0x100000000 + lo;
    const rest = lo & 0x7ff;
    return hi * 0x100000000 + (lo - rest) + (up && rest !== 0 ? 0x800 : 0);
  }
  /** All that is known, in BigInts. */
  scalar(h: number): Scalar {
    return {
      tnum: { value: this.tnumValue(h), mask: this.tnumMask(h) },
      smin: this.smin(h),
      smax: this.smax(h),
      umin: this.umin(h),
      umax: this.umax(h),
      smin32: BigInt(this.smin32(h)),
      smax32: BigInt(this.smax32(h)),
      umin32: BigInt(this.umin32(h)),
      umax32: BigInt(this.umax32(h)),
    };
  }

  // --- arithmetic -------------------------------------------------------------------------------------------------------

  #alu(op: number, is32: boolean, a: number, b: number): number {
    if (this.#nature[a] === EXACT && this.#nature[b] === EXACT) {
      const words = this.#words;
      const at = a * WORDS;
      const by = b * WORDS;
      if (fold(op, is32, words[at], words[at + 1], words[by], words[by + 1])) return this.#number(folded[0], folded[1]);
    }
    const tag = this.#tag(OP_ALU + op + (is32 ? OP_32 : 0));
    const slot = this.#slot(tag, a, b);
    if (this.#remembers(slot, tag, a, b)) return this.#memo[slot + 3];
    alu(this.#a, op, is32, this.#words, a * WORDS, b * WORDS);
    return this.#remember(slot, tag, a, b, this.#intern(this.#a), 0);
  }

  /** `a op= b`, 64 bits; `op` is one of `ALU`, `off` as in the instruction (what it selects is unknown either way). */
  alu64(op: number, _off: number, a: number, b: number): number {
    return this.#alu(op, false, a, b);
  }
  /** `a op= b`, 32 bits, the result extended by zeros; except where the kernel forgets even that, see `alu.ts`. */
  alu32(op: number, _off: number, a: number, b: number): number {
    return this.#alu(op, true, a, b);
  }
  /** The variable offset `a` of a pointer after `pointer op= b` (ADD or SUB). */
  pointerOffset(op: number, a: number, b: number): number {
    const tag = this.#tag(OP_POINTER + op);
    const slot = this.#slot(tag, a, b);
    if (this.#remembers(slot, tag, a, b)) return this.#memo[slot + 3];
    pointerOffset(this.#a, op, this.#words, a * WORDS, b * WORDS);
    return this.#remember(slot, tag, a, b, this.#intern(this.#a), 0);
  }
  neg64(a: number): number {
    return this.#alu(ALU.SUB, false, this.ZERO, a);
  }
  neg32(a: number): number {
    return this.#alu(ALU.SUB, true, this.ZERO, a);
  }
  /**
   * Whether `a op= b` (AND or OR of a constant into 0 or -1) is walked twice: first with `outA` for `a` (-1), and, from the
   * same instruction, with `outB` (0).
   */
  forks(op: number, a: number, b: number): boolean {
    if ((op !== ALU.AND && op !== ALU.OR) || !this.isConst(b)) return false;
    const width = spreadSign(this.#words, a * WORDS);
    if (width === 0) return false;
    this.outA = width === 64 ? this.#number(-1, -1) : this.#withHalf(a, -1);
    this.outB = width === 64 ? this.ZERO : this.#withHalf(a, 0);
    return true;
  }
  #withHalf(a: number, low: number): number {
    load(this.#a, this.#words, a * WORDS);
    setHalf(this.#a, low);
    return this.#intern(this.#a);
  }

  // --- moves ------------------------------------------------------------------------------------------------------------

  /** The low 8, 16 or 32 bits sign-extended into 64, or into 32 and zeros. */
  movsx(bits: number, is64: boolean, a: number): number {
    return is64
      ? this.#unary(OP_MOVE, a, bits, moves.signExtend64)
      : this.#unary(OP_MOVE + 1, a, bits, moves.signExtend32);
  }
  /** The low `bits` (16, 32, 64) with their bytes reversed: `bswap`, and `be` on a little-endian machine. */
  bswap(bits: number, a: number): number {
    return this.#unary(OP_MOVE + 2, a, bits, moves.bswap);
  }
  toBe(bits: number, a: number): number {
    return this.bswap(bits, a);
  }
  /** `le` on a little-endian machine: the low `bits`. All 64 are the number, synced where it was contradictory. */
  toLe(bits: number, a: number): number {
    return bits === 64 ? this.#unary(OP_MOVE + 5, a, 0, sync) : this.truncate(a, bits / 8);
  }
  /** What `wN = wM` leaves. */
  zext32(a: number): number {
    return this.#unary(OP_MOVE + 3, a, 0, moves.zext);
  }
  /** The low `bytes`, extended by zeros: a narrower store or fill. */
  truncate(a: number, bytes: number): number {
    return bytes === 8 ? a : this.#unary(OP_MOVE + 4, a, bytes * 8, moves.truncate);
  }

  // --- jumps ------------------------------------------------------------------------------------------------------------

  /** Whether `if a op b` always (1) or never (0) jumps, or -1; `op` is one of `JMP`. */
  branchTaken(op: number, is32: boolean, a: number, b: number): Verdict {
    return branchTaken(op, is32, this.#words, a * WORDS, b * WORDS);
  }
  /** Both sides after `if a op b` was, or was not, taken: in `outA` and `outB`. */
  refine(op: number, is32: boolean, a: number, b: number, taken: boolean): void {
    const tag = this.#tag(OP_JUMP + op + (is32 ? OP_32 : 0) + (taken ? 0 : OP_NOT_TAKEN));
    const slot = this.#slot(tag, a, b);
    if (this.#remembers(slot, tag, a, b)) {
      this.outA = this.#memo[slot + 3];
      this.outB = this.#memo[slot + 4];
      return;
    }
    load(this.#a, this.#words, a * WORDS);
    load(this.#b, this.#words, b * WORDS);
    refine(op, is32, this.#a, this.#b, taken);
    this.outA = this.#intern(this.#a);
    this.outB = this.#intern(this.#b);
    this.#remember(slot, tag, a, b, this.outA, this.outB);
  }

  /** The number after `if a op a` of one register with itself: in `outA`. The kernel does not know that it is decided. */
  refineSame(op: number, is32: boolean, a: number, taken: boolean): void {
    load(this.#a, this.#words, a * WORDS);
    refine(op, is32, this.#a, this.#a, taken);
    this.outA = this.outB = this.#intern(this.#a);
  }

  // --- comparing and checking -------------------------------------------------------------------------------------------

  /** Every range and the tnum of `cur` lie in those of `old`. */
  within(old: number, cur: number): boolean {
    if (old === cur || old === this.UNKNOWN) return true;
    const m = this.#words;
    const o = old * WORDS;
    const c = cur * WORDS;
    for (let i = 0; i < 2; i++) {
      const unknown = m[o + MASK + i];
      if ((m[c + MASK + i] & ~unknown) !== 0 || m[o + i] !== (m[c + i] & ~unknown)) return false;
    }
    return (
      m[o + SMIN32] <= m[c + SMIN32] &&
      m[o + SMAX32] >= m[c + SMAX32] &&
      m[o + UMIN32] >>> 0 <= m[c + UMIN32] >>> 0 &&
      m[o + UMAX32] >>> 0 >= m[c + UMAX32] >>> 0 &&
      !lessS(m[c + SMIN], m[c + SMIN + 1], m[o + SMIN], m[o + SMIN + 1]) &&
      !lessS(m[o + SMAX], m[o + SMAX + 1], m[c + SMAX], m[c + SMAX + 1]) &&
      !lessU(m[c + UMIN], m[c + UMIN + 1], m[o + UMIN], m[o + UMIN + 1]) &&
      !lessU(m[o + UMAX], m[o + UMAX + 1], m[c + UMAX], m[c + UMAX + 1])
    );
  }
  /**
   * What is contradictory about a number, in the words of the kernel's message `REG INVARIANTS VIOLATION`, or empty. It
   * arises on paths that cannot be, after `refine` or arithmetic; the kernel goes on with `unbounded`.
   */
  violation(h: number): string {
    if (this.#nature[h] !== CROSSED) return '';
    return contradiction(this.#words.subarray(h * WORDS, (h + 1) * WORDS));
  }
  /** Whether a number is contradictory. */
  crossed(h: number): boolean {
    return this.#nature[h] === CROSSED;
  }
  /** Only the tnum kept: what the kernel makes of a contradictory number. */
  unbounded(h: number): number {
    return this.#unary(OP_NARROW, h, 0, anyRange);
  }
  /** Whether the number plus a known offset is known to be a multiple of `size`, a power of two up to 2^31. */
  tnumIsAligned(h: number, extraOffset: number, size: number): boolean {
    const at = h * WORDS;
    const low = size - 1;
    // A carry out of an unknown bit reaches only higher bits: those below the lowest unknown one are a plain sum.
    return (this.#words[at + MASK] & low) === 0 && ((this.#words[at + VALUE] + extraOffset) & low) === 0;
  }

  // --- narrowing --------------------------------------------------------------------------------------------------------

  /** Narrowed to the given ranges. */
  withRange(h: number, ranges: Ranges): number {
    const r = this.#a;
    load(r, this.#words, h * WORDS);
    const ends = (v: bigint): [number, number] => [Number(BigInt.asIntN(32, v)), Number(BigInt.asIntN(32, v >> 32n))];
    if (ranges.smin !== undefined) raiseS(r, SMIN, ...ends(ranges.smin));
    if (ranges.smax !== undefined) lowerS(r, SMAX, ...ends(ranges.smax));
    if (ranges.umin !== undefined) raiseU(r, UMIN, ...ends(ranges.umin));
    if (ranges.umax !== undefined) lowerU(r, UMAX, ...ends(ranges.umax));
    narrowS32(r, Number(ranges.smin32 ?? -0x80000000n), Number(ranges.smax32 ?? 0x7fffffffn));
    narrowU32(r, Number(ranges.umin32 ?? 0n), Number(ranges.umax32 ?? 0xffffffffn));
    sync(r);
    return this.#intern(r);
  }
  /** Narrowed to a tnum. */
  intersectTnum(h: number, value: bigint, mask: bigint): number {
    const r = this.#a;
    load(r, this.#words, h * WORDS);
    for (let i = 0; i < 2; i++) {
      const shift = BigInt(32 * i);
      const both = r[MASK + i] & Number(BigInt.asIntN(32, mask >> shift));
      r[VALUE + i] = (r[VALUE + i] | Number(BigInt.asIntN(32, value >> shift))) & ~both;
      r[MASK + i] = both;
    }
    sync(r);
    return this.#intern(r);
  }
}
