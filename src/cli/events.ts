/** `skep events`: the events of a live Node process, and programs that run on them. */
import { parseArgs } from 'node:util';
import { NODE_EVENTS, defineNodeEvents } from '../node/index.ts';
import { formatText, headerText, TracepointRegistry, typesText } from '../tracing/index.ts';
import type { Tracepoint } from '../tracing/index.ts';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';
import { matcher } from './events-report.ts';
import type { EventSettings } from './events-report.ts';

const help = `usage: skep events list [PATTERN] [--json]
       skep events format EVENT [--json]
       skep events header EVENT… [--ts]
       skep events run [OBJECT] [options] -- SCRIPT [ARGUMENTS]
       skep events demo [OBJECT] [options]

Events of Node: what its diagnostics channels, tracing channels and performance entries report, and more. A program in
SEC("tracepoint/SYSTEM/EVENT") runs on each event of that name.

list prints the events; a PATTERN may have * in it.
format (or show) prints an event's record as tracefs does: each field with its offset and size.
header prints the record as a C struct, for programs to include; with --ts as a TypeScript type.
run starts a script with node, attaches the programs of an object before it begins, and prints what their maps hold when
it ends; a script that runs on is ended by ^C. Programs for events that the script defines wait for them. Worker threads
are traced too, each with maps of its own. The exit code is the script's.
demo does the same with a small HTTP service and some load, in this process. Without OBJECT, with the bundled program.

  --enable PATTERN     also print each of these events, as trace_pipe has them; may be repeated
  --filter EVENT=TEXT  only events of which this is true, as tracefs has it: 'status >= 400 && url ~ "/api*"'
  --fuel N             instructions that one run of a program may take (default 1,000,000); beyond, it is detached
  --interval MS        how often programs of SEC("perf_event") run
  --requests N         demo: how many requests are made (default 10,000)
  --json               one JSON object
  -o, --output FILE    run: the report goes to a file, not to standard output

examples:
  skep events list 'http:*'
  skep events header http:server_request_start > http-server-request-start.h
  skep events run http.bpf.o -- server.js --port 8080
  skep events run --enable 'undici:request_*' -- client.js
  skep events demo --enable http:server_response_finish --filter 'http:server_response_finish=status == 500'
`;

const options = {
  ts: { type: 'boolean' },
  json: { type: 'boolean' },
  enable: { type: 'string', multiple: true },
  filter: { type: 'string', multiple: true },
  fuel: { type: 'string' },
  interval: { type: 'string' },
  requests: { type: 'string' },
  output: { type: 'string', short: 'o' },
} as const;

const parse = (args: string[]) => parseArgs({ args, options, allowPositionals: true });
type Values = ReturnType<typeof parse>['values'];

/** @param script what follows `--` */
type Verb = (words: string[], values: Values, io: Io, script: string[] | undefined) => number | Promise<number>;

const VERBS: Readonly<Record<string, { run: Verb; takes: readonly (keyof Values)[] }>> = {
  list: { run: list, takes: ['json'] },
  format: { run: format, takes: ['json'] },
  show: { run: format, takes: ['json'] },
  header: { run: header, takes: ['ts'] },
  run: { run: runScript, takes: ['enable', 'filter', 'fuel', 'interval', 'json', 'output'] },
  demo: { run: runDemo, takes: ['enable', 'filter', 'fuel', 'interval', 'json', 'requests'] },
};

async function run(args: string[], io: Io): Promise<number> {
  const end = args.indexOf('--');
  const script = end < 0 ? undefined : args.slice(end + 1);
  const { values, positionals } = parse(end < 0 ? args : args.slice(0, end));
  const [verb, ...words] = positionals;
  if (verb === undefined || !Object.hasOwn(VERBS, verb))
    throw new UsageError(
      verb ? `no such command: skep events ${verb}` : 'skep events: say list, format, header, run or demo',
    );
  const { run, takes } = VERBS[verb];
  for (const option of Object.keys(values) as (keyof Values)[])
    if (!takes.includes(option)) throw new UsageError(`skep events ${verb} has no option --${option}`);
  if (script !== undefined && verb !== 'run') throw new UsageError(`skep events ${verb} takes no script`);
  return run(words, values, io, script);
}

