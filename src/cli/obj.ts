/** `skep obj`: what an object file holds, before any kernel has seen it. */
import { parseArgs } from 'node:util';
import { dumpTypes } from '../btf/index.ts';
import { loadCollectionSpec } from '../loader/index.ts';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';
import { inputName, readInput } from './input.ts';

const help = `usage: skep obj show OBJ|- [--json]
       skep obj types OBJ|-

show lists the maps, global variables and programs of an object, with what cannot be loaded yet.
types lists its BTF types in the words of bpftool btf dump, data sections with the sizes and places they have in the
object.

  --json               one JSON object

examples:
  skep obj show filter.o
  skep obj show filter.o --json | jq .maps
  skep obj types filter.o
`;

const options = { json: { type: 'boolean' } } as const;

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [verb, path, ...rest] = positionals;
  if (verb !== 'show' && verb !== 'types')
    throw new UsageError(verb ? `no such command: skep obj ${verb}` : 'skep obj: say show or types');
  if (path === undefined || rest.length) throw new UsageError(`skep obj ${verb} takes one object`);
  const spec = loadCollectionSpec(await readInput(path, io), { file: inputName(path) });
  if (verb === 'types') io.out(spec.btf === undefined ? '' : dumpTypes(spec.btf));
  else io.out(values.json ? `${JSON.stringify(spec, null, 2)}\n` : `${spec}\n`);
  return 0;
}

export const command: Command = { help, run };
