/**
 * `bpf_map_lookup_elem` in an LPM trie that is known, or whose map of maps is, in WebAssembly made for the length of its keys: the same walk as
 * src/maps/core/assembly/lpm.ts has for any trie. What looks wrong on the way is left to the core, which says what it is.
 *
 * A key's bits stay in a local as they lie in the memory: bit `n` of a prefix, counted from its first, is bit `n ^ 7` of a
 * little-endian word.
 */
import { ELEM_STATE, HASH_ELEM, LPM_NODE, MAP_HEADER } from '../../memory/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { Index, Label, Code } from '../../wasm/index.ts';
import type { ModuleParts } from './function-writer.ts';
import { madeFunction } from './made-function.ts';
import type { MapShape } from './options.ts';

/** Bytes of the length before the bits of a key. */
const LENGTH_SIZE = 4;
/** Most bytes of bits, in two words. */
const MAX_BITS = 16;
const WORD = 8;
const WORD_BITS = 64;

const [KEY, MAP] = [0, 1];

/**
 * The function that takes a key's address and gives the value's, or 0; undefined: not for such a trie. Without `shape` it takes
 * a map's address, too, of a trie that was looked up in the map at `address`.
 */
export function lpmLookup(parts: ModuleParts, address: number, keySize: number, shape?: MapShape): Index | undefined {
  const size = keySize - LENGTH_SIZE;
  if (size > MAX_BITS) return undefined;
  const name = shape === undefined ? `inner lookup ${address}` : `lookup ${address}`;
  return madeFunction(parts, name, shape === undefined ? 2 : 1, (code) => {
    const walk = new Walk(code, shape, size);
    walk.write();
    walk.map();
    code.get(KEY);
    code.call(parts.imports.core('lpm_lookup'));
  });
}

class Walk {
  readonly #code: Code;
  /** Absent: the address of the map is a parameter. */
  readonly #shape: MapShape | undefined;
  /** Bytes of a key's bits. */
  readonly #size: number;
  /** The key's length in bits, and the bits themselves: one word or two. */
  readonly #length: Index;
  readonly #bits: readonly Index[];
  /** The word of bits that the next step needs, see `#turn`. */
  readonly #turned: Index;
  readonly #node: Index;
  readonly #nodeLength: Index;
  /** A node's STATE without the map's address: one of ELEM_STATE where all is well. */
  readonly #state: Index;
  /** The last node whose prefix the key starts with, or 0. */
  readonly #found: Index;
  /** The least length that the next node may have. */
  readonly #least: Index;
  readonly #differ: Index;
  readonly #equal: Index;

