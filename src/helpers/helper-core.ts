/**
 * The helper core: plain cases of helpers as one WebAssembly instance over the one memory of a userspace kernel, so that
 * compiled programs do them without JavaScript. Its sources are src/helpers/core/assembly; the rules are those of the helpers
 * here, which do everything else. `src/vm/jit/helper-calls.ts` is the table of those that have such a case.
 */
import { HELPER_STATE } from '../memory/index.ts';
import type { AddressSpace } from '../memory/index.ts';
import { decodeHex } from '../util/index.ts';
import type { HelperFunctions } from '../vm/index.ts';
import { HELPER_CORE } from './core/generated.ts';

/** Compiled once for all kernels. */
let compiled: WebAssembly.Module | undefined;

interface Host {
  readonly space: AddressSpace;
  readonly random: () => number;
  readonly isRandomGiven: boolean;
}

/** @param state address of HELPER_STATE. @returns what gives its functions, made when first asked for */
export function helperCore(host: Host, state: number): () => HelperFunctions {
  let linked: HelperFunctions | undefined;
  return () => (linked ??= { functions: link(host, state), state });
}

function link({ space, random, isRandomGiven }: Host, state: number): HelperFunctions['functions'] {
  const functions = instantiate(space.memory);
  if (isRandomGiven) {
    const { get_prandom_u32: _, ...others } = functions;
    return others;
  }
  space.view.setUint32(state + HELPER_STATE.SEED, random() | 1, true);
  space.view.setUint32(state + HELPER_STATE.SEED + 4, random(), true);
  return functions;
}

function instantiate(memory: WebAssembly.Memory): HelperFunctions['functions'] {
  compiled ??= new WebAssembly.Module(decodeHex(HELPER_CORE));
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  return exports as HelperFunctions['functions'];
}
