/** A command's input: the file of that name, or all of standard input for `-`. */
import { readFile } from 'node:fs/promises';
import type { Io } from './command.ts';

/** @returns a plain array: a Buffer's `slice` shares memory, which the platform-free core does not expect */
export async function readInput(path: string, io: Io): Promise<Uint8Array> {
  if (path !== '-') return new Uint8Array(await readFile(path));
  const parts: Uint8Array[] = [];
  for await (const part of io.stdin()) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

/** What messages call it. */
export const inputName = (path: string): string => (path === '-' ? 'standard input' : path);
