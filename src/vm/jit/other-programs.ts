/**
 * The programs that tail calls start, by number. A number's entry in the function table is a stub until the program is first
 * called: then it is compiled, and its function takes the stub's place; one that is not compiled stays behind the stub,
 * and is interpreted.
 */
import { InternalError } from '../../errors/index.ts';
import type { AddressSpace } from '../../memory/index.ts';
import { AREA, ENTRY, MEMORY, MODULE } from './imports.ts';
import type { CompiledProgram, NotCompiled } from './compiled.ts';
import { STUB, stubModule } from './tail-call.ts';

/** What the world says of other programs. */
export interface OtherPrograms {
  /** The number in slot `index` of the prog array whose header is at `map`; 0: none. @throws Trap without such a map */
  numberAt(map: number, index: number, slot: number): number;
  /** The program, compiled with `entry`. @param fuel whether it counts what it takes */
  compiled(number: number, fuel: boolean): CompiledProgram | NotCompiled;
  /**
   * Run it on the interpreter.
   * @param tailCalls of this run, this one counted
   * @returns the words of r0
   */
  interpret(
    number: number,
    r1: readonly [low: number, high: number],
    tailCalls: number,
  ): readonly [low: number, high: number];
}

export const NO_PROGRAMS: OtherPrograms = {
  numberAt: () => 0,
  compiled: () => ({ ok: false, unsupported: 'tail calls without programs' }),
  interpret: () => {
    throw new InternalError('a tail call without programs');
  },
};

export class ProgramTable {
  readonly table = new WebAssembly.Table({ element: 'anyfunc', initial: 1 });
  readonly #space: AddressSpace;
  readonly #area: number;
  readonly #others: OtherPrograms;
  readonly #fuel: boolean;
  #stub: WebAssembly.Module | undefined;

  /** @param fuel whether its programs count what they take */
  constructor(space: AddressSpace, area: number, others: OtherPrograms, fuel: boolean) {
    this.#fuel = fuel;
    this.#space = space;
    this.#area = area;
    this.#others = others;
  }

  /** Let a program be found: before its number comes into any slot. */
  publish(number: number): void {
    const { table } = this;
    if (number >= table.length) table.grow(Math.max(number + 1 - table.length, table.length));
    this.#stub ??= new WebAssembly.Module(stubModule(this.#area));
    const imports = {
      [MEMORY]: this.#space.memory,
      [STUB]: (low: number, high: number, top: number) => this.run(number, low, high, top),
    };
    table.set(number, new WebAssembly.Instance(this.#stub, { [MODULE]: imports }).exports[ENTRY]);
  }

  /** Nobody calls it any more. */
  withdraw(number: number): void {
    this.table.set(number, null);
  }

  /** Run a program in the frame below `top`. r0 lies at AREA.RESULT afterwards. */
  run(number: number, low: number, high: number, top: number): void {
    const program = this.#others.compiled(number, this.#fuel);
    if (program.ok) {
      if (program.entry === undefined || program.enter === undefined)
        throw new InternalError(`program ${number} was not compiled for tail calls`);
      if (program.options.mode !== 'checked') this.table.set(number, program.entry);
      return program.enter(low, high, top);
    }
    const tailCalls = this.#space.view.getUint32(this.#area + AREA.TAIL_CALLS, true);
    const [r0, r0High] = this.#others.interpret(number, [low, high], tailCalls);
    const { view } = this.#space;
    view.setInt32(this.#area + AREA.RESULT, r0, true);
    view.setInt32(this.#area + AREA.RESULT + 4, r0High, true);
  }
}
