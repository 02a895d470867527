/** `skep seccomp`: what seccomp filters do with system calls, and which instruction decides. */
import { createReadStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { checkClassic, decodeClassic, parseClassic } from '../cbpf/index.ts';
import type { ClassicInstruction } from '../cbpf/index.ts';
import { FormatError } from '../errors/index.ts';
import {
  ARCHS,
  ClassicFilter,
  EbpfFilter,
  SeccompData,
  SeccompFilters,
  StraceLog,
  archByName,
  callName,
  checkSeccomp,
  comparisons,
  formatSeccomp,
  formatVerdict,
  nameWords,
  readCall,
} from '../seccomp/index.ts';
import type { Arch, Answer, CallSink, Decision, SeccompProgram } from '../seccomp/index.ts';
import { UsageError, type Command, type Io } from './command.ts';
import { inputName, readInput } from './input.ts';
import { formatTable, thousands } from './table.ts';

const help = `usage: skep seccomp run FILTER... --call TEXT [--call TEXT...] [--arch NAME] [--json]
       skep seccomp run FILTER... --strace FILE|- [--arch NAME] [--json]
       skep seccomp show FILTER|- [--arch NAME] [--json]

A FILTER is a classic BPF program over struct seccomp_data: text in any of the forms that skep cbpf show prints, or the
bytes of its struct sock_filter, as libseccomp exports them. For run it may be eBPF: an object with one program, or the
text that skep asm takes; its context is struct seccomp_data, and it is verified as a program of type syscall. Several filters are in the order of their installation: all
of them run, the last one first, and the least permissive answer holds.

run prints what Linux would do with a system call, or with each one of a log of strace, and which instruction decided.
Arguments are numbers or the names that strace prints; what a text does not tell (strings, structs, arguments that are not
there) is unknown. If the verdict depends on it, run says so, and lists what the verdict may be.
show prints a filter with the names of fields, system calls and actions.

The exit code is 1 if Linux would refuse a filter.

  --call TEXT          a system call as C writes it; the name may be a number
  --strace FILE        log of strace, with any of -f -n -i -y -r -t -T; - is standard input
  --arch NAME          ${ARCHS.map(({ name }) => name).join(', ')}: convention of calls that do not say it (default x86_64)
  --json               one JSON object

examples:
  skep seccomp run filter.asm --call 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY)'
  strace -f -n -o log.txt ls; skep seccomp run filter.bpf --strace log.txt
  skep seccomp show filter.bpf
`;

const options = {
  call: { type: 'string', multiple: true },
  strace: { type: 'string' },
  arch: { type: 'string' },
  json: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parse>['values'];

const parse = (args: string[]) => parseArgs({ args, options, allowPositionals: true });
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

async function run(args: string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args);
  const [verb, ...paths] = positionals;
  if (verb !== 'run' && verb !== 'show')
    throw new UsageError(verb ? `no such command: skep seccomp ${verb}` : 'skep seccomp: say run or show');
  const { call, strace, arch: name = 'x86_64' } = values;
  const arch = archByName(name);
  if (!arch) throw new UsageError(`--arch is ${ARCHS.map((one) => one.name).join(', ')}, not ${name}`);
  if (verb === 'show') {
    if (call || strace !== undefined) throw new UsageError('skep seccomp show judges no calls');
    if (paths.length !== 1) throw new UsageError('skep seccomp show takes one filter');
    return show(paths[0], arch, values, io);
  }
  if (paths.length === 0) throw new UsageError('skep seccomp run: a filter is missing');
  if ((call === undefined) === (strace === undefined)) throw new UsageError('say --call or --strace');
  if ([...paths, strace].filter((path) => path === '-').length > 1)
    throw new UsageError('standard input is one filter or the log');
  const programs: SeccompProgram[] = [];
  for (const path of paths) programs.push(await readFilter(path, io));
  const filters = new SeccompFilters(programs);
  return call ? runCalls(filters, call, arch, values, io) : runLog(filters, strace ?? '-', arch, values, io);
}

/** Text of eBPF begins with an assignment, a condition or a store. */
const EBPF_TEXT = /^\s*(?:(?:;|\/\/|#)[^\n]*\n\s*|\w+:\s*)*(?:[rw]\d\d?\s|if\s|\*\(|call\s|exit\b|goto\b)/;

const isElf = (bytes: Uint8Array): boolean => bytes[0] === 0x7f && bytes[1] === 0x45;

async function readFilter(path: string, io: Io): Promise<SeccompProgram> {
  const bytes = await readInput(path, io);
  const name = inputName(path);
  if (isElf(bytes)) return EbpfFilter.fromObject(bytes, name);
  const text = bytes.includes(0) ? '' : new TextDecoder().decode(bytes);
  return EBPF_TEXT.test(text) ? EbpfFilter.fromText(text, name) : new ClassicFilter(decodeInsns(bytes, name), name);
}

/** Text, or bytes: these have zeros, as every instruction has. */
function decodeInsns(bytes: Uint8Array, file: string): ClassicInstruction[] {
  if (isElf(bytes)) throw new FormatError('an ELF object: skep disasm shows eBPF', { file });
  if (!bytes.includes(0)) return parseClassic(new TextDecoder().decode(bytes), { file });
  if (bytes.length % 8) throw new FormatError(`${bytes.length} bytes are no whole struct sock_filter`, { file });
  return decodeClassic(bytes);
}

async function show(path: string, arch: Arch, values: Values, io: Io): Promise<number> {
  const insns = decodeInsns(await readInput(path, io), inputName(path));
  const refused = checkSeccomp(insns);
  const text = formatSeccomp(insns, arch);
  if (values.json) {
    const lines = text.trimEnd().split('\n');
    const rows = insns.map((insn, at) => ({ ...insn, text: lines[at] }));
    io.out(json({ instructions: rows, valid: !refused, ...(refused && { refused }) }));
    return refused ? 1 : 0;
  }
  io.out(text);
  if (refused) {
    const place = refused.insn < 0 ? '' : `instruction ${refused.insn}: `;
    const elsewhere = checkClassic(insns) ? '' : ' (a socket would take it)';
    io.err(`skep: Linux refuses it: ${place}${refused.problem}${elsewhere}\n`);
  }
  return refused ? 1 : 0;
}

/** `ERRNO(EPERM)`, or `depends on argument 1: ERRNO(EPERM) or ALLOW`. */
function verdictText({ answers, certain, unknown, complete }: Decision): string {
  const all = [...new Set(answers.map(({ returned }) => formatVerdict(returned)))];
  if (certain) return all[0];
  const depends = `depends on ${nameWords(unknown).join(', ')}`;
  return all.length > 0 ? `${depends}: ${[...all, ...(complete ? [] : ['others'])].join(' or ')}` : depends;
}

/** The instruction that returned, and the last comparison before it. */
function decider(filters: SeccompFilters, answer: Answer): string {
  const { filter, insn } = answer;
  const program = filters.programs[filter];
  const last = comparisons(answer).at(-1);
  const named = filters.programs.length > 1 ? `${program.name}: ` : '';
  const from = last ? `, ${last.held ? 'as' : 'as not'} ${last.insn} ${comparison(program, last.insn)}` : '';
  return `${named}${insn} ${program.text(insn)}${from}`;
}

/** Without the two targets. */
const comparison = (program: SeccompProgram, insn: number): string =>
  program.text(insn).replace(/ jt \d+ jf \d+$| goto pc[+-]\d+$/, '');

const decisionJson = (filters: SeccompFilters, decision: Decision): object => ({
  verdict: decision.certain ? formatVerdict(decision.answers[0].returned) : null,
  ...(!decision.certain && { dependsOn: nameWords(decision.unknown), complete: decision.complete }),
  answers: decision.answers.map((answer) => ({
    verdict: formatVerdict(answer.returned),
    returned: answer.returned,
    filter: filters.programs[answer.filter].name,
    insn: answer.insn,
    path: comparisons(answer),
  })),
});

function runCalls(filters: SeccompFilters, calls: readonly string[], arch: Arch, values: Values, io: Io): number {
  const data = new SeccompData();
  const judged = calls.map((text) => {
    try {
      readCall(text, arch, data);
    } catch (error) {
      throw error instanceof FormatError ? new UsageError(`--call: ${error.message}`) : error;
    }
    return { text, decision: filters.decide(data) };
  });
  if (values.json) {
    io.out(
      json(judged.map(({ text, decision }) => ({ call: text, arch: arch.name, ...decisionJson(filters, decision) }))),
    );
    return 0;
  }
  for (const { text, decision } of judged) {
    io.out(`${text}: ${verdictText(decision)}\n`);
    for (const answer of decision.answers) io.out(explain(filters, answer, decision.certain));
  }
  return 0;
}

/** The comparisons on the way to an answer, one a line. */
function explain({ programs }: SeccompFilters, answer: Answer, certain: boolean): string {
  const { returned, filter, insn } = answer;
  const program = programs[filter];
  const lines = comparisons(answer).map(
    (step) => `${step.insn} ${comparison(program, step.insn)}: ${step.held ? 'yes' : 'no'}`,
  );
  const head =
    programs.length > 1 || !certain ? [`${program.name}${certain ? '' : `, if ${formatVerdict(returned)}`}:`] : [];
  return [...head, ...lines, `${insn} ${program.text(insn)}`].map((line) => `  ${line}\n`).join('');
}

/** Calls of one number with one decision. */
interface Row {
  readonly nr: number;
  readonly arch: Arch;
  readonly decision: Decision;
  count: number;
}

/** Counts the calls of a log. */
class Counter implements CallSink {
  readonly rows: Row[] = [];
  readonly #filters: SeccompFilters;
  /** Filters answer equal calls with the same object. */
  readonly #byDecision = new WeakMap<Decision, Row>();
  /** By number, and what was decided where. */
  readonly #byText = new Map<string, Row>();

  constructor(filters: SeccompFilters) {
    this.#filters = filters;
  }

  byNumber(nr: number, arch: Arch): boolean {
    const decision = this.#filters.known(nr, arch.audit);
    const row = decision && this.#byDecision.get(decision);
    if (row) row.count++;
    return row !== undefined;
  }

  withArgs(nr: number, arch: Arch, data: SeccompData): void {
    const decision = this.#filters.decide(data);
    let row = this.#byDecision.get(decision);
    if (!row) {
      let key = `${arch.audit} ${nr} ${decision.unknown}`;
      for (const { returned, filter, insn, steps } of decision.answers)
        key += ` ${returned} ${filter} ${insn} ${steps[steps.length - 1]}`;
      row = this.#byText.get(key);
      if (!row) {
        this.#byText.set(key, (row = { nr, arch, decision, count: 0 }));
        this.rows.push(row);
      }
      this.#byDecision.set(decision, row);
    }
    row.count++;
  }
}

async function runLog(filters: SeccompFilters, path: string, arch: Arch, values: Values, io: Io): Promise<number> {
  const counter = new Counter(filters);
  const log = new StraceLog(counter, arch);
  const stream: AsyncIterable<Uint8Array> =
    path === '-' ? io.stdin() : createReadStream(path, { highWaterMark: 1 << 20 });
  // Bytes of strings are escaped by strace: whatever else there is need not be UTF-8.
  const decoder = new TextDecoder('latin1');
  let rest = '';
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) log.line(line);
  }
  if (rest !== '') log.line(rest);
  log.end();
  const rows = counter.rows.sort((a, b) => b.count - a.count || a.nr - b.nr);
  io.out(values.json ? logJson(filters, rows, log, path) : logText(filters, rows, log, arch));
  return 0;
}

const plural = (n: number, one: string): string => `${thousands(n)} ${one}${n === 1 ? '' : 's'}`;

function logText(filters: SeccompFilters, rows: readonly Row[], { counts }: StraceLog, usual: Arch): string {
  const cells = rows.map(({ nr, arch, decision, count }) => [
    `${arch === usual ? '' : `${arch.name} `}${callName(arch, nr)}`,
    thousands(count),
    verdictText(decision),
    decision.answers.map((answer) => decider(filters, answer)).join(' / '),
  ]);
  const notes = [
    `${plural(counts.calls, 'system call')} in ${plural(counts.lines, 'line')}`,
    counts.unfinished && `${thousands(counts.unfinished)} of them unfinished`,
    counts.skipped && `${plural(counts.skipped, 'line')} about signals, exits and processes`,
    counts.strange && `${plural(counts.strange, 'line')} not of strace`,
    ...[...counts.unnamed].map(([name, n]) => `not judged, without a number: ${name} (${thousands(n)})`),
  ].filter((note) => note !== 0);
  const table = rows.length ? `${formatTable([['system call', 'calls', 'verdict', 'decided by'], ...cells])}\n` : '';
  return `${table}${notes.join('\n')}\n`;
}

function logJson(filters: SeccompFilters, rows: readonly Row[], { counts }: StraceLog, path: string): string {
  const calls = rows.map(({ nr, arch, decision, count }) => ({
    call: callName(arch, nr),
    nr,
    arch: arch.name,
    count,
    ...decisionJson(filters, decision),
  }));
  return json({ log: inputName(path), ...counts, unnamed: Object.fromEntries(counts.unnamed), calls });
}

export const command: Command = { help, run };
