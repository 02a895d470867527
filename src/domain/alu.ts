/**
 * Arithmetic, as Linux 6.18 follows it: tnum, whole ranges and half ranges each by their own rule, then synced; a 32-bit
 * result is made of the lower half alone.
 *
 * - ADD, SUB: an unsigned range stays if both ends wrap or neither does; a signed one if neither does.
 * - MUL: an unsigned range if the greatest product fits, a signed one if all four do; tnum by long multiplication.
 * - AND, OR, XOR: unsigned ranges from the tnum and the operands' ends; signed ones are those where they cross no sign.
 * - LSH, RSH, ARSH by a known amount within the width. LSH: unsigned if no bit is lost; 64-bit by exactly 32: signed, from
 *   the half's signed range (`<< 32` then `s>> 32` is a sign extension). RSH: unsigned only. ARSH: signed only.
 * - DIV, MOD, other shifts: unknown, all 64 bits of it even for a 32-bit operation.
 * - A pointer's variable offset moves by its whole ranges alone; an unsigned one stays only if neither end wraps.
 * - NEG is 0 - x. AND and OR of a constant into 0 or -1 are walked in both cases (`forks`).
 */
import { ALU } from '../isa/index.ts';
import { zeroExtendHalf } from './moves.ts';
import { sync } from './sync.ts';
import {
  anyRange64,
  anyS32,
  anyS64,
  anyU32,
  anyU64,
  lessS,
  lessU,
  MASK,
  POSITIVE,
  set64,
  setUnknown,
  signedOf,
  SIGN,
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
  type Words,
} from './words.ts';

/** Carry of a 32-bit sum. */
const carry = (sum: number, a: number): number => (sum >>> 0 < a >>> 0 ? 1 : 0);

// --- ADD, SUB -----------------------------------------------------------------------------------------------------------
// All operators compute a draft `r` from operands at `a` and `b` of `m`; `r` never overlaps `m`.

function addTnum(r: Words, m: Words, a: number, b: number): void {
  const vLo = (m[a] + m[b]) | 0;
  const vHi = (m[a + 1] + m[b + 1] + carry(vLo, m[a])) | 0;
  const mLo = (m[a + MASK] + m[b + MASK]) | 0;
  const mHi = (m[a + MASK + 1] + m[b + MASK + 1] + carry(mLo, m[a + MASK])) | 0;
  const sLo = (vLo + mLo) | 0;
  const sHi = (vHi + mHi + carry(sLo, vLo)) | 0;
  const maskLo = (sLo ^ vLo) | m[a + MASK] | m[b + MASK];
  const maskHi = (sHi ^ vHi) | m[a + MASK + 1] | m[b + MASK + 1];
  set64(r, MASK, maskLo, maskHi);
  set64(r, VALUE, vLo & ~maskLo, vHi & ~maskHi);
}

function subTnum(r: Words, m: Words, a: number, b: number): void {
  const dLo = (m[a] - m[b]) | 0;
  const dHi = (m[a + 1] - m[b + 1] - carry(m[a], m[b])) | 0;
  const upLo = (dLo + m[a + MASK]) | 0;
  const upHi = (dHi + m[a + MASK + 1] + carry(upLo, dLo)) | 0;
  const downLo = (dLo - m[b + MASK]) | 0;
  const downHi = (dHi - m[b + MASK + 1] - carry(dLo, m[b + MASK])) | 0;
  const maskLo = (upLo ^ downLo) | m[a + MASK] | m[b + MASK];
  const maskHi = (upHi ^ downHi) | m[a + MASK + 1] | m[b + MASK + 1];
  set64(r, MASK, maskLo, maskHi);
  set64(r, VALUE, dLo & ~maskLo, dHi & ~maskHi);
}

/** 64-bit sum of two arena words into `r[at]`; answers whether it wrapped, unsigned or signed. */
function sum64(r: Words, at: number, m: Words, a: number, b: number, signed: boolean): boolean {
  const lo = (m[a] + m[b]) | 0;
  const hi = (m[a + 1] + m[b + 1] + carry(lo, m[a])) | 0;
  set64(r, at, lo, hi);
  return signed ? ((m[a + 1] ^ hi) & (m[b + 1] ^ hi)) < 0 : lessU(lo, hi, m[a], m[a + 1]);
}

