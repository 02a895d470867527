/**
 * The body of one function, written instruction by instruction. It knows how deep it stands in blocks, so that a branch
 * names its target by the depth at which that was opened. Nothing is validated: the engine that compiles the module does.
 */
import { ByteWriter } from './bytes.ts';
import { CONTROL, OP } from './opcodes.ts';
import type { AccessOp, Op, ValueType, VectorOp } from './opcodes.ts';

const EMPTY_BLOCK = 0x40;
const MEMORY_FILL = 0x0b;

/** Number of a local, a function, a type or a global. */
export type Index = number;
/** What a branch goes to: the depth of blocks at which a block, a loop or an `if` was opened. */
export type Label = number;

export class Code {
  readonly #body = new ByteWriter();
  readonly #locals: ValueType[] = [];
  readonly #params: number;
  #depth = 0;

  /** @param params how many parameters the function has: they are its first locals. */
  constructor(params: number) {
    this.#params = params;
  }

  /** Bytes of instructions so far. */
  get length(): number {
    return this.#body.length;
  }

  /** A new local, zero at first. */
  local(type: ValueType): Index {
    return this.#params + this.#locals.push(type) - 1;
  }

  op(op: Op): void {
    this.#body.u8(op);
  }

  i32(value: number): void {
    this.#body.u8(CONTROL.i32_const);
    this.#body.s32(value);
  }

  i64(low: number, high: number): void {
    this.#body.u8(CONTROL.i64_const);
    this.#body.s64(low, high);
  }

  get(local: Index): void {
    this.#withIndex(CONTROL.local_get, local);
  }

  set(local: Index): void {
    this.#withIndex(CONTROL.local_set, local);
  }

  tee(local: Index): void {
    this.#withIndex(CONTROL.local_tee, local);
  }

  globalGet(global: Index): void {
    this.#withIndex(CONTROL.global_get, global);
  }

  globalSet(global: Index): void {
    this.#withIndex(CONTROL.global_set, global);
  }

  call(fn: Index): void {
    this.#withIndex(CONTROL.call, fn);
  }

  /** Call the function in a slot of table 0. */
  callIndirect(type: Index): void {
    this.#withIndex(CONTROL.call_indirect, type);
    this.#body.u8(0);
  }

  /** The same in place of the function that runs. */
  returnCallIndirect(type: Index): void {
    this.#withIndex(CONTROL.return_call_indirect, type);
    this.#body.u8(0);
  }

  /** A load or store. @param offset bytes, 0 to 2^32 - 1, added to the address on the stack without wrapping. */
  access(op: AccessOp, offset: number): void {
    this.#body.u8(op);
    this.#body.u8(0); // unaligned
    this.#body.u32(offset);
  }

  /** An instruction on vectors. @param operand the offset of an access, bytes of others */
  vector({ code, bytes }: VectorOp, ...operand: readonly number[]): void {
    this.#body.u8(CONTROL.vector);
    this.#body.u32(code);
    if (bytes !== undefined) return this.#body.raw(Uint8Array.from(operand));
    this.#body.u8(0); // unaligned
    for (const offset of operand) this.#body.u32(offset);
  }

  /** `memory.fill` of memory 0: address, byte, count. */
  fill(): void {
    this.#body.u8(CONTROL.bulk);
    this.#body.u32(MEMORY_FILL);
    this.#body.u8(0);
  }

  block(): Label {
    return this.#open(CONTROL.block);
  }

  loop(): Label {
    return this.#open(CONTROL.loop);
  }

  /** @param type of the value that both arms leave; undefined: none. */
  if(type?: ValueType): Label {
    return this.#open(CONTROL.if, type);
  }

  else(): void {
    this.#body.u8(CONTROL.else);
  }

  /** Close the innermost block. */
  end(): void {
    this.#depth--;
    this.#body.u8(CONTROL.end);
  }

  br(to: Label): void {
    this.#withIndex(CONTROL.br, this.#depth - to - 1);
  }

  brIf(to: Label): void {
    this.#withIndex(CONTROL.br_if, this.#depth - to - 1);
  }

  brTable(targets: readonly Label[], otherwise: Label): void {
    this.#withIndex(CONTROL.br_table, targets.length);
    for (const to of [...targets, otherwise]) this.#body.u32(this.#depth - to - 1);
  }

  /** The function's entry in the code section, its closing `end` included. */
  encode(): Uint8Array {
    const locals = new ByteWriter(16);
    const runs: [ValueType, number][] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.[0] === type) last[1]++;
      else runs.push([type, 1]);
    }
    locals.u32(runs.length);
    for (const [type, count] of runs) {
      locals.u32(count);
      locals.u8(type);
    }
    const entry = new ByteWriter(this.#body.length + locals.length + 8);
    entry.u32(locals.length + this.#body.length + 1);
    entry.raw(locals.written);
    entry.raw(this.#body.written);
    entry.u8(CONTROL.end);
    return entry.written;
  }

  /** Statements behind this are never run; makes any end of a function valid. */
  unreachable(): void {
    this.op(OP.unreachable);
  }

  #withIndex(op: number, index: Index): void {
    this.#body.u8(op);
    this.#body.u32(index);
  }

  #open(op: number, type: ValueType | undefined = undefined): Label {
    this.#body.u8(op);
    this.#body.u8(type ?? EMPTY_BLOCK);
    return this.#depth++;
  }
}
