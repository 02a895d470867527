/**
 * `bpf_map_update_elem` of a key that is in a hash, in WebAssembly made for the map: a free element takes the old one's place in
 * its chain, and the old one is retired. Everything else, and all that looks wrong, is left to the map core before anything
 * is changed. The same as src/maps/core/assembly/hash.ts and elements.ts do for any hash.
 */
import { ELEM_STATE, HASH_ELEM, MAP_HEADER } from '../../memory/index.ts';
import { ELEM_FLAG } from '../../uapi/index.ts';
import { ACCESS, OP, TYPE } from '../../wasm/index.ts';
import type { Index, Label, Code } from '../../wasm/index.ts';
import type { ModuleParts } from './function-writer.ts';
import { MAX_KEY, compareKeys, hashKey } from './hash-lookup.ts';
import { madeFunction } from './made-function.ts';
import type { MapShape } from './options.ts';

/** Longest value that is copied piece by piece. */
export const MAX_VALUE = 64;
const [KEY, VALUE, FLAGS] = [0, 1, 2];

/** The function that takes addresses of key and value, and flags, and gives 0 or -errno; undefined: not for such a map. */
export function hashReplace(parts: ModuleParts, shape: MapShape): Index | undefined {
  if (shape.keySize > MAX_KEY || shape.valueSize > MAX_VALUE) return undefined;
  return madeFunction(parts, `update ${shape.address}`, 3, (code) => {
    new Replacement(code, shape, parts.imports.core('enlist')).write();
    code.i32(shape.address);
    for (const param of [KEY, VALUE, FLAGS]) code.get(param);
    code.call(parts.imports.core('hash_update'));
  });
}

class Replacement {
  readonly #code: Code;
  readonly #shape: MapShape;
  readonly #enlist: Index;
  readonly #hash: Index;
  /** Address of the word that leads to `#old`. */
  readonly #link: Index;
  readonly #old: Index;
  readonly #fresh: Index;
  readonly #count: Index;

  constructor(code: Code, shape: MapShape, enlist: Index) {
    this.#code = code;
    this.#shape = shape;
    this.#enlist = enlist;
    [this.#hash, this.#link, this.#old, this.#fresh, this.#count] = Array.from({ length: 5 }, () =>
      code.local(TYPE.I32),
    );
  }