function difference64(r: Words, at: number, m: Words, a: number, b: number, signed: boolean): boolean {
  const lo = (m[a] - m[b]) | 0;
  const hi = (m[a + 1] - m[b + 1] - carry(m[a], m[b])) | 0;
  set64(r, at, lo, hi);
  return signed ? ((m[a + 1] ^ m[b + 1]) & (m[a + 1] ^ hi)) < 0 : lessU(m[a], m[a + 1], m[b], m[b + 1]);
}

/** Unsigned ends, as exact numbers: kept if both left `0..2^32-1` or neither did. */
function setU32(r: Words, min: number, max: number): void {
  const wrapped = (x: number): boolean => x < 0 || x > 0xffffffff;
  if (wrapped(min) !== wrapped(max)) return anyU32(r);
  r[UMIN32] = min;
  r[UMAX32] = max;
}

/** Signed ends, as exact numbers: kept if both fit. */
function setS32(r: Words, min: number, max: number): void {
  if (min < SIGN || max > POSITIVE || min > POSITIVE || max < SIGN) return anyS32(r);
  r[SMIN32] = min;
  r[SMAX32] = max;
}

function add(r: Words, m: Words, a: number, b: number): void {
  addTnum(r, m, a, b);
  const lowWraps = sum64(r, UMIN, m, a + UMIN, b + UMIN, false);
  const highWraps = sum64(r, UMAX, m, a + UMAX, b + UMAX, false);
  if (lowWraps !== highWraps) anyU64(r);
  const leastWraps = sum64(r, SMIN, m, a + SMIN, b + SMIN, true);
  if (sum64(r, SMAX, m, a + SMAX, b + SMAX, true) || leastWraps) anyS64(r);
  setU32(r, (m[a + UMIN32] >>> 0) + (m[b + UMIN32] >>> 0), (m[a + UMAX32] >>> 0) + (m[b + UMAX32] >>> 0));
  setS32(r, m[a + SMIN32] + m[b + SMIN32], m[a + SMAX32] + m[b + SMAX32]);
}

function sub(r: Words, m: Words, a: number, b: number): void {
  subTnum(r, m, a, b);
  const lowWraps = difference64(r, UMIN, m, a + UMIN, b + UMAX, false);
  const highWraps = difference64(r, UMAX, m, a + UMAX, b + UMIN, false);
  if (lowWraps !== highWraps) anyU64(r);
  const leastWraps = difference64(r, SMIN, m, a + SMIN, b + SMAX, true);
  if (difference64(r, SMAX, m, a + SMAX, b + SMIN, true) || leastWraps) anyS64(r);
  setU32(r, (m[a + UMIN32] >>> 0) - (m[b + UMAX32] >>> 0), (m[a + UMAX32] >>> 0) - (m[b + UMIN32] >>> 0));
  setS32(r, m[a + SMIN32] - m[b + SMAX32], m[a + SMAX32] - m[b + SMIN32]);
}

// --- MUL ----------------------------------------------------------------------------------------------------------------

// Operands of the additions of the long multiplication: the sum so far, and `b` shifted.
const factors = new Int32Array(8);
const partial = new Int32Array(4);
const SHIFTED = 4;

/** Long multiplication over the bits of `a`; where a bit is unknown, both partial sums are joined. */
function mulTnum(r: Words, m: Words, a: number, b: number): void {
  factors.fill(0);
  for (let i = 0; i < 4; i++) factors[SHIFTED + i] = m[b + i];
  for (let bit = 0; bit < 64; bit++) {
    const word = bit >> 5;
    const one = (m[a + word] >>> (bit & 31)) & 1;
    const unknown = (m[a + MASK + word] >>> (bit & 31)) & 1;
    if (one | unknown) {
      addTnum(partial, factors, 0, SHIFTED);
      if (unknown) join(partial, factors);
      for (let i = 0; i < 4; i++) factors[i] = partial[i];
    }
    for (let i = SHIFTED; i < 8; i += 2) {
      factors[i + 1] = (factors[i + 1] << 1) | (factors[i] >>> 31);
      factors[i] <<= 1;
    }
  }
  for (let i = 0; i < 4; i++) r[i] = factors[i];
}

