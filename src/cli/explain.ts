/** `skep explain`: why a program is refused, how its registers came to be what they are, and what usually helps. */
import { parseArgs } from 'node:util';
import { KernelBtf } from '../btf/index.ts';
import { BpfError, UnsupportedError } from '../errors/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { answerLines, loadCollectionSpec } from '../loader/index.ts';
import type { CollectionSpec, ExchangeAnswer, ProgramSpec } from '../loader/index.ts';
import { kernelSetting } from '../linux/index.ts';
import { kernelBtfSource } from '../node/index.ts';
import type { BpfAttrs, BpfCmd, BpfSys, ProgLoadAttr } from '../sys/index.ts';
import { BPF_CMD } from '../uapi/index.ts';
import { explain, type Explanation } from '../verifier/index.ts';
import { heldCaps } from './caps.ts';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';
import { btfIdIn, btfReader, openBatch } from './exchange.ts';
import { explanationJson, explanationText, setupText } from './explain-report.ts';
import { inputName, readInput } from './input.ts';
import { chosenProfile } from './profile.ts';

const help = `usage: skep explain OBJ [PROGRAM] [--json]
       skep explain --batch [FILE|-]

Verifies one program of an object. Of a refused program it shows the instructions of the refused path that made the
registers it is about, with their lines of source and what was known behind each, the conditions on the way, what
the verifier missed, and what usually helps. Exit code 0 if the program is accepted, 1 if not.

  --json               one JSON object
  --caps LIST          as a caller who holds only these capabilities: names with commas between; all (default), none
  --profile NAME       whose verdict: linux-6.18 (default) or lwn-2014, the patch set of July 2014
  --btf FILE           raw BTF of the kernel that the program is for (default $SKEP_BTF or /sys/kernel/btf/vmlinux)

With --batch: program objects in, one JSON object a line; explanations out, one JSON object a line in the same order.

  --btf-dir DIR        where the BTF that objects call "@name" lies (default btf)

examples:
  skep explain filter.o drop
  skep explain filter.o drop --json | jq -r .remedy
  skep explain --batch programs.jsonl > explanations.jsonl
`;

const options = {
  json: { type: 'boolean' },
  caps: { type: 'string' },
  profile: { type: 'string' },
  batch: { type: 'boolean' },
  btf: { type: 'string' },
  'btf-dir': { type: 'string' },
} as const;

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const { createKernel } = await import('../kernel/index.ts');
  const profile = chosenProfile(values.profile);
  const kernelBtf = new KernelBtf(kernelBtfSource(values.btf));
  const create = (): Kernel => createKernel({ verifyOnly: true, kernelBtf, kernelSetting, profile });
  if (values.batch) {
    if (positionals.length > 1) throw new UsageError('--batch takes one file');
    await explainBatch(positionals[0], io, create, kernelBtf, values['btf-dir']);
    return 0;
  }
  const [path, name, ...rest] = positionals;
  if (path === undefined || rest.length) throw new UsageError('skep explain takes an object and one program');
  const spec = loadCollectionSpec(await readInput(path, io), { file: inputName(path) });
  const program = choose(spec, name);
  const found = explainProgram(spec, program, create(), heldCaps(values.caps));
  if (typeof found === 'string')
    io.out(values.json ? setupJson(spec, program, found) : setupText(spec.file, program, found));
  else if (values.json) io.out(`${JSON.stringify(explanationJson(spec.file, program, found), null, 2)}\n`);
  else io.out(explanationText(spec.file, program, found, io.colours === true));
  return typeof found !== 'string' && found.verdict === 'accept' ? 0 : 1;
}

function choose(spec: CollectionSpec, name: string | undefined): ProgramSpec {
  const programs = Object.values(spec.programs);
  const names = programs.map((program) => program.name).join(', ') || 'none';
  if (name === undefined && programs.length === 1) return programs[0];
  if (name === undefined) throw new UsageError(`which program of ${spec.file}? There are: ${names}`);
  const program = programs.find((one) => one.name === name);
  if (!program) throw new UsageError(`${spec.file} has no program ${name}; there are: ${names}`);
  return program;
}

