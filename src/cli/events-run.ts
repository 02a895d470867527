/** A script with programs attached: the part of `skep events run` that waits for it. `events-preload.ts` runs inside it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { deserialize } from 'node:v8';
import type { Io } from './command.ts';
import { reportJson, reportText, SETTINGS_VARIABLE } from './events-report.ts';
import type { EventSettings, PreloadSettings, ThreadReport } from './events-report.ts';

const PRELOAD = new URL(import.meta.url.replace(/events-run\.(\w+)$/, 'events-preload.$1')).href;

export interface RunOutput {
  readonly json?: boolean;
  /** A file for the report, instead of standard output. */
  readonly output?: string;
}

/** @param script file and arguments. @returns the script's exit code; 128 and the signal's number where one ended it */
export async function runTraced(
  settings: EventSettings,
  script: readonly string[],
  { json, output }: RunOutput,
  io: Io,
): Promise<number> {
  const object = settings.object === undefined ? undefined : resolve(settings.object);
  const reports = await mkdtemp(join(tmpdir(), 'skep-events-'));
  try {
    const exitCode = await runChild({ ...settings, object, reports, parent: process.pid }, script, io);
    const threads = await readReports(reports, io);
    for (const warning of threads.flatMap((thread) => thread.warnings)) io.err(`skep: warning: ${warning}\n`);
    const text = json
      ? `${JSON.stringify({ exitCode, threads: threads.map(reportJson) }, null, 2)}\n`
      : threads.map((thread) => reportText(thread, threads.length > 1)).join('\n');
    if (output === undefined) io.out(text);
    else await writeFile(output, text);
    return exitCode;
  } finally {
    await rm(reports, { recursive: true });
  }
}

async function runChild(settings: PreloadSettings, script: readonly string[], io: Io): Promise<number> {
  const child = spawn(process.execPath, ['--import', PRELOAD, ...script], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, [SETTINGS_VARIABLE]: JSON.stringify(settings) },
  });
  const release = passSignals(child);
  const lines = createInterface({ input: child.stdio[3] as Readable });
  lines.on('line', (line) => io.out(`${line}\n`));
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } finally {
    release();
  }
}

/** What is meant to end this process ends the script first. ^C of a terminal reaches the script without help. */
function passSignals(child: ChildProcess): () => void {
  const onTerm = (): void => void child.kill('SIGTERM');
  const onInt = (): void => void (process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', onTerm);
  process.on('SIGINT', onInt);
  return () => {
    process.off('SIGTERM', onTerm);
    process.off('SIGINT', onInt);
  };
}

/** In the order of the threads; those that were ended before they could report are named. */
async function readReports(directory: string, io: Io): Promise<ThreadReport[]> {
  const threads: ThreadReport[] = [];
  const names = (await readdir(directory)).filter((name) => /^\d+$/.test(name));
  for (const name of names.sort((a, b) => Number(a) - Number(b))) {
    const bytes = await readFile(join(directory, name));
    if (bytes.length > 0) threads.push(deserialize(bytes) as ThreadReport);
    else io.err(`skep: thread ${name} was ended before it could report: what its maps held is lost\n`);
  }
  return threads;
}
