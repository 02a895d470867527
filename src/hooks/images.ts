/** Which program code belongs to: a helper knows the code that called it. */
import type { HelperEnv } from '../helpers/index.ts';
import type { Executable } from '../vm/index.ts';
import type { ProgramImage } from './api.ts';

const images = new WeakMap<Executable<HelperEnv>, ProgramImage>();

export function rememberImage(image: ProgramImage): void {
  images.set(image.executable, image);
}

/** The program that an executable was made for. */
export function imageOf(executable: Executable<HelperEnv>): ProgramImage | undefined {
  return images.get(executable);
}