/** Tnum `x` becomes the tightest that holds both. */
function join(x: Words, y: Words): void {
  for (let i = 0; i < 2; i++) {
    const mask = (x[i] ^ y[i]) | x[MASK + i] | y[MASK + i];
    x[i] &= y[i] & ~mask;
    x[MASK + i] = mask;
  }
}

const put = (r: Words, at: number, v: bigint): void =>
  set64(r, at, Number(BigInt.asIntN(32, v)), Number(BigInt.asIntN(32, v >> 32n)));

function mulUnsigned64(r: Words, m: Words, a: number, b: number): void {
  const max = unsignedOf(m, a + UMAX) * unsignedOf(m, b + UMAX);
  if (max >> 64n !== 0n) return anyU64(r);
  put(r, UMAX, max);
  put(r, UMIN, unsignedOf(m, a + UMIN) * unsignedOf(m, b + UMIN));
}

function mulSigned64(r: Words, m: Words, a: number, b: number): void {
  const [a0, a1, b0, b1] = [signedOf(m, a + SMIN), signedOf(m, a + SMAX), signedOf(m, b + SMIN), signedOf(m, b + SMAX)];
  let least = a0 * b0;
  let most = least;
  for (const product of [a0 * b1, a1 * b0, a1 * b1]) {
    if (product < least) least = product;
    if (product > most) most = product;
  }
  if (BigInt.asIntN(64, least) !== least || BigInt.asIntN(64, most) !== most) return anyS64(r);
  put(r, SMIN, least);
  put(r, SMAX, most);
}

/** Products of two 32-bit numbers as doubles: inexact only far beyond 32 bits, where all that counts is not to fit. */
function mul32(r: Words, m: Words, a: number, b: number): void {
  const max = (m[a + UMAX32] >>> 0) * (m[b + UMAX32] >>> 0);
  if (max > 0xffffffff) {
    anyU32(r);
  } else {
    r[UMIN32] = (m[a + UMIN32] >>> 0) * (m[b + UMIN32] >>> 0);
    r[UMAX32] = max;
  }
  const p = m[a + SMIN32] * m[b + SMIN32];
  const q = m[a + SMIN32] * m[b + SMAX32];
  const s = m[a + SMAX32] * m[b + SMIN32];
  const t = m[a + SMAX32] * m[b + SMAX32];
  setS32(r, Math.min(p, q, s, t), Math.max(p, q, s, t));
}

/** Whether every product of the two is one of small numbers that are not negative: the half then tells all. */
const isSmall = (m: Words, a: number, b: number): boolean =>
  m[a + UMAX + 1] === 0 &&
  m[b + UMAX + 1] === 0 &&
  m[a + SMIN + 1] === 0 &&
  m[b + SMIN + 1] === 0 &&
  (m[a + UMAX] >>> 0) * (m[b + UMAX] >>> 0) <= POSITIVE;

function mul(r: Words, m: Words, a: number, b: number): void {
  mulTnum(r, m, a, b);
  mul32(r, m, a, b);
  if (isSmall(m, a, b)) {
    set64(r, UMIN, Math.imul(m[a + UMIN], m[b + UMIN]), 0);
    set64(r, UMAX, Math.imul(m[a + UMAX], m[b + UMAX]), 0);
    set64(r, SMIN, Math.imul(m[a + SMIN], m[b + SMIN]), 0);
    set64(r, SMAX, Math.imul(m[a + SMAX], m[b + SMAX]), 0);
    return;
  }
  mulUnsigned64(r, m, a, b);
  mulSigned64(r, m, a, b);
}

// --- AND, OR, XOR ---------------------------------------------------------------------------------------------------------

/** Signed ranges are the unsigned ones where those cross no sign. */
function signedFromUnsigned(r: Words): void {
  if (lessS(r[UMAX], r[UMAX + 1], r[UMIN], r[UMIN + 1])) {
    anyS64(r);
  } else {
    set64(r, SMIN, r[UMIN], r[UMIN + 1]);
    set64(r, SMAX, r[UMAX], r[UMAX + 1]);
  }
  if (r[UMAX32] < r[UMIN32]) {
    anyS32(r);
  } else {
    r[SMIN32] = r[UMIN32];
    r[SMAX32] = r[UMAX32];
  }
}

