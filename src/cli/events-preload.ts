/**
 * Loaded with `node --import` before the script of `skep events run`, in each of its threads: attaches the programs, sends the
 * lines of trace_pipe to file descriptor 3, and writes a report for this thread when it ends. The file is there, empty, from
 * the start: a thread that could not report is noticed.
 */
import { readdirSync, renameSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';
import { begin, report, SETTINGS_VARIABLE } from './events-report.ts';
import type { Begun, EventSettings, PreloadSettings } from './events-report.ts';
import { describeFailure } from './failure.ts';

const TRACE_FD = 3;
/** Milliseconds that workers get to report when a signal ends the process, and between two looks whether they have. */
const GRACE = 2000;
const LOOK = 10;

function start({ parent, reports, ...settings }: PreloadSettings): void {
  if (process.ppid !== parent) return;
  const file = join(reports, String(threadId));
  const begun = beginOrEnd(settings);
  const { host } = begun;
  writeFileSync(file, '');
  const print = (): void => {
    const lines = host.pipe.read();
    if (lines !== '') writeSync(TRACE_FD, lines);
  };
  const write = (): void => {
    print();
    writeFileSync(`${file}.new`, serialize(report(threadId, begun)));
    renameSync(`${file}.new`, file);
  };
  void (async () => {
    for await (const line of host.pipe) writeSync(TRACE_FD, `${line}\n`);
  })();
  process.on('exit', write);
  const others = new BroadcastChannel('skep events');
  others.unref();
  others.onmessage = write;
  if (isMainThread) for (const signal of ['SIGINT', 'SIGTERM'] as const) endBy(signal, write, others, reports);
}

/** A signal that would end the process does so when all threads have reported; what the script handles is the script's. */
function endBy(signal: 'SIGINT' | 'SIGTERM', write: () => void, others: BroadcastChannel, reports: string): void {
  let ending = false;
  process.on(signal, () => {
    if (process.listenerCount(signal) > 1 || ending) return;
    ending = true;
    write();
    others.postMessage(signal);
    const deadline = performance.now() + GRACE;
    const timer = setInterval(() => {
      if (performance.now() < deadline && readdirSync(reports).some((name) => isEmpty(join(reports, name)))) return;
      clearInterval(timer);
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }, LOOK);
  });
}

/** What a thread leaves that has not reported yet. */
const isEmpty = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.size === 0;

/** What cannot be attached is said before the script begins, which then does not. */
function beginOrEnd(settings: EventSettings): Begun {
  try {
    return begin(settings);
  } catch (error) {
    const { text, exitCode } = describeFailure(error, process.env.SKEP_DEBUG === '1');
    process.stderr.write(text);
    process.exit(exitCode);
  }
}

const settings = process.env[SETTINGS_VARIABLE];
if (settings !== undefined) start(JSON.parse(settings) as PreloadSettings);
