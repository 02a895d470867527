/** Where helpers that may sleep can be called. Rejects nothing. */
import { PROG_FLAG } from '../../uapi/index.ts';
import type { Env } from '../env.ts';

/** Whether the current path may sleep: in a sleepable program, but not in what a timer runs. @kernel in_sleepable */
export const isSleepable = ({ input, cur }: Env): boolean =>
  (input.progFlags & PROG_FLAG.SLEEPABLE) !== 0 && !cur.frames[0].asyncEntry;
