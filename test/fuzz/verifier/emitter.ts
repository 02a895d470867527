/** Writes instructions one after the other; labels are bound to whatever is emitted next. */
import { ALU, CALL, CLASS, EXIT, JMP, LD_IMM64, MODE, SIZE, SRC } from '../../../src/isa/index.ts';
import { CALL_PSEUDO, PSEUDO } from '../../../src/uapi/index.ts';
import { item } from './code.ts';
import type { Item } from './code.ts';

export interface Label {
  readonly jumps: Item[];
  bound?: Item;
}

/** Bits of the opcode that say how many bytes are moved. */
export const SIZE_BITS: Readonly<Record<number, number>> = { 1: SIZE.B, 2: SIZE.H, 4: SIZE.W, 8: SIZE.DW };

export const FP = 10;

export class Emitter {
  readonly items: Item[] = [];
  #open: Label[] = [];
  /** The function that begins with the next instruction. */
  #func: number | undefined;

  push(one: Item): Item {
    this.items.push(one);
    if (this.#func !== undefined) one.func = this.#func;
    this.#func = undefined;
    for (const label of this.#open) {
      label.bound = one;
      for (const jump of label.jumps) jump.target = one;
    }
    this.#open = [];
    return one;
  }

  label(): Label {
    return { jumps: [] };
  }

  bind(label: Label): void {
    this.#open.push(label);
  }

  /** The next instruction is the first of a function with this number. */
  beginFunction(func: number): void {
    this.#func = func;
  }

  /** Whether a label waits for the next instruction. */
  get waiting(): boolean {
    return this.#open.length > 0;
  }

  #jump(one: Item, to: Label): Item {
    if (to.bound) one.target = to.bound;
    else to.jumps.push(one);
    return this.push(one);
  }

  /** `dst op= imm`, or with `wide` false the lower halves. */
  alu(op: number, dst: number, imm: number, wide = true, off = 0): Item {
    return this.push(item((wide ? CLASS.ALU64 : CLASS.ALU) | op | SRC.K, dst, 0, off, imm | 0));
  }

  /** `dst op= src` */
  aluX(op: number, dst: number, src: number, wide = true, off = 0): Item {
    return this.push(item((wide ? CLASS.ALU64 : CLASS.ALU) | op | SRC.X, dst, src, off));
  }

  mov(dst: number, imm: number): Item {
    return this.alu(ALU.MOV, dst, imm);
  }

  copy(dst: number, src: number): Item {
    return this.aluX(ALU.MOV, dst, src);
  }

  add(dst: number, imm: number): Item {
    return this.alu(ALU.ADD, dst, imm);
  }

  load(size: number, dst: number, base: number, off: number, mode: number = MODE.MEM): Item {
    return this.push(item(CLASS.LDX | mode | SIZE_BITS[size], dst, base, off));
  }

  store(size: number, base: number, off: number, src: number): Item {
    return this.push(item(CLASS.STX | MODE.MEM | SIZE_BITS[size], base, src, off));
  }

  storeImm(size: number, base: number, off: number, imm: number): Item {
    return this.push(item(CLASS.ST | MODE.MEM | SIZE_BITS[size], base, 0, off, imm | 0));
  }

  atomic(size: number, operation: number, base: number, off: number, src: number): Item {
    return this.push(item(CLASS.STX | MODE.ATOMIC | SIZE_BITS[size], base, src, off, operation));
  }

  imm64(dst: number, value: bigint): Item {
    const [imm, high] = [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
    return this.push({ ...item(LD_IMM64, dst, 0, 0, imm), high });
  }

  /** The map, or with an offset the address of a byte of its first value. */
  map(dst: number, map: number, offset?: number): Item {
    const src = offset === undefined ? PSEUDO.MAP_FD : PSEUDO.MAP_VALUE;
    return this.push({ ...item(LD_IMM64, dst, src), map, high: offset ?? 0 });
  }

  call(helper: number): Item {
    return this.push(item(CALL, 0, CALL_PSEUDO.HELPER, 0, helper));
  }

  callFunction(to: Label): Item {
    return this.#jump(item(CALL, 0, CALL_PSEUDO.CALL), to);
  }

  /** The address of a function. */
  functionAddress(dst: number, to: Label): Item {
    return this.#jump({ ...item(LD_IMM64, dst, PSEUDO.FUNC), high: 0 }, to);
  }

  jump(to: Label, far = false): Item {
    return this.#jump(item((far ? CLASS.JMP32 : CLASS.JMP) | JMP.JA), to);
  }

  /** `if dst op imm goto to` */
  branch(op: number, dst: number, imm: number, to: Label, wide = true): Item {
    return this.#jump(item((wide ? CLASS.JMP : CLASS.JMP32) | op | SRC.K, dst, 0, 0, imm | 0), to);
  }

  /** `if dst op src goto to` */
  branchX(op: number, dst: number, src: number, to: Label, wide = true): Item {
    return this.#jump(item((wide ? CLASS.JMP : CLASS.JMP32) | op | SRC.X, dst, src), to);
  }

  mayGoto(to: Label): Item {
    return this.#jump(item(CLASS.JMP | JMP.JCOND), to);
  }

  exit(): Item {
    return this.push(item(EXIT));
  }
}
