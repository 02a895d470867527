/**
 * Runs that nobody sees, so that V8's optimising compiler has a program ready before its first real run: V8 counts per
 * module, and so the module is instantiated once more, on a copy of the memory and with imports that do nothing, and runs
 * there. No helper is called, no map and no packet changes, no clock is read by the program.
 */
/** Copies of more are not made. */
const LARGEST_MEMORY = 64 << 20;
const MILLISECOND = 1;

/** What the copy of a program imports instead of the machine. */
const QUIET: Readonly<Record<string, (...args: number[]) => number | void>> = {
  narrow: (address) => address,
  check: (low, _high, off) => low + off,
  mayGoto: () => -1,
};

/**
 * @param names imported functions
 * @param run what the module exports to be called, with its arguments
 * @param milliseconds most time to take
 */
export function warmUp(
  module: WebAssembly.Module,
  parts: {
    readonly module: string;
    readonly memory: string;
    readonly table: string;
    readonly names: readonly string[];
  },
  memory: WebAssembly.Memory,
  run: (exports: WebAssembly.Instance['exports'], count: number) => void,
  milliseconds: number,
): void {
  const size = memory.buffer.byteLength;
  if (size > LARGEST_MEMORY) return;
  const copy = new WebAssembly.Memory({ initial: size / 65536 });
  new Uint8Array(copy.buffer).set(new Uint8Array(memory.buffer));
  const imports: Record<string, WebAssembly.ImportValue> = {
    [parts.memory]: copy,
    [parts.table]: new WebAssembly.Table({ element: 'anyfunc', initial: 1 }),
  };
  for (const name of parts.names) imports[name] = QUIET[name] ?? (() => 0);
  const { exports } = new WebAssembly.Instance(module, { [parts.module]: imports });
  const end = performance.now() + milliseconds;
  let count = 1;
  try {
    for (let now = performance.now(); now < end;) {
      run(exports, count);
      const after = performance.now();
      if (after - now < MILLISECOND) count *= 2;
      now = after;
    }
  } catch {
    // On its copy of the world the program may come to what it never does in the real one: that is warm enough.
  }
}
