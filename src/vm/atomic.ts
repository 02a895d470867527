/**
 * Atomic read-modify-write operations (RFC 9669 section 5.3). One CPU runs at a time, so that reading and writing
 * in turn is atomic. A 32-bit fetch clears the register's high word.
 */
import { ATOMIC } from '../isa/index.ts';

/** The new word that an operation makes of the old one. */
function combine(kind: number, old: number, operand: number): number {
  switch (kind & ~ATOMIC.FETCH) {
    case ATOMIC.OR:
      return old | operand;
    case ATOMIC.AND:
      return old & operand;
    case ATOMIC.XOR:
      return old ^ operand;
    default:
      return old + operand;
  }
}

/** The operation `kind` with source register word `s`, on 4 bytes at `address`. */
export function atomic32(view: DataView, address: number, kind: number, r: Int32Array, s: number): void {
  const old = view.getInt32(address, true);
  if (kind === ATOMIC.CMPXCHG) {
    if (old === r[0]) view.setInt32(address, r[s], true);
    r[0] = old;
    r[1] = 0;
    return;
  }
  view.setInt32(address, kind === ATOMIC.XCHG ? r[s] : combine(kind, old, r[s]), true);
  if (kind & ATOMIC.FETCH) {
    r[s] = old;
    r[s + 1] = 0;
  }
}

/** The operation `kind` with source register word `s`, on 8 bytes at `address`. */
export function atomic64(view: DataView, address: number, kind: number, r: Int32Array, s: number): void {
  const low = view.getInt32(address, true);
  const high = view.getInt32(address + 4, true);
  if (kind === ATOMIC.CMPXCHG) {
    if (low === r[0] && high === r[1]) store64(view, address, r[s], r[s + 1]);
    r[0] = low;
    r[1] = high;
    return;
  }
  if (kind === ATOMIC.XCHG) {
    store64(view, address, r[s], r[s + 1]);
  } else {
    const newLow = combine(kind, low, r[s]) | 0;
    const adds = (kind & ~ATOMIC.FETCH) === ATOMIC.ADD;
    const carry = adds && newLow >>> 0 < low >>> 0 ? 1 : 0;
    store64(view, address, newLow, combine(kind, high, r[s + 1]) + carry);
  }
  if (kind & ATOMIC.FETCH) {
    r[s] = low;
    r[s + 1] = high;
  }
}

function store64(view: DataView, address: number, low: number, high: number): void {
  view.setInt32(address, low, true);
  view.setInt32(address + 4, high, true);
}