/** Node's events in a registry of their own: nothing here is traced. */
function knownEvents(): TracepointRegistry {
  const registry = new TracepointRegistry();
  defineNodeEvents(registry);
  return registry;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function list([pattern = '*', ...rest]: string[], values: Values, io: Io): number {
  if (rest.length > 0) throw new UsageError('skep events list takes one pattern; put it in quotes');
  const wanted = matcher(pattern);
  const rows = NODE_EVENTS.map((row) => ({ event: `${row.system}:${row.name}`, ...row }))
    .filter(({ event }) => wanted(event))
    .map(({ event, fields, source }) => ({ event, fields, source: source.text, node: source.node }));
  if (values.json) io.out(json(rows));
  else io.out(rows.map(({ event }) => `${event}\n`).join(''));
  if (rows.length > 0) return 0;
  io.err(`skep: no event is called ${pattern}\n`);
  return 1;
}

function find(registry: TracepointRegistry, name: string): Tracepoint {
  const tracepoint = registry.find(name);
  if (tracepoint !== undefined) return tracepoint;
  const [, short] = name.split(/[:/]/);
  const alike = [...registry].find((one) => one.name === (short ?? name));
  throw new UsageError(
    `no event is called ${name}${alike ? `; there is ${alike.system}:${alike.name}` : ': skep events list'}`,
  );
}

function format([name, ...rest]: string[], values: Values, io: Io): number {
  if (name === undefined || rest.length > 0) throw new UsageError('skep events format takes one event');
  const tracepoint = find(knownEvents(), name);
  const { system, name: event, fields, layout } = tracepoint;
  io.out(values.json ? json({ system, event, size: layout.size, fields }) : formatText(tracepoint));
  return 0;
}

function header(names: string[], values: Values, io: Io): number {
  if (names.length === 0) throw new UsageError('skep events header: which event?');
  const registry = knownEvents();
  const print = values.ts ? typesText : headerText;
  io.out(names.map((name) => print(find(registry, name))).join('\n'));
  return 0;
}

/** The settings that `run` and `demo` share. */
function settings(object: string | undefined, values: Values): EventSettings {
  const number = (name: 'fuel' | 'interval'): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    if (!/^[1-9]\d*$/.test(text)) throw new UsageError(`--${name} is a number from 1 on, not ${text}`);
    return Number(text);
  };
  const filters = (values.filter ?? []).map((text) => {
    const [, event, filter] = /^([\w:/]+)=(.*)$/s.exec(text) ?? [];
    if (event === undefined) throw new UsageError(`--filter is EVENT=TEXT, not ${text}`);
    return [event.replace('/', ':'), filter] as const;
  });
  return { object, enable: values.enable ?? [], filters, fuel: number('fuel'), interval: number('interval') };
}

async function runScript(words: string[], values: Values, io: Io, script?: string[]): Promise<number> {
  const [object, ...rest] = words;
  if (script === undefined || script.length === 0) throw new UsageError('skep events run: -- SCRIPT is missing');
  if (rest.length > 0) throw new UsageError('skep events run takes one object before --');
  const wanted = settings(object, values);
  if (object === undefined && wanted.enable.length === 0)
    throw new UsageError('skep events run: which object? Or --enable which events?');
  const { runTraced } = await import('./events-run.ts');
  return runTraced(wanted, script, { json: values.json, output: values.output }, io);
}

async function runDemo([object, ...rest]: string[], values: Values, io: Io): Promise<number> {
  if (rest.length > 0) throw new UsageError('skep events demo takes one object');
  const { requests = '10000' } = values;
  if (!/^\d+$/.test(requests)) throw new UsageError(`--requests is a number, not ${requests}`);
  const { eventsDemo } = await import('./events-demo.ts');
  return eventsDemo(settings(object, values), Number(requests), values.json === true, io);
}

export const command: Command = { help, run };