  /** Returns 0 where the element was replaced; goes on behind where the core must do it. */
  write(): void {
    const code = this.#code;
    const { keySize, seed, bucketMask, buckets, maxEntries } = this.#shape;
    const steps = this.#count;
    hashKey(code, KEY, keySize, () => code.i32(seed), this.#hash);
    code.get(this.#hash);
    code.i32(bucketMask);
    code.op(OP.i32_and);
    code.i32(2);
    code.op(OP.i32_shl);
    code.i32(buckets);
    code.op(OP.i32_add);
    code.set(this.#link);
    code.i32(maxEntries + 1);
    code.set(steps);
    const core = code.block();
    const again = code.loop();
    code.get(this.#link);
    code.access(ACCESS.i32_load, 0);
    code.tee(this.#old);
    code.op(OP.i32_eqz);
    code.brIf(core);
    const differs = code.block();
    this.#load(this.#old, HASH_ELEM.HASH);
    code.get(this.#hash);
    code.op(OP.i32_ne);
    code.brIf(differs);
    compareKeys(code, KEY, this.#old, keySize, () => code.brIf(differs));
    this.#replace(core);
    code.i32(0);
    code.op(OP.return);
    code.end();
    code.get(this.#old);
    code.i32(HASH_ELEM.NEXT);
    code.op(OP.i32_add);
    code.set(this.#link);
    code.get(steps);
    code.i32(1);
    code.op(OP.i32_sub);
    code.tee(steps);
    code.brIf(again);
    code.end();
    code.end();
  }

  /** `#fresh` in place of `#old`. */
  #replace(core: Label): void {
    const code = this.#code;
    const { address, keySize, valueSize, valueOffset } = this.#shape;
    code.get(FLAGS);
    code.i32(~ELEM_FLAG.EXIST);
    code.op(OP.i32_and);
    code.brIf(core);
    this.#load(this.#old, HASH_ELEM.STATE);
    code.i32(address | ELEM_STATE.LIVE);
    code.op(OP.i32_ne);
    code.brIf(core);
    this.#header('FREE');
    code.tee(this.#fresh);
    code.op(OP.i32_eqz);
    code.brIf(core);
    this.#load(this.#fresh, HASH_ELEM.STATE);
    code.i32(address | ELEM_STATE.FREE);
    code.op(OP.i32_ne);
    code.brIf(core);
    this.#setHeader('FREE', () => this.#load(this.#fresh, HASH_ELEM.LINK));
    copyBytes(code, this.#fresh, HASH_ELEM.KEY, KEY, keySize);
    copyBytes(code, this.#fresh, valueOffset, VALUE, valueSize);
    this.#store(this.#fresh, HASH_ELEM.HASH, () => code.get(this.#hash));
    this.#store(this.#fresh, HASH_ELEM.STATE, () => code.i32(address | ELEM_STATE.LIVE));
    this.#store(this.#fresh, HASH_ELEM.NEXT, () => this.#load(this.#old, HASH_ELEM.NEXT));
    this.#store(this.#link, 0, () => code.get(this.#fresh));
    this.#retire();
  }

  #retire(): void {
    const code = this.#code;
    const { address } = this.#shape;
    this.#store(this.#old, HASH_ELEM.STATE, () => code.i32(address | ELEM_STATE.RETIRED));
    this.#store(this.#old, HASH_ELEM.LINK, () => code.i32(0));
    this.#header('PENDING_COUNT');
    code.tee(this.#count);
    code.if(TYPE.I32);
    this.#header('PENDING_LAST');
    code.i32(HASH_ELEM.LINK);
    code.op(OP.i32_add);
    code.else();
    code.i32(address + MAP_HEADER.PENDING);
    code.end();
    code.get(this.#old);
    code.access(ACCESS.i32_store, 0);
    this.#setHeader('PENDING_LAST', () => code.get(this.#old));
    this.#setHeader('PENDING_COUNT', () => {
      code.get(this.#count);
      code.i32(1);
      code.op(OP.i32_add);
    });
    this.#header('NEXT_PENDING');
    code.op(OP.i32_eqz);
    code.if();
    code.i32(address);
    code.call(this.#enlist);
    code.end();
  }

  #header(field: keyof typeof MAP_HEADER): void {
    this.#code.i32(this.#shape.address);
    this.#code.access(ACCESS.i32_load, MAP_HEADER[field]);
  }

  #setHeader(field: keyof typeof MAP_HEADER, value: () => void): void {
    this.#code.i32(this.#shape.address);
    value();
    this.#code.access(ACCESS.i32_store, MAP_HEADER[field]);
  }

  #load(at: Index, offset: number): void {
    this.#code.get(at);
    this.#code.access(ACCESS.i32_load, offset);
  }

  #store(at: Index, offset: number, value: () => void): void {
    this.#code.get(at);
    value();
    this.#code.access(ACCESS.i32_store, offset);
  }
}

/** Copy `size` bytes from `fromOffset` behind the address in `from` to `offset` behind that in `to`. */
export function copyBytes(code: Code, to: Index, offset: number, from: Index, size: number, fromOffset = 0): void {
  for (let at = 0; at < size;) {
    const left = size - at;
    const [piece, load, store] =
      left >= 8
        ? ([8, ACCESS.i64_load, ACCESS.i64_store] as const)
        : left >= 4
          ? ([4, ACCESS.i32_load, ACCESS.i32_store] as const)
          : left >= 2
            ? ([2, ACCESS.i32_load16_u, ACCESS.i32_store16] as const)
            : ([1, ACCESS.i32_load8_u, ACCESS.i32_store8] as const);
    code.get(to);
    code.get(from);
    code.access(load, fromOffset + at);
    code.access(store, offset + at);
    at += piece;
  }
}
