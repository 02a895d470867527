/**
 * A WebAssembly module, written section by section (core specification 5.5): function types, imported functions, one
 * imported memory, functions, one table, globals, exports. Imports must be declared before the first function, since both
 * share one numbering.
 */
import { ByteWriter } from './bytes.ts';
import type { Code, Index } from './code.ts';
import { CONTROL, TYPE } from './opcodes.ts';
import type { ValueType } from './opcodes.ts';

const MAGIC = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const SECTION = { TYPE: 1, IMPORT: 2, FUNCTION: 3, TABLE: 4, GLOBAL: 6, EXPORT: 7, ELEMENT: 9, CODE: 10 } as const;
const KIND = { FUNCTION: 0, TABLE: 1, MEMORY: 2, GLOBAL: 3 } as const;
const FUNCTION_TYPE = 0x60;
const FUNCREF = 0x70;

export class ModuleWriter {
  readonly #types: string[] = [];
  readonly #typeBytes = new ByteWriter();
  readonly #imports = new ByteWriter();
  #importCount = 0;
  #importedFunctions = 0;
  readonly #functionTypes: Index[] = [];
  readonly #bodies: (Code | undefined)[] = [];
  readonly #globals = new ByteWriter();
  #globalCount = 0;
  readonly #exports = new ByteWriter();
  #exportCount = 0;
  #table: readonly Index[] = [];

  /** The number of a function type; equal ones are one. */
  type(params: readonly ValueType[], results: readonly ValueType[]): Index {
    const key = `${params.join()}>${results.join()}`;
    const known = this.#types.indexOf(key);
    if (known >= 0) return known;
    this.#typeBytes.u8(FUNCTION_TYPE);
    this.#typeBytes.sized(Uint8Array.from(params));
    this.#typeBytes.sized(Uint8Array.from(results));
    return this.#types.push(key) - 1;
  }

  importFunction(module: string, name: string, type: Index): Index {
    if (this.#functionTypes.length > 0) throw new RangeError('imports come before functions');
    this.#import(module, name, KIND.FUNCTION);
    this.#imports.u32(type);
    return this.#importedFunctions++;
  }

  /** Memory 0, of `pages` of 64 KiB or more. */
  importMemory(module: string, name: string, pages: number): void {
    this.#import(module, name, KIND.MEMORY);
    this.#imports.u8(0); // no maximum
    this.#imports.u32(pages);
  }

  /** Table 0, of functions; a module that imports it has none of its own. */
  importTable(module: string, name: string): void {
    this.#import(module, name, KIND.TABLE);
    this.#imports.raw(Uint8Array.of(FUNCREF, 0, 0)); // no maximum, no minimum
  }

  /** Declare a function; its body is given later, so that functions may call each other. */
  function(type: Index): Index {
    this.#bodies.push(undefined);
    return this.#importedFunctions + this.#functionTypes.push(type) - 1;
  }

  body(fn: Index, code: Code): void {
    this.#bodies[fn - this.#importedFunctions] = code;
  }

  /** A mutable number, 0 at first. */
  global(type: typeof TYPE.I32 | typeof TYPE.I64): Index {
    this.#globals.raw(
      Uint8Array.of(type, 1, type === TYPE.I32 ? CONTROL.i32_const : CONTROL.i64_const, 0, CONTROL.end),
    );
    return this.#globalCount++;
  }

  /** Table 0: these functions in their order. */
  table(functions: readonly Index[]): void {
    this.#table = functions;
  }

  exportFunction(name: string, fn: Index): void {
    this.#exports.name(name);
    this.#exports.u8(KIND.FUNCTION);
    this.#exports.u32(fn);
    this.#exportCount++;
  }

  encode(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter(4096);
    out.raw(MAGIC);
    section(out, SECTION.TYPE, this.#types.length, this.#typeBytes.written);
    section(out, SECTION.IMPORT, this.#importCount, this.#imports.written);
    section(out, SECTION.FUNCTION, this.#functionTypes.length, indices(this.#functionTypes));
    if (this.#table.length > 0) section(out, SECTION.TABLE, 1, tableType(this.#table.length));
    section(out, SECTION.GLOBAL, this.#globalCount, this.#globals.written);
    section(out, SECTION.EXPORT, this.#exportCount, this.#exports.written);
    if (this.#table.length > 0) section(out, SECTION.ELEMENT, 1, elements(this.#table));
    section(out, SECTION.CODE, this.#bodies.length, this.#code());
    return out.written;
  }

  #import(module: string, name: string, kind: number): void {
    this.#imports.name(module);
    this.#imports.name(name);
    this.#imports.u8(kind);
    this.#importCount++;
  }

  #code(): Uint8Array {
    const out = new ByteWriter(4096);
    this.#bodies.forEach((code, i) => {
      if (code === undefined) throw new RangeError(`function ${this.#importedFunctions + i} has no body`);
      out.raw(code.encode());
    });
    return out.written;
  }
}

/** A section of `count` things; none at all where there are no things. */
function section(out: ByteWriter, id: number, count: number, content: Uint8Array): void {
  if (count === 0) return;
  const head = new ByteWriter(8);
  head.u32(count);
  out.u8(id);
  out.u32(head.length + content.length);
  out.raw(head.written);
  out.raw(content);
}

function indices(numbers: readonly Index[]): Uint8Array {
  const out = new ByteWriter();
  for (const number of numbers) out.u32(number);
  return out.written;
}

function tableType(size: number): Uint8Array {
  const out = new ByteWriter(16);
  out.u8(FUNCREF);
  out.u8(1); // with a maximum
  out.u32(size);
  out.u32(size);
  return out.written;
}

/** All functions into table 0, from slot 0 on. */
function elements(functions: readonly Index[]): Uint8Array {
  const out = new ByteWriter();
  out.raw(Uint8Array.of(0, CONTROL.i32_const, 0, CONTROL.end));
  out.u32(functions.length);
  out.raw(indices(functions));
  return out.written;
}
