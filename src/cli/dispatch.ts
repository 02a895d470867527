/** `skep NOUN …`: the table of nouns, each loaded only when it is called, and what is said without one. */
import { readFileSync } from 'node:fs';
import { UsageError } from './command.ts';
import type { Command, Io } from './command.ts';

interface Noun {
  /** For `skep --help`. */
  readonly summary: string;
  load(): Promise<{ command: Command }>;
}

/** In the order of the help: most used first. */
const NOUNS: Readonly<Record<string, Noun>> = {
  verify: { summary: "the verifier's verdict on every program of an object", load: () => import('./verify.ts') },
  explain: { summary: 'why a program is refused, and what helps', load: () => import('./explain.ts') },
  run: { summary: 'run a program of an object on the packets of a capture', load: () => import('./run.ts') },
  events: {
    summary: 'events of a live Node process: list them, run programs on them',
    load: () => import('./events.ts'),
  },
  obj: { summary: 'what an object file holds: maps, variables, programs', load: () => import('./obj.ts') },
  prog: { summary: 'run single programs, many at a time', load: () => import('./prog.ts') },
  bench: { summary: 'nanoseconds a run of a program takes, by engine', load: () => import('./bench.ts') },
  cbpf: { summary: 'classic BPF: show, run over a capture, translate to eBPF', load: () => import('./cbpf.ts') },
  seccomp: { summary: 'the verdict of seccomp filters on system calls', load: () => import('./seccomp.ts') },
  exec: { summary: 'run conformance files and compare', load: () => import('./exec.ts') },
  asm: { summary: 'text to instructions', load: () => import('./asm.ts') },
  disasm: { summary: "instructions to the text of the kernel's log", load: () => import('./disasm.ts') },
};

/** The whole name of a noun from it or a prefix that only it has. */
function resolveNoun(word: string): string {
  if (Object.hasOwn(NOUNS, word)) return word;
  const matches = Object.keys(NOUNS).filter((noun) => noun.startsWith(word));
  if (matches.length === 1) return matches[0];
  throw new UsageError(matches.length ? `${word} may be ${matches.join(' or ')}` : `no such command: ${word}`);
}

function usage(): string {
  const width = Math.max(...Object.keys(NOUNS).map((noun) => noun.length));
  const rows = Object.entries(NOUNS).map(([noun, { summary }]) => `  ${noun.padEnd(width)}  ${summary}`);
  return [
    'usage: skep COMMAND [arguments]',
    '       skep COMMAND --help',
    '',
    ...rows,
    '',
    'Without a command it counts the packets of a bundled capture by protocol, with a bundled eBPF program.',
    'A command may be cut to any prefix that only it has. Exit codes: 0 done, 1 a program was refused or a check',
    'failed, 2 wrong usage or unreadable input.',
    '',
  ].join('\n');
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return `skep ${manifest.version}\n`;
}

/** Run one command line. @returns the exit code */
export async function dispatch(args: string[], io: Io): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined) return (await import('./demo.ts')).demo(io);
  if (first === '--help' || first === '-h' || (first === 'help' && rest.length === 0)) {
    io.out(usage());
    return 0;
  }
  if (first === '--version' || first === '-V') {
    io.out(version());
    return 0;
  }
  if (first.startsWith('-')) throw new UsageError(`no such option: ${first}`);
  const [word, ...words] = first === 'help' ? [rest[0], '--help'] : args;
  const { command } = await NOUNS[resolveNoun(word)].load();
  if (wantsHelp(words)) {
    io.out(command.help);
    return 0;
  }
  return command.run(words, io);
}

/** `--help` or `-h` before a `--`. */
function wantsHelp(args: string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}
