import { describe, expect, it } from 'vitest';
import { ACCESS, ByteWriter, Code, ModuleWriter, OP, TYPE, VECTOR, printModule } from './index.ts';

const { I32, I64 } = TYPE;

/** Bytes that `write` writes. */
function bytesOf(write: (out: ByteWriter) => void): number[] {
  const out = new ByteWriter(1);
  write(out);
  return [...out.written];
}

/** The signed number that LEB128 bytes hold, by the specification's definition. */
function signedLeb(bytes: readonly number[]): bigint {
  let value = 0n;
  bytes.forEach((byte, i) => (value |= BigInt(byte & 0x7f) << BigInt(7 * i)));
  return BigInt.asIntN(7 * bytes.length, value);
}

/** A module with one function `f`. */
function single(
  params: (typeof I32 | typeof I64)[],
  results: (typeof I32 | typeof I64)[],
  write: (code: Code) => void,
): (...args: (number | bigint)[]) => unknown {
  const module = new ModuleWriter();
  const fn = module.function(module.type(params, results));
  const code = new Code(params.length);
  write(code);
  module.body(fn, code);
  module.exportFunction('f', fn);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()));
  return instance.exports['f'] as (...args: (number | bigint)[]) => unknown;
}

describe('LEB128', () => {
  const edges = [0, 1, 63, 64, 127, 128, 8191, 8192, 0x7fffffff, -1, -64, -65, -128, -8192, -8193, -0x80000000];

  it('writes unsigned numbers', () => {
    expect(bytesOf((out) => out.u32(0))).toEqual([0]);
    expect(bytesOf((out) => out.u32(624485))).toEqual([0xe5, 0x8e, 0x26]);
    expect(bytesOf((out) => out.u32(0xffffffff))).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f]);
  });

  it('writes signed 32-bit numbers in as few bytes as hold them', () => {
    expect(bytesOf((out) => out.s32(-123456))).toEqual([0xc0, 0xbb, 0x78]);
    for (const value of edges) {
      const bytes = bytesOf((out) => out.s32(value));
      expect(signedLeb(bytes)).toBe(BigInt(value));
      if (bytes.length > 1) expect(signedLeb(bytes.slice(0, -1))).not.toBe(BigInt(value));
    }
  });

  it('writes signed 64-bit numbers from two words', () => {
    for (const high of edges) {
      for (const low of edges) {
        const value = (BigInt(high) << 32n) | BigInt(low >>> 0);
        const bytes = bytesOf((out) => out.s64(low, high));
        expect(signedLeb(bytes)).toBe(value);
        if (bytes.length > 1) expect(signedLeb(bytes.slice(0, -1))).not.toBe(value);
        expect(bytes.slice(0, -1).every((byte) => byte & 0x80)).toBe(true);
        expect(bytes.at(-1)! & 0x80).toBe(0);
      }
    }
  });
});

