/** `skep prog`: run programs. */
import { parseArgs } from 'node:util';
import { backendName, openExchangeBackend, runBatch } from './exchange.ts';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';

const help = `usage: skep prog run --batch [FILE|-] [options]

Loads the program objects of a file (or standard input), one JSON object a line, runs each with its "runs", and prints
one JSON answer a line, in the same order.

  --batch              program objects in, answers out
  --backend NAME       userspace (default) or linux, the running kernel
  --level N            bits of the verifier log: 1 basic, 2 verbose, 4 statistics (default 5)
  --full-log           put the log into the answers
  --btf-dir DIR        where the BTF that objects call "@name" lies (default btf)

examples:
  skep prog run --batch programs.jsonl > answers.jsonl
  skep prog run --batch --backend linux < programs.jsonl
`;

const options = {
  batch: { type: 'boolean' },
  backend: { type: 'string' },
  level: { type: 'string' },
  'full-log': { type: 'boolean' },
  'btf-dir': { type: 'string' },
} as const;

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [verb, file, ...rest] = positionals;
  if (verb !== 'run') throw new UsageError(verb ? `no such command: skep prog ${verb}` : 'skep prog: say what to do');
  if (!values.batch || rest.length) throw new UsageError('skep prog run takes --batch and one file');
  const level = Number(values.level ?? 5);
  if (!Number.isInteger(level) || level < 0 || level > 15) throw new UsageError('--level is a number from 0 to 15');
  const backend = await openExchangeBackend(backendName(values.backend));
  await runBatch(file, io, backend, {
    run: true,
    logLevel: level,
    fullLog: values['full-log'],
    btfDir: values['btf-dir'],
  });
  return 0;
}

export const command: Command = { help, run };