/** Unsigned ranges of the tnum just computed: its known ones, and those with all unknown ones. */
function unsignedFromTnum(r: Words): void {
  set64(r, UMIN, r[VALUE], r[VALUE + 1]);
  set64(r, UMAX, r[VALUE] | r[MASK], r[VALUE + 1] | r[MASK + 1]);
  r[UMIN32] = r[UMIN];
  r[UMAX32] = r[UMAX];
}

function and(r: Words, m: Words, a: number, b: number): void {
  for (let i = 0; i < 2; i++) {
    const value = m[a + i] & m[b + i];
    r[i] = value;
    r[MASK + i] = (m[a + i] | m[a + MASK + i]) & (m[b + i] | m[b + MASK + i]) & ~value;
  }
  unsignedFromTnum(r);
  const least = lessU(m[a + UMAX], m[a + UMAX + 1], m[b + UMAX], m[b + UMAX + 1]) ? a : b;
  set64(r, UMAX, m[least + UMAX], m[least + UMAX + 1]);
  r[UMAX32] = Math.min(m[a + UMAX32] >>> 0, m[b + UMAX32] >>> 0);
  signedFromUnsigned(r);
}

function or(r: Words, m: Words, a: number, b: number): void {
  for (let i = 0; i < 2; i++) {
    const value = m[a + i] | m[b + i];
    r[i] = value;
    r[MASK + i] = (m[a + MASK + i] | m[b + MASK + i]) & ~value;
  }
  unsignedFromTnum(r);
  const most = lessU(m[a + UMIN], m[a + UMIN + 1], m[b + UMIN], m[b + UMIN + 1]) ? b : a;
  set64(r, UMIN, m[most + UMIN], m[most + UMIN + 1]);
  r[UMIN32] = Math.max(m[a + UMIN32] >>> 0, m[b + UMIN32] >>> 0);
  signedFromUnsigned(r);
}

function xor(r: Words, m: Words, a: number, b: number): void {
  for (let i = 0; i < 2; i++) {
    const mask = m[a + MASK + i] | m[b + MASK + i];
    r[i] = (m[a + i] ^ m[b + i]) & ~mask;
    r[MASK + i] = mask;
  }
  unsignedFromTnum(r);
  signedFromUnsigned(r);
}

// --- shifts of a draft by a known amount ----------------------------------------------------------------------------------

function shiftLeftPair(r: Words, at: number, n: number): void {
  const lo = r[at];
  if (n >= 32) set64(r, at, 0, lo << (n - 32));
  else if (n > 0) set64(r, at, lo << n, (r[at + 1] << n) | (lo >>> (32 - n)));
}

function shiftRightPair(r: Words, at: number, n: number, signed: boolean): void {
  const hi = r[at + 1];
  const fill = signed ? hi >> 31 : 0;
  if (n >= 32) set64(r, at, signed ? hi >> (n - 32) : hi >>> (n - 32), fill);
  else if (n > 0) set64(r, at, (r[at] >>> n) | (hi << (32 - n)), signed ? hi >> n : hi >>> n);
}

/** Half's unsigned range shifted left; nothing if bits may be lost. */
function shiftLeftHalf(r: Words, n: number): void {
  if (n >= 32 || r[UMAX32] >>> 0 > 2 ** (31 - n)) return anyU32(r);
  r[UMIN32] <<= n;
  r[UMAX32] <<= n;
}

function lsh64(r: Words, n: number): void {
  shiftLeftPair(r, VALUE, n);
  shiftLeftPair(r, MASK, n);
  if (n === 32) {
    set64(r, SMIN, 0, r[SMIN32]);
    set64(r, SMAX, 0, r[SMAX32]);
  } else {
    anyS64(r);
  }
  const limit = 63 - n;
  const limitLo = limit < 32 ? 1 << limit : 0;
  const limitHi = limit < 32 ? 0 : 1 << (limit - 32);
  if (lessU(limitLo, limitHi, r[UMAX], r[UMAX + 1])) {
    anyU64(r);
  } else {
    shiftLeftPair(r, UMIN, n);
    shiftLeftPair(r, UMAX, n);
  }
  shiftLeftHalf(r, n);
  anyS32(r);
}

function rsh64(r: Words, n: number): void {
  for (const at of [VALUE, MASK, UMIN, UMAX]) shiftRightPair(r, at, n, false);
  anyS64(r);
  anyS32(r);
  anyU32(r);
}

