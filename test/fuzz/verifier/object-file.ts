/** `--object FILE`: the same comparison for program objects that somebody wrote down. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { btfReader } from '../../../src/cli/exchange.ts';
import { parseProgramObject } from '../../../src/loader/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import { type Kernel, compare } from './judge.ts';

/**
 * The objects of a file: one, as `writeShrunk` writes it, or one a line. BTF that an object calls `@name` is read from the
 * folder `btf` beside the file.
 * @throws Error with a message that names the file, and the line where there are several
 */
export function readObjects(path: string): ProgramObject[] {
  const text = readFileSync(path, 'utf8').trim();
  const readBtf = btfReader(join(dirname(path), 'btf'));
  const parse = (json: string, where: string): ProgramObject => {
    try {
      const object = parseProgramObject(JSON.parse(json));
      const btfs = object.btfs.map((one) => (typeof one === 'string' ? readBtf(one.replace(/^@/, '')) : one));
      return { ...object, btfs };
    } catch (error) {
      throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const lines = text.split('\n');
  // One object over several lines ends its first line with a brace or a comma.
  const isOne = lines.length === 1 || !lines[0].trimEnd().endsWith('}');
  return isOne ? [parse(text, path)] : lines.map((line, i) => parse(line, `${path}:${i + 1}`));
}

/** Print how each is judged. @returns 1 where there are differences, 2 where the file cannot be read, else 0. */
export function compareFile(path: string, kernel: Kernel, out: (text: string) => void): number {
  let objects: ProgramObject[];
  try {
    objects = readObjects(path);
  } catch (error) {
    out(`${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  let differ = false;
  for (const object of objects) {
    const { verdict, theirs, difference } = compare(object, kernel);
    const name = objects.length > 1 ? `${object.name ?? 'unnamed'}: ` : '';
    if (difference) {
      differ = true;
      out(`${name}${verdict}: ${difference.grade}\n  kernel ${difference.theirs}\n  skep   ${difference.ours}\n`);
    } else if (verdict === 'unusable') out(`${name}unusable: ${theirs.reason.join('; ')}\n`);
    else out(`${name}${verdict}: ${verdict === 'accept' || verdict === 'reject' ? 'equal' : 'not compared'}\n`);
  }
  return differ ? 1 : 0;
}
