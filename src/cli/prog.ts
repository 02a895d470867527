/** `skep prog`: run programs. */
import { parseArgs } from 'node:util';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';
import { backendName, openExchangeBackend, runBatch, wholeNumber } from './exchange.ts';
import { dumpProgram } from './prog-dump.ts';
import { runProgram } from './prog-run.ts';

const help = `usage: skep prog run OBJ [PROGRAM] [--data HEX|@FILE] [options]
       skep prog run --batch [FILE|-] [options]
       skep prog dump OBJ [PROGRAM] --stage STAGE [options]

Loads a program of an object, runs it on some bytes, and prints what it returned and the contents of its maps.

  --data HEX|@FILE     the packet, from its link-layer header on (default 64 zero bytes)
  --ctx HEX|@FILE      the context struct, where the program type lets the caller give one
  --repeat N           run it N times; maps keep what each run left (default 1)
  --json               one JSON object
  --backend NAME       userspace (default) or linux, the running kernel (needs root and the package koffi)

With --batch: loads the program objects of a file (or standard input), one JSON object a line, runs each with its
"runs", and prints one JSON answer a line, in the same order.

  --level N            bits of the verifier log: 1 basic, 2 verbose, 4 statistics (default 5)
  --full-log           put the log into the answers
  --btf-dir DIR        where the BTF that objects call "@name" lies (default btf)

dump prints what becomes of a program. STAGE is

  xlated               its instructions as they are loaded (with --backend linux: those of the kernel)
  cfg                  its control flow, for Graphviz
  wat, wasm            the WebAssembly it is compiled to, as text and as hexadecimal bytes; with --hardened as it
                       is compiled when every access is held to what programs may touch

examples:
  skep prog run filter.o --data 001122334455667788990011080045
  skep prog run xdp.o drop --data @packet.bin --repeat 1000
  skep prog run --batch programs.jsonl > answers.jsonl
  skep prog run --batch --backend linux < programs.jsonl
  skep prog dump xdp.o parse --stage wat
  skep prog dump xdp.o parse --stage cfg | dot -Tsvg > parse.svg
`;

const options = {
  batch: { type: 'boolean' },
  data: { type: 'string' },
  ctx: { type: 'string' },
  repeat: { type: 'string' },
  json: { type: 'boolean' },
  backend: { type: 'string' },
  stage: { type: 'string' },
  hardened: { type: 'boolean' },
  level: { type: 'string' },
  'full-log': { type: 'boolean' },
  'btf-dir': { type: 'string' },
} as const;

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [verb, file, program, ...rest] = positionals;
  if (verb === 'dump') {
    if (file === undefined || rest.length) throw new UsageError('skep prog dump takes an object and one program');
    const { stage, hardened = false } = values;
    if (stage === undefined) throw new UsageError('skep prog dump: which --stage?');
    return dumpProgram({ object: file, program, stage, hardened, backend: backendName(values.backend) }, io);
  }
  if (verb !== 'run') throw new UsageError(verb ? `no such command: skep prog ${verb}` : 'skep prog: say what to do');
  const backend = backendName(values.backend);
  if (!values.batch) {
    if (file === undefined || rest.length) throw new UsageError('skep prog run takes an object and one program');
    const { data, ctx, json = false } = values;
    const repeat = wholeNumber('--repeat', values.repeat ?? '1', 1, 2 ** 31 - 1);
    return runProgram({ object: file, program, backend, data, ctx, repeat, json }, io);
  }
  if (program !== undefined) throw new UsageError('--batch takes one file');
  const logLevel = wholeNumber('--level', values.level ?? '5', 0, 15);
  await runBatch(file, io, await openExchangeBackend(backend), {
    run: true,
    logLevel,
    fullLog: values['full-log'],
    btfDir: values['btf-dir'],
  });
  return 0;
}

export const command: Command = { help, run };
