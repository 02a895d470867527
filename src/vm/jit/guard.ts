/**
 * Mode `hardened`: a verified program whose accesses are held to memory that programs may touch, whatever the verifier let
 * pass. What the JIT itself knows to lie in the function's frame needs no check. Everything else is looked up in the
 * address space's table of pages: an access of pages that are open to programs goes on at once; any other, where a page
 * is shared with what programs may not touch, is checked by the machine exactly, or trapped.
 */
import { PAGE, PAGE_OPEN } from '../../memory/index.ts';
import { MAP_TYPE } from '../../uapi/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import type { FunctionWriter } from './function-writer.ts';
import { ACCESS_WRITE, FRAME_STRIDE } from './imports.ts';

const PAGE_BITS = 31 - Math.clz32(PAGE);

/** The address that is in a local, of an access of `size` bytes at slot `at`, or a trap. */
export function writeGuard(f: FunctionWriter, at: number, address: Index, size: number, access: number): void {
  const { code } = f;
  const write = (access & ACCESS_WRITE) !== 0;
  pageOf(f, address, 0);
  if (size > 1) {
    pageOf(f, address, size - 1);
    f.op(OP.i32_and);
  }
  code.i32(write ? PAGE_OPEN.WRITE : PAGE_OPEN.READ);
  f.op(OP.i32_and);
  f.op(OP.i32_eqz);
  code.if();
  code.get(address);
  code.i32(0);
  code.i32(0);
  code.i32(size | (write ? ACCESS_WRITE : 0));
  code.i32(at);
  code.call(f.parts.imports.of('check'));
  f.op(OP.drop);
  code.end();
}

/** What programs may do with the page of `address + offset`. */
function pageOf(f: FunctionWriter, address: Index, offset: number): void {
  const { code } = f;
  code.get(address);
  if (offset > 0) {
    code.i32(offset);
    f.op(OP.i32_add);
  }
  code.i32(PAGE_BITS);
  f.op(OP.i32_shr_u);
  code.access(ACCESS.i32_load8_u, f.options.pages);
}

/** Most bytes that the machine checks at once. */
const PIECE = 8;
const MAP_LOOKUP_ELEM = 1;

/**
 * Guard the key of a look-up that may be compiled: of its first and its last bytes, since no object ends between them.
 * @returns false: it is left to the helper, which checks everything
 */
export function guardLookup(f: FunctionWriter, at: number): boolean {
  const map = f.facts?.maps.get(at);
  if (map === undefined || f.program.imm[at] !== MAP_LOOKUP_ELEM) return false;
  const { type, keySize } = f.options.maps(map);
  if (type !== MAP_TYPE.ARRAY && (type !== MAP_TYPE.HASH || keySize > PAGE)) return false;
  if (f.promoted(at) !== undefined) return true;
  const { code } = f;
  const address = f.scratch(TYPE.I32);
  for (const piece of keySize > PIECE ? [0, keySize - PIECE] : [0]) {
    f.getRegister(2);
    f.op(OP.i32_wrap_i64);
    code.i32(piece);
    f.op(OP.i32_add);
    code.set(address);
    writeGuard(f, at, address, Math.min(PIECE, keySize), 0);
  }
  return true;
}

/** At the start of a function that is called: its frame is one of the stack's. */
export function writeFrameGuard(f: FunctionWriter, framePointer: Index, entry: number): void {
  const { code } = f;
  const { frameTop, frames } = f.options;
  code.get(framePointer);
  f.op(OP.i32_wrap_i64);
  code.i32(frameTop);
  f.op(OP.i32_sub);
  code.i32(frames * FRAME_STRIDE);
  f.op(OP.i32_ge_u);
  code.if();
  code.i32(entry);
  code.call(f.parts.imports.of('tooDeep'));
  code.end();
}