describe('modules', () => {
  it('compute', () => {
    const f = single([I32, I32], [I32], (code) => {
      code.get(0);
      code.get(1);
      code.op(OP.i32_add);
      code.i32(-1000);
      code.op(OP.i32_mul);
    });
    expect(f(2, 3)).toBe(-5000);
  });

  it('hold 64-bit constants', () => {
    const f = single([], [I64], (code) => code.i64(0x89abcdef, 0x01234567));
    expect(f()).toBe(0x0123456789abcdefn);
  });

  it('have locals of several types behind the parameters', () => {
    const f = single([I32], [I64], (code) => {
      const [a, b, c] = [code.local(I64), code.local(I64), code.local(I32)];
      expect([a, b, c]).toEqual([1, 2, 3]);
      code.get(0);
      code.tee(c);
      code.op(OP.i64_extend_i32_s);
      code.tee(a);
      code.set(b);
      code.get(a);
      code.get(b);
      code.op(OP.i64_add);
      code.get(c);
      code.op(OP.i64_extend_i32_s);
      code.op(OP.i64_add);
    });
    expect(f(-7)).toBe(-21n);
  });

  it('branch by label whatever lies between', () => {
    // sum of 1 to n, in a loop inside a block, left from inside an if
    const f = single([I32], [I32], (code) => {
      const sum = code.local(I32);
      const done = code.block();
      const again = code.loop();
      code.get(0);
      code.op(OP.i32_eqz);
      code.if();
      code.br(done);
      code.end();
      code.get(sum);
      code.get(0);
      code.op(OP.i32_add);
      code.set(sum);
      code.get(0);
      code.i32(1);
      code.op(OP.i32_sub);
      code.tee(0);
      code.brIf(again);
      code.end();
      code.end();
      code.get(sum);
    });
    expect([f(0), f(1), f(100)]).toEqual([0, 1, 5050]);
  });

  it('dispatch by table', () => {
    const f = single([I32], [I32], (code) => {
      const other = code.block();
      const one = code.block();
      const zero = code.block();
      code.get(0);
      code.brTable([zero, one], other);
      code.end();
      code.i32(10);
      code.op(OP.return);
      code.end();
      code.i32(11);
      code.op(OP.return);
      code.end();
      code.i32(12);
    });
    expect([f(0), f(1), f(2), f(-1)]).toEqual([10, 11, 12, 12]);
  });

  it('choose a value with if and else', () => {
    const f = single([I32], [I64], (code) => {
      code.get(0);
      code.if(I64);
      code.i64(1, 0);
      code.else();
      code.i64(-1, -1);
      code.end();
    });
    expect([f(5), f(0)]).toEqual([1n, -1n]);
  });

  it('import functions and memory, call each other, keep globals', () => {
    const module = new ModuleWriter();
    const unary = module.type([I32], [I32]);
    expect(module.type([I32], [I32])).toBe(unary);
    const double = module.importFunction('env', 'double', unary);
    module.importMemory('env', 'memory', 1);
    const counter = module.global(I32);
    const [f, g] = [module.function(unary), module.function(unary)];
    expect(() => module.importFunction('env', 'late', unary)).toThrow('imports come before functions');

    const store = new Code(1);
    store.i32(16);
    store.get(0);
    store.op(OP.i64_extend_i32_u);
    store.access(ACCESS.i64_store, 300);
    store.i32(400);
    store.i32(0xab);
    store.i32(3);
    store.fill();
    store.get(0);
    store.call(g);
    module.body(f, store);

    const count = new Code(1);
    count.globalGet(counter);
    count.i32(1);
    count.op(OP.i32_add);
    count.globalSet(counter);
    count.get(0);
    count.call(double);
    count.globalGet(counter);
    count.op(OP.i32_add);
    module.body(g, count);
    module.exportFunction('f', f);

    const memory = new WebAssembly.Memory({ initial: 1 });
    const imports = { env: { memory, double: (n: number) => 2 * n } };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), imports);
    const run = exports['f'] as (n: number) => number;
    expect([run(21), run(21)]).toEqual([43, 44]);
    const bytes = new Uint8Array(memory.buffer);
    expect(bytes[316]).toBe(21);
    expect([...bytes.slice(399, 404)]).toEqual([0, 0xab, 0xab, 0xab, 0]);
  });

  it('call through a table', () => {
    const module = new ModuleWriter();
    const nullary = module.type([], [I32]);
    const unary = module.type([I32], [I32]);
    const numbers = [7, 8].map((value) => {
      const fn = module.function(nullary);
      const code = new Code(0);
      code.i32(value);
      module.body(fn, code);
      return fn;
    });
    const f = module.function(unary);
    const code = new Code(1);
    code.get(0);
    code.callIndirect(nullary);
    module.body(f, code);
    module.table(numbers);
    module.exportFunction('f', f);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()));
    const run = exports['f'] as (n: number) => number;
    expect([run(0), run(1)]).toEqual([7, 8]);
    expect(() => run(2)).toThrow();
  });

  it('compute with vectors', () => {
    const module = new ModuleWriter();
    module.importMemory('env', 'memory', 1);
    const fn = module.function(module.type([I64, I32], [I64]));
    const code = new Code(2);
    const backwards = [7, 6, 5, 4, 3, 2, 1, 0, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    code.get(0);
    code.vector(VECTOR.i64x2_splat);
    code.vector(VECTOR.i64x2_extract_lane, 1);
    code.get(1);
    code.vector(VECTOR.v128_load64_zero, 300);
    code.vector(VECTOR.v128_const, ...backwards);
    code.vector(VECTOR.i8x16_swizzle);
    code.vector(VECTOR.i64x2_extract_lane, 0);
    code.op(OP.i64_add);
    module.body(fn, code);
    module.exportFunction('f', fn);
    const bytes = module.encode();
    const memory = new WebAssembly.Memory({ initial: 1 });
    new DataView(memory.buffer).setBigUint64(304, 0x0102030405060708n, true);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    expect((exports['f'] as (a: bigint, at: number) => bigint)(1n, 4)).toBe(0x0807060504030202n);
    const constant = `v128.const i8x16 ${backwards.join(' ')}`;
    for (const line of ['v128.load64_zero offset=300', constant, 'i8x16.swizzle', 'i64x2.extract_lane 1'])
      expect(printModule(bytes)).toContain(` ${line}\n`);
  });

  it('refuse a function without a body', () => {
    const module = new ModuleWriter();
    const fn = module.function(module.type([], []));
    expect(() => module.encode()).toThrow(`function ${fn} has no body`);
  });
});
