/** Functions that the JIT adds to a module once, for what it knows of a map: a look-up, an update. They work on words. */
import { Code, TYPE } from '../../wasm/index.ts';
import type { Index } from '../../wasm/index.ts';
import type { ModuleParts } from './function-writer.ts';

/**
 * @param name says which one it is, in this module
 * @param params how many words it takes; it gives one
 * @param write writes it when it is first asked for
 */
export function madeFunction(
  { module, made }: ModuleParts,
  name: string,
  params: number,
  write: (code: Code) => void,
): Index {
  const known = made.get(name);
  if (known !== undefined) return known;
  const words = Array.from({ length: params }, () => TYPE.I32);
  const fn = module.function(module.type(words, [TYPE.I32]));
  made.set(name, fn);
  const code = new Code(params);
  write(code);
  module.body(fn, code);
  return fn;
}
