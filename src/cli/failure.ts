/**
 * What the command line says of an error: one clear line and an exit code, never a stack trace. Only what nobody
 * foresaw is called a bug; SKEP_DEBUG=1 shows where it came from.
 */
import { BpfError, FormatError, InternalError, Trap, UnsupportedError } from '../errors/index.ts';
import { UsageError } from './command.ts';

export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

/** Where to look on: put behind the message of wrong usage. */
const HINT = 'see skep --help';

const SENTENCES: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
};

function isSystemError(error: Error): error is NodeJS.ErrnoException {
  return 'syscall' in error && 'code' in error;
}

/** Errors that are answers, with the exit code of each. */
function expected(error: Error): Failure | undefined {
  const says = (exitCode: number, text = error.message): Failure => ({ text, exitCode });
  if (error instanceof UsageError) return says(2, `${error.message}; ${HINT}`);
  if ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
    return says(2, `${firstLine(error)}; ${HINT}`);
  if (error instanceof FormatError) return says(2);
  if (error instanceof BpfError || error instanceof Trap || error instanceof UnsupportedError) return says(1);
  if (error.name === 'LinuxUnavailableError' || error.name === 'LivePacketsUnavailableError') return says(2);
  if (isSystemError(error) && error.path !== undefined)
    return says(2, `${error.path}: ${SENTENCES[error.code ?? ''] ?? error.message}`);
  return undefined;
}

/** What is said of an error that is an answer, without the command's name; undefined for a bug. */
export const answerOf = (thrown: unknown): string | undefined =>
  thrown instanceof Error ? expected(thrown)?.text : undefined;

const firstLine = (error: Error): string => error.message.split('\n')[0].replace(/\.$/, '');

/** @param thrown whatever was caught */
export function describeFailure(thrown: unknown, debug: boolean): Failure {
  const error = thrown instanceof Error ? thrown : new InternalError(`threw ${String(thrown)}`);
  const answer = expected(error);
  if (answer && !debug) return { ...answer, text: `skep: ${answer.text}\n` };
  const stack = debug ? `${error.stack ?? ''}\n` : '';
  if (answer) return { ...answer, text: `skep: ${answer.text}\n${stack}` };
  const hint = debug ? '' : '; SKEP_DEBUG=1 shows where';
  return { text: `skep: ${firstLine(error)} (this is a bug of skep${hint})\n${stack}`, exitCode: 70 };
}