  constructor(code: Code, shape: MapShape | undefined, size: number) {
    this.#code = code;
    this.#shape = shape;
    this.#size = size;
    this.#bits = Array.from({ length: Math.ceil(size / WORD) }, () => code.local(TYPE.I64));
    [this.#turned, this.#differ] = [code.local(TYPE.I64), code.local(TYPE.I64)];
    [this.#length, this.#node, this.#nodeLength, this.#state, this.#found, this.#least, this.#equal] = Array.from(
      { length: 7 },
      () => code.local(TYPE.I32),
    );
  }

  /** The map's address. */
  map(): void {
    if (this.#shape === undefined) this.#code.get(MAP);
    else this.#code.i32(this.#shape.address);
  }

  /** Returns what was found; goes on behind where the core must look. */
  write(): void {
    const code = this.#code;
    code.get(KEY);
    code.access(ACCESS.i32_load, 0);
    code.set(this.#length);
    this.#bits.forEach((word, i) => {
      code.get(KEY);
      this.#loadWord(LENGTH_SIZE, i);
      code.set(word);
    });
    this.#turn(0);
    this.map();
    code.access(ACCESS.i32_load, MAP_HEADER.ROOT);
    code.set(this.#node);
    const core = code.block();
    code.get(this.#length);
    code.i32(this.#size * 8);
    code.op(OP.i32_gt_u);
    code.brIf(core);
    const done = code.block();
    const again = code.loop();
    code.get(this.#node);
    code.op(OP.i32_eqz);
    code.brIf(done);
    this.#visit(core, done);
    this.#descend();
    code.br(again);
    code.end();
    code.end();
    code.get(this.#found);
    code.if(TYPE.I32);
    code.get(this.#found);
    if (this.#shape === undefined) {
      this.map();
      code.access(ACCESS.i32_load, MAP_HEADER.VALUE_OFFSET);
    } else {
      code.i32(this.#shape.valueOffset);
    }
    code.op(OP.i32_add);
    code.else();
    code.i32(0);
    code.end();
    code.op(OP.return);
    code.end();
  }

  /** Look at a node; to `done` where no node below it can be the key's. */
  #visit(core: Label, done: Label): void {
    const code = this.#code;
    code.get(this.#node);
    code.access(ACCESS.i32_load16_u, LPM_NODE.LENGTH);
    code.set(this.#nodeLength);
    code.get(this.#nodeLength);
    code.get(this.#least);
    code.op(OP.i32_lt_u);
    code.brIf(core);
    code.get(this.#node);
    code.access(ACCESS.i32_load, HASH_ELEM.STATE);
    this.map();
    code.op(OP.i32_sub);
    code.set(this.#state);
    const isBranch = code.block();
    code.get(this.#state);
    code.i32(ELEM_STATE.BRANCH);
    code.op(OP.i32_eq);
    code.brIf(isBranch);
    code.get(this.#state);
    code.i32(ELEM_STATE.LIVE);
    code.op(OP.i32_ne);
    code.brIf(core);
    code.get(this.#nodeLength);
    code.get(this.#length);
    code.op(OP.i32_gt_u);
    code.brIf(done);
    this.#startsWith(done);
    code.get(this.#node);
    code.set(this.#found);
    code.end();
    code.get(this.#nodeLength);
    code.get(this.#length);
    code.op(OP.i32_ge_u);
    code.brIf(done);
  }

  /** To `done` where the key does not start with the node's prefix. */
  #startsWith(done: Label): void {
    const code = this.#code;
    this.#equalBits(0);
    if (this.#bits.length > 1) {
      // The second words decide where the first ones are equal: all of their bits count as equal then, and some more.
      code.get(this.#differ);
      code.op(OP.i64_eqz);
      code.if();
      this.#equalBits(1);
      code.end();
    }
    code.get(this.#equal);
    code.get(this.#nodeLength);
    code.op(OP.i32_lt_u);
    code.brIf(done);
  }

  /** `#equal`: bits that the node and the key have in common, up to those of a word; at least all where words are equal. */
  #equalBits(word: number): void {
    const code = this.#code;
    code.get(this.#node);
    this.#loadWord(LPM_NODE.BITS, word);
    code.get(this.#bits[word]);
    code.op(OP.i64_xor);
    code.tee(this.#differ);
    code.op(OP.i64_ctz);
    code.i64(~7, -1);
    code.op(OP.i64_and);
    code.op(OP.i32_wrap_i64);
    code.tee(this.#equal);
    // The first byte that differs; 0 where none does.
    code.get(this.#differ);
    code.get(this.#equal);
    code.op(OP.i64_extend_i32_u);
    code.op(OP.i64_shr_u);
    code.op(OP.i32_wrap_i64);
    code.i32(0xff);
    code.op(OP.i32_and);
    code.op(OP.i32_clz);
    code.op(OP.i32_add);
    code.i32(word * WORD_BITS - 24);
    code.op(OP.i32_add);
    code.set(this.#equal);
  }

  /**
   * The child by the key's bit behind the node's prefix. No jump, which the processor would guess wrong half of the time. Each
   * step waits for the one before, so there is little to compute: the bit comes out of the word where an offset has it.
   */
  #descend(): void {
    const code = this.#code;
    code.get(this.#nodeLength);
    code.i32(1);
    code.op(OP.i32_add);
    code.set(this.#least);
    if (this.#bits.length > 1) {
      code.get(this.#nodeLength);
      code.i32(WORD_BITS);
      code.op(OP.i32_ge_u);
      code.if();
      this.#turn(1);
      code.end();
    }
    code.get(this.#turned);
    code.get(this.#nodeLength);
    code.i32(7);
    code.op(OP.i32_xor);
    code.op(OP.i64_extend_i32_u);
    code.op(OP.i64_rotr);
    code.op(OP.i32_wrap_i64);
    code.i32(LPM_NODE.RIGHT);
    code.op(OP.i32_and);
    code.get(this.#node);
    code.op(OP.i32_add);
    code.access(ACCESS.i32_load, LPM_NODE.LEFT);
    code.set(this.#node);
  }

  /** `#turned` becomes a word of the key: its lowest bit where RIGHT, a power of two, has its only one. */
  #turn(word: number): void {
    const code = this.#code;
    code.get(this.#bits[word]);
    code.i64(Math.log2(LPM_NODE.RIGHT), 0);
    code.op(OP.i64_rotl);
    code.set(this.#turned);
  }

  /** A word of bits from `offset` behind the address on the stack. Some bytes more may be read, and say nothing. */
  #loadWord(offset: number, index: number): void {
    const narrow = this.#size - index * WORD <= 4;
    this.#code.access(narrow ? ACCESS.i64_load32_u : ACCESS.i64_load, offset + index * WORD);
  }
}
