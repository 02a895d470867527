/** What several fragments do: a helper by its name, a pointer that may be NULL held past its check, a constant key. */
import { isHelperAllowed } from '../../../../src/contracts/index.ts';
import { JMP } from '../../../../src/isa/index.ts';
import { HELPER_NAMES } from '../../../../src/uapi/index.ts';
import { FP } from '../../verifier/emitter.ts';
import type { Generator, MapJson } from '../../verifier/generator.ts';

export const ARGUMENTS = 0b111110;

export const idOf = (name: string): number => HELPER_NAMES.indexOf(name);

export function mayCall({ around, options }: Generator, ...names: readonly string[]): boolean {
  return names.every((name) => {
    const id = idOf(name);
    return isHelperAllowed(around.progType, around.attachType, id, true) && (options.helpers?.has(id) ?? true);
  });
}

/** Index of a map of this shape and name. */
export const mapNamed = (g: Generator, map: MapJson & { readonly name: string }): number =>
  g.map(
    ({ name }) => name === map.name,
    () => ({ ...map }),
  );

/** `arg` = address of 4 bytes on the stack that hold `key`. */
export function passKey(g: Generator, arg: number, key: number): void {
  const { e } = g;
  const off = g.slot(8);
  e.storeImm(4, FP, off, key);
  e.copy(arg, FP);
  e.add(arg, off);
}

/** Hold what a helper returned in a register that calls keep, past its null check. */
export function whileFound(g: Generator, body: (pointer: number) => void): void {
  const { e } = g;
  const end = e.label();
  const pointer = g.scratch(true);
  e.copy(pointer, 0);
  g.isNothing(0);
  e.branch(JMP.JEQ, pointer, 0, end);
  g.skippable(end, () => body(pointer));
  g.release(pointer);
}

/** Look `key` up in a map and hold the value. */
export function whileLookedUp(g: Generator, map: number, key: number, body: (pointer: number) => void): void {
  passKey(g, 2, key);
  g.e.map(1, map);
  g.call(idOf('map_lookup_elem'));
  whileFound(g, body);
}
