#!/usr/bin/env node
/** The `skep` command. Errors become one line on standard error and an exit code; see `failure.ts`. */
import { dispatch } from './dispatch.ts';
import { processIo } from './io.ts';

const io = processIo();
try {
  process.exitCode = await dispatch(process.argv.slice(2), io);
} catch (error) {
  const { describeFailure } = await import('./failure.ts');
  const { text, exitCode } = describeFailure(error, process.env.SKEP_DEBUG === '1');
  io.err(text);
  process.exitCode = exitCode;
}
