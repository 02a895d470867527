/** The part of the WebAssembly interface that the project uses; neither Node's types nor ES2023's have it. */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    initial: number;
    maximum?: number;
    shared?: boolean;
  }
  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer;
    grow(delta: number): number;
  }
  /** Compiled code. The constructor throws CompileError where the bytes are no valid module. */
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>);
  }
  /** Thrown where WebAssembly traps. */
  class RuntimeError extends Error {}
  /** Functions that modules share. */
  class Table {
    constructor(descriptor: { element: 'anyfunc'; initial: number });
    readonly length: number;
    grow(delta: number): number;
    set(index: number, value: unknown): void;
  }
  /** Whether the bytes are a module that this engine takes. */
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  /** Thrown where WebAssembly traps. */
  class RuntimeError extends Error {}
  type ImportValue = Memory | Table | ((...args: number[]) => number | void);
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, ImportValue>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
}