/** @returns the explanation, or why there is none: the program never reached the verifier. */
function explainProgram(
  spec: CollectionSpec,
  program: ProgramSpec,
  kernel: Kernel,
  caps: bigint | undefined,
): Explanation | string {
  const asking = new AskingSys(kernel);
  const load = (): void => spec.load(asking, { programs: [program.name] }).close();
  try {
    if (caps === undefined) load();
    else kernel.withCaps(caps, load);
  } catch (error) {
    if (!(error instanceof BpfError || error instanceof UnsupportedError)) throw error;
    return asking.explanation ?? error.message;
  }
  return asking.explanation ?? 'the program was not loaded';
}

/** Explains every program that is loaded through it. */
class AskingSys implements BpfSys {
  readonly backend = 'userspace';
  readonly possibleCpus: number;
  readonly kernelBtf: KernelBtf | undefined;
  readonly kernelSetting: (name: string) => string | undefined;
  readonly #kernel: Kernel;
  /** Of the program loaded last. */
  explanation: Explanation | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.possibleCpus = kernel.possibleCpus;
    this.kernelBtf = kernel.kernelBtf;
    this.kernelSetting = (name) => kernel.kernelSetting?.(name);
  }

  bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
    if (cmd === BPF_CMD.PROG_LOAD) {
      const input = this.#kernel.verifierInput(attr as ProgLoadAttr);
      if (typeof input !== 'number') this.explanation = explain(input);
    }
    return this.#kernel.bpf(cmd, attr);
  }

  withCaps<T>(held: bigint, body: () => T): T {
    return this.#kernel.withCaps(held, body);
  }
  close(fd: number): void {
    this.#kernel.close(fd);
  }
  mmap(...args: Parameters<BpfSys['mmap']>): ReturnType<BpfSys['mmap']> {
    return this.#kernel.mmap(...args);
  }
  poll(...args: Parameters<BpfSys['poll']>): Promise<void> {
    return this.#kernel.poll(...args);
  }
  openPerfEvent(cpu: number): number {
    return this.#kernel.openPerfEvent(cpu);
  }

  setsockopt(...args: Parameters<BpfSys['setsockopt']>): number {
    return this.#kernel.setsockopt(...args);
  }
}

function setupJson(spec: CollectionSpec, program: ProgramSpec, message: string): string {
  const { name, section } = program;
  return `${JSON.stringify({ file: spec.file, program: name, section, verdict: 'setup-failed', message }, null, 2)}\n`;
}

/** Programs that one kernel loads before a new one takes its place: bounds what ids and memory grow to. */
const OBJECTS_PER_KERNEL = 1024;

async function explainBatch(
  file: string | undefined,
  io: Io,
  create: () => Kernel,
  kernelBtf: KernelBtf,
  btfDir: string | undefined,
): Promise<void> {
  let asking = new AskingSys(create());
  let left = OBJECTS_PER_KERNEL;
  const kernelOf = (caps: bigint | undefined, body: (sys: BpfSys) => unknown): unknown => {
    if (left-- === 0) {
      asking = new AskingSys(create());
      left = OBJECTS_PER_KERNEL;
    }
    asking.explanation = undefined;
    return caps === undefined ? body(asking) : asking.withCaps(caps, () => body(asking));
  };
  const backend = {
    with: <T>(caps: bigint | undefined, body: (sys: BpfSys) => T): T => kernelOf(caps, body) as T,
    btfId: btfIdIn(kernelBtf),
  };
  for await (const line of answerLines(openBatch(file, io), backend, { readBtf: btfReader(btfDir) })) {
    const answer = JSON.parse(line) as ExchangeAnswer;
    const { name, verdict, reason } = answer;
    const explained = verdict === 'setup-failed' ? { verdict, message: reason.join('\n') } : asking.explanation;
    io.out(`${JSON.stringify({ name, ...(explained ?? { verdict, message: reason.join('\n') }) })}\n`);
    await io.drained?.();
  }
}

export const command: Command = { help, run };