function arsh64(r: Words, n: number): void {
  for (const at of [VALUE, MASK, SMIN, SMAX]) shiftRightPair(r, at, n, true);
  anyU64(r);
  anyS32(r);
  anyU32(r);
}

function shift32(r: Words, op: number, n: number): void {
  if (op === ALU.LSH) {
    r[VALUE] <<= n;
    r[MASK] <<= n;
    shiftLeftHalf(r, n);
    anyS32(r);
  } else if (op === ALU.RSH) {
    for (const at of [VALUE, MASK, UMIN32, UMAX32]) r[at] >>>= n;
    anyS32(r);
  } else {
    for (const at of [VALUE, MASK, SMIN32, SMAX32]) r[at] >>= n;
    anyU32(r);
  }
  anyRange64(r);
}

/** Shifts the draft `r` by the number at `b`; answers false where the kernel forgets the number. */
function shift(r: Words, op: number, is32: boolean, m: Words, b: number): boolean {
  const known = m[b + MASK] === 0 && (is32 || m[b + MASK + 1] === 0);
  const inWidth = m[b + UMAX + 1] === 0 && m[b + UMAX] >>> 0 < (is32 ? 32 : 64);
  if (!known || !inWidth) return false;
  const n = is32 ? m[b + UMIN32] : m[b + UMIN];
  if (is32) shift32(r, op, n);
  else if (op === ALU.LSH) lsh64(r, n);
  else if (op === ALU.RSH) rsh64(r, n);
  else arsh64(r, n);
  return true;
}

// --- all ------------------------------------------------------------------------------------------------------------------

/** `r = a op b`, of the operands at `a` and `b` of `m`. */
export function alu(r: Words, op: number, is32: boolean, m: Words, a: number, b: number): void {
  switch (op) {
    case ALU.ADD:
      add(r, m, a, b);
      break;
    case ALU.SUB:
      sub(r, m, a, b);
      break;
    case ALU.MUL:
      mul(r, m, a, b);
      break;
    case ALU.AND:
      and(r, m, a, b);
      break;
    case ALU.OR:
      or(r, m, a, b);
      break;
    case ALU.XOR:
      xor(r, m, a, b);
      break;
    case ALU.LSH:
    case ALU.RSH:
    case ALU.ARSH:
      for (let i = 0; i < r.length; i++) r[i] = m[a + i];
      if (shift(r, op, is32, m, b)) break;
      return setUnknown(r);
    default:
      return setUnknown(r);
  }
  if (is32) zeroExtendHalf(r);
  sync(r);
}

/**
 * `r = a op b` of a pointer's variable offset `a` (ADD or SUB): of ranges, only the whole ones, and an unsigned range stays
 * only if neither end wraps.
 */
export function pointerOffset(r: Words, op: number, m: Words, a: number, b: number): void {
  const sum = op === ALU.ADD;
  const combine = sum ? sum64 : difference64;
  (sum ? addTnum : subTnum)(r, m, a, b);
  const least = combine(r, UMIN, m, a + UMIN, b + (sum ? UMIN : UMAX), false);
  if (combine(r, UMAX, m, a + UMAX, b + (sum ? UMAX : UMIN), false) || least) anyU64(r);
  const leastSigned = combine(r, SMIN, m, a + SMIN, b + (sum ? SMIN : SMAX), true);
  if (combine(r, SMAX, m, a + SMAX, b + (sum ? SMAX : SMIN), true) || leastSigned) anyS64(r);
  anyS32(r);
  anyU32(r);
  sync(r);
}

/** Whether a number is a sign spread over the whole register (64) or its lower half (32), or neither (0). */
export function spreadSign(m: Words, a: number): 64 | 32 | 0 {
  const zero = (at: number): boolean => m[at] === 0 && m[at + 1] === 0;
  if (m[a + SMIN] === -1 && m[a + SMIN + 1] === -1 && zero(a + SMAX)) return 64;
  return m[a + SMIN32] === -1 && m[a + SMAX32] === 0 ? 32 : 0;
}

/** The lower half known to be `low`; what is known of the whole is not brought up to date. */
export function setHalf(r: Words, low: number): void {
  r[VALUE] = low;
  r[MASK] = 0;
  for (const at of [SMIN32, SMAX32, UMIN32, UMAX32]) r[at] = low;
}
